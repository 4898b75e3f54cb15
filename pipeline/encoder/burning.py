"""A footage + captions as ASS → the same picture with the captions drawn in, H.264, without sound."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.addresses import file_url
from pipeline.encoder import run
from pipeline.errors import OutputError
from pipeline.filtergraph import (
    CAPTIONS_FILE,
    FONTS_FOLDER,
    DrawnFootage,
    burn_arguments,
    transcode_arguments,
)
from pipeline.model import ProgressCallback


def burn(
    footage: DrawnFootage,
    captions: str,
    fonts: Sequence[str],
    out_path: str,
    duration_ms: int = 0,
    progress: ProgressCallback | None = None,
) -> tuple[str, ...]:
    """Draw the captions (the text of an ASS file) with these font files; returns what libass could not draw.

    Runs in a scratch folder beside `out_path`, where captions and fonts have constant names. `duration_ms` is the
    length to come, for `progress`. Raises FfmpegError or OutputError.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".cueline-", dir=Path(out_path).parent) as scratch:
            Path(scratch, CAPTIONS_FILE).write_text(captions, encoding="utf-8", newline="\n")
            Path(scratch, FONTS_FOLDER).mkdir()
            _copy_fonts(fonts, Path(scratch, FONTS_FOLDER))
            arguments = burn_arguments(footage, file_url(out_path))
            log = run(arguments, folder=scratch, duration_ms=duration_ms, progress=progress, stage="drawing")
    except OSError as error:
        raise OutputError(f"{out_path} could not be written: {error.strerror}") from None
    return missing_from(log)


def _copy_fonts(fonts: Sequence[str], folder: Path) -> None:
    """Copy font files, numbered: two folders of a system may hold files of one name. Raises OutputError."""
    for number, font in enumerate(fonts):
        try:
            shutil.copyfile(font, folder / f"{number}-{Path(font).name}")
        except OSError as error:
            raise OutputError(f"the font {font} could not be copied: {error.strerror}") from None


def transcode(
    footage: DrawnFootage, out_path: str, duration_ms: int = 0, progress: ProgressCallback | None = None
) -> None:
    """Encode a footage that MP4 cannot hold as it is. Raises FfmpegError or OutputError."""
    run(
        transcode_arguments(footage, file_url(out_path)),
        duration_ms=duration_ms,
        progress=progress,
        stage="encoding the picture",
    )


def missing_from(log: str) -> tuple[str, ...]:
    """Find what libass says about fonts and glyphs that it lacks: ffmpeg ends well all the same."""
    signs = ("fontselect: failed", "Glyph 0x", "can't find selected font", "No usable fontconfig")
    lines = [line.rpartition("] ")[2] for line in log.splitlines() if any(sign in line for sign in signs)]
    return tuple(dict.fromkeys(lines))
