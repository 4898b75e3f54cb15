"""Bits, Exp-Golomb codes and emulation prevention: what is written is what is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stills.bitstream import (
    BitReader,
    BitWriter,
    CodedStreamError,
    nal_spans,
    protected,
    unprotected,
)

# Zeros and small numbers are where start codes could be mistaken for something else.
PAYLOADS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 0x80, 0xFF]), max_size=40).map(bytes)


@given(st.lists(st.integers(0, 2**32 - 2), max_size=20))
def test_unsigned_codes_come_back(numbers: list[int]) -> None:
    """A row of ue(v) codes reads as the numbers that were written."""
    writer = BitWriter()
    for number in numbers:
        writer.unsigned(number)
    reader = BitReader(writer.payload())
    assert [reader.unsigned() for _ in numbers] == numbers


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=20))
def test_signed_codes_come_back(numbers: list[int]) -> None:
    """A row of se(v) codes reads as the numbers that were written."""
    writer = BitWriter()
    for number in numbers:
        writer.signed(number)
    reader = BitReader(writer.payload())
    assert [reader.signed() for _ in numbers] == numbers


@pytest.mark.parametrize(("number", "bits"), [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (8, "0001001")])
def test_codes_are_those_of_the_standard(number: int, bits: str) -> None:
    """The codes of ITU-T H.264 table 9-2."""
    writer = BitWriter()
    writer.unsigned(number)
    padded = bits + "0" * (-len(bits) % 8)
    assert "".join(f"{byte:08b}" for byte in writer.payload()) == padded


@given(PAYLOADS)
def test_protection_is_undone(payload: bytes) -> None:
    """Emulation prevention bytes are put in and taken out again without a trace."""
    assert unprotected(protected(payload)) == payload


@given(PAYLOADS)
def test_protected_payload_holds_no_start_code(payload: bytes) -> None:
    """Nothing in a protected payload could be taken for a start code or its beginning."""
    guarded = protected(payload)
    assert not any(guarded[at : at + 3] in (b"\0\0\0", b"\0\0\1", b"\0\0\2") for at in range(len(guarded)))
    assert not guarded.endswith(b"\0\0")


@given(st.lists(PAYLOADS.map(lambda payload: b"\x65" + protected(payload) + b"\x80"), max_size=8))
def test_units_of_a_stream_are_found(units: list[bytes]) -> None:
    """Every NAL unit is found whole, whatever the length of the start codes between them."""
    stream = b"".join((b"\0\0\1" if number % 2 else b"\0\0\0\1") + unit for number, unit in enumerate(units))
    assert [stream[start:end] for start, end in nal_spans(stream)] == units


@given(st.binary(max_size=12))
def test_reading_past_the_end_is_an_error(payload: bytes) -> None:
    """A payload that ends too early raises, it never reads on."""
    reader = BitReader(payload)
    reader.bits(8 * len(payload))
    with pytest.raises(CodedStreamError):
        reader.bits(1)
