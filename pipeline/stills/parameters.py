"""Sequence and picture parameter sets → what a skipped slice must know (ITU-T H.264, 7.3.2.1 and 7.3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.stills.bitstream import BitReader, CodedStreamError, unprotected

# Profiles whose sequence parameter set goes on with the chroma format (7.3.2.1.1).
_PROFILES_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_HEADER_BYTES = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a sequence parameter set says of every picture. `macroblocks` is their number in one picture."""

    id: int
    frame_num_bits: int
    macroblocks: int


@dataclass(frozen=True, slots=True)
class Coding:
    """Both parameter sets of a stream: as bytes, and what its slices need of them."""

    sequence_unit: bytes
    picture_unit: bytes
    picture_id: int
    frame_num_bits: int
    macroblocks: int


def parse_coding(sequence_unit: bytes, picture_unit: bytes) -> Coding:
    """Read the two parameter sets (NAL units without start codes) of a stream that can be repeated.

    Raises CodedStreamError for anything but progressive 8-bit 4:2:0 with one reference frame, picture order count
    type 2, variable length codes (CAVLC), one slice group, no weighted prediction, and a controllable deblocking
    filter: with these, a picture in which all is skipped needs no field that is not known.
    """
    sequence = parse_sequence(sequence_unit)
    picture_id, sequence_id = _parse_picture(picture_unit)
    _expect(sequence_id == sequence.id, "its parameter sets do not belong together")
    return Coding(sequence_unit, picture_unit, picture_id, sequence.frame_num_bits, sequence.macroblocks)


def parse_sequence(unit: bytes) -> Sequence:
    """Read a sequence parameter set (7.3.2.1.1) up to its frame size. Raises CodedStreamError."""
    reader = BitReader(unprotected(unit[_HEADER_BYTES:]))
    profile = reader.bits(8)
    reader.bits(16)  # constraint flags and level
    identity = reader.unsigned()
    if profile in _PROFILES_WITH_CHROMA_FORMAT:
        _expect(reader.unsigned() == 1, "its chroma format is not 4:2:0")
        _expect(reader.unsigned() == 0 and reader.unsigned() == 0, "its samples have more than 8 bits")
        _expect(not reader.flag(), "it bypasses the transform")
        _expect(not reader.flag(), "it has scaling matrices")
    frame_num_bits = reader.unsigned() + 4
    _expect(frame_num_bits <= 16, "its frame numbers are too wide")
    _expect(reader.unsigned() == 2, "its picture order count is not of type 2")
    _expect(reader.unsigned() == 1, "it does not have exactly one reference frame")
    _expect(not reader.flag(), "it allows gaps in frame numbers")
    macroblocks = (reader.unsigned() + 1) * (reader.unsigned() + 1)
    # Annex A.3: no level allows more macroblocks in a frame than 6.2, which has 139,264.
    _expect(macroblocks <= 139_264, "its frame is larger than any level allows")
    _expect(reader.flag(), "it is interlaced")
    return Sequence(identity, frame_num_bits, macroblocks)


def _parse_picture(unit: bytes) -> tuple[int, int]:
    """Read a picture parameter set (7.3.2.2): its id and that of its sequence. Raises CodedStreamError."""
    reader = BitReader(unprotected(unit[_HEADER_BYTES:]))
    identity = reader.unsigned()
    sequence_id = reader.unsigned()
    _expect(not reader.flag(), "it is coded with CABAC")
    _expect(not reader.flag(), "its slices hold picture order counts")
    _expect(reader.unsigned() == 0, "it has several slice groups")
    _expect(reader.unsigned() == 0, "it refers to more than one frame")
    reader.unsigned()  # the same for bidirectional slices, of which there are none
    _expect(not reader.flag(), "it weights its predictions")
    reader.bits(2)  # weighting of bidirectional slices
    reader.signed()  # initial quantiser, which a slice without residual does not use
    reader.signed()
    reader.signed()
    _expect(reader.flag(), "its deblocking filter cannot be switched off in a slice")
    reader.flag()  # constrained intra prediction
    _expect(not reader.flag(), "its slices may be redundant")
    return identity, sequence_id


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, not a choice
    if not holds:
        raise CodedStreamError(f"a coded picture cannot be repeated by skipped slices: {otherwise}")
