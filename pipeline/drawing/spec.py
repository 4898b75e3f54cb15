"""What is to be drawn, what with, and by whom ffmpeg is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.captions.lettering import Lettering
from pipeline.errors import PipelineError
from pipeline.model import Card, Cue, Still
from pipeline.pictures import State


class Run(Protocol):
    """Runs ffmpeg to its end in a folder, and returns its log. Raises FfmpegError."""

    def __call__(self, arguments: Sequence[str], *, folder: str) -> str:
        """Run it with these arguments, its own name not among them."""


def read_template(name: str) -> str:
    """Read a template that came with the program: inside the package, or beside it in a checkout.

    Raises PipelineError where there is none of that name.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "templates", package.parent / "templates"):
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise PipelineError(f"the template {name} is missing from this installation: install cueline again")


def _caption_template() -> str:
    return read_template("captions.ass")


def _card_template() -> str:
    return read_template("card.ass")


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. `states` index `cues` and `pictures`; `size` is width and height, both even, in pixels.

    `fonts` are the files of all that the letterings name. The templates are ASS text, as `captions.ass` takes it.
    """

    states: tuple[State, ...]
    cues: Sequence[Cue]
    pictures: tuple[Still | Card, ...]
    size: tuple[int, int] = (1920, 1080)
    fps: int = 30
    fonts: Sequence[str] = ()
    caption_lettering: Lettering = field(default_factory=Lettering)
    title_lettering: Lettering = field(default_factory=Lettering)
    caption_template: str = field(default_factory=_caption_template)
    card_template: str = field(default_factory=_card_template)
