"""Bytes of one form of sound, in portions of any size → frames, the codec's delay and padding taken off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.codecs.coded_streams import Mp3Stream, OggOpusStream
from pipeline.codecs.formats import SpeechCodec
from pipeline.codecs.frames import audio_context, frame_of
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
