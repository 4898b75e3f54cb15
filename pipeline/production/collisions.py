"""Files that are read, and places that are to be written → an error before anything is spent where it cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import UsageError


def refuse_collisions(sources: Mapping[str, Path], results: Iterable[Path], record: str | None) -> None:
    """Compare every named source with every place of a result, and both with the file of `--record`.

    Raises UsageError where a result would take its source's place, or the record be written into one of them.
    """
    places = list(results)
    for name, source in sources.items():
        for place in places:
            if is_same_file(source, place):
                raise UsageError(f"{place}: is the {name} that the result is made from; name the result otherwise")
    if record is None:
        return
    for name, path in [*sources.items(), *(("place of a result", place) for place in places)]:
        if is_same_file(path, Path(record)):
            raise UsageError(f"--record {record}: is the {name}; name another file for the record")


def refuse_under_a_file(output: Path, folder: Path) -> None:
    """Raise UsageError where the folder in which `output` is to appear is a file, or lies under one."""
    if (file := file_on_the_way(folder.absolute())) is not None:
        raise UsageError(f"-o {output}: {file} is a file, so nothing can be written under it; name another place")


def file_on_the_way(place: Path) -> Path | None:
    """Find what keeps a place from being a folder: itself or the nearest thing above it that is there, if no folder."""
    there = next((path for path in (place, *place.parents) if os.path.lexists(path)), None)
    return None if there is None or there.is_dir() else there


def is_same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file, by links or by letters that the file system does not tell apart."""
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):  # one of them is not there, or its links go in a circle
        return False
