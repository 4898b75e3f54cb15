"""A media file → what is in it: facts, sound from time 0, texts of its soft captions, pictures.

Everything is opened by a safe address only. Time 0 is the file's own start, as players count it: edit lists and the
encoder's priming are taken off, a stream that begins later is preceded by silence.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.addresses import media_address
from pipeline.codecs.frames import Resampler, part_of_frame
from pipeline.errors import MediaError
from pipeline.model import ChapterMark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame, VideoFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream

# Transfer functions of HDR by their numbers in ITU-T H.273, table 3: PQ and HLG.
HDR_TRANSFERS = frozenset({16, 18})
# Matrices by their numbers in ITU-T H.273, table 4, as ffmpeg's `scale` calls them.
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
UNSPECIFIED = 2
# Pictures of this height and more that do not say their matrix are BT.709 by every player's custom, smaller BT.601.
HD_HEIGHT = 720


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The picture. `width` and `height` are as it is seen: square pixels, rotation applied.

    `rotation` is in degrees counter-clockwise, `start_ms` and `end_ms` when the first frame appears and the last one
    ends. `matrix` is how its colours are coded, as ffmpeg's `scale` calls it.
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
    """What is in a file. `index_first`: an MP4 whose index lies before its samples, so that it plays while loading."""

    duration_ms: int
    video: VideoFacts | None
    sounds: tuple[SoundFacts, ...]
    subtitles: tuple[SubtitleFacts, ...]
    chapters: tuple[ChapterMark, ...]
    title: str
    index_first: bool


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


def probe(path: str) -> MediaFacts:
    """Tell what is in a media file. Raises MediaError when it is missing or cannot be read as one."""
    with opened(path) as container:
        sounds = tuple(_sound_facts(stream) for stream in container.streams.audio)
        subtitles = tuple(_subtitle_facts(stream) for stream in container.streams.subtitles)
        chapters = tuple(_chapters(container))
        title = str(container.metadata.get("title", ""))
        duration_ms = round((container.duration or 0) / 1000)
        video = _video_facts(container, path)
    return MediaFacts(duration_ms, video, sounds, subtitles, chapters, title, _has_index_first(path))


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


def decoded_sound(path: str, sample_rate: int) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the first sound track as mono blocks at this rate; the first sample of all is time 0 of the file.

    Raises MediaError when there is no sound.
    """
    import av

    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError(f"{path}: has no sound")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=sample_rate)
        for frame in _placed_frames(container):
            frame.pts = None
            yield from (block.to_ndarray()[0] for block in resampler.resample(frame))
        with suppress(ValueError):  # a resampler that was given nothing has nothing to hand out
            yield from (block.to_ndarray()[0] for block in resampler.resample(None))


def subtitle_samples(path: str) -> tuple[tuple[int, int, str], ...]:
    """Texts of the first soft track as stored (3GPP TS 26.245), each with its start and end in milliseconds.

    Raises MediaError when there is no such track.
    """
    with opened(path) as container:
        streams = [s for s in container.streams.subtitles if s.codec_context.name == "mov_text"]
        if not streams:
            raise MediaError(f"{path}: has no soft captions of the kind that MP4 holds")
        samples = []
        for packet in container.demux(streams[0]):
            sample = bytes(packet)
            length = int.from_bytes(sample[:2], "big")
            if length and packet.pts is not None:
                start, lasting = (value * _base(stream) * 1000 for value in (packet.pts, packet.duration or 0))
                samples.append((round(start), round(start + lasting), sample[2 : 2 + length].decode()))
        return tuple(samples)


def frames(path: str) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """Yield every picture in the order in which it is shown: seconds, and pixels (height, width, RGB)."""
    with opened(path) as container:
        for frame in container.decode(_picture_stream(container, path)):
            yield float(frame.time or 0.0), _pixels(frame)


def frame_at(path: str, time_ms: int) -> npt.NDArray[np.uint8]:
    """Return the picture that is on screen at that time: the last one that has begun."""
    with opened(path) as container:
        stream = _picture_stream(container, path)
        container.seek(time_ms * 1000, backward=True)
        shown = None
        for frame in container.decode(stream):
            if shown is not None and round((frame.time or 0.0) * 1000) > time_ms:
                break
            shown = frame
        if shown is None:
            raise MediaError(f"{path}: shows no picture at {time_ms / 1000:g} s")
        return _pixels(shown)


# ── parts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _picture_streams(container: InputContainer) -> list[VideoStream]:
    """Video tracks without covers, which are single pictures attached to a sound."""
    from av.stream import Disposition

    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _picture_stream(container: InputContainer, path: str) -> VideoStream:
    streams = _picture_streams(container)
    if not streams:
        raise MediaError(f"{path}: has no picture; `video` takes a video")
    return streams[0]


def _pixels(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    return cast("npt.NDArray[np.uint8]", frame.to_ndarray(format="rgb24"))


def _zero(container: InputContainer) -> Fraction:
    """When the file starts on its streams' clock, in seconds: transport streams do not start at 0."""
    return Fraction(container.start_time or 0, 1_000_000)


def _placed_frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Frames of the first sound track without a gap: silence is put where nothing is, from time 0 on."""
    zero = _zero(container)
    placed = 0
    for frame in container.decode(container.streams.audio[0]):
        rate = frame.sample_rate
        first = round(((frame.pts or 0) * _base(frame) - zero) * rate)
        # Containers that count milliseconds round: only what is more than that is a gap.
        if first - placed > (rate // 500 if placed else 0):
            yield _silent_frame(frame, first - placed)
            placed = first
        early = min(-first, frame.samples) if first < 0 and not placed else 0
        # A packet that lasts less than it holds is the last one: what is over is the encoder's padding.
        lasting = frame.duration if _base(frame) == Fraction(1, rate) and frame.duration else frame.samples
        if part := part_of_frame(frame, early, min(lasting, frame.samples)):
            placed += part.samples
            yield part


def _base(timed: AudioFrame | AudioStream | VideoStream) -> Fraction:
    return timed.time_base or Fraction(1, 1_000_000)


def _silent_frame(like: AudioFrame, samples: int) -> AudioFrame:
    import av

    frame = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    frame.sample_rate = like.sample_rate
    fill = b"\x80" if like.format.name in {"u8", "u8p"} else b"\0"
    for plane in frame.planes:
        plane.update(fill * plane.buffer_size)
    return frame


def _video_facts(container: InputContainer, path: str) -> VideoFacts | None:
    streams = _picture_streams(container)
    if not streams:
        return None
    stream = streams[0]
    first = next(container.decode(stream), None)
    if first is None:
        raise MediaError(f"{path}: its picture cannot be decoded")
    zero = _zero(container)
    width = round(first.width * (stream.sample_aspect_ratio or 1))
    turned = first.rotation % 180 != 0
    return VideoFacts(
        codec=stream.codec_context.name,
        width=first.height if turned else width,
        height=width if turned else first.height,
        frame_rate=stream.average_rate,
        rotation=first.rotation,
        start_ms=round(((first.pts or 0) * _base(stream) - zero) * 1000),
        end_ms=round((_picture_end(container, stream) - zero) * 1000),
        matrix=_matrix(first.colorspace, first.height),
        is_hdr=int(first.color_trc) in HDR_TRANSFERS,
    )


def _matrix(number: int, height: int) -> str:
    """Name the matrix of a picture; one that does not say is what players take it for."""
    return MATRICES.get(int(number), "bt709" if height >= HD_HEIGHT else "bt601")


def _picture_end(container: InputContainer, stream: VideoStream) -> Fraction:
    """When the last frame ends, in seconds on the stream's clock: read from the packets after the last key frame."""
    import av

    with suppress(av.FFmpegError):
        container.seek(container.duration or 0, backward=True)
    base = _base(stream)
    frame_lasts = round(1 / stream.average_rate / base) if stream.average_rate else 0
    ends = [
        packet.pts + (packet.duration or frame_lasts)
        for packet in container.demux(stream)
        if packet.pts is not None and not packet.is_discard
    ]
    if not ends:
        return Fraction(container.duration or 0, 1_000_000) + _zero(container)
    return max(ends) * base


def _sound_facts(stream: AudioStream) -> SoundFacts:
    lasts = (stream.duration or 0) * _base(stream)
    return SoundFacts(
        stream.codec_context.name, stream.rate, stream.channels, round(lasts * 1000), _language(stream.metadata)
    )


def _subtitle_facts(stream: SubtitleStream) -> SubtitleFacts:
    from av.stream import Disposition

    title = stream.metadata.get("name") or stream.metadata.get("title") or ""
    is_default = bool(stream.disposition & Disposition.default)
    return SubtitleFacts(stream.codec_context.name, _language(stream.metadata), title, is_default)


def _language(labels: Mapping[str, str]) -> str | None:
    language = labels.get("language", "und")
    return None if language == "und" else language


def _chapters(container: InputContainer) -> Iterator[ChapterMark]:
    for chapter in container.chapters():
        start, end = (round(chapter[edge] * chapter["time_base"] * 1000) for edge in ("start", "end"))
        yield ChapterMark(str(chapter["metadata"].get("title", "")), start, end)


def _has_index_first(path: str) -> bool:
    """Tell whether `moov` comes before `mdat` among the outermost boxes (ISO/IEC 14496-12, 4.2)."""
    with Path(path).open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind in {b"moov", b"mdat"}:
                return bool(kind == b"moov")
            header = 8
            if size == 1:
                size, header = int.from_bytes(file.read(8), "big"), 16
            if size < header:
                return False
            file.seek(size - header, 1)
    return False
