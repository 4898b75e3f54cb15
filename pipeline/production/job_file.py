"""What was asked, used, spoken, mended and measured → the job file beside a result, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pipeline import __version__
from pipeline.errors import UsageError
from pipeline.production.publishing import fingerprint, is_untouched

VERSION = 1
SUFFIX = ".job.json"


@dataclass(frozen=True, slots=True)
class JobFile:
    """The parts of a job file that are read again: what it was made from, its files, and its reference windows."""

    asked: str
    files: Mapping[str, str]
    reference: Mapping[str, Any] = field(default_factory=dict)
    contents: Mapping[str, Any] = field(default_factory=dict)


def asked_for(parts: Sequence[object]) -> str:
    """Sum up everything that shapes a result in 64 hexadecimal digits; equal sums mean nothing is to be made."""
    return hashlib.sha256(msgspec.json.encode((VERSION, __version__, parts), order="deterministic")).hexdigest()


def compose(contents: Mapping[str, Any], asked: str, files: Mapping[str, Path]) -> str:
    """Write a job file: `contents` as it is, and the files' fingerprints by name."""
    whole = {
        "version": VERSION,
        "cueline": __version__,
        **contents,
        "asked": asked,
        "files": {name: fingerprint(made) for name, made in files.items()},
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def read(path: Path) -> JobFile | None:
    """Read a job file; None where there is none. Raises UsageError where it is not one of ours."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(whole, dict) or whole.get("version") != VERSION:
            raise UsageError(f"{path} is not a job file of this version")
        return JobFile(str(whole["asked"]), dict(whole["files"]), whole.get("reference") or {}, whole)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a job file of this version: {error}") from error


def still_stands(path: Path, asked: str) -> JobFile | None:
    """Return the job file if it asked for the same and all its files lie untouched beside it, else None."""
    try:
        found = read(path)
    except UsageError:
        return None
    if found is None or found.asked != asked:
        return None
    whole = all(is_untouched(path.parent / name, known) for name, known in found.files.items())
    return found if whole else None
