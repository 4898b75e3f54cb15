"""16-bit mono samples as they are spoken → encoded speech, one encoder for a whole utterance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline import pcm
from pipeline.codecs.formats import OutputFormat
from pipeline.codecs.frames import Resampler, audio_context, frame_of

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream

# Long enough to cost little, short enough that nobody waits for a page.
OPUS_FRAME_US = 20000


class _Codec(Protocol):
    """Samples at the format's rate → bytes."""

    def feed(self, samples: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class SpeechEncoder:
    """Encodes one utterance. The first sample that is fed is the first of what a decoder gives, its delay taken off."""

    def __init__(self, output_format: OutputFormat, source_rate: int) -> None:
        self.output_format = output_format
        self._source_rate = source_rate
        self._odd = b""
        same = source_rate == output_format.sample_rate
        self._resampler = None if same else Resampler(output_format.sample_rate)
        self._codec = _codec(output_format)

    def feed(self, samples: bytes) -> bytes:
        """Take samples at the source's rate, give what is encoded by now (maybe nothing yet)."""
        samples = self._odd + samples
        whole = len(samples) & ~1
        samples, self._odd = samples[:whole], samples[whole:]
        if not samples:
            return b""
        if self._resampler:
            samples = self._resampler.feed(frame_of(samples, self._source_rate))
        return self._codec.feed(samples)

    def finish(self) -> bytes:
        """Give the rest."""
        rest = self._resampler.finish() if self._resampler else b""
        return self._codec.feed(rest) + self._codec.finish()


def _codec(output_format: OutputFormat) -> _Codec:
    if output_format.codec == "pcm":
        return _Samples()
    if output_format.codec == "mp3":
        return _Mp3(output_format)
    if output_format.codec == "opus":
        return _OggOpus(output_format)
    return _Companded(output_format.codec, output_format.sample_rate)


class _Samples:
    """Samples as they are."""

    def feed(self, samples: bytes) -> bytes:
        return samples

    def finish(self) -> bytes:
        return b""


class _Companded:
    """Eight bits a sample, by ITU-T G.711."""

    def __init__(self, codec: Literal["ulaw", "alaw"], sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._context = audio_context({"ulaw": "pcm_mulaw", "alaw": "pcm_alaw"}[codec], "w")
        self._context.sample_rate = sample_rate
        self._context.layout = "mono"
        self._context.format = "s16"

    def feed(self, samples: bytes) -> bytes:
        return _joined(self._context.encode(frame_of(samples, self._sample_rate))) if samples else b""

    def finish(self) -> bytes:
        return b""


class _Frames:
    """Samples → frames of one size, the last one shorter, each with its place."""

    def __init__(self, size: int, sample_rate: int, layout_format: Literal["s16", "s16p"]) -> None:
        self._size, self._sample_rate, self._layout_format = size, sample_rate, layout_format
        self._waiting = b""
        self._placed = 0

    def feed(self, samples: bytes) -> Iterator[AudioFrame]:
        """Yield the frames that are full."""
        self._waiting += samples
        length = self._size * pcm.SAMPLE_BYTES
        whole = len(self._waiting) // length * length
        full, self._waiting = self._waiting[:whole], self._waiting[whole:]
        for first in range(0, whole, length):
            yield self._frame(full[first : first + length])

    def finish(self) -> Iterator[AudioFrame]:
        """Yield what is left, if anything."""
        if self._waiting:
            yield self._frame(self._waiting)

    def _frame(self, samples: bytes) -> AudioFrame:
        frame = frame_of(samples, self._sample_rate, self._layout_format)
        frame.pts, frame.time_base = self._placed, Fraction(1, self._sample_rate)
        self._placed += frame.samples
        return frame


class _Mp3:
    """Layer III by LAME, frame after frame, as a stream is: no first frame that notes the delay."""

    def __init__(self, output_format: OutputFormat) -> None:
        self._context = audio_context("libmp3lame", "w")
        self._context.sample_rate = output_format.sample_rate
        self._context.bit_rate = output_format.bit_rate
        self._context.layout = "mono"
        self._context.format = "s16p"
        self._context.open()
        self._frames = _Frames(self._context.frame_size, output_format.sample_rate, "s16p")

    def feed(self, samples: bytes) -> bytes:
        return b"".join(_joined(self._context.encode(frame)) for frame in self._frames.feed(samples))

    def finish(self) -> bytes:
        last = b"".join(_joined(self._context.encode(frame)) for frame in self._frames.finish())
        return last + _joined(self._context.encode(None))


class _Sink:
    """What a muxer writes, until it is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, block: bytes) -> int:
        """Keep a block."""
        self._written += block
        return len(block)

    def take(self) -> bytes:
        """Give what was written since."""
        written = bytes(self._written)
        self._written.clear()
        return written


class _OggOpus:
    """Opus in Ogg, a page for each frame, so that a listener has it at once."""

    def __init__(self, output_format: OutputFormat) -> None:
        import av

        self._sink = _Sink()
        options = {"page_duration": str(OPUS_FRAME_US), "flush_packets": "1"}
        self._container = av.open(self._sink, "w", format="ogg", container_options=options)
        self._stream = self._container.add_stream("libopus", rate=output_format.sample_rate)
        self._stream.codec_context.bit_rate = output_format.bit_rate
        self._stream.codec_context.layout = "mono"
        self._stream.codec_context.format = "s16"
        self._stream.codec_context.open()
        self._frames = _Frames(self._stream.codec_context.frame_size, output_format.sample_rate, "s16")

    def feed(self, samples: bytes) -> bytes:
        self._mux(self._frames.feed(samples))
        return self._sink.take()

    def finish(self) -> bytes:
        self._mux(self._frames.finish())
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()

    def _mux(self, frames: Iterable[AudioFrame]) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))


def _joined(packets: Iterable[Packet[AudioStream]]) -> bytes:
    return b"".join(bytes(packet) for packet in packets)
