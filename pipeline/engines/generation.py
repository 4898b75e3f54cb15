"""A text to speak → messages of sound and character times, as the service cuts and times them.

Sound is cut by time and never by word. With the times in sync each message carries the characters that start
before its sound ends, on a clock that runs on over all generations of the socket; otherwise a generation's first
message carries all of its times, from 0, and the others none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from pipeline import pcm
from pipeline.codecs import SpeechEncoder, parse_output_format, speech_encoder
from pipeline.model import Alignment, OfflineVoice, SpeechChunk, SpokenText, SpokenWord
from pipeline.protocol.character_times import cut_times, normalized_times, sent_times

# The service's own messages hold half a second first, so that playing can begin, and then about this much.
FIRST_MESSAGE_MS, MESSAGE_MS = 500, 1250
# What silence a voice leaves in front of a generation: the service's own begin within this.
LEAD_IN_MS = 20
# What a client gets that does not say.
DEFAULT_FORMAT = "mp3_44100_128"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client's handshake asks for. `voice` is the id in the path, `inactivity_timeout` is in seconds."""

    voice: str
    language: str = "en"
    output_format: str = DEFAULT_FORMAT
    in_sync: bool = False
    auto_mode: bool = False
    inactivity_timeout: float = 20


@dataclass(slots=True)
class Speaker:
    """Speaks the generations of one socket, one after another; what it remembers is how far its clock has run.

    Compressed sound is one stream, with one encoder for all generations: a new one for each would add its own delay
    and padding every time. Plain samples have nothing to carry over.
    """

    voice: OfflineVoice
    terms: Terms
    speed: float = 1.0
    _samples: int = 0
    _source_rate: int = 0
    _stream: SpeechEncoder | None = field(default=None)

    @property
    def encodes(self) -> bool:
        """Whether the samples that `speak` gives must go through `encode`, chunk by chunk, to be what is sent."""
        return parse_output_format(self.terms.output_format).codec != "pcm"

    def speak(self, text: str) -> list[SpeechChunk]:
        """Speak one generation, whole; takes long. Its sound is samples yet. Raises EngineError when it cannot."""
        spoken = trim_lead_in(self.voice(text, self.terms.language, self.terms.voice, self.speed))
        self._source_rate = spoken.sample_rate
        rate, sound = self._samples_to_send(spoken)
        count = pcm.sample_count(sound)
        cuts = list(message_cuts(count, rate))
        normalized = self._times(text, spoken.words, count, rate)
        sent = sent_times(normalized)
        ends_ms = [(self._samples + cut) * 1000 / rate for cut in cuts[1:]]
        self._samples += count
        pieces = [sound[first * pcm.SAMPLE_BYTES : end * pcm.SAMPLE_BYTES] for first, end in pairwise(cuts)]
        return [
            SpeechChunk(piece, *times)
            for piece, times in zip(pieces, self._spread(sent, normalized, ends_ms), strict=True)
        ]

    def encode(self, chunk: SpeechChunk) -> SpeechChunk:
        """Return the chunk with what the encoder gives for its samples, maybe nothing yet."""
        if self._stream is None:
            self._stream = speech_encoder(self.terms.output_format, self._source_rate)
        return replace(chunk, audio=self._stream.feed(chunk.audio))

    def finish(self) -> bytes:
        """Return the last bytes of a compressed stream."""
        return self._stream.finish() if self._stream else b""

    def _samples_to_send(self, spoken: SpokenText) -> tuple[int, bytes]:
        """Return the rate and the samples on which messages are cut: those that are sent, or that are encoded."""
        wanted = parse_output_format(self.terms.output_format)
        if self.encodes or wanted.sample_rate == spoken.sample_rate:
            return spoken.sample_rate, spoken.pcm
        encoder = speech_encoder(wanted.name, spoken.sample_rate)
        return wanted.sample_rate, encoder.feed(spoken.pcm) + encoder.finish()

    def _times(self, text: str, words: tuple[SpokenWord, ...], count: int, rate: int) -> Alignment:
        """Time a generation on the socket's clock, taken from its samples each time, so that no rounding adds up."""
        base = pcm.samples_to_ms(self._samples, rate) if self.terms.in_sync else 0
        end = pcm.samples_to_ms(self._samples + count, rate) if self.terms.in_sync else pcm.samples_to_ms(count, rate)
        return normalized_times(text, words, end - base, base)

    def _spread(
        self, sent: Alignment, normalized: Alignment, ends_ms: list[float]
    ) -> Iterator[tuple[Alignment | None, Alignment | None]]:
        if self.terms.in_sync:
            return zip(cut_times(sent, ends_ms), cut_times(normalized, ends_ms), strict=True)
        rest: list[tuple[Alignment | None, Alignment | None]] = [(None, None)] * (len(ends_ms) - 1)
        return iter([(sent, normalized), *rest])


def trim_lead_in(spoken: SpokenText) -> SpokenText:
    """Cut the silence before the first sound to `LEAD_IN_MS`, and move the words with it."""
    first_sound, _ = pcm.sounding_range(spoken.pcm, spoken.sample_rate)
    cut = max(0, first_sound - pcm.ms_to_samples(LEAD_IN_MS, spoken.sample_rate))
    cut_ms = cut * 1000 / spoken.sample_rate
    words = tuple(
        replace(word, start_ms=max(0.0, word.start_ms - cut_ms), end_ms=max(0.0, word.end_ms - cut_ms))
        for word in spoken.words
    )
    return replace(spoken, pcm=spoken.pcm[cut * pcm.SAMPLE_BYTES :], words=words)


def message_cuts(count: int, rate: int) -> Iterator[int]:
    """Yield the samples at which messages begin, and last the end; a rest below half a second is no message alone."""
    first, step = FIRST_MESSAGE_MS * rate // 1000, MESSAGE_MS * rate // 1000
    yield 0
    yield from range(first, count - first, step)
    yield count
