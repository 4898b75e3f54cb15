"""A media file → its pictures as they are shown, and the texts of its soft captions."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from pipeline.errors import MediaError
from pipeline.media.opening import base, opened, opened_for_texts, picture_stream, zero

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import VideoFrame


def subtitle_samples(path: str) -> tuple[tuple[int, int, str], ...]:
    """Texts of the first soft track as stored (3GPP TS 26.245), each with its start and end in milliseconds.

    A text that begins before time 0 is seen from 0, one that has ended by then is left out. Raises MediaError when
    there is no such track.
    """
    with opened_for_texts(path) as container:
        streams = [s for s in container.streams.subtitles if s.codec_context.name == "mov_text"]
        if not streams:
            raise MediaError(f"{path}: has no soft captions of the kind that MP4 holds")
        samples = []
        for packet in container.demux(streams[0]):
            sample = bytes(packet)
            length = int.from_bytes(sample[:2], "big")
            if length and packet.pts is not None:
                start, lasting = (value * base(streams[0]) * 1000 for value in (packet.pts, packet.duration or 0))
                end = round(start + lasting)
                if start >= 0 or end > 0:
                    samples.append((max(0, round(start)), end, _text(sample[2 : 2 + length], path)))
        return tuple(samples)


def _text(stored: bytes, path: str) -> str:
    """Read a text in UTF-8, or in UTF-16 where its mark says so (3GPP TS 26.245 5.17.1)."""
    try:
        return stored.decode("utf-16" if stored[:2] in {codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE} else "utf-8")
    except UnicodeDecodeError:
        raise MediaError(f"{path}: holds a caption that is no text; its caption track is damaged") from None


def frames(path: str) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """Yield every picture in the order in which it is shown: seconds, and pixels (height, width, RGB)."""
    with opened(path) as container:
        start = zero(container)
        for frame in container.decode(picture_stream(container, path)):
            yield float((frame.pts or 0) * base(frame) - start), _pixels(frame)


def frame_at(path: str, time_ms: int) -> npt.NDArray[np.uint8]:
    """Return the picture that is on screen at that time: the last one that has begun."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        start = zero(container)
        container.seek((container.start_time or 0) + time_ms * 1000, backward=True)
        shown = None
        for frame in container.decode(stream):
            if shown is not None and round(((frame.pts or 0) * base(frame) - start) * 1000) > time_ms:
                break
            shown = frame
        if shown is None:
            raise MediaError(f"{path}: shows no picture at {time_ms / 1000:g} s")
        return _pixels(shown)


def _pixels(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    return cast("npt.NDArray[np.uint8]", frame.to_ndarray(format="rgb24"))
