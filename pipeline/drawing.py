"""States + captions + stills or a title card → a video without sound, each state drawn and encoded once.

Ffmpeg draws one frame a state, libass writing the captions and the card onto it; `stills` repeats the coded frames up
to a constant rate. Where the coded frames are not such that they can be repeated, every frame is encoded instead.
"""

from __future__ import annotations

import mmap
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Protocol

from pipeline.captions import ass
from pipeline.captions.lettering import Lettering
from pipeline.errors import FfmpegError, MediaError, OutputError, PipelineError
from pipeline.model import Card, Cue, Still
from pipeline.pictures import State
from pipeline.stills import CodedPictures, CodedStreamError, constant_rate_stream, find_pictures

KEYFRAME_SECONDS = 5
# Around a still that does not fill the picture, and behind one that is transparent; also the card's own ground.
GROUND = "0x161E2B"
_CARD, _CAPTIONS, _FONTS = "card.ass", "captions.ass", "fonts"
_STILL, _DRAWN, _REPEATED = "still.nut", "drawn.h264", "repeated.h264"
# How pictures are known by their first bytes, and the demuxer of ffmpeg that reads one such picture and nothing else.
_SIGNATURES = (
    (b"\xff\xd8\xff", 0, "jpeg_pipe"),
    (b"\x89PNG\r\n\x1a\n", 0, "png_pipe"),
    (b"WEBP", 8, "webp_pipe"),
    (b"GIF8", 0, "gif"),
    (b"BM", 0, "bmp_pipe"),
    (b"II*\0", 0, "tiff_pipe"),
    (b"MM\0*", 0, "tiff_pipe"),
)
# Larger than any camera's picture; a file that claims more would only fill the memory.
_MOST_PIXELS = 160_000_000
# One millisecond apart would do; whole seconds keep clear of the hundredths that captions are timed in.
_APART_MS = 1000


class Run(Protocol):
    """Runs ffmpeg to its end in a folder, and returns its log. Raises FfmpegError."""

    def __call__(self, arguments: Sequence[str], *, folder: str) -> str:
        """Run it with these arguments, its own name not among them."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. `states` index `cues` and `pictures`; `size` is width and height, both even, in pixels.

    `fonts` are the files of all that the letterings name. The templates are ASS text, as `ass` describes it.
    """

    states: tuple[State, ...]
    cues: Sequence[Cue]
    pictures: tuple[Still | Card, ...]
    size: tuple[int, int] = (1920, 1080)
    fps: int = 30
    fonts: Sequence[str] = ()
    caption_lettering: Lettering = field(default_factory=Lettering)
    title_lettering: Lettering = field(default_factory=Lettering)
    caption_template: str = field(default_factory=lambda: read_template("captions.ass"))
    card_template: str = field(default_factory=lambda: read_template("card.ass"))


def read_template(name: str) -> str:
    """Read a template that came with the program: inside the package, or beside it in a checkout.

    Raises PipelineError where there is none of that name.
    """
    package = Path(__file__).parent
    for folder in (package / "templates", package.parent / "templates"):
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise PipelineError(f"The template {name} is missing from this installation: install cueline again.")


def draw_video(drawing: Drawing, out_path: str, run: Run) -> None:
    """Draw an MP4 of H.264 video alone, at a constant rate, whose frames are those of the states, exactly.

    Its scratch files, which are small, lie in a folder beside `out_path` and are gone afterwards. Memory does not
    grow with the video's length. Raises MediaError for a picture that cannot be read, FfmpegError, or OutputError.
    """
    if not drawing.states:
        raise PipelineError("There is nothing to draw: the video has no frames.")
    try:
        with tempfile.TemporaryDirectory(prefix=".cueline-drawing-", dir=Path(out_path).parent) as name:
            folder = Path(name)
            _put_fonts(drawing.fonts, folder)
            try:
                _draw_repeated(drawing, folder, out_path, run)
            except CodedStreamError:
                _draw_every_frame(drawing, folder, out_path, run)
    except OSError as error:
        raise OutputError(f"{out_path} could not be written: {error.strerror}") from None


# ── each state once, and repeated ──────────────────────────────────────────────────────────────────────────────────


def _draw_repeated(drawing: Drawing, folder: Path, out_path: str, run: Run) -> None:
    """Draw what differs, once; raises CodedStreamError where the result cannot be repeated."""
    drawn: dict[tuple[int, int | None], int] = {}
    with (folder / _DRAWN).open("wb") as file:
        for picture, states in groupby(sorted(_looks(drawing.states)), key=lambda look: look[0]):
            cues = [cue if cue >= 0 else None for _, cue in states]
            drawn |= {(picture, cue): len(drawn) + index for index, cue in enumerate(cues)}
            part = _draw_picture(drawing, picture, cues, folder, run)
            with part.open("rb") as coded:
                shutil.copyfileobj(coded, file)
            part.unlink()
    with (folder / _DRAWN).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
        pictures = find_pictures(stream)
        if len(pictures.spans) != len(drawn):
            raise CodedStreamError("The coded pictures are not one for each state.")
        with (folder / _REPEATED).open("wb") as repeated:
            units = _units(drawing.states, drawn, pictures, stream)
            repeated.writelines(constant_rate_stream(pictures.coding, units, KEYFRAME_SECONDS * drawing.fps))
    _wrap_in_mp4(folder / _REPEATED, drawing.fps, out_path)


def _looks(states: Sequence[State]) -> set[tuple[int, int]]:
    """Every different look once: its picture, and its cue, which is -1 where there is none."""
    return {(state.picture, -1 if state.cue is None else state.cue) for state in states}


def _units(
    states: Sequence[State], drawn: dict[tuple[int, int | None], int], pictures: CodedPictures, stream: mmap.mmap
) -> Iterator[tuple[bytes, int]]:
    for state in states:
        start, end = pictures.spans[drawn[state.picture, state.cue]]
        yield stream[start:end], state.frame_count


def _draw_picture(drawing: Drawing, picture: int, cues: Sequence[int | None], folder: Path, run: Run) -> Path:
    """Draw one picture with each of these cues, and with none where one is None: a frame each, all keyframes."""
    times = [(index, cue) for index, cue in enumerate(cues) if cue is not None]
    timed = [Cue(index * _APART_MS, (index + 1) * _APART_MS, drawing.cues[cue].lines) for index, cue in times]
    _put_captions(drawing, timed, folder)
    source = _source(drawing, picture, folder, run)
    count = len(cues)
    filters = (
        f"{source.filters},loop=loop={count - 1}:size=1:start=0,setpts=N*{_APART_MS / 1000:g}/TB,"
        f"{_LETTERED},settb=1/{drawing.fps},setpts=N,{_TAGGED}[drawn]"
    )
    arguments = (*source.arguments, "-filter_complex", filters, "-map", "[drawn]", "-fps_mode", "passthrough")
    run((*arguments, "-frames:v", str(count), *_REPEATABLE, "-f", "h264", "picture.h264"), folder=str(folder))
    return folder / "picture.h264"


_LETTERED = f"ass={_CAPTIONS}:fontsdir={_FONTS}"
_TAGGED = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_QUALITY = ("-c:v", "libx264", "-preset", "superfast", "-crf", "20", "-pix_fmt", "yuv420p")
# Every frame an IDR picture of one slice, in a stream that may nevertheless refer to the frame before: that, and no
# more, is what the repeats need. The 8x8 transform makes it High profile.
_REPEATABLE = (
    *_QUALITY,
    "-force_key_frames",
    "expr:1",
    "-forced-idr",
    "1",
    "-x264-params",
    "cabac=0:ref=1:bframes=0:weightp=0:rc-lookahead=0:scenecut=0:8x8dct=1:slices=1:sliced-threads=0",
)


# ── every frame, where repeating does not work ─────────────────────────────────────────────────────────────────────


def _draw_every_frame(drawing: Drawing, folder: Path, out_path: str, run: Run) -> None:
    """Encode every frame of every state: the same picture, at many times the price."""
    with (folder / _REPEATED).open("wb") as file:
        for picture, turn in groupby(drawing.states, key=lambda state: state.picture):
            states = tuple(turn)
            part = _draw_turn(drawing, picture, states, folder, run)
            with part.open("rb") as coded:
                shutil.copyfileobj(coded, file)
            part.unlink()
    _wrap_in_mp4(folder / _REPEATED, drawing.fps, out_path)


def _draw_turn(drawing: Drawing, picture: int, states: Sequence[State], folder: Path, run: Run) -> Path:
    """Encode all frames from where a picture begins to where the next one does."""
    begin, end = states[0].first_frame, states[-1].first_frame + states[-1].frame_count

    def time_ms(frame: int) -> int:
        return (frame - begin) * 1000 // drawing.fps

    shown = [(state, drawing.cues[state.cue]) for state in states if state.cue is not None]
    timed = [
        Cue(time_ms(state.first_frame), time_ms(state.first_frame + state.frame_count), cue.lines)
        for state, cue in shown
    ]
    _put_captions(drawing, timed, folder)
    source = _source(drawing, picture, folder, run)
    filters = (
        f"{source.filters},loop=loop=-1:size=1:start=0,settb=1/{drawing.fps},setpts=N,{_LETTERED},{_TAGGED}[drawn]"
    )
    arguments = (*source.arguments, "-filter_complex", filters, "-map", "[drawn]", "-fps_mode", "passthrough")
    frames = ("-frames:v", str(end - begin), "-g", str(KEYFRAME_SECONDS * drawing.fps), "-bf", "0")
    run((*arguments, *frames, *_QUALITY, "-f", "h264", "picture.h264"), folder=str(folder))
    return folder / "picture.h264"


# ── what both need ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Source:
    """Ffmpeg's inputs for one picture, and the filters that make one frame of it."""

    arguments: tuple[str, ...]
    filters: str


def _source(drawing: Drawing, picture: int, folder: Path, run: Run) -> _Source:
    """One frame of the picture in its size: a card drawn on its ground, or a still, decoded and fitted once."""
    shown = drawing.pictures[picture]
    if isinstance(shown, Card):
        _put_card(drawing, shown, folder)
        return _Source((), f"{_ground(drawing)},{_TO_VIDEO},ass={_CARD}:fontsdir={_FONTS}")
    _put_still(drawing, shown.path, folder, run)
    # The rate is the video's, for the encoder derives its level from it.
    return _Source(("-f", "nut", "-i", _STILL), f"[0:v]fps={drawing.fps},trim=end_frame=1")


_TO_VIDEO = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"


def _ground(drawing: Drawing) -> str:
    width, height = drawing.size
    return f"color=c={GROUND}:s={width}x{height}:r={drawing.fps},trim=end_frame=1,format=gbrp"


def _put_still(drawing: Drawing, path: str, folder: Path, run: Run) -> None:
    """Fit a picture inside the video's size, on the ground, and leave it raw in the scratch folder.

    Raises MediaError, with the path, where it is no picture or cannot be decoded.
    """
    demuxer = _demuxer(path)
    shutil.copyfile(path, folder / "given")
    width, height = drawing.size
    share = rf"min({width}/iw\,{height}/ih)"
    fitted = rf"scale=w=max(1\,round(iw*{share})):h=max(1\,round(ih*{share})):flags=lanczos+accurate_rnd,setsar=1"
    filters = (
        f"{_ground(drawing)}[ground];[0:v]trim=end_frame=1,format=gbrap,{fitted}[still];"
        f"[ground][still]overlay=(W-w)/2:(H-h)/2:format=gbrp,{_TO_VIDEO}[fitted]"
    )
    given = ("-max_pixels", str(_MOST_PIXELS), "-protocol_whitelist", "file", "-f", demuxer, "-i", "given")
    raw = ("-filter_complex", filters, "-map", "[fitted]", "-frames:v", "1", "-c:v", "rawvideo", "-f", "nut", _STILL)
    try:
        run((*given, *raw), folder=str(folder))
    except FfmpegError as error:
        raise MediaError(f"The picture {path} cannot be decoded ({error.message}): save it again as PNG.") from None


def _demuxer(path: str) -> str:
    """Tell the format of a picture by its first bytes, whatever its name says."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise MediaError(f"The picture {path} cannot be read: {error.strerror}.") from None
    for signature, at, demuxer in _SIGNATURES:
        if head[at:].startswith(signature):
            return demuxer
    raise MediaError(f"{path} is no picture that can be drawn: use a PNG, JPEG, WebP, GIF, BMP or TIFF file.")


def _put_card(drawing: Drawing, card: Card, folder: Path) -> None:
    """Write the card as libass draws it, once, at time 0."""
    layer = ass.card_layer(card.title, _APART_MS, drawing.size, drawing.title_lettering, drawing.card_template)
    (folder / _CARD).write_text(ass.compose_layers((layer,), drawing.size), encoding="utf-8", newline="\n")


def _put_captions(drawing: Drawing, cues: Sequence[Cue], folder: Path) -> None:
    """Write the captions as libass draws them, in the size that suits all of the drawing's."""
    size, lettering = drawing.size, drawing.caption_lettering
    font_size = ass.caption_size(drawing.cues, size, lettering)
    layer = ass.caption_layer(cues, size, lettering, drawing.caption_template, font_size)
    (folder / _CAPTIONS).write_text(ass.compose_layers((layer,), size), encoding="utf-8", newline="\n")


def _put_fonts(fonts: Sequence[str], folder: Path) -> None:
    """Lay the fonts into the scratch folder, where libass finds them under constant names."""
    (folder / _FONTS).mkdir()
    for index, font in enumerate(dict.fromkeys(fonts)):
        shutil.copyfile(font, folder / _FONTS / f"{index}{Path(font).suffix}")


def _wrap_in_mp4(stream: Path, fps: int, out_path: str) -> None:
    """Give each frame of a bare H.264 stream its time and put all into an MP4; nothing is decoded."""
    import av

    with av.open(str(stream), format="h264") as source, av.open(f"file:{Path(out_path).absolute()}", "w", "mp4") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        video.time_base = Fraction(1, fps)
        number = 0
        for packet in source.demux(source.streams.video[0]):
            if packet.size == 0:  # the end
                continue
            packet.stream = video
            packet.time_base = Fraction(1, fps)
            packet.pts = packet.dts = number
            packet.duration = 1
            out.mux(packet)
            number += 1
