"""What was asked, used, spoken, mended and measured → the job file beside a result, and back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from pipeline import __version__
from pipeline.errors import UsageError
from pipeline.production.publishing import JOB_SUFFIX as SUFFIX
from pipeline.production.publishing import fingerprint, is_untouched

__all__ = ["SUFFIX", "JobFile", "asked_for", "beside", "compose", "made_files", "read", "readable", "still_stands"]

VERSION = 1
# Twelve windows are half a megabyte, and a line for each of a book's paragraphs is less.
LARGEST = 64 * 2**20
# What Python makes of a byte of a file's name that is not UTF-8, and what no file in UTF-8 can hold.
_NO_TEXT = re.compile("[\ud800-\udfff]")


class _Written(msgspec.Struct):
    """What must be right in a job file for the rest of the program to read on."""

    asked: str
    files: dict[str, str]
    duration: Annotated[float, msgspec.Meta(ge=0, lt=1e9)] = 0
    captions: str = ""
    script: str = ""
    remarks: list[str] = []  # msgspec copies it
    reference: dict[str, Any] | None = None
    sync: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class JobFile:
    """The parts of a job file that are read again: what it was made from, its files, and its reference windows."""

    asked: str
    files: Mapping[str, str]
    reference: Mapping[str, Any] = field(default_factory=dict)
    contents: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person was told when the files were made."""
        return tuple(map(str, self.contents.get("remarks") or ()))

    @property
    def sync(self) -> Mapping[str, float]:
        """The figures of the finished file's sync, by name, as they were measured when it was made."""
        measured = self.contents.get("sync") or {}
        return {name: value for name, value in measured.items() if isinstance(value, int | float)}


def asked_for(parts: Sequence[object]) -> str:
    """Sum up everything that shapes a result in 64 hexadecimal digits; equal sums mean nothing is to be made."""
    whole = (VERSION, __version__, parts)
    try:
        summed = msgspec.json.encode(whole, order="deterministic")
    except UnicodeEncodeError:  # a name that is not UTF-8 is among them
        summed = json.dumps(msgspec.to_builtins(whole, str_keys=True, order="deterministic")).encode("ascii")
    return hashlib.sha256(summed).hexdigest()


def readable(text: str) -> str:
    """Replace by U+FFFD whatever of a file's name is not UTF-8, so that it can be written into a file that is."""
    return _NO_TEXT.sub("\ufffd", text)


def compose(contents: Mapping[str, Any], asked: str, files: Mapping[str, Path]) -> str:
    """Write a job file: `contents` as it is, and the files' fingerprints by name, all of it as UTF-8 can hold it."""
    whole = {
        "version": VERSION,
        "cueline": __version__,
        **contents,
        "asked": asked,
        "files": {name: fingerprint(made) for name, made in files.items()},
    }
    return readable(json.dumps(whole, ensure_ascii=False, indent=1)) + "\n"


def read(path: Path) -> JobFile | None:
    """Read a job file; None where there is none. Raises UsageError where it is not one of ours, in any part."""
    try:
        if path.stat().st_size > LARGEST or not path.is_file():
            raise UsageError(f"{path} is not a job file of this version: it is too large, or no file")
        whole = msgspec.json.decode(path.read_bytes())
        if not isinstance(whole, dict) or whole.get("version") != VERSION:
            raise UsageError(f"{path} is not a job file of this version")
        written = msgspec.convert(whole, _Written)
        if strange := [name for name in written.files if not _is_bare(name)]:
            raise UsageError(f"{path} is not a job file of this version: {strange[0]!r} is no file beside it")
        return JobFile(written.asked, written.files, written.reference or {}, whole)
    except FileNotFoundError:
        return None
    except RecursionError:
        raise UsageError(f"{path} is not a job file of this version: it is nested too deep") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a job file of this version: {error}") from error


def _is_bare(name: str) -> bool:
    """Whether this can only be the name of a file in the same folder, on the system that this runs on."""
    return Path(name).name == name and name not in ("", "..") and "\0" not in name


def still_stands(path: Path, asked: str) -> JobFile | None:
    """Return the job file if it asked for the same and all its files lie untouched beside it, else None."""
    try:
        found = read(path)
    except UsageError:
        return None
    if found is None or found.asked != asked:
        return None
    whole = all(is_untouched(beside(path, name), known) for name, known in found.files.items())
    return found if whole else None


def made_files(path: Path, script: Path) -> frozenset[Path]:
    """The files that may be replaced when a script is made again: this job file, and those that it says it made of it.

    None where there is no job file, or it is of another script, or it is none of ours.
    """
    try:
        found = read(path)
    except UsageError:
        return frozenset()
    if found is None or found.contents.get("script") != readable(script.name):
        return frozenset()
    return frozenset({path, *(beside(path, name) for name in found.files)})


def beside(path: Path, name: str) -> Path:
    """Find the file that a job file names, though the name there is only what can be read of it."""
    place = path.parent / name
    if "\ufffd" not in name or place.exists():
        return place
    return next((other for other in path.parent.iterdir() if readable(other.name) == name), place)
