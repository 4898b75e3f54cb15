"""A finished MP4 → the same file, its caption tracks not shown unasked (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

# Flag of `tkhd` (8.3.2): the track is enabled, which players and ffmpeg read as "shown by default".
ENABLED = 1
CAPTION_HANDLERS = frozenset({b"sbtl", b"subt"})


def switch_captions_off(path: str) -> None:
    """Clear the flag that shows a caption track by default, in place.

    Ffmpeg's muxer enables the first track of each kind, whatever its disposition. Raises OSError.
    """
    with Path(path).open("r+b") as file:
        size = file.seek(0, 2)
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = _length_and_kind(head, size - at)
            if kind == b"moov":
                file.seek(at)
                index = file.read(length)
                for flags_at in _enabled_captions(index):
                    file.seek(at + flags_at)
                    file.write(bytes([index[flags_at] & ~ENABLED]))
                return
            at += length


def _length_and_kind(head: bytes, rest: int) -> tuple[int, bytes]:
    """Read the head of a box: its length (0 says: to the end, 1: in the next eight bytes) and its kind."""
    length, kind = struct.unpack(">I4s", head[:8])
    if length == 1 and len(head) >= 16:
        length = int.from_bytes(head[8:16], "big")
    return (length if length >= 8 else rest), kind


def _boxes(index: bytes, first: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content and end of each box between two places."""
    while first + 8 <= end:
        length, kind = _length_and_kind(index[first : first + 16], end - first)
        yield kind, first + 8, first + length
        first += length


def _enabled_captions(index: bytes) -> Iterator[int]:
    """Yield where the last byte of the flags of each caption track's `tkhd` is."""
    for kind, start, end in _boxes(index, 8, len(index)):
        if kind != b"trak":
            continue
        parts = {name: (first, last) for name, first, last in _boxes(index, start, end)}
        handlers = [first for name, first, _ in _boxes(index, *parts[b"mdia"]) if name == b"hdlr"]
        if any(index[first + 8 : first + 12] in CAPTION_HANDLERS for first in handlers):
            yield parts[b"tkhd"][0] + 3
