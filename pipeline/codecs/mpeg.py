"""Headers of MPEG audio layer III (ISO/IEC 11172-3 2.4.2.3, 13818-3) → frame lengths, and what LAME wrote down."""

from __future__ import annotations

from dataclasses import dataclass

# Kilobits a second by index, for MPEG-1 and for MPEG-2 and 2.5.
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)
# What a decoder of layer III is late by, on top of the encoder's delay (LAME's `decoder delay`).
DECODER_DELAY = 529
# LAME's own delay, where nobody wrote it down.
ENCODER_DELAY = 576
ID3_HEADER_BYTES = 10


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The first four bytes of a frame, read. `side_bytes` lie between them and the main part."""

    version: int
    sample_rate: int
    length: int
    samples: int
    side_bytes: int


def read_header(data: bytes) -> FrameHeader | None:
    """Read the header of a layer III frame at the start of `data`; None where there is none."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:  # 11 bits of sync, layer III
        return None
    version = (data[1] >> 3) & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    rate_index, kbit_index = (data[2] >> 2) & 3, data[2] >> 4
    if version == 1 or rate_index == 3 or kbit_index in {0, 15}:
        return None
    kbits = (_KBITS_1 if version == 3 else _KBITS_2)[kbit_index]
    sample_rate = _RATES[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if version == 3 else 576
    padding = (data[2] >> 1) & 1
    is_mono = data[3] >> 6 == 3
    side = (17 if is_mono else 32) if version == 3 else (9 if is_mono else 17)
    checksum = 0 if data[1] & 1 else 2
    return FrameHeader(
        version, sample_rate, samples // 8 * kbits * 1000 // sample_rate + padding, samples, side + checksum
    )


@dataclass(frozen=True, slots=True)
class EncoderNote:
    """What an encoder left in a first frame without sound: its delay, and the samples in all (None: not said)."""

    delay: int
    samples: int | None


# What holds where no note came.
NO_NOTE = EncoderNote(ENCODER_DELAY, None)


def read_note(frame: bytes, header: FrameHeader) -> EncoderNote | None:
    """Read the Xing or Info tag with LAME's extension from a first frame; None where it is sound."""
    start = 4 + header.side_bytes
    if frame[start : start + 4] not in {b"Xing", b"Info"}:
        return None
    flags = int.from_bytes(frame[start + 4 : start + 8], "big")
    count = int.from_bytes(frame[start + 8 : start + 12], "big") if flags & 1 else None
    sizes = (4, 4, 100, 4)  # frames, bytes, table of contents, quality: each there when its bit is set
    lame = start + 8 + sum(size for bit, size in enumerate(sizes) if flags >> bit & 1)
    trims = int.from_bytes(frame[lame + 21 : lame + 24], "big")
    delay, padding = trims >> 12, trims & 0xFFF
    if not frame[lame : lame + 4].strip(b"\0") or not trims:
        return NO_NOTE
    samples = None if count is None else max(0, count * header.samples - delay - padding)
    return EncoderNote(delay, samples)


def needs_no_frame_before(frame: bytes, header: FrameHeader) -> bool:
    """Whether a frame's main part begins in it (ISO/IEC 11172-3 2.4.2.7, `main_data_begin`), as an encoder's first."""
    at = 4 if frame[1] & 1 else 6  # a checksum may follow the header
    pointer = int.from_bytes(frame[at : at + 2], "big")
    return not pointer >> (7 if header.version == 3 else 8)


def id3_length(data: bytes) -> int:
    """Length in bytes of the ID3v2 tag at the start (id3.org, ID3v2.4 3.1); 0 where there is none."""
    if len(data) < ID3_HEADER_BYTES or data[:3] != b"ID3" or max(data[6:10]) > 0x7F:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte
    footer = ID3_HEADER_BYTES if data[5] & 0x10 else 0
    return ID3_HEADER_BYTES + size + footer
