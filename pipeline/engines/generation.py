"""A text to speak → messages of sound and character times, as the service cuts and times them.

Sound is cut by time and never by word. Each message carries the characters that start before its sound ends, on a
clock that runs on over all generations; without times in sync a generation's first message carries all of its times
and the others none. On which clock they are sent is told by `clocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from pipeline import pcm
from pipeline.codecs import SpeechEncoder, parse_output_format, speech_encoder
from pipeline.engines.ssml import Piece, Silent
from pipeline.model import Alignment, SpeechChunk, SpokenText, SpokenWord
from pipeline.protocol.character_times import cut_times, normalized_times, sent_times

# The service's own messages hold half a second first, so that playing can begin, and then about this much.
FIRST_MESSAGE_MS, MESSAGE_MS = 500, 1250
# What silence a voice leaves in front of a generation: the service's own begin within this.
LEAD_IN_MS = 20

# Speaks a text with a voice's id; the language and the speed are settled.
Say = Callable[[str, str], SpokenText]
Times = tuple[Alignment | None, Alignment | None]


@dataclass(frozen=True, slots=True)
class TimedChunk:
    """A message's sound and times, and where on the same clock it and its generation start, and its sound ends.

    The clock is that of the whole speech: milliseconds from its first sample.
    """

    chunk: SpeechChunk
    message_ms: int = 0
    generation_ms: int = 0
    end_ms: int = 0


@dataclass(slots=True)
class Speaker:
    """Speaks the generations of one speech, one after another; what it remembers is how far its clock has run.

    Compressed sound is one stream, with one encoder for all generations: a new one for each would add its own delay
    and padding every time. Plain samples have nothing to carry over.
    """

    say: Say
    voice: str
    output_format: str
    in_sync: bool
    _samples: int = 0
    _source_rate: int = 0
    _stream: SpeechEncoder | None = field(default=None)

    @property
    def encodes(self) -> bool:
        """Whether the samples that `speak` gives must go through `encode`, chunk by chunk, to be what is sent."""
        return parse_output_format(self.output_format).codec != "pcm"

    def speak(self, pieces: Sequence[Piece]) -> list[TimedChunk]:
        """Speak one generation, whole; takes long. Its sound is samples yet. Raises EngineError when it cannot."""
        take = _take(pieces, self.voice, self.say, self._source_rate)
        self._source_rate = take.sample_rate
        rate, sound = self._samples_to_send(bytes(take.samples), take.sample_rate)
        count = pcm.sample_count(sound)
        start_ms = pcm.samples_to_ms(self._samples, rate)
        times = self.timed(take, start_ms, pcm.samples_to_ms(self._samples + count, rate) - start_ms)
        cuts = self.cuts(count, rate, times[0])
        starts_ms = [pcm.samples_to_ms(self._samples + cut, rate) for cut in cuts]
        ends_ms = [(self._samples + cut) * 1000 / rate for cut in cuts[1:]]
        self._samples += count
        parts = [sound[first * pcm.SAMPLE_BYTES : end * pcm.SAMPLE_BYTES] for first, end in pairwise(cuts)]
        return [
            TimedChunk(SpeechChunk(part, *each), message_ms, start_ms, end_ms)
            for part, each, (message_ms, end_ms) in zip(
                parts, self._spread(*times, ends_ms), pairwise(starts_ms), strict=True
            )
        ]

    def timed(self, take: Take, start_ms: int, total_ms: int) -> tuple[Alignment, Alignment]:
        """Time the characters of a generation, as sent and as spoken, on the clock of the whole speech."""
        return _times(take, start_ms, total_ms)

    def cuts(self, count: int, rate: int, _sent: Alignment) -> list[int]:
        """Return the samples of a generation at which its messages begin, and last its end."""
        return list(message_cuts(count, rate))

    def encode(self, timed: TimedChunk) -> TimedChunk:
        """Return the chunk with what the encoder gives for its samples, maybe nothing yet."""
        if self._stream is None:
            self._stream = speech_encoder(self.output_format, self._source_rate)
        return replace(timed, chunk=replace(timed.chunk, audio=self._stream.feed(timed.chunk.audio)))

    def finish(self) -> bytes:
        """Return the last bytes of a compressed stream."""
        return self._stream.finish() if self._stream else b""

    def _samples_to_send(self, samples: bytes, rate: int) -> tuple[int, bytes]:
        """Return the rate and the samples on which messages are cut: those that are sent, or that are encoded."""
        if self.encodes:
            return rate, samples
        wanted = parse_output_format(self.output_format).sample_rate
        return wanted, _at_rate(samples, rate, wanted)

    def _spread(self, sent: Alignment, normalized: Alignment, ends_ms: list[float]) -> Iterator[Times]:
        if self.in_sync:
            return zip(cut_times(sent, ends_ms), cut_times(normalized, ends_ms), strict=True)
        rest: list[Times] = [(None, None)] * (len(ends_ms) - 1)
        return iter([(sent, normalized), *rest])


@dataclass(slots=True)
class DialogueSpeaker(Speaker):
    """Speaks for sockets whose times start anew in every message: messages end where a character does.

    Some clients add up how long the sound of messages is, others how long their characters last; so both are right.
    """

    def cuts(self, count: int, rate: int, sent: Alignment) -> list[int]:
        """Return the samples at which messages begin: of those that time gives the next to where a character starts."""
        edges = [int(start * rate / 1000) - self._samples for start in sent.starts_ms]
        edges = [edge for edge in edges if 0 < edge < count]
        inner = list(message_cuts(count, rate))[1:-1] if edges else []
        return sorted({0, *(min(edges, key=lambda edge: abs(edge - cut)) for cut in inner), count})


@dataclass(slots=True)
class WholeTextSpeaker(Speaker):
    """Speaks for answers whose characters are those of the text, without the space that ends a generation.

    As the first character has the time of the space before the text, the last one has that of the space after it: who
    speaks text after text tells by it where the next one starts.
    """

    def timed(self, take: Take, start_ms: int, total_ms: int) -> tuple[Alignment, Alignment]:
        """Time the characters of a text, the last one until the end of its sound."""
        sent, normalized = _times(take, start_ms, total_ms)
        *durations, last, space = sent.durations_ms
        return Alignment(sent.chars[:-1], sent.starts_ms[:-1], (*durations, last + space)), normalized


# ── one generation of several pieces ───────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Take:
    """Pieces as they were spoken, end to end: the text as sent and as spoken, and in each of them the words."""

    sample_rate: int
    text: str = ""
    normalized: str = ""
    words: list[SpokenWord] = field(default_factory=list)
    normalized_words: list[SpokenWord] = field(default_factory=list)
    samples: bytearray = field(default_factory=bytearray)

    @property
    def now_ms(self) -> float:
        """How long it is."""
        return len(self.samples) // pcm.SAMPLE_BYTES * 1000 / self.sample_rate if self.samples else 0.0

    def add(self, spoken: SpokenText, text: str) -> None:
        """Add what was spoken for a text; the words' places are the same in both forms of it."""
        self.sample_rate = self.sample_rate or spoken.sample_rate
        now_ms = self.now_ms
        self.words += (_moved(word, len(self.text), now_ms) for word in spoken.words)
        self.normalized_words += (_moved(word, len(self.normalized), now_ms) for word in spoken.words)
        self.add_unsaid(text)
        self.samples += _at_rate(spoken.pcm, spoken.sample_rate, self.sample_rate)

    def add_unsaid(self, text: str) -> None:
        """Add text in which there is nothing to say: it takes no time of its own."""
        self.text += text
        self.normalized += text

    def add_silence(self, silent: Silent) -> None:
        """Add silence: it is the time of what is written for it, and of what stands for it as spoken."""
        now_ms = self.now_ms
        if silent.milliseconds:
            self.sample_rate = self.sample_rate or SILENCE_RATE
            end_ms = now_ms + silent.milliseconds
            place, other = len(self.text), len(self.normalized)
            self.words.append(SpokenWord(place, place + len(silent.text), now_ms, end_ms))
            self.normalized_words.append(SpokenWord(other, other + len(silent.spoken), now_ms, end_ms))
        self.text += silent.text
        self.normalized += silent.spoken
        self.samples += pcm.silence(pcm.ms_to_samples(silent.milliseconds, self.sample_rate))

    def trimmed(self) -> Take:
        """Return it without the silence in front, but for `LEAD_IN_MS` of it."""
        cut = lead_in(bytes(self.samples), self.sample_rate)
        early_ms = cut * 1000 / self.sample_rate if cut else 0
        return replace(
            self,
            words=[_moved(word, 0, -early_ms) for word in self.words],
            normalized_words=[_moved(word, 0, -early_ms) for word in self.normalized_words],
            samples=self.samples[cut * pcm.SAMPLE_BYTES :],
        )


# Of silence that no voice has spoken before.
SILENCE_RATE = 24_000


def _take(pieces: Sequence[Piece], voice: str, say: Say, rate: int) -> Take:
    """Speak pieces end to end, at one rate (0: that of the first that is spoken), words timed from the first sample."""
    take = Take(rate)
    for piece in pieces:
        if isinstance(piece, Silent):
            take.add_silence(piece)
        elif len(pieces) == 1 or any(char.isalnum() for char in piece.text):
            take.add(say(piece.text, piece.voice or voice), piece.text)
        else:
            take.add_unsaid(piece.text)
    take.sample_rate = take.sample_rate or SILENCE_RATE
    # A pause that is asked for at the start is no silence of the voice's.
    return take if isinstance(pieces[0], Silent) and pieces[0].milliseconds else take.trimmed()


def _times(take: Take, start_ms: int, total_ms: int) -> tuple[Alignment, Alignment]:
    """Time the characters as sent and as spoken, on the clock of the whole speech."""
    normalized = normalized_times(take.normalized, take.normalized_words, total_ms, start_ms)
    if take.text == take.normalized:
        return sent_times(normalized), normalized
    return sent_times(normalized_times(take.text, take.words, total_ms, start_ms)), normalized


def _moved(word: SpokenWord, place: int, now_ms: float) -> SpokenWord:
    start_ms, end_ms = max(0.0, word.start_ms + now_ms), max(0.0, word.end_ms + now_ms)
    return SpokenWord(word.first + place, word.end + place, start_ms, end_ms)


def _at_rate(samples: bytes, rate: int, wanted: int) -> bytes:
    if rate == wanted or not samples:
        return samples
    encoder = speech_encoder(f"pcm_{wanted}", rate)
    return encoder.feed(samples) + encoder.finish()


def trim_lead_in(spoken: SpokenText) -> SpokenText:
    """Cut the silence before the first sound to `LEAD_IN_MS`, and move the words with it."""
    cut = lead_in(spoken.pcm, spoken.sample_rate)
    words = tuple(_moved(word, 0, -cut * 1000 / spoken.sample_rate) for word in spoken.words)
    return replace(spoken, pcm=spoken.pcm[cut * pcm.SAMPLE_BYTES :], words=words)


def lead_in(samples: bytes, rate: int) -> int:
    """How many samples of the silence before the first sound are more than `LEAD_IN_MS`."""
    first_sound, _ = pcm.sounding_range(samples, rate)
    return max(0, first_sound - pcm.ms_to_samples(LEAD_IN_MS, rate))


def message_cuts(count: int, rate: int) -> Iterator[int]:
    """Yield the samples at which messages begin, and last the end; a rest below half a second is no message alone."""
    first, step = FIRST_MESSAGE_MS * rate // 1000, MESSAGE_MS * rate // 1000
    yield 0
    yield from range(first, count - first, step)
    yield count
