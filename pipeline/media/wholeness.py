"""The outermost parts of a media file → in which order they lie, and whether its end is missing.

Only what the parts say of their own length is read: boxes of MP4 and QuickTime, elements of Matroska and WebM.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Elements by their ids (RFC 9559, 5.1).
_EBML_HEADER, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
# Boxes without which pictures or sound are missing; what some cameras append behind them may be anything.
_NEEDED = frozenset({b"moov", b"mdat", b"moof"})
# More parts than an hour of clusters of a tenth of a second: what has more is not looked through to its end.
_MOST_PARTS = 100_000


def has_index_first(path: str) -> bool:
    """Tell whether `moov` comes before `mdat` among the outermost boxes (ISO/IEC 14496-12, 4.2)."""
    with Path(path).open("rb") as file:
        kinds = (kind for kind, _ in _boxes(file))
        return next((kind for kind in kinds if kind in {b"moov", b"mdat"}), b"") == b"moov"


def is_truncated(path: str) -> bool:
    """Tell whether an MP4, QuickTime, Matroska or WebM file ends before its own parts say; of others False."""
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(8)
        file.seek(0)
        if int.from_bytes(head[:4], "big") == _EBML_HEADER:
            return any(end > size and element in {_SEGMENT, _CLUSTER} for element, end in _elements(file))
        if head[4:] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
            return any(end > size and kind in _NEEDED for kind, end in _boxes(file))
    return False


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and end of each outermost box, until one whose length is none or goes to the file's end, or past it."""
    start, file_end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MOST_PARTS):
        if start > file_end:
            return
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        least = 8
        if size == 1:
            size, least = int.from_bytes(file.read(8), "big"), 16
        if size < least:
            yield kind, start
            return
        start += size
        yield kind, start


def _elements(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Id and end of each outermost element; of a segment of unknown length, as live streams have, of the parts in it."""
    for _ in range(_MOST_PARTS):
        element, length = _number(file, keeps_marker=True), _number(file, keeps_marker=False)
        if element is None or length is None:
            return
        if length < 0:
            if element != _SEGMENT:
                return
            continue
        yield element, file.seek(length, os.SEEK_CUR)


def _number(file: BinaryIO, *, keeps_marker: bool) -> int | None:
    """Read a number of variable length (RFC 8794, 4): None where there is none, -1 where all its bits are set."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    if len(rest) < more:
        return None
    number = int.from_bytes(first + rest, "big")
    if keeps_marker:
        return number
    mask = (1 << 7 * (more + 1)) - 1
    return -1 if number & mask == mask else number & mask
