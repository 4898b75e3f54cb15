"""Bytes of 16-bit mono samples ↔ PyAV's frames, parts of frames, another sample rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from pipeline import pcm

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioResampler


def frame_of(samples: bytes, sample_rate: int, layout_format: Literal["s16", "s16p"] = "s16") -> AudioFrame:
    """Make a mono frame of so many whole samples."""
    import av

    frame = av.AudioFrame(format=layout_format, layout="mono", samples=pcm.sample_count(samples))
    frame.sample_rate = sample_rate
    plane = frame.planes[0]
    plane.update(samples + bytes(plane.buffer_size - len(samples)))
    return frame


def part_of_frame(frame: AudioFrame, first: int, end: int) -> AudioFrame | None:
    """Samples `first` to `end` (half open) of a frame; None where that is nothing."""
    import av

    if first <= 0 and end >= frame.samples:
        return frame
    if first >= end:
        return None
    width = 1 if frame.format.is_planar else len(frame.layout.channels)
    samples: Any = frame.to_ndarray()[:, first * width : end * width].copy()
    part = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    part.sample_rate = frame.sample_rate
    return part


def audio_context(codec: str, mode: Literal["r", "w"]) -> AudioCodecContext:
    """Make a codec that decodes (`r`) or encodes (`w`) bare packets, without a file around them."""
    import av

    return cast("AudioCodecContext", av.CodecContext.create(codec, mode))


class Resampler:
    """Makes frames of any kind into 16-bit mono samples at one rate; the first sample stays the first."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._resampler: AudioResampler | None = None

    def feed(self, frame: AudioFrame) -> bytes:
        """Take a frame, give what is ready: the filter holds back some samples."""
        import av

        self._resampler = self._resampler or av.AudioResampler(format="s16", layout="mono", rate=self._sample_rate)
        frame.pts = None
        return _bytes(self._resampler, frame)

    def finish(self) -> bytes:
        """Give what was held back."""
        return _bytes(self._resampler, None) if self._resampler else b""


def _bytes(resampler: AudioResampler, frame: AudioFrame | None) -> bytes:
    return b"".join(block.to_ndarray().astype("<i2").tobytes() for block in resampler.resample(frame))
