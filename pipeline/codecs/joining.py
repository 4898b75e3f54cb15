"""Recordings of one format as they arrive → one stream of sound, with the pauses between them that are asked for.

Every form counts its samples on the clock of the whole as it is decoded, the decoder's delay taken off: `origin` is
where on it the first sample of the recording lies that arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pipeline import pcm
from pipeline.codecs import speech_decoder
from pipeline.codecs.formats import FORMATS, parse_output_format
from pipeline.codecs.mpeg_joining import MpegFrames
from pipeline.codecs.ogg_joining import OggOpusPages
from pipeline.codecs.units import Units
from pipeline.errors import RemoteProtocolError

# Silence before the first sound of a recording, and after the last, that is held back to be judged.
MOST_HELD_MS = 2000
# What is kept of the silence before a sound when most of it must go: a soft first consonant lies there.
KEPT_LEAD_MS = 20
# What a byte of silence is, by ITU-T G.711, and in 16-bit samples.
SILENT_BYTES = {"pcm": b"\0\0", "ulaw": b"\xff", "alaw": b"\xd5"}
# By how many frames coded sound may come later than what was fed to its encoder, both ends' look-ahead together; and how
# far ahead the main part of a frame of MPEG may lie (ISO/IEC 11172-3 2.4.2.7, `main_data_begin`), in bits: an encoder
# keeps so much back.
LATE_FRAMES, RESERVOIR_BITS = 6, 511 * 8
_FRAME_MS = {"mp3": 1152 * 1000 / 44100, "opus": 20.0}
# What a filter that changes the sample rate holds back of a stream that is coded sample by sample.
_FILTER_MS = 3.0


def lag_ms(output_format: str) -> float:
    """By how many milliseconds the sound that is decoded may lag behind what its message's characters tell of."""
    wanted = parse_output_format(output_format)
    if wanted.codec not in _FRAME_MS:
        return 0.0 if wanted.codec == "pcm" else _FILTER_MS
    reservoir = RESERVOIR_BITS * 1000 / wanted.bit_rate if wanted.codec == "mp3" and wanted.bit_rate else 0.0
    return LATE_FRAMES * _FRAME_MS[wanted.codec] + reservoir


class Joiner(Protocol):
    """Joins recordings. Each method gives what may be written by now; RemoteProtocolError where it is no such sound.

    `origin` is None until it is known.
    """

    sample_rate: int
    origin: float | None

    @property
    def position(self) -> int:
        """How many samples what was given so far decodes to."""

    @property
    def count(self) -> int:
        """How many samples were decoded of this recording."""

    @property
    def sound_end(self) -> int:
        """One past the last sample of this recording in which something was heard."""

    def begin(self, pause_ms: int = 0) -> None:
        """Begin with a further recording, after so much audible silence (0: as the recordings have it)."""

    def feed(self, audio: bytes) -> bytes:
        """Take more of it, cut anywhere."""

    def end(self) -> bytes:
        """It is whole: nothing more comes of it."""

    def finish(self) -> bytes:
        """All is whole."""

    def opening(self) -> bytes:
        """What the first bytes should be, now that all is known; they are replaced where that can be done."""


def joiner(output_format: str) -> Joiner:
    """Join recordings that are passed on as they come. Raises SettingError where there is no such format."""
    codec = parse_output_format(output_format).codec
    if codec in _UNITS:
        return CodedJoiner(output_format, _UNITS[codec]())
    return SampleJoiner(output_format)


def pausing_joiner(output_format: str) -> Joiner:
    """Join recordings with pauses between: exact where samples are sent one by one, else to the nearest frame."""
    codec = parse_output_format(output_format).codec
    if codec in _UNITS:
        return CodedJoiner(output_format, _UNITS[codec](), MOST_HELD_MS)
    return SampleJoiner(output_format, MOST_HELD_MS)


class _Listener:
    """Decodes one recording to find where in it something sounds."""

    def __init__(self, output_format: str) -> None:
        self._decoder = speech_decoder(output_format)
        self._wanted = FORMATS[output_format].codec
        self.count = 0
        self.first_sound: int | None = None
        self.sound_end = 0

    def hear(self, audio: bytes) -> bytes:
        """Decode some. Raises RemoteProtocolError for what is not what was asked for, and could not be passed on."""
        block = self._noted(self._decoder.feed(audio)) if audio else b""
        if self._wanted not in {"pcm", self._decoder.found}:
            raise RemoteProtocolError(f"the service sent {self._decoder.found} where {self._wanted} was asked for")
        return block

    def rest(self) -> bytes:
        """Decode what was held back."""
        return self._noted(self._decoder.finish())

    def _noted(self, block: bytes) -> bytes:
        first, end = pcm.sounding_range(block, self._decoder.sample_rate) if block else (0, 0)
        if end:
            self.first_sound = self.count + first if self.first_sound is None else self.first_sound
            self.sound_end = self.count + end
        self.count += pcm.sample_count(block)
        return block


class SampleJoiner:
    """Samples one by one: pauses are exact, and what is too much of a voice's own silence is cut.

    `holds_ms` is how much silence after a sound is held back until it is known whether more follows; with 0 all is
    passed on at once.
    """

    def __init__(self, output_format: str, holds_ms: int = 0) -> None:
        wanted = parse_output_format(output_format)
        self.sample_rate = wanted.sample_rate
        self.origin: float | None = 0.0
        self._position = 0
        self._format = output_format
        self._is_pcm = wanted.codec == "pcm"
        self._silence = SILENT_BYTES[wanted.codec]
        self._holds = pcm.ms_to_samples(holds_ms, self.sample_rate)
        self._tail = b""
        self._pause = 0
        self._waiting = b""
        self._listener = _Listener(output_format)

    @property
    def position(self) -> int:
        """How many samples were given so far."""
        return self._position

    @property
    def count(self) -> int:
        """How many samples were decoded of this recording."""
        return self._listener.count

    @property
    def sound_end(self) -> int:
        """One past the last sample of this recording in which something was heard."""
        return self._listener.sound_end

    def begin(self, pause_ms: int = 0) -> None:
        """Begin with a further recording."""
        self._listener = _Listener(self._format)
        self._pause = pcm.ms_to_samples(pause_ms, self.sample_rate)
        self._waiting = b""
        self.origin = None if self._pause else self._position + self._length(self._tail)

    def feed(self, audio: bytes) -> bytes:
        """Take more of it, cut anywhere."""
        samples = self._listener.hear(audio)
        return self._take(samples if self._is_pcm else audio)

    def end(self) -> bytes:
        """It is whole: what was held back of its beginning is judged as it is."""
        samples = self._listener.rest()
        given = self._take(samples if self._is_pcm else b"")
        return given + self._bridged() if self.origin is None else given

    def finish(self) -> bytes:
        """Give the silence at the end."""
        given, self._tail = self._tail, b""
        self._position += self._length(given)
        return given

    def opening(self) -> bytes:
        """Say nothing: samples have no head."""
        return b""

    def _take(self, block: bytes) -> bytes:
        if self.origin is not None:
            return self._passed(block)
        self._waiting += block
        enough = self._listener.first_sound is not None or self.count > self.sample_rate * MOST_HELD_MS // 1000
        return self._bridged() if enough else b""

    def _bridged(self) -> bytes:
        """Make the silence since the last sound as long as the pause, with what the recording begins with."""
        width, pause = len(self._silence), self._pause
        waiting, self._waiting = self._waiting, b""
        first = self._listener.first_sound
        lead, tail = self._length(waiting) if first is None else first, self._length(self._tail)
        kept = lead
        if tail + lead > pause and (self._position or tail):
            kept = min(lead, pause, pcm.ms_to_samples(KEPT_LEAD_MS, self.sample_rate))
            self._tail = self._tail[: max(0, pause - kept) * width]
            tail = self._length(self._tail)
        given = self._tail + self._silence * max(0, pause - tail - kept)
        self._tail = b""
        self._position += self._length(given)
        self.origin = float(self._position - (lead - kept))
        return given + self._passed(waiting[(lead - kept) * width :])

    def _passed(self, block: bytes) -> bytes:
        """Pass on all but the silence at the end."""
        block = self._tail + block
        quiet = min(self.count - self._listener.sound_end, self._holds, self._length(block)) * len(self._silence)
        given, self._tail = block[: len(block) - quiet], block[len(block) - quiet :]
        self._position += self._length(given)
        return given

    def _length(self, block: bytes) -> int:
        return len(block) // len(self._silence)


class CodedJoiner:
    """Frames of many samples: none is cut, and pauses are made of silent frames, to the nearest one.

    `holds_ms` is how much of a recording is held back until something is heard in it. With 0 there are no pauses, and
    nothing is decoded: frames say by themselves how many samples they are.
    """

    def __init__(self, output_format: str, units: Units, holds_ms: int = 0) -> None:
        self.sample_rate = parse_output_format(output_format).sample_rate
        self.origin: float | None = 0.0
        self._format = output_format
        self._units = units
        self._holds = pcm.ms_to_samples(holds_ms, self.sample_rate)
        self._listener: _Listener | None = None
        self._pause = 0
        self._sound_end = 0.0
        self._waiting: list[bytes] = []

    @property
    def count(self) -> int:
        """How many samples came of this recording."""
        return self._listener.count if self._listener else max(0, self._units.recorded - (self._units.delay or 0))

    @property
    def sound_end(self) -> int:
        """One past the last sample of this recording in which something was heard."""
        return self._listener.sound_end if self._listener else self.count

    @property
    def position(self) -> int:
        """How many samples what was given decodes to."""
        return max(0, self._units.count - self._units.first_delay)

    def begin(self, pause_ms: int = 0) -> None:
        """Begin with a further recording."""
        self._listener = _Listener(self._format) if self._holds else None
        self._pause = pcm.ms_to_samples(pause_ms, self.sample_rate) if self._holds else 0
        self._units.begin()
        self._waiting = []
        self.origin = None

    def feed(self, audio: bytes) -> bytes:
        """Take more of it, cut anywhere."""
        if self._listener:
            self._listener.hear(audio)
        self._waiting += self._units.split(audio)
        return self._given(is_over=False)

    def end(self) -> bytes:
        """It is whole: what was held back of its beginning is judged as it is."""
        if self._listener:
            self._listener.rest()
        self._waiting += self._units.rest()
        given = self._given(is_over=True)
        if self.origin is not None:
            self._sound_end = self.origin + self.sound_end
        return given

    def finish(self) -> bytes:
        """Give what ends the whole."""
        return self._units.finish()

    def opening(self) -> bytes:
        """What the first bytes should be, now that all is known."""
        return self._units.opening()

    def _given(self, *, is_over: bool) -> bytes:
        if self.origin is None and self._units.delay is not None:
            lead = self._listener.first_sound if self._listener else 0
            if self._pause and lead is None and not is_over and self.count <= self._holds:
                return b""
            return self._bridged(self.count if lead is None else lead)
        return b"" if self.origin is None else self._all_waiting()

    def _bridged(self, lead: int) -> bytes:
        """Begin the recording here, after as many silent frames as the pause wants."""
        head = self._units.head()
        origin = self._units.count + (self._units.delay or 0) - self._units.first_delay
        lacking = self._pause - (origin + lead - self._sound_end)
        number = max(0, round(lacking / self._units.samples)) if self._pause else 0
        silence = self._units.silence(number)
        self.origin = float(origin + number * self._units.samples)
        return head + silence + self._all_waiting()

    def _all_waiting(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(self._units.placed(unit) for unit in waiting)


_UNITS: Mapping[str, Callable[[], Units]] = {"mp3": MpegFrames, "opus": OggOpusPages}
