"""An output format's name → its sample rate and kind; the first bytes of a sound → what they really are."""

from __future__ import annotations

# Formats that the service's sockets speak, by its reference and the newer list of its own client library.
OUTPUT_FORMATS = (
    *(f"pcm_{rate}" for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "mp3_22050_32",
    "mp3_24000_48",
    *(f"mp3_44100_{rate}" for rate in (32, 64, 96, 128, 192)),
    "ulaw_8000",
    "alaw_8000",
    *(f"opus_48000_{rate}" for rate in (32, 64, 96, 128, 192)),
)
# What a socket speaks that does not say; the alias without a bit rate is the reference's older name for it.
DEFAULT_FORMAT = "mp3_44100_128"
ALIASES = {"mp3_44100": DEFAULT_FORMAT}

# Kilobits a second of MPEG-1 and MPEG-2 layer III by the header's index (ISO/IEC 11172-3 2.4.2.3, 13818-3).
_BIT_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BIT_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def chosen(wish: str) -> str:
    """Name the format to ask for: `auto` is samples at 24 kHz, which every plan allows."""
    return "pcm_24000" if wish == "auto" else wish


def sample_rate(output_format: str) -> int:
    """Samples a second of a format, by its name. Raises ValueError for a name that is no format's."""
    if output_format not in OUTPUT_FORMATS:
        raise ValueError(f"{output_format!r} is no output format: {', '.join(OUTPUT_FORMATS)}")
    return int(output_format.split("_")[1])


def is_pcm(output_format: str) -> bool:
    """Whether the format is plain 16-bit samples, little endian, mono."""
    return output_format.startswith("pcm_")


def sounds_encoded(first: bytes) -> str:
    """Name the container that the first bytes of an alleged PCM stream belong to: `MP3`, `WAV`, `Ogg` or nothing.

    A lone MPEG sync word may be two quiet samples, so a second header must follow where the first one says.
    """
    for magic, name in ((b"ID3", "MP3"), (b"RIFF", "WAV"), (b"OggS", "Ogg")):
        if first.startswith(magic):
            return name
    length = _mpeg_frame_length(first)
    return "MP3" if length and _mpeg_frame_length(first[length:]) else ""


def _mpeg_frame_length(header: bytes) -> int:
    """Bytes of the layer III frame that starts here; 0 where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, pace, padding = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or pace == 3 or not 0 < rate < 15:
        return 0
    bit_rate = (_BIT_RATES_1 if version == 3 else _BIT_RATES_2)[rate] * 1000
    return (144 if version == 3 else 72) * bit_rate // _SAMPLE_RATES[version][pace] + padding
