"""Recordings of MPEG audio layer III → one, frame by frame, headed by a note of the delay that players take off.

The note is the frame that LAME writes first (the Xing or Info tag with LAME's extension): without it a player plays
the encoder's and the decoder's delay, 25 ms at 44.1 kHz, as silence before the first sound.
"""

from __future__ import annotations

from pipeline.codecs.mpeg import (
    DECODER_DELAY,
    ENCODER_DELAY,
    ID3_HEADER_BYTES,
    FrameHeader,
    id3_length,
    read_header,
    read_note,
)
from pipeline.errors import RemoteProtocolError

# What the note says of a length that nobody knows yet.
_UNKNOWN = 0xFFFFFFFF


class MpegFrames:
    """The frames of recordings, none changed; the notes and tags that each begins with are left out."""

    def __init__(self) -> None:
        self.samples = 1152
        self.count = self.recorded = 0
        self.delay: int | None = None
        self.first_delay = ENCODER_DELAY + DECODER_DELAY
        self._buffer = b""
        self._is_begun = False
        self._pattern = b""
        self._frames = self._bytes = 0
        self._has_head = False

    def begin(self) -> None:
        """Begin with a further recording."""
        self._buffer, self._is_begun, self.delay = b"", False, None
        self.recorded = 0

    def split(self, audio: bytes) -> list[bytes]:
        """Give the frames that are whole."""
        self._buffer += audio
        if not self._is_begun and not self._begin_sound():
            return []
        frames, at = [], 0
        while header := self._header(at):
            if len(self._buffer) < at + header.length:
                break
            frames.append(self._buffer[at : at + header.length])
            at += header.length
        self._buffer = self._buffer[at:]
        self.recorded += len(frames) * self.samples
        return frames

    def rest(self) -> list[bytes]:
        """Leave out a frame that was cut short: no player can use it."""
        self._buffer = b""
        if self.delay is None:
            raise RemoteProtocolError("the speech that came is no MP3: ask for another --output-format")
        return []

    def head(self) -> bytes:
        """Make the note, once: how long everything is, it does not say."""
        if self._has_head or not self._pattern:
            return b""
        self._has_head = True
        self.first_delay = self.delay or self.first_delay
        return self._note()

    def silence(self, number: int) -> bytes:
        """A frame without any bits for sound: its side information is all zeros."""
        return self._placed(self._pattern, number) if self._pattern else b""

    def placed(self, unit: bytes) -> bytes:
        """Count a frame."""
        return self._placed(unit, 1)

    def finish(self) -> bytes:
        """Nothing ends a stream of frames."""
        return b""

    def opening(self) -> bytes:
        """Make the note with the number of frames and bytes."""
        return self._note(self._frames, self._bytes) if self._has_head else b""

    def _placed(self, frame: bytes, number: int) -> bytes:
        self._frames += number
        self._bytes += number * len(frame)
        self.count += number * self.samples
        return frame * number

    def _begin_sound(self) -> bool:
        """Go past a tag and a note; tell whether the first frame of sound is there."""
        start = id3_length(self._buffer)
        if len(self._buffer) < max(start, ID3_HEADER_BYTES) + 4:
            return False
        self._buffer = self._buffer[start:]
        header = self._header(0)
        if header is None or len(self._buffer) < header.length:
            return False
        note = read_note(self._buffer[: header.length], header)
        self.delay = (ENCODER_DELAY if note is None else note.delay) + DECODER_DELAY
        self.samples = header.samples
        if not self._pattern:
            self._pattern = _silent(self._buffer)
        if note is not None:
            self._buffer = self._buffer[header.length :]
        self._is_begun = True
        return True

    def _header(self, at: int) -> FrameHeader | None:
        """Read the header of the next frame, past what is none."""
        header = read_header(self._buffer[at : at + 4])
        if header is not None or len(self._buffer) < at + 4:
            return header
        following = next((n for n in range(at + 1, len(self._buffer) - 3) if read_header(self._buffer[n : n + 4])), 0)
        self._buffer = self._buffer[:at] + self._buffer[following or len(self._buffer) - 3 :]
        return read_header(self._buffer[at : at + 4])

    def _note(self, frames: int | None = None, length: int = _UNKNOWN) -> bytes:
        """Write a frame without sound that states the delay, how many frames follow, if known, and how many bytes.

        A demuxer that finds neither number takes the note for sound; so a length that is not known is the greatest.
        """
        header = read_header(self._pattern)
        assert header is not None
        length = min(length + header.length, _UNKNOWN)
        counted = (2).to_bytes(4, "big") if frames is None else (3).to_bytes(4, "big") + frames.to_bytes(4, "big")
        # Version, method, low-pass, gains, flags, bit rate; then the delay and no padding, in twelve bits each.
        encoder = min(4095, max(0, self.first_delay - DECODER_DELAY))
        tag = b"Info" + counted + length.to_bytes(4, "big") + b"LAME".ljust(9, b"\0") + bytes(12)
        start = 4 + header.side_bytes
        whole = self._pattern[:start] + tag + (encoder << 12).to_bytes(3, "big") + bytes(header.length)
        return whole[: header.length]


def _silent(frame: bytes) -> bytes:
    """Make a frame of silence that fits another's stream: its header without padding and checksum, then zeros."""
    head = bytes([frame[0], frame[1] | 1, frame[2] & 0xFD, frame[3]])
    header = read_header(head)
    assert header is not None
    return head + bytes(header.length - 4)
