"""A media file → what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.errors import MediaError
from pipeline.filtergraph import COPIED_CODECS
from pipeline.media.opening import ABSOLUTE_FORMATS, base, opened, picture_streams, zero
from pipeline.media.wholeness import has_index_first, is_truncated
from pipeline.model import ChapterMark

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream

# Transfer functions of HDR by their numbers in ITU-T H.273, table 3: PQ and HLG.
HDR_TRANSFERS = frozenset({16, 18})
# Matrices by their numbers in ITU-T H.273, table 4, as ffmpeg's `scale` calls them.
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
# Their packets have decoding times only: with B-frames a copy would show the pictures out of order.
UNTIMED_FORMATS = frozenset({"avi"})
# Pictures of this height and more that do not say their matrix are BT.709 by every player's custom, smaller BT.601.
HD_HEIGHT = 720


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The picture. `width` and `height` are as it is seen: square pixels, rotation applied.

    `rotation` is in degrees counter-clockwise, `start_ms` and `end_ms` when the first frame appears and the last one
    ends. `matrix` is how its colours are coded, as ffmpeg's `scale` calls it. `has_times` is false where the container
    does not say when a frame is shown, only in which order frames are stored: AVI, and Matroska before its time 0.
    """

    codec: str
    width: int
    height: int
    frame_rate: Fraction | None
    rotation: int
    start_ms: int
    end_ms: int
    matrix: str
    is_hdr: bool
    has_times: bool = True

    @property
    def is_copyable(self) -> bool:
        """Whether MP4 can hold the packets as they are, and today's players show them."""
        return self.has_times and self.codec in COPIED_CODECS


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """A sound track; `language` is None where the file does not say."""

    codec: str
    sample_rate: int
    channels: int
    duration_ms: int
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SubtitleFacts:
    """A soft caption track. `language` is as the file has it: three letters in MP4."""

    codec: str
    language: str | None
    title: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What is in a file. `index_first`: an MP4 whose index lies before its samples, so that it plays while loading.

    `is_truncated`: the file ends before its own index says, so the end of what it held is missing.
    """

    duration_ms: int
    video: VideoFacts | None
    sounds: tuple[SoundFacts, ...]
    subtitles: tuple[SubtitleFacts, ...]
    chapters: tuple[ChapterMark, ...]
    title: str
    index_first: bool
    is_truncated: bool = False


def probe(path: str) -> MediaFacts:
    """Tell what is in a media file. Raises MediaError when it is missing or cannot be read as one."""
    with opened(path) as container:
        sounds = tuple(_sound_facts(stream) for stream in container.streams.audio)
        subtitles = tuple(_subtitle_facts(stream) for stream in container.streams.subtitles)
        chapters = tuple(_chapters(container))
        title = str(container.metadata.get("title", ""))
        duration_ms = round((container.duration or 0) / 1000)
        video = _video_facts(container, path)
    return MediaFacts(duration_ms, video, sounds, subtitles, chapters, title, has_index_first(path), is_truncated(path))


def probe_footage(path: str) -> VideoFacts:
    """Facts of the picture of a video. Raises MediaError when the file has none."""
    video = probe(path).video
    if video is None:
        raise MediaError(f"{path}: has no picture; `video:` takes a video")
    return video


def refuse_hdr(path: str, video: VideoFacts) -> None:
    """Raise MediaError for a picture on which captions cannot be drawn without mapping its tones."""
    if video.is_hdr:
        raise MediaError(f"{path}: is HDR, on which captions are not drawn: use --captions soft")


def _video_facts(container: InputContainer, path: str) -> VideoFacts | None:
    streams = picture_streams(container)
    if not streams:
        return None
    stream = streams[0]
    first = next(container.decode(stream), None)
    if first is None:
        raise MediaError(f"{path}: its picture cannot be decoded")
    start = zero(container)
    width = round(first.width * (stream.sample_aspect_ratio or 1))
    turned = first.rotation % 180 != 0
    return VideoFacts(
        codec=stream.codec_context.codec.canonical_name,
        width=first.height if turned else width,
        height=width if turned else first.height,
        frame_rate=stream.average_rate,
        rotation=first.rotation,
        # Where the first picture has no time, those that follow it are shown from 0 on.
        start_ms=0 if first.pts is None else round((first.pts * base(stream) - start) * 1000),
        end_ms=round((_picture_end(container, stream, path) - start) * 1000),
        matrix=_matrix(first.colorspace, first.height),
        is_hdr=int(first.color_trc) in HDR_TRANSFERS,
        has_times=container.format.name not in UNTIMED_FORMATS and first.pts is not None,
    )


def _matrix(number: int, height: int) -> str:
    """Name the matrix of a picture; one that does not say is what players take it for."""
    return MATRICES.get(int(number), "bt709" if height >= HD_HEIGHT else "bt601")


def _picture_end(container: InputContainer, stream: VideoStream, path: str) -> Fraction:
    """When the last frame ends, in seconds on the stream's clock: read from the packets after the last key frame."""
    import av

    tick = base(stream)
    ends: list[int] = []
    with suppress(av.FFmpegError):
        container.seek((container.start_time or 0) + (container.duration or 0), backward=True)
        ends = _packet_ends(container, stream)
    if not ends:  # some files cannot be searched for a place, and are not read on after it was tried
        with opened(path) as anew:
            ends = _packet_ends(anew, picture_streams(anew)[0])
    # The parser of VP9 takes every frame for equally long; the index of MP4 knows how long the last one stays.
    if container.format.name in ABSOLUTE_FORMATS and stream.codec_context.name == "vp9" and stream.duration:
        ends.append((stream.start_time or 0) + stream.duration)
    return max(ends) * tick if ends else Fraction(container.duration or 0, 1_000_000) + zero(container)


def _packet_ends(container: InputContainer, stream: VideoStream) -> list[int]:
    """Ends of the packets from here on that an edit list does not cut, in ticks."""
    lasts = round(1 / stream.average_rate / base(stream)) if stream.average_rate else 0
    shown = [packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard]
    return [(packet.pts or 0) + (packet.duration or lasts) for packet in shown]


def _sound_facts(stream: AudioStream) -> SoundFacts:
    lasts = (stream.duration or 0) * base(stream)
    return SoundFacts(
        stream.codec_context.codec.canonical_name,
        stream.rate,
        stream.channels,
        round(lasts * 1000),
        _language(stream.metadata),
    )


def _subtitle_facts(stream: SubtitleStream) -> SubtitleFacts:
    from av.stream import Disposition

    title = stream.metadata.get("name") or stream.metadata.get("title") or ""
    is_default = bool(stream.disposition & Disposition.default)
    return SubtitleFacts(stream.codec_context.codec.canonical_name, _language(stream.metadata), title, is_default)


def _language(labels: Mapping[str, str]) -> str | None:
    language = labels.get("language", "und")
    return None if language == "und" else language


def _chapters(container: InputContainer) -> Iterator[ChapterMark]:
    for chapter in container.chapters():
        start, end = (round(chapter[edge] * (chapter["time_base"] or 0) * 1000) for edge in ("start", "end"))
        yield ChapterMark(str(chapter["metadata"].get("title", "")), start, end)
