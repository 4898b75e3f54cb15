"""This machine → what works on it, each tried for real."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import __version__, encoder
from pipeline.errors import PipelineError

LEAST_FREE_BYTES = 2**30
# Letters that nearly every text of a script holds, and those by which one regional form is told from another.
SCRIPT_SAMPLES = {
    "Chinese and Japanese": "的一是漢字语日本のカ",
    "Korean": "한국어",
    "Arabic": "العربية",
    "Devanagari": "हिन्दी",
    "Thai": "ภาษาไทย",
    "Hebrew": "עברית",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. `needed` is what a first video cannot do without."""

    what: str
    works: bool
    detail: str
    needed: bool = True


def examine(store: Path, *, has_key: bool) -> tuple[Finding, ...]:
    """Try everything that a first video needs, and look at what else there is."""
    system = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return (
        Finding("cueline", True, __version__),
        Finding("Python", sys.version_info >= (3, 11), system),
        _tried("ffmpeg with libass", _draw_a_letter),
        _tried("captions' font", _font),
        _tried("other letters", _other_letters, needed=False),
        _tried("English offline voice", _speak_english, needed=False),
        _tried("other offline voices", _speak_german),
        _tried("store", lambda: _write_to(store)),
        Finding("key", has_key, _key_detail(has_key=has_key), needed=False),
    )


def _tried(what: str, attempt: Callable[[], str], *, needed: bool = True) -> Finding:
    try:
        return Finding(what, True, attempt(), needed)
    except PipelineError as error:
        return Finding(what, False, str(error), needed)
    except Exception as error:  # noqa: BLE001  # whatever is broken here, the other findings are wanted all the same
        return Finding(what, False, f"{type(error).__name__}: {error}", needed)


def _key_detail(*, has_key: bool) -> str:
    found = "ELEVENLABS_API_KEY is set: the service speaks unless --engine offline is given"
    return found if has_key else "no ELEVENLABS_API_KEY: the offline voice speaks"


def _draw_a_letter() -> str:
    """Run ffmpeg over one small frame with a caption drawn in, as a video's would be."""
    from pipeline.drawing import Drawing, draw_video
    from pipeline.fonts import choose_fonts
    from pipeline.model import Card, Cue
    from pipeline.pictures import picture_states

    with tempfile.TemporaryDirectory() as folder:
        fonts = choose_fonts("Ag")
        cue = Cue(0, 1000, ("Ag",))
        drawing = Drawing(picture_states((cue,), 1000, 30), (cue,), (Card("Ag"),), (320, 180), fonts=fonts.files)
        draw_video(drawing, str(Path(folder) / "one.mp4"), encoder.run)
    from pipeline.encoder.process import ffmpeg_path

    return ffmpeg_path()


def _font() -> str:
    from pipeline.fonts import shipped_font

    if not Path(shipped_font()).is_file():
        raise PipelineError(f"{shipped_font()} is missing: pip install --force-reinstall font-roboto")
    return shipped_font()


def _other_letters() -> str:
    """Look for a font for each of the large scripts that the shipped one lacks. Raises PipelineError where one has none."""
    from pipeline.fonts import drawn_by_none

    missing = drawn_by_none("".join(SCRIPT_SAMPLES.values()))
    lacking = [script for script, letters in SCRIPT_SAMPLES.items() if missing.intersection(letters)]
    if lacking:
        named = ", ".join(lacking)
        raise PipelineError(
            f"no font here draws {named}: captions in these stay soft; a Noto Sans font for them lets them be burned"
        )
    return f"{', '.join(SCRIPT_SAMPLES)} can be burned"


def _speak_english() -> str:
    from pipeline.engines import offline

    how = offline.availability()
    return _spoken("en", how.remark or "the natural voice speaks English")


def _speak_german() -> str:
    return _spoken("de", "espeak-ng speaks them")


def _spoken(language: str, how: str) -> str:
    from pipeline.engines import offline

    if not any(offline.speak("1 2 3", language, offline.VARIANTS[0], 1.0).pcm):
        raise PipelineError("the voice made no sound")
    return how


def _write_to(store: Path) -> str:
    """Write where the store is or is to be, leaving nothing behind."""
    place = next(folder for folder in (store, *store.parents) if folder.is_dir())
    with tempfile.TemporaryFile(dir=place) as file:
        file.write(b"x")
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        raise PipelineError(f"only {free >> 20} MiB are free in {place}")
    return f"{store} ({free >> 30} GiB free)"
