"""Coded pictures, one a state → a constant-rate H.264 stream, by skipped slices.

Each picture is encoded once, as an IDR picture, and stays for as many frames as its state lasts: every further frame
is a slice of a dozen bytes that says "as before". A picture that stays long is coded again now and then, so that a
player finds a place to start from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.stills.bitstream import START_CODE, CodedStreamError, Searchable, nal_spans, nal_type
from pipeline.stills.parameters import Coding, parse_coding
from pipeline.stills.slices import IDR, picture_id, repeats, with_picture_id

__all__ = ["CodedPictures", "CodedStreamError", "constant_rate_stream", "find_pictures"]

_SEI, _SEQUENCE, _PICTURE, _DELIMITER = 6, 7, 8, 9


@dataclass(frozen=True, slots=True)
class CodedPictures:
    """Where the pictures of a stream lie (start and end of each one's only slice), and how they are coded."""

    coding: Coding
    spans: tuple[tuple[int, int], ...]


def find_pictures(stream: Searchable) -> CodedPictures:
    """Find the pictures of an annex B stream in which each is one IDR slice.

    Raises CodedStreamError where there is anything that cannot be repeated: other slices, parameter sets that change
    on the way, or ones that `parse_coding` refuses.
    """
    spans: list[tuple[int, int]] = []
    sets: dict[int, bytes] = {}
    for start, end in nal_spans(stream):
        kind = nal_type(stream[start : start + 1])
        if kind == IDR:
            spans.append((start, end))
        elif kind in (_SEQUENCE, _PICTURE):
            unit = stream[start:end]
            if sets.setdefault(kind, unit) != unit:
                raise CodedStreamError("a coded picture cannot be repeated: its parameter sets change on the way")
        elif kind not in (_SEI, _DELIMITER):
            raise CodedStreamError(f"a coded picture cannot be repeated: it has a NAL unit of type {kind}")
    if len(sets) != 2 or not spans:
        raise CodedStreamError("a coded picture cannot be repeated: its parameter sets are missing")
    return CodedPictures(parse_coding(sets[_SEQUENCE], sets[_PICTURE]), tuple(spans))


def constant_rate_stream(
    coding: Coding, pictures: Iterable[tuple[bytes, int]], most_between_keyframes: int
) -> Iterator[bytes]:
    """Yield an annex B stream of frames at a constant rate, in pieces of at most one keyframe and its repeats.

    `pictures` are IDR slices (NAL units) and for how many frames each is seen, at least one; after
    `most_between_keyframes` frames a picture is coded again. Raises CodedStreamError as `picture_id` does.
    """
    again = repeats(coding)
    yield b"".join((START_CODE, coding.sequence_unit, START_CODE, coding.picture_unit))
    before: int | None = None
    for unit, frame_count in pictures:
        for first in range(0, frame_count, most_between_keyframes):
            count = min(most_between_keyframes, frame_count - first)
            number, form = picture_id(unit, coding), unit
            if number == before:  # two IDR pictures in a row must not have the same id (7.4.3)
                number = 1 - number % 2
                form = with_picture_id(unit, coding, number)
            yield b"".join((START_CODE, form, *(again[n % len(again)] for n in range(1, count))))
            before = number if count == 1 else None
