"""A path → an open container, and the measures that everything read from one shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.addresses import media_address
from pipeline.errors import MediaError

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream


@contextmanager
def opened(path: str) -> Iterator[InputContainer]:
    """Open a media file for reading. Raises MediaError when it is missing or cannot be read as one."""
    import av

    address = media_address(path)
    if not Path(path).is_file():
        raise MediaError(f"{path}: there is no such file")
    try:
        container = av.open(address.url, options=dict(address.options))
    except av.FFmpegError as error:
        raise MediaError(f"{path}: is no video or sound that can be read ({error.strerror})") from None
    with container:
        try:
            yield container
        except av.FFmpegError as error:
            raise MediaError(f"{path}: is damaged ({error.strerror})") from None


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """Video tracks without covers, which are single pictures attached to a sound."""
    from av.stream import Disposition

    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def picture_stream(container: InputContainer, path: str) -> VideoStream:
    """Return the first picture. Raises MediaError when there is none."""
    streams = picture_streams(container)
    if not streams:
        raise MediaError(f"{path}: has no picture; `video` takes a video")
    return streams[0]


def zero(container: InputContainer) -> Fraction:
    """When the file starts on its streams' clock, in seconds: transport streams do not start at 0."""
    return Fraction(container.start_time or 0, 1_000_000)


def base(timed: AudioFrame | AudioStream | SubtitleStream | VideoStream) -> Fraction:
    """Seconds in one tick of what is timed."""
    return timed.time_base or Fraction(1, 1_000_000)
