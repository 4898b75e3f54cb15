"""Recordings of one format as they arrive → one stream of sound, with the pauses between them that are asked for.

Every form counts its samples on the clock of the whole as it is decoded, the decoder's delay taken off: `origin` is
where on it the first sample of the recording lies that arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pipeline.codecs.coded_joining import CodedJoiner
from pipeline.codecs.formats import parse_output_format
from pipeline.codecs.listening import MOST_HELD_MS
from pipeline.codecs.mpeg_joining import MpegFrames
from pipeline.codecs.ogg_joining import OggOpusPages
from pipeline.codecs.sample_joining import SampleJoiner
from pipeline.codecs.units import Units

# By how many frames coded sound may come later than what was fed to its encoder, both ends' look-ahead together; and how
# far ahead the main part of a frame of MPEG may lie (ISO/IEC 11172-3 2.4.2.7, `main_data_begin`), in bits: an encoder
# keeps so much back.
LATE_FRAMES, RESERVOIR_BITS = 6, 511 * 8
_FRAME_MS = {"mp3": 1152 * 1000 / 44100, "opus": 20.0}
# What a filter that changes the sample rate holds back of a stream that is coded sample by sample.
_FILTER_MS = 3.0

# What coded sound is made of, by its codec; what is not here is sent sample by sample.
_UNITS: Mapping[str, Callable[[], Units]] = {"mp3": MpegFrames, "opus": OggOpusPages}


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


def decodes_at_once(output_format: str) -> bool:
    """Whether a `joiner` decodes what it passes on; a `pausing_joiner` always does."""
    return parse_output_format(output_format).codec not in _UNITS


def pausing_joiner(output_format: str) -> Joiner:
    """Join recordings with pauses between: exact where samples are sent one by one, else to the nearest frame."""
    codec = parse_output_format(output_format).codec
    if codec in _UNITS:
        return CodedJoiner(output_format, _UNITS[codec](), MOST_HELD_MS)
    return SampleJoiner(output_format, MOST_HELD_MS)
