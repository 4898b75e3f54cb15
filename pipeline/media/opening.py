"""A path → an open container, and the measures that everything read from one shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.addresses import media_address
from pipeline.errors import MediaError
from pipeline.filtergraph import Address

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream

ABSOLUTE_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})


def opened(path: str) -> AbstractContextManager[InputContainer]:
    """Open a media file for reading. Raises MediaError when it is missing or cannot be read as one."""
    return _opened(path, media_address(path))


def opened_for_texts(path: str) -> AbstractContextManager[InputContainer]:
    """Open a media file for reading its text tracks; raises as `opened` does.

    Where an edit list cuts into a text track, ffmpeg's rebuilding of its index gives samples the lengths of their
    neighbours. Without it an edit list only moves the track's times, so what is cut off begins before 0.
    """
    return _opened(path, media_address(path).with_options(("advanced_editlist", "0")))


@contextmanager
def _opened(path: str, address: Address) -> Iterator[InputContainer]:
    import av

    if not Path(path).is_file():
        raise MediaError(f"{path}: there is no such file")
    try:
        # Titles and labels may be in any coding: Matroska and MP4 ask for UTF-8, what writes them does not always obey.
        container = av.open(address.url, options=dict(address.options), metadata_errors="replace")
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
    """When the file starts on its streams' clock, in seconds: the earliest of its streams, as ffmpeg counts it."""
    return Fraction(container.start_time or 0, 1_000_000)


def sound_zero(container: InputContainer) -> Fraction:
    """When sound starts on its stream's clock, in seconds: at 0 in containers whose own clock starts there.

    What ffmpeg finds as the start of Matroska is some milliseconds off for Opus; of MP3 it is the decoder's delay, and
    what is broadcast starts anywhere.
    """
    return Fraction(0) if container.format.name in ABSOLUTE_FORMATS else zero(container)


def base(timed: AudioFrame | VideoFrame | AudioStream | SubtitleStream | VideoStream) -> Fraction:
    """Seconds in one tick of what is timed."""
    return timed.time_base or Fraction(1, 1_000_000)
