"""The service's name of a sound format → codec, sample rate and bit rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import SettingError
from pipeline.settings import nearest

SpeechCodec = Literal["pcm", "mp3", "ulaw", "alaw", "opus"]


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A form in which speech is sent. `bit_rate` is in bits a second, None where samples are sent one by one."""

    name: str
    codec: SpeechCodec
    sample_rate: int
    bit_rate: int | None = None


def _table() -> dict[str, OutputFormat]:
    """Make the names of the service's published API (parameter `output_format`)."""
    kbits: Mapping[tuple[SpeechCodec, int], tuple[int, ...]] = {
        ("mp3", 22050): (32,),
        ("mp3", 24000): (48,),
        ("mp3", 44100): (32, 64, 96, 128, 192),
        ("opus", 48000): (32, 64, 96, 128, 192),
    }
    plain: Mapping[SpeechCodec, tuple[int, ...]] = {
        "pcm": (8000, 16000, 22050, 24000, 32000, 44100, 48000),
        "ulaw": (8000,),
        "alaw": (8000,),
    }
    formats = [OutputFormat(f"{codec}_{rate}", codec, rate) for codec, rates in plain.items() for rate in rates]
    formats += [
        OutputFormat(f"{codec}_{rate}_{kbit}", codec, rate, kbit * 1000)
        for (codec, rate), rates in kbits.items()
        for kbit in rates
    ]
    # An older name that clients still send.
    formats.append(OutputFormat("mp3_44100", "mp3", 44100, 128_000))
    return {each.name: each for each in formats}


FORMATS: Mapping[str, OutputFormat] = _table()


def parse_output_format(name: str) -> OutputFormat:
    """Return the format of this name. Raises SettingError, with the nearest name, when there is none."""
    if name not in FORMATS:
        raise SettingError(f"there is no output format {name!r}{nearest(name, FORMATS)}")
    return FORMATS[name]
