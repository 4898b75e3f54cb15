"""One coded picture → the slices that repeat it (ITU-T H.264, 7.3.3, 7.3.4 and 8.4.1.1).

A P slice in which every macroblock is skipped shows the frame before it again: the motion vector that is inferred
for a skipped macroblock is zero where its neighbours are absent or at rest, which holds for all of them in turn.
"""

from __future__ import annotations

from pipeline.stills.bitstream import START_CODE, BitReader, BitWriter, CodedStreamError, protected, unprotected
from pipeline.stills.parameters import Coding

IDR = 5
# nal_ref_idc 2 and nal_unit_type 1: a slice of a reference picture that is no IDR picture. With picture order count
# type 2 no two pictures in a row may be unused for reference (7.4.2.1.1), so every repeat is one.
_REPEAT_HEADER = b"\x41"
_P_SLICE = 5
_I_SLICES = (2, 7)
# More than the fields up to idr_pic_id can take, which are five and of at most 65 bits.
_LONGEST_START = 64


def skipped_slice(coding: Coding, frame_num: int) -> bytes:
    """Return the NAL unit, without start code, that shows the previous frame again.

    `frame_num` counts the pictures since the last IDR picture, modulo 2 to the power of `coding.frame_num_bits`.
    """
    writer = BitWriter()
    writer.unsigned(0)  # first_mb_in_slice
    writer.unsigned(_P_SLICE)  # slice_type: P, as all slices of this picture
    writer.unsigned(coding.picture_id)
    writer.bits(frame_num, coding.frame_num_bits)
    writer.bits(0, 1)  # num_ref_idx_active_override_flag
    writer.bits(0, 1)  # ref_pic_list_modification_flag_l0
    writer.bits(0, 1)  # adaptive_ref_pic_marking_mode_flag: the oldest frame makes room
    writer.signed(0)  # slice_qp_delta
    writer.unsigned(1)  # disable_deblocking_filter_idc: off, nothing has changed
    writer.unsigned(coding.macroblocks)  # mb_skip_run
    writer.end()
    return _REPEAT_HEADER + protected(writer.payload())


def repeats(coding: Coding) -> tuple[bytes, ...]:
    """Return every access unit (with its start code) that a repeat can be, by its frame number."""
    return tuple(START_CODE + skipped_slice(coding, number) for number in range(1 << coding.frame_num_bits))


def picture_id(slice_unit: bytes, coding: Coding) -> int:
    """Read the `idr_pic_id` of an IDR slice (7.3.3).

    Raises CodedStreamError where the slice is not the only one of its picture, or not intra coded.
    """
    return _read_start(BitReader(unprotected(slice_unit[1:_LONGEST_START])), coding)[2]


def with_picture_id(slice_unit: bytes, coding: Coding, new_id: int) -> bytes:
    """Return an IDR slice with another `idr_pic_id`, all other bits as they were. Raises as `picture_id` does."""
    reader = BitReader(unprotected(slice_unit[1:]))
    kind, frame_num, _ = _read_start(reader, coding)
    writer = BitWriter()
    writer.unsigned(0)
    writer.unsigned(kind)
    writer.unsigned(coding.picture_id)
    writer.bits(frame_num, coding.frame_num_bits)
    writer.unsigned(new_id)
    writer.bits(*reader.rest())
    # The stop bit, the last that is set, may have moved to another byte: after its byte nothing follows.
    return slice_unit[:1] + protected(writer.payload().rstrip(b"\x00"))


def _read_start(reader: BitReader, coding: Coding) -> tuple[int, int, int]:
    """Read a slice's header up to its `idr_pic_id`: slice type, frame number, id."""
    if reader.unsigned() != 0:
        raise CodedStreamError("a coded picture cannot be repeated by skipped slices: it has several slices")
    kind = reader.unsigned()
    if kind not in _I_SLICES or reader.unsigned() != coding.picture_id:
        raise CodedStreamError("a coded picture cannot be repeated by skipped slices: it is not intra coded")
    return kind, reader.bits(coding.frame_num_bits), reader.unsigned()
