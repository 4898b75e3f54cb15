"""Recordings of MPEG audio layer III → one, frame by frame, headed by a note of the delay that players take off.

The note is the frame that LAME writes first (the Xing or Info tag with LAME's extension): without it a player plays
the encoder's and the decoder's delay, 25 ms at 44.1 kHz, as silence before the first sound.
"""

from __future__ import annotations

from pipeline.codecs.mpeg import DECODER_DELAY, ENCODER_DELAY, NO_NOTE, EncoderNote, read_header
from pipeline.codecs.mpeg_reading import Beginning, MpegReader
from pipeline.codecs.units import ANEW, Reckoning
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
        self.inserted = 0
        self._reader = MpegReader()
        self._reckoning = Reckoning()
        self._end: int | None = None
        self._beginnings: list[int] = []
        self._pattern = b""
        self._frames = self._bytes = 0
        self._has_head = False

    def begin(self) -> None:
        """Begin with a further recording."""
        self._reader, self._reckoning, self._beginnings = MpegReader(), Reckoning(), []
        self.delay, self._end = None, None
        self.recorded = self.inserted = 0

    def split(self, audio: bytes) -> list[bytes]:
        """Give the frames that are whole."""
        frames: list[bytes] = []
        for part in self._reader.feed(audio):
            if isinstance(part, Beginning):
                frames += self._begun(part)
            elif part.header:
                if self.delay is None:
                    self._begin_sound(part.data, NO_NOTE)
                frames.append(part.data)
                self._reckoning.add(part.header.samples, self._end)
        self.recorded = self._reckoning.recorded
        return frames

    def rest(self) -> list[bytes]:
        """Leave out a frame that was cut short: no player can use it."""
        self._reader = MpegReader()
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
        if unit == ANEW:
            self.inserted = self._beginnings.pop(0)
            return b""
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

    def _begun(self, beginning: Beginning) -> list[bytes]:
        """Note where an encoder began: the recording's first, which only its note tells of, or another inside it."""
        delay = beginning.note.delay + DECODER_DELAY
        if self.delay is not None:
            self._end = _end(beginning.note)
            self._beginnings.append(self._reckoning.begin_anew(delay))
            return [ANEW]
        if beginning.frame:
            self._begin_sound(beginning.frame, beginning.note)
        return []

    def _begin_sound(self, frame: bytes, note: EncoderNote) -> None:
        """Take a recording's delay, and how its frames are, from the first of them."""
        header = read_header(frame)
        assert header is not None
        self.delay, self._end = note.delay + DECODER_DELAY, _end(note)
        self.samples = header.samples
        if not self._pattern:
            self._pattern = _silent(frame)

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


def _end(note: EncoderNote) -> int | None:
    """How many samples a decoder makes until the sound is over that this note tells of, where it does."""
    return None if note.samples is None else note.delay + DECODER_DELAY + note.samples


def _silent(frame: bytes) -> bytes:
    """Make a frame of silence that fits another's stream: its header without padding and checksum, then zeros."""
    head = bytes([frame[0], frame[1] | 1, frame[2] & 0xFD, frame[3]])
    header = read_header(head)
    assert header is not None
    return head + bytes(header.length - 4)
