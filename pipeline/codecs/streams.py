"""Bytes of one form of sound, in portions of any size → frames, the codec's delay and padding taken off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.codecs.formats import SpeechCodec
from pipeline.codecs.frames import audio_context, frame_of, part_of_frame
from pipeline.codecs.mpeg import DECODER_DELAY, ENCODER_DELAY, ID3_HEADER_BYTES, id3_length, read_header, read_note
from pipeline.codecs.ogg import OggPages
from pipeline.errors import RemoteProtocolError

if TYPE_CHECKING:
    from av import AudioFrame


class Stream(Protocol):
    """Bytes of one form → frames of sound, as they come to be."""

    def feed(self, block: bytes) -> Iterable[AudioFrame]:
        """Take a portion, give the frames that are whole by now."""

    def finish(self) -> Iterable[AudioFrame]:
        """Give what is left when nothing more comes."""


def stream_of(codec: SpeechCodec | Literal["wav"], sample_rate: int) -> Stream:
    """Begin to decode a form. The sample rate is that of bare samples; other forms state their own."""
    if codec == "mp3":
        return Mp3Stream()
    if codec == "opus":
        return OggOpusStream()
    if codec == "wav":
        return WavStream()
    return SampleStream(sample_rate) if codec == "pcm" else CompandedStream(codec, sample_rate)


class SampleStream:
    """16-bit samples; a portion may end in the middle of one."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._odd = b""

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        block = self._odd + block
        whole = len(block) & ~1
        self._odd = block[whole:]
        if whole:
            yield frame_of(block[:whole], self._sample_rate)

    def finish(self) -> Iterable[AudioFrame]:
        """Give nothing more: no sample is held back."""
        return ()


class CompandedStream:
    """Eight bits a sample, by ITU-T G.711."""

    def __init__(self, codec: Literal["ulaw", "alaw"], sample_rate: int) -> None:
        self._context = audio_context({"ulaw": "pcm_mulaw", "alaw": "pcm_alaw"}[codec], "r")
        self._context.sample_rate = sample_rate
        self._context.layout = "mono"

    def feed(self, block: bytes) -> Iterable[AudioFrame]:
        """Give the frames that are whole by now."""
        import av

        return self._context.decode(av.Packet(block)) if block else ()

    def finish(self) -> Iterable[AudioFrame]:
        """Give nothing more: no sample is held back."""
        return ()


class WavStream:
    """A RIFF file as it arrives: its samples, once its header has gone by."""

    def __init__(self) -> None:
        self._head = b""
        self._samples: SampleStream | None = None
        self._left = 0

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        if self._samples is None:
            self._head += block
            start = self._header_end()
            if self._samples is None:
                return
            block, self._head = self._head[start:], b""
        block = block[: self._left]
        self._left -= len(block)
        yield from self._samples.feed(block)

    def finish(self) -> Iterable[AudioFrame]:
        """Give nothing more: no sample is held back."""
        return ()

    def _header_end(self) -> int:
        """Walk the chunks until the samples start. Raises RemoteProtocolError for samples of another kind."""
        at, rate = 12, 0
        while len(self._head) >= at + 8:
            kind, size = self._head[at : at + 4], int.from_bytes(self._head[at + 4 : at + 8], "little")
            if kind == b"data" and rate:
                self._samples = SampleStream(rate)
                # A file that is written as it is sent does not know its length, and says 0 or the largest number.
                self._left = size if 0 < size < 0xFFFFFF00 else 1 << 62
                return at + 8
            if kind == b"fmt " and len(self._head) >= at + 24:
                channels, rate, bits = (
                    int.from_bytes(self._head[at + first : at + end], "little")
                    for first, end in ((10, 12), (12, 16), (22, 24))
                )
                if (channels, bits) != (1, 16) or not rate:
                    raise RemoteProtocolError(f"the speech that came is WAV of {channels} channels and {bits} bits")
            at += 8 + size + size % 2
        return 0


class Mp3Stream:
    """One stream of layer III, without its delay. Streams have no first frame that notes it; files do."""

    def __init__(self) -> None:
        self._context = audio_context("mp3float", "r")
        self._head: bytes | None = b""
        self._skip = ENCODER_DELAY + DECODER_DELAY
        self._left: int | None = None
        self._decoded = False

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        if self._head is not None:
            self._head += block
            start = self._sound_start(self._head)
            if start is None:
                return
            block, self._head = self._head[start:], None
        yield from self._frames(block)

    def finish(self) -> Iterator[AudioFrame]:
        """Yield what was held back. Raises RemoteProtocolError when none of it was MP3."""
        if self._head:
            block, self._head = self._head, None
            yield from self._frames(block)
        yield from self._frames(b"")
        if not self._decoded:
            raise RemoteProtocolError("the speech that came is no MP3: ask for another --output-format")

    def _sound_start(self, head: bytes) -> int | None:
        """Find where sound begins: after a tag, and after a frame that only notes the delay. None: not known yet."""
        start = id3_length(head)
        if len(head) < max(start, ID3_HEADER_BYTES) + 4:
            return None
        header = read_header(head[start:])
        if header is None:
            return start
        if len(head) < start + header.length:
            return None
        note = read_note(head[start : start + header.length], header)
        if note is None:
            return start
        self._skip, self._left = note.delay + DECODER_DELAY, note.samples
        return start + header.length

    def _frames(self, block: bytes) -> Iterator[AudioFrame]:
        import av

        # Bytes that are cut anywhere go through a parser, which hands out whole frames; nothing empties it.
        for packet in self._context.parse(block or None):
            try:
                decoded = self._context.decode(packet)
            except av.error.InvalidDataError:
                if block and self._decoded:
                    raise
                continue  # junk before the first frame, or a last one that was cut short
            for frame in decoded:
                self._decoded = True
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
    """Opus in Ogg (RFC 7845): the decoder takes off the pre-skip, the last page's time the padding."""

    def __init__(self) -> None:
        self._pages = OggPages()
        self._context = audio_context("opus", "r")
        self._headers = 2
        self._pre_skip = 0
        self._given = 0

    def feed(self, block: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are whole by now."""
        import av

        for packet in self._pages.feed(block):
            if self._headers:
                self._headers -= 1
                self._read_header(packet.payload)
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

    def _read_header(self, payload: bytes) -> None:
        if payload[:8] == b"OpusHead":
            self._pre_skip = int.from_bytes(payload[10:12], "little")
            self._context.extradata = payload
            self._context.sample_rate = 48000
        elif payload[:8] != b"OpusTags":
            raise RemoteProtocolError("the speech that came is Ogg without Opus: ask for another --output-format")
