"""Recordings of Opus in Ogg (RFC 3533, RFC 7845) → one logical stream, page by page."""

from __future__ import annotations

from pipeline.codecs.ogg import HEADER_BYTES, LAST_PAGE
from pipeline.codecs.units import ANEW, Reckoning
from pipeline.errors import RemoteProtocolError

# 20 ms of silence: the full band of CELT, one channel, one frame (RFC 6716 3.1), in which every band is empty.
SILENT_PACKET, SILENT_SAMPLES = bytes.fromhex("f8fffe"), 960
# Samples at 48 kHz of a packet's frames, by the configuration in its first byte (RFC 6716 table 2).
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)


class OggOpusPages:
    """The pages of recordings, numbered and timed as those of the first; the heads of the others are left out."""

    def __init__(self) -> None:
        self.samples = SILENT_SAMPLES
        self.count = self.recorded = 0
        self.delay: int | None = None
        self.first_delay = 0
        self.inserted = 0
        self._reckoning = Reckoning()
        self._beginnings: list[int] = []
        self._serial = b"\0\0\0\0"
        self._number = 0
        self._buffer = bytearray()
        self._heads: list[bytes] = []
        self._has_head = False
        # The last page of a recording, until it is known whether it is the last of all.
        self._last: bytes | None = None
        self._start = 0

    def begin(self) -> None:
        """Begin with a further recording."""
        self._buffer, self._heads, self.delay = bytearray(), [], None
        self._reckoning, self._beginnings = Reckoning(), []
        self.recorded = self.inserted = 0

    def split(self, audio: bytes) -> list[bytes]:
        """Give the pages of sound that are whole."""
        self._buffer += audio
        pages: list[bytes] = []
        while page := self._page():
            if page[HEADER_BYTES + page[26] :].startswith((b"OpusHead", b"OpusTags")):
                pages += self._begun(page)
            else:
                pages.append(page)
                end = int.from_bytes(page[6:14], "little") if page[5] & LAST_PAGE else None
                self._reckoning.add(sum(map(packet_samples, _packets(page))), end)
        self.recorded = self._reckoning.recorded
        return pages

    def rest(self) -> list[bytes]:
        """Leave out a page that was cut short: no player can use it."""
        self._buffer.clear()
        self.delay = self.delay or 0
        return []

    def head(self) -> bytes:
        """Give the heads of the first recording; and begin another where the one before it ended."""
        if self._has_head:
            given = self._released()
            self._start = self.count
            return given
        self._has_head = True
        self.first_delay = self.delay or 0
        self._serial = self._heads[0][14:18] if self._heads else self._serial
        return b"".join(self._written(page, 0, page[5]) for page in self._heads)

    def silence(self, number: int) -> bytes:
        """Place silent packets, each in a page of its own."""
        given = b""
        head = b"OggS\0\0" + bytes(20) + bytes([1, len(SILENT_PACKET)])
        for _ in range(number):
            self.count += SILENT_SAMPLES
            given += self._written(head + SILENT_PACKET, self.count, 0)
        self._start = self.count
        return given

    def placed(self, unit: bytes) -> bytes:
        """Number and time a page of sound; one that is the last of its recording is held back."""
        given = self._released()
        if unit == ANEW:
            self._start, self.inserted = self.count, self._beginnings.pop(0)
            return given
        self.count += sum(map(packet_samples, _packets(unit)))
        if unit[5] & LAST_PAGE:
            self._last = unit
            return given
        return given + self._written(unit, self.count, unit[5])

    def finish(self) -> bytes:
        """Give the last page: its time says where the sound ends inside it."""
        if self._last is None:
            return b""
        last, self._last = self._last, None
        granule = int.from_bytes(last[6:14], "little")
        return self._written(last, min(self.count, self._start + granule), last[5])

    def opening(self) -> bytes:
        """Say nothing: the head is right."""
        return b""

    def _released(self) -> bytes:
        """Give the page that was the last of its recording, now that more follows."""
        if self._last is None:
            return b""
        last, self._last = self._last, None
        return self._written(last, self.count, last[5] & ~LAST_PAGE)

    def _page(self) -> bytes | None:
        data = self._buffer
        if data[:4] != b"OggS"[: len(data)]:
            raise RemoteProtocolError("the speech that came is no Ogg stream: ask for another --output-format")
        if len(data) < HEADER_BYTES or len(data) < HEADER_BYTES + data[26]:
            return None
        start = HEADER_BYTES + data[26]
        length = start + sum(data[HEADER_BYTES:start])
        if len(data) < length:
            return None
        page = bytes(data[:length])
        del data[:length]
        return page

    def _begun(self, page: bytes) -> list[bytes]:
        """Keep the heads of the recording; of an encoder that began anew inside it, only note where."""
        payload = page[HEADER_BYTES + page[26] :]
        if payload.startswith(b"OpusTags"):
            if len(self._heads) == 1:
                self._heads.append(page)
            return []
        delay = int.from_bytes(payload[10:12], "little")
        if self._heads:
            self._beginnings.append(self._reckoning.begin_anew(delay))
            return [ANEW]
        self._heads.append(page)
        self.delay = delay
        return []

    def _written(self, page: bytes, granule: int, flags: int) -> bytes:
        """Write a page anew: its flags, time, stream and number, and the checksum of it all."""
        head = page[:5] + bytes([flags]) + granule.to_bytes(8, "little") + self._serial
        head += self._number.to_bytes(4, "little")
        self._number += 1
        if page[:22] == head:
            return page
        checksum = crc(head + bytes(4) + page[26:])
        return head + checksum.to_bytes(4, "little") + page[26:]


def packet_samples(packet: bytes) -> int:
    """How many samples at 48 kHz a packet of Opus decodes to (RFC 6716 3.1)."""
    if not packet:
        return 0
    config = packet[0] >> 3
    lengths = _SILK if config < 12 else _HYBRID if config < 16 else _CELT
    length = lengths[config % len(lengths)]
    code = packet[0] & 3
    frames = (packet[1] & 63 if len(packet) > 1 else 0) if code == 3 else (1, 2, 2)[code]
    return frames * length


def _packets(page: bytes) -> list[bytes]:
    """The packets that begin in a page, of one that goes on in the next its first part."""
    start = HEADER_BYTES + page[26]
    packets, begun, at = [], b"", start
    goes_on = bool(page[5] & 1)
    for size in page[HEADER_BYTES:start]:
        begun += page[at : at + size]
        at += size
        if size < 255:
            if not goes_on:
                packets.append(begun)
            begun, goes_on = b"", False
    if begun and not goes_on:
        packets.append(begun)
    return packets


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        row = byte << 24
        for _ in range(8):
            row = (row << 1) ^ (0x04C11DB7 if row & 0x80000000 else 0)
        rows.append(row & 0xFFFFFFFF)
    return tuple(rows)


_TABLE = _table()


def crc(page: bytes) -> int:
    """The checksum of an Ogg page (RFC 3533 6): CRC-32 by 0x04c11db7, from 0, not reflected."""
    value = 0
    for byte in page:
        value = (value << 8) & 0xFFFFFFFF ^ _TABLE[(value >> 24) ^ byte]
    return value
