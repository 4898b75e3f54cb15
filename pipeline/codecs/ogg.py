"""Ogg pages as they arrive (RFC 3533) → packets, each with the time that its page states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import RemoteProtocolError

HEADER_BYTES = 27
FIRST_PAGE, LAST_PAGE = 0x02, 0x04


@dataclass(frozen=True, slots=True)
class OggPacket:
    """A packet; `end_granule` is the stream's length in samples, on the packets of its last page only."""

    payload: bytes
    end_granule: int | None = None


class OggPages:
    """Takes bytes in any portions, gives whole packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = bytearray()

    def feed(self, block: bytes) -> Iterator[OggPacket]:
        """Yield the packets that are whole by now. Raises RemoteProtocolError where a page should start and none does."""
        self._buffer += block
        while (page := self._take_page()) is not None:
            yield from page

    def _take_page(self) -> list[OggPacket] | None:
        head = self._buffer
        if head[:4] != b"OggS"[: len(head)]:
            raise RemoteProtocolError("the speech that came is no Ogg stream: ask for another --output-format")
        if len(head) < HEADER_BYTES or len(head) < HEADER_BYTES + head[26]:
            return None
        sizes = bytes(head[HEADER_BYTES : HEADER_BYTES + head[26]])
        start = HEADER_BYTES + len(sizes)
        if len(head) < start + sum(sizes):
            return None
        granule = int.from_bytes(head[6:14], "little") if head[5] & LAST_PAGE else None
        if head[5] & FIRST_PAGE:
            # A logical stream of its own: what the one before left unfinished goes on nowhere.
            self._begun.clear()
        packets = []
        for size in sizes:
            self._begun += head[start : start + size]
            start += size
            if size < 255:  # a piece of 255 bytes says that the packet goes on
                packets.append(OggPacket(bytes(self._begun), granule))
                self._begun.clear()
        del self._buffer[:start]
        return packets
