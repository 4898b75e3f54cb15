"""A still, a card, captions, fonts → files under constant names in a scratch folder, and the filters that draw them.

Constant names need no escaping in ffmpeg's filters, whatever a picture or a font is called.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.captions import ass
from pipeline.drawing.spec import Drawing, Run
from pipeline.errors import FfmpegError, MediaError
from pipeline.model import Card, Cue, Still

# Around a still that does not fill the picture, and behind one that is transparent.
GROUND = "0x161E2B"
_CARD, _CAPTIONS, _FONTS, _STILL = "card.ass", "captions.ass", "fonts", "still.nut"
CAPTION_FILTER = f"ass={_CAPTIONS}:fontsdir={_FONTS}"
_CARD_FILTER = f"ass={_CARD}:fontsdir={_FONTS}"
_TO_VIDEO = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
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
_SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """Ffmpeg's inputs for one picture, and the filters that make one frame of it."""

    arguments: tuple[str, ...]
    filters: str


def put_picture(drawing: Drawing, picture: int, folder: Path, run: Run) -> Source:
    """Lay out one picture of a drawing: a card drawn on its ground, or a still, decoded and fitted once.

    Raises MediaError, with the still's path, where it is no picture or cannot be decoded.
    """
    shown = drawing.pictures[picture]
    if isinstance(shown, Card):
        _put_card(drawing, shown, folder)
        return Source((), f"{_ground(drawing)},{_TO_VIDEO},{_CARD_FILTER}")
    _put_still(drawing, shown.path, folder, run)
    # The rate is the video's, for the encoder derives its level from it.
    return Source(("-f", "nut", "-i", _STILL), f"[0:v]fps={drawing.fps},trim=end_frame=1")


def check_still(path: str, folder: Path, run: Run) -> None:
    """Decode a still once, small, in a scratch folder. Raises MediaError as `put_picture` does."""
    _put_still(Drawing((), (), (Still(path),), (64, 64)), path, folder, run)


def put_captions(drawing: Drawing, cues: Sequence[Cue], folder: Path) -> None:
    """Write cues as libass draws them, in the size that suits all of the drawing's."""
    size, lettering = drawing.size, drawing.caption_lettering
    font_size = ass.caption_size(drawing.cues, size, lettering)
    layer = ass.caption_layer(cues, size, lettering, drawing.caption_template, font_size)
    _write(ass.compose_layers((layer,), size), folder / _CAPTIONS)


def put_fonts(fonts: Sequence[str], folder: Path) -> None:
    """Lay the fonts where libass looks for them."""
    (folder / _FONTS).mkdir()
    for index, font in enumerate(dict.fromkeys(fonts)):
        shutil.copyfile(font, folder / _FONTS / f"{index}{Path(font).suffix}")


def _put_card(drawing: Drawing, card: Card, folder: Path) -> None:
    """Write the card as libass draws it at time 0."""
    layer = ass.card_layer(card.title, _SECOND_MS, drawing.size, drawing.title_lettering, drawing.card_template)
    _write(ass.compose_layers((layer,), drawing.size), folder / _CARD)


def _put_still(drawing: Drawing, path: str, folder: Path, run: Run) -> None:
    """Fit a picture inside the video's size, on the ground, and leave it raw in the scratch folder."""
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
        raise MediaError(f"{path}: the picture cannot be decoded ({error.message}); save it again as PNG") from None


def _ground(drawing: Drawing) -> str:
    width, height = drawing.size
    return f"color=c={GROUND}:s={width}x{height}:r={drawing.fps},trim=end_frame=1,format=gbrp"


def _demuxer(path: str) -> str:
    """Tell the format of a picture by its first bytes, whatever its name says."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise MediaError(f"{path}: the picture cannot be read: {error.strerror}") from None
    for signature, at, demuxer in _SIGNATURES:
        if head[at:].startswith(signature):
            return demuxer
    raise MediaError(f"{path}: is no picture that can be drawn; use a PNG, JPEG, WebP, GIF, BMP or TIFF file")


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
