"""Messages' sound and times → samples and characters on one clock, whatever the format; and whether that is all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline import pcm
from pipeline.alignment import TimeBase
from pipeline.codecs import speech_decoder
from pipeline.codecs.formats import FORMATS
from pipeline.errors import RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest, TimedCharacters

# Formats that are decoded sample by sample. Of the others, what both ends hold back together is the encoder's delay
# and a frame, and up to four frames of the decoder: 24 to 26 ms each. At 32 kbit/s several frames of MP3 share their
# bits (the reservoir of ISO/IEC 11172-3 2.4.2.7) and wait for one another. Measured are 156 ms, and 261 ms there.
WITHOUT_LAG = ("pcm_", "ulaw_", "alaw_")
CODEC_LAG_MS = 180.0
RESERVOIR_LAG_MS = 300.0
# G.711 is made at 8 kHz from another rate: a resampler's filter holds back as much.
COMPANDED_LAG_MS = 3.0
# From what share of its own loudest sample on a character has begun.
ONSET_SHARE = 0.1
# Whole alignments end where the samples do, within what rounding to milliseconds can do at both ends; a codec, whose
# delay is taken off to within 3 ms, pads its sound to whole frames besides: two of MPEG's longest, at 22,050 Hz.
WHOLE_WITHIN_MS = 2.0
CODEC_WITHIN_MS, CODEC_PADDING_MS = 3.0, 2 * 1152 / 22.05


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples, 16-bit mono, their rate, the characters on their clock, and in words what had to be mended."""

    samples: bytes
    sample_rate: int
    characters: TimedCharacters
    repairs: tuple[str, ...]


class Hearing:
    """Takes chunks in order, as they come, and knows at the end what they were together.

    Every alignment is placed by the count of samples decoded before it.
    """

    def __init__(self, output_format: str) -> None:
        self._format = output_format
        self._decoder = speech_decoder(output_format)
        self._clock = TimeBase(self._decoder.sample_rate, slack_ms=lag_ms(output_format))
        self._rate = self._decoder.sample_rate
        self.sample_count = 0

    def add(self, chunk: SpeechChunk) -> bytes:
        """Decode a chunk and place its characters; returns the samples that are ready. Raises RemoteProtocolError."""
        block = self._decoder.feed(chunk.audio) if chunk.audio else b""
        count = pcm.sample_count(block)
        self._clock.add(chunk.alignment, chunk.normalized, self.sample_count, count)
        self.sample_count += count
        return block

    def finish(self) -> Heard:
        """Give the samples that the decoder held back, and the characters of all. Raises RemoteProtocolError."""
        rest = self._decoder.finish()
        self.sample_count += pcm.sample_count(rest)
        characters, repairs = self._clock.finish(self.sample_count)
        return Heard(rest, self._rate, characters, repairs)


def hear(output_format: str, chunks: Iterable[SpeechChunk]) -> Heard:
    """Turn what the messages brought into samples and characters. Raises RemoteProtocolError."""
    hearing = Hearing(output_format)
    blocks, has_spoken_form = [], False
    for chunk in chunks:
        blocks.append(hearing.add(chunk))
        has_spoken_form = has_spoken_form or chunk.normalized is not None
    heard = hearing.finish()
    samples = b"".join([*blocks, heard.samples])
    characters = heard.characters if has_spoken_form else from_first_sound(heard.characters, samples, heard.sample_rate)
    return Heard(samples, heard.sample_rate, characters, heard.repairs)


def from_first_sound(characters: TimedCharacters, samples: bytes, sample_rate: int) -> TimedCharacters:
    """Let the first character start with the first sound, where it has absorbed the silence before it.

    It has where it starts at 0: only the text as spoken, which some messages lack, begins with a space for that time.
    """
    if not characters.chars or characters.starts_ms[0] or characters.chars[0].isspace():
        return characters
    import numpy as np

    count = pcm.ms_to_samples(characters.ends_ms[0], sample_rate)
    own = np.abs(pcm.as_array(samples)[:count].astype(np.int32))
    # A codec's echo before a sound is far below it.
    heard = np.flatnonzero(own > max(pcm.AUDIBLE * 32768, own.max(initial=0) * ONSET_SHARE))
    start = int(heard[0]) * 1000 // sample_rate if len(heard) else 0
    return TimedCharacters(characters.chars, (start, *characters.starts_ms[1:]), characters.ends_ms)


def lag_ms(output_format: str) -> float:
    """By how much the count of decoded samples may lag behind a message: a codec decodes whole frames only."""
    if output_format.startswith("pcm_"):
        return 0.0
    if output_format.startswith(WITHOUT_LAG):
        return COMPANDED_LAG_MS
    wanted = FORMATS[output_format]
    return RESERVOIR_LAG_MS if wanted.codec == "mp3" and wanted.bit_rate == 32_000 else CODEC_LAG_MS


def sound_is_whole(output_format: str, characters: TimedCharacters, sample_count: int, sample_rate: int) -> bool:
    """Whether the characters end where their sound does: nothing of it is missing, and nothing else is in it."""
    if not characters.chars or not sample_count:
        return False
    more = sample_count * 1000 / sample_rate - characters.ends_ms[-1]
    if output_format.startswith(WITHOUT_LAG):
        return abs(more) <= WHOLE_WITHIN_MS
    return -CODEC_WITHIN_MS <= more <= CODEC_WITHIN_MS + CODEC_PADDING_MS


def is_all_of(request: SpeechRequest, chunks: Iterable[SpeechChunk]) -> bool:
    """Whether these chunks are a request's whole speech, though nobody said so: all its characters, all their sound."""
    try:
        heard = hear(request.output_format, chunks)
    except RemoteProtocolError:
        return False
    same_text = "".join(heard.characters.chars).split() == request.text.split()
    count = pcm.sample_count(heard.samples)
    return same_text and sound_is_whole(request.output_format, heard.characters, count, heard.sample_rate)


class Unheard:
    """What was sent over one socket as it arrived, held against what was heard."""

    def __init__(self, output_format: str) -> None:
        self._format = output_format
        self._rate = FORMATS[output_format].sample_rate
        self._clock = TimeBase(self._rate, slack_ms=lag_ms(output_format))
        # Plain samples are counted by their bytes; what is coded must be decoded to be counted.
        self._decoder = None if output_format.startswith(WITHOUT_LAG) else speech_decoder(output_format)
        self._bytes_a_sample = 2 if output_format.startswith("pcm_") else 1
        self._sent: list[str] = []
        self._sent_count = self._heard_count = 0
        self._byte_count = self._placed_byte_count = self._decoded_count = 0
        self._unread: list[SpeechChunk] = []

    @property
    def is_owed(self) -> bool:
        """Whether speech of what was sent is still to come, as far as characters tell: without any, none is known of."""
        return self._sent_count > self._heard_count and (self._heard_count > 0 or not self._byte_count)

    def sent(self, text: str) -> None:
        """Note a text that is sent."""
        self._sent.append(text)
        self._sent_count += len("".join(text.split()))

    def add(self, chunk: SpeechChunk) -> None:
        """Note what was heard. It is decoded by `catch_up`, so that whoever waits for it can have it before."""
        self._unread.append(chunk)
        self._byte_count += len(chunk.audio)
        if chunk.alignment:
            self._heard_count += len("".join("".join(chunk.alignment.chars).split()))

    def catch_up(self) -> None:
        """Place what was noted. Raises RemoteProtocolError for sound that cannot be decoded."""
        unread, self._unread = self._unread, []
        for chunk in unread:
            before = self._count()
            self._placed_byte_count += len(chunk.audio)
            if self._decoder and chunk.audio:
                self._decoded_count += pcm.sample_count(self._decoder.feed(chunk.audio))
            self._clock.add(chunk.alignment, chunk.normalized, before, self._count() - before)

    def rest(self) -> str | None:
        """Give the text of which nothing was heard, where all else was heard whole, to the end of a word; else None.

        Coded sound is not known to the millisecond: of it, all that was sent must have been heard, or nothing.
        """
        self.catch_up()
        sent = "".join(self._sent)
        if not self._byte_count and not self._heard_count:
            return sent
        characters, _ = self._clock.finish(self._count())
        rest = text_after(sent, "".join(characters.chars))
        if self._decoder:
            more = pcm.ms_to_samples(lag_ms(self._format), self._rate)
            is_whole = not rest and sound_is_whole(self._format, characters, self._count() + more, self._rate)
        else:
            is_whole = sound_is_whole(self._format, characters, self._count(), self._rate)
        return rest if is_whole else None

    def _count(self) -> int:
        return self._decoded_count if self._decoder else self._placed_byte_count // self._bytes_a_sample


def text_after(sent: str, heard: str) -> str | None:
    """Give what follows in a text after the characters that were heard, white space aside; None where they differ.

    None too where what follows would begin in the middle of a word.

    >>> text_after("Hello there you ", "Hello there ")
    'you '
    """
    at = 0
    for char in "".join(heard.split()):
        while at < len(sent) and sent[at].isspace():
            at += 1
        if at == len(sent) or sent[at] != char:
            return None
        at += 1
    if 0 < at < len(sent) and sent[at - 1].isalnum() and sent[at].isalnum():
        return None
    return sent[at:].lstrip()
