"""Bytes of MP3 or of Opus in Ogg, in portions of any size → frames of sound, without what their encoders added to it.

A stream may hold several recordings, one after another, each of an encoder of its own: of each, its delay is taken off,
and of its padding what it says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipeline.codecs.frames import audio_context, part_of_frame
from pipeline.codecs.mpeg import DECODER_DELAY, NO_NOTE, EncoderNote
from pipeline.codecs.mpeg_reading import Beginning, MpegReader
from pipeline.codecs.ogg import OggPages
from pipeline.errors import RemoteProtocolError

if TYPE_CHECKING:
    from av import AudioFrame


class Mp3Stream:
    """Streams of layer III have no first frame that notes the delay; files do."""

    def __init__(self) -> None:
        self._reader = MpegReader()
        self._recording = _Mp3Recording(NO_NOTE)
        self._has_sound = False

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        for part in self._reader.feed(block):
            if isinstance(part, Beginning):
                yield from self._ended()
                self._recording = _Mp3Recording(part.note)
            else:
                yield from self._recording.feed(part.data)

    def finish(self) -> Iterator[AudioFrame]:
        """Yield what was held back. Raises RemoteProtocolError when none of it was MP3."""
        yield from self._recording.feed(self._reader.rest())
        yield from self._ended()
        if not self._has_sound:
            raise RemoteProtocolError("the speech that came is no MP3: ask for another --output-format")

    def _ended(self) -> Iterator[AudioFrame]:
        yield from self._recording.finish()
        self._has_sound |= self._recording.has_sound


class _Mp3Recording:
    """What one encoder made."""

    def __init__(self, note: EncoderNote) -> None:
        self.has_sound = False
        self._context = audio_context("mp3float", "r")
        self._skip = note.delay + DECODER_DELAY
        self._left = note.samples

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        if block:
            yield from self._frames(block)

    def finish(self) -> Iterator[AudioFrame]:
        """Yield what was held back."""
        return self._frames(b"")

    def _frames(self, block: bytes) -> Iterator[AudioFrame]:
        import av

        # Bytes that are cut anywhere go through a parser, which hands out whole frames; nothing empties it.
        for packet in self._context.parse(block or None):
            try:
                decoded = self._context.decode(packet)
            except av.error.InvalidDataError:
                if block and self.has_sound:
                    raise
                continue  # junk before the first frame, or a last one that was cut short
            for frame in decoded:
                self.has_sound = True
                yield from self._trimmed(frame)

    def _trimmed(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        skipped = min(self._skip, frame.samples)
        self._skip -= skipped
        kept = frame.samples - skipped
        kept = kept if self._left is None else min(kept, self._left)
        if part := part_of_frame(frame, skipped, skipped + kept):
            self._left = self._left if self._left is None else self._left - kept
            yield part


class OggOpusStream:
    """Opus in Ogg (RFC 7845), links of a chain too: the decoder takes off the pre-skip, the last page's time the padding."""

    def __init__(self) -> None:
        self._pages = OggPages()
        self._context = audio_context("opus", "r")
        self._has_head = self._has_tags = False
        self._pre_skip = 0
        self._given = 0

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        import av

        for packet in self._pages.feed(block):
            if packet.payload[:8] == b"OpusHead" or not self._has_head:
                self._begin(packet.payload)
                continue
            if not self._has_tags:
                self._has_tags = _expected(packet.payload, b"OpusTags")
                continue
            end = None if packet.end_granule is None else packet.end_granule - self._pre_skip
            for frame in self._context.decode(av.Packet(packet.payload)):
                kept = frame.samples if end is None else min(frame.samples, end - self._given)
                if part := part_of_frame(frame, 0, kept):
                    self._given += part.samples
                    yield part

    def finish(self) -> Iterable[AudioFrame]:
        """Give nothing more: no sample is held back."""
        return ()

    def _begin(self, head: bytes) -> None:
        """Begin a recording by its identification header (RFC 7845 5.1)."""
        self._has_head, self._has_tags = _expected(head, b"OpusHead"), False
        self._context = audio_context("opus", "r")
        self._context.extradata = head
        self._context.sample_rate = 48000
        self._pre_skip, self._given = int.from_bytes(head[10:12], "little"), 0


def _expected(header: bytes, mark: bytes) -> bool:
    """True for a header with this mark. Raises RemoteProtocolError for another."""
    if not header.startswith(mark):
        raise RemoteProtocolError("the speech that came is Ogg without Opus: ask for another --output-format")
    return True
