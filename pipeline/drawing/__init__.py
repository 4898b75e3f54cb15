"""States + captions + stills or a title card → a video without sound, each state drawn and encoded once.

Ffmpeg draws one frame a state, libass writing the captions and the card onto it; `stills` repeats the coded frames up
to a constant rate. Where the coded frames are not such that they can be repeated, every frame is encoded instead.
"""

from __future__ import annotations

import mmap
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from pipeline.drawing.sources import CAPTION_FILTER, put_captions, put_fonts, put_picture
from pipeline.drawing.spec import Drawing, Run, read_template
from pipeline.errors import OutputError, PipelineError
from pipeline.model import Cue
from pipeline.pictures import State
from pipeline.stills import CodedPictures, CodedStreamError, constant_rate_stream, find_pictures

__all__ = ["Drawing", "Run", "draw_video", "read_template"]

KEYFRAME_SECONDS = 5
# While captions are drawn, frames lie this far apart on a clock of their own: the hundredths of a second in which ASS
# counts could not tell frames apart at every rate.
_FRAME_MS = 100
_PART, _DRAWN, _REPEATED = "part.h264", "drawn.h264", "repeated.h264"
_TAGGED = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_QUALITY = ("-c:v", "libx264", "-preset", "superfast", "-crf", "20", "-pix_fmt", "yuv420p")
# Every frame an IDR picture of one slice, in a stream that may nevertheless refer to the frame before: that, and no
# more, is what the repeats need. The 8x8 transform makes it High profile.
_CODED_ALONE = (
    *("-force_key_frames", "expr:1", "-forced-idr", "1", "-x264-params"),
    "cabac=0:ref=1:bframes=0:weightp=0:rc-lookahead=0:scenecut=0:8x8dct=1:slices=1:sliced-threads=0",
)
# A cue that is seen, by index, from a frame on for a number of frames.
_Shown = tuple[int, int, int]


def draw_video(drawing: Drawing, out_path: str, run: Run) -> None:
    """Draw an MP4 of H.264 video alone, at a constant rate, whose frames are those of the states, exactly.

    Scratch files lie in a folder beside `out_path` and are gone afterwards. Memory does not grow with the length.
    Raises MediaError for a picture that cannot be read, FfmpegError, or OutputError.
    """
    if not drawing.states:
        raise PipelineError("there is nothing to draw: the video has no frames")
    try:
        with tempfile.TemporaryDirectory(prefix=".cueline-", dir=Path(out_path).parent) as name:
            folder = Path(name)
            put_fonts(drawing.fonts, folder)
            try:
                _draw_each_state(drawing, folder, run)
            except CodedStreamError:
                _draw_every_frame(drawing, folder, run)
            _wrap_in_mp4(folder / _REPEATED, drawing.fps, out_path)
    except OSError as error:
        raise OutputError(f"{out_path} could not be written: {error.strerror}") from None


def _draw_each_state(drawing: Drawing, folder: Path, run: Run) -> None:
    """Draw every different look once and repeat it. Raises CodedStreamError where that cannot be done."""
    places = _draw_looks(drawing, folder, run)
    with (folder / _DRAWN).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
        pictures = find_pictures(stream)
        if len(pictures.spans) != len(places):
            raise CodedStreamError("the coded pictures are not one for each state")
        with (folder / _REPEATED).open("wb") as repeated:
            units = _units(drawing.states, places, pictures, stream)
            repeated.writelines(constant_rate_stream(pictures.coding, units, KEYFRAME_SECONDS * drawing.fps))


def _draw_looks(drawing: Drawing, folder: Path, run: Run) -> Mapping[tuple[int, int | None], int]:
    """Draw one frame for each look (a picture with a cue, or with none), and tell which frame is which."""
    looks = {(state.picture, -1 if state.cue is None else state.cue) for state in drawing.states}
    places: dict[tuple[int, int | None], int] = {}
    with (folder / _DRAWN).open("wb") as drawn:
        for picture, group in groupby(sorted(looks), key=lambda look: look[0]):
            cues = [None if cue < 0 else cue for _, cue in group]
            shown = [(cue, index, 1) for index, cue in enumerate(cues) if cue is not None]
            _encode(drawing, picture, shown, (str(len(cues)), *_CODED_ALONE), folder, run)
            _append(folder / _PART, drawn)
            places |= {(picture, cue): len(places) + index for index, cue in enumerate(cues)}
    return places


def _units(
    states: Sequence[State],
    places: Mapping[tuple[int, int | None], int],
    pictures: CodedPictures,
    stream: mmap.mmap,
) -> Iterator[tuple[bytes, int]]:
    """Yield the coded picture of each state, and its number of frames."""
    for state in states:
        start, end = pictures.spans[places[state.picture, state.cue]]
        yield stream[start:end], state.frame_count


def _draw_every_frame(drawing: Drawing, folder: Path, run: Run) -> None:
    """Encode every frame of every state: the same video, at many times the price."""
    keyframes = ("-g", str(KEYFRAME_SECONDS * drawing.fps), "-bf", "0")
    with (folder / _REPEATED).open("wb") as repeated:
        for picture, group in groupby(drawing.states, key=lambda state: state.picture):
            states = tuple(group)
            begin = states[0].first_frame
            count = states[-1].first_frame + states[-1].frame_count - begin
            shown = [(s.cue, s.first_frame - begin, s.frame_count) for s in states if s.cue is not None]
            _encode(drawing, picture, shown, (str(count), *keyframes), folder, run)
            _append(folder / _PART, repeated)


def _encode(
    drawing: Drawing, picture: int, shown: Sequence[_Shown], count_and_options: Sequence[str], folder: Path, run: Run
) -> None:
    """Encode frames of one picture, each with the cue that is seen in it, as bare H.264 in the scratch folder."""
    cues = [Cue(first * _FRAME_MS, (first + count) * _FRAME_MS, drawing.cues[cue].lines) for cue, first, count in shown]
    put_captions(drawing, cues, folder)
    source = put_picture(drawing, picture, folder, run)
    filters = (
        f"{source.filters},loop=loop=-1:size=1:start=0,settb={_FRAME_MS}/1000,setpts=N,"
        f"{CAPTION_FILTER},settb=1/{drawing.fps},setpts=N,{_TAGGED}[drawn]"
    )
    arguments = (*source.arguments, "-filter_complex", filters, "-map", "[drawn]", "-fps_mode", "passthrough")
    run((*arguments, *_QUALITY, "-frames:v", *count_and_options, "-f", "h264", _PART), folder=str(folder))


def _append(part: Path, whole: BinaryIO) -> None:
    with part.open("rb") as coded:
        shutil.copyfileobj(coded, whole)


def _wrap_in_mp4(stream: Path, fps: int, out_path: str) -> None:
    """Give each frame of a bare H.264 stream its time and put all into an MP4; nothing is decoded."""
    import av

    with av.open(str(stream), format="h264") as source, av.open(f"file:{Path(out_path).absolute()}", "w", "mp4") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        video.time_base = Fraction(1, fps)
        packets = (packet for packet in source.demux(source.streams.video[0]) if packet.size)
        for number, packet in enumerate(packets):
            packet.stream = video
            packet.time_base = Fraction(1, fps)
            packet.pts = packet.dts = number
            packet.duration = 1
            out.mux(packet)
