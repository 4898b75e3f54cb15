"""Bytes of MPEG audio layer III, in portions of any size → its frames, and where an encoder began anew between them.

An encoder that begins anew is told by the note that it writes first, or by a tag (as a file begins or ends with) and a
frame after it that needs none before it. Where there is neither, nothing tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.codecs.mpeg import (
    ID3_HEADER_BYTES,
    NO_NOTE,
    EncoderNote,
    FrameHeader,
    id3_length,
    needs_no_frame_before,
    read_header,
    read_note,
)

# The tag that files of old end with (id3.org, ID3v1).
LAST_TAG, LAST_TAG_BYTES = b"TAG", 128
# What a frame or a tag begins with where it follows something strange.
_START = re.compile(rb"\xff[\xe0-\xff]|ID3")


@dataclass(frozen=True, slots=True)
class Beginning:
    """Here an encoder began; `frame` is the one that noted it, empty where none did."""

    note: EncoderNote
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """A frame with its header, or bytes that are none (no header)."""

    data: bytes
    header: FrameHeader | None


class MpegReader:
    """Tags and notes are left out of what it gives; everything else comes out, byte for byte."""

    def __init__(self) -> None:
        self._buffer = b""
        self._to_skip = 0
        self._after_tag = False

    def feed(self, block: bytes) -> Iterator[Beginning | Part]:
        """Yield what is whole by now."""
        self._buffer += block
        at = 0
        while (length := self._length(at)) and at + length <= len(self._buffer):
            data = self._buffer[at : at + length]
            at += length
            yield from self._told(data)
        self._buffer = self._buffer[at:]

    def rest(self) -> bytes:
        """Give the bytes of a frame that was cut short."""
        rest, self._buffer = self._buffer, b""
        return b"" if self._to_skip else rest

    def _length(self, at: int) -> int:
        """How long what begins here is; 0 where more must come before that is known."""
        left = len(self._buffer) - at
        if self._to_skip:
            return min(left, self._to_skip)
        if left < ID3_HEADER_BYTES:
            return 0
        start = self._buffer[at : at + ID3_HEADER_BYTES]
        if tag := LAST_TAG_BYTES if start.startswith(LAST_TAG) else id3_length(start):
            self._to_skip = tag
            return min(left, tag)
        header = read_header(start)
        return header.length if header else self._strange(at)

    def _strange(self, at: int) -> int:
        """How many bytes from here on are none of a frame or tag, as far as they came."""
        end = len(self._buffer) - ID3_HEADER_BYTES + 1
        for found in _START.finditer(self._buffer, at + 1, end + 2):
            start = self._buffer[found.start() : found.start() + ID3_HEADER_BYTES]
            if found.start() < end and (id3_length(start) or read_header(start)):
                return found.start() - at
        return end - at

    def _told(self, data: bytes) -> Iterator[Beginning | Part]:
        if self._to_skip:
            self._to_skip -= len(data)
            self._after_tag = True
            return
        header = read_header(data)
        note = read_note(data, header) if header else None
        if note:
            yield Beginning(note, data)
        elif self._after_tag and header and needs_no_frame_before(data, header):
            yield Beginning(NO_NOTE)
        if header:
            self._after_tag = False
        if not note:
            yield Part(data, header)
