"""Bytes of a coded stream ↔ bits, Exp-Golomb codes, NAL units (ITU-T H.264, 7.2, 7.3.1, 9.1 and annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from pipeline.errors import PipelineError

START_CODE = b"\x00\x00\x00\x01"
# 7.4.1.1: inside a NAL unit, two zero bytes are followed by 3 before anything up to 3, and before the end.
_NEEDS_PREVENTION = re.compile(rb"\x00\x00(?=[\x00-\x03]|\Z)")
# 32 leading zeros start a code of 65 bits, the longest that a syntax element of the standard may have.
_MOST_LEADING_ZEROS = 32


class CodedStreamError(PipelineError):
    """A coded stream is not what was asked of the encoder; the picture has to be made in another way."""


class Searchable(Protocol):
    """Bytes that can be searched and sliced without being held in memory: `bytes`, or a file mapped to memory."""

    def find(self, sub: bytes, start: int, /) -> int:
        """Return the position of `sub` from `start` on, -1 where there is none."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...


class BitReader:
    """Reads bits from the front of a payload (an RBSP), the most significant bit of a byte first."""

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload, "big")
        self._length = 8 * len(payload)
        self.position = 0

    def bits(self, count: int) -> int:
        """Read an unsigned number of `count` bits, u(n). Raises CodedStreamError at the payload's end."""
        end = self.position + count
        if end > self._length:
            raise CodedStreamError("a coded video ended inside one of its headers")
        self.position = end
        return (self._value >> (self._length - end)) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Read one bit."""
        return self.bits(1) == 1

    def unsigned(self) -> int:
        """Read an unsigned Exp-Golomb code, ue(v) (9.1)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _MOST_LEADING_ZEROS:
                raise CodedStreamError("a coded video holds a number that is too long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """Read a signed Exp-Golomb code, se(v) (9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def rest(self) -> tuple[int, int]:
        """Take the bits not read yet: as one number, and how many they are."""
        count = self._length - self.position
        return self._value & ((1 << count) - 1), count


class BitWriter:
    """Writes bits, the most significant bit of a byte first."""

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def bits(self, value: int, count: int) -> None:
        """Write `value` as `count` bits, u(n)."""
        self._value = (self._value << count) | value
        self._length += count

    def unsigned(self, value: int) -> None:
        """Write an unsigned Exp-Golomb code, ue(v)."""
        length = (value + 1).bit_length()
        self.bits(value + 1, 2 * length - 1)

    def signed(self, value: int) -> None:
        """Write a signed Exp-Golomb code, se(v)."""
        self.unsigned(2 * value - 1 if value > 0 else -2 * value)

    def end(self) -> None:
        """Write the stop bit, after which a payload's last byte is filled up with zeros (7.3.2.11)."""
        self.bits(1, 1)

    def payload(self) -> bytes:
        """Return what was written, its last byte filled up with zeros."""
        filling = -self._length % 8
        return (self._value << filling).to_bytes((self._length + filling) // 8, "big")


def protected(payload: bytes) -> bytes:
    """Put in the bytes that keep a payload from looking like a start code (7.4.1.1)."""
    return _NEEDS_PREVENTION.sub(b"\x00\x00\x03", payload)


def unprotected(protected_payload: bytes) -> bytes:
    """Take the emulation prevention bytes out again: the payload as it was."""
    return protected_payload.replace(b"\x00\x00\x03", b"\x00\x00")


def nal_type(unit: bytes) -> int:
    """Tell the `nal_unit_type` of a NAL unit (7.4.1, table 7-1)."""
    return unit[0] & 0x1F


def nal_spans(stream: Searchable) -> Iterator[tuple[int, int]]:
    """Find the NAL units of a byte stream (annex B): start and end of each, without its start code.

    Zero bytes before a start code belong to no unit. Nothing but the positions is held.
    """
    code = b"\x00\x00\x01"
    start = stream.find(code, 0)
    while start >= 0:
        start += len(code)
        following = stream.find(code, start)
        end = following if following >= 0 else len(stream)
        while end > start and stream[end - 1 : end] == b"\x00":
            end -= 1
        if end > start:
            yield start, end
        start = following
