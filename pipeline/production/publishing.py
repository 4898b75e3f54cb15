"""Files made aside → files in their place, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError

# What is read of a large file to know it again: its size, its first and its last bytes.
SAMPLED_BYTES = 2**20


@contextmanager
def staging_folder(output: Path) -> Iterator[Path]:
    """Make the output folder and, inside it, a scratch folder that is gone afterwards.

    It lies in the output folder so that moving a file to its place is one step of the file system. Raises
    OutputError before anything is spent when nothing can be written there.
    """
    made = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        output.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=output))
    except OSError as error:
        raise cannot_write(output, error) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only when nothing came to lie in it


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Say in one sentence why something cannot be written."""
    return OutputError(f"{path} cannot be written: {error.strerror or error}")


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8 with line feeds. Raises OutputError."""
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def publish(files: Mapping[Path, Path]) -> None:
    """Move made files (values) to their places (keys), in order. Raises OutputError."""
    for place, made in files.items():
        try:
            made.replace(place)
        except OSError as error:
            raise cannot_write(place, error) from error


def fingerprint(path: Path) -> str:
    """Tell a file's content in short: its size and a hash of its first and last megabyte."""
    with path.open("rb") as file:
        size = path.stat().st_size
        digest = hashlib.sha256(file.read(SAMPLED_BYTES))
        if size > SAMPLED_BYTES:
            file.seek(max(SAMPLED_BYTES, size - SAMPLED_BYTES))
            digest.update(file.read())
    return f"{size}-{digest.hexdigest()[:32]}"


def is_untouched(path: Path, known: str) -> bool:
    """Tell whether a file is there and has the content that was noted."""
    try:
        return fingerprint(path) == known
    except OSError:
        return False
