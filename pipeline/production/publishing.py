"""Files made aside → files in their place, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.errors import OutputError, UsageError
from pipeline.locks import try_lock

# What is read of a large file to know it again: its size, its first and its last bytes.
SAMPLED_BYTES = 2**20
SCRATCH_PREFIX = ".making-"
LOCK = ".lock"
# How often a scratch folder is made anew that another run took for abandoned before it was locked.
_MOST_TRIES = 10
JOB_SUFFIX = ".job.json"


@contextmanager
def staging_folder(output: Path) -> Iterator[Path]:
    """Make the output folder and, inside it, a scratch folder that is gone afterwards.

    It lies in the output folder so that moving a file to its place is one step of the file system. A lock in it tells
    that it is in use: what a run that was killed left behind is removed by the next one. Raises OutputError before
    anything is spent when nothing can be written there.
    """
    made: list[Path] = []
    with ExitStack() as leaving:
        leaving.callback(_remove_empty, made)
        try:
            made += [folder for folder in (output, *output.parents) if not folder.exists()]
            output.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(output)
            scratch = _scratch_folder(output, leaving)
        except OSError as error:
            raise cannot_write(output, error) from error
        yield scratch


def _scratch_folder(output: Path, leaving: ExitStack) -> Path:
    """Make a scratch folder that is locked, and is removed by `leaving` whatever happens from here. Raises OSError."""
    for _ in range(_MOST_TRIES):
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=output))
        leaving.callback(shutil.rmtree, scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            lock = try_lock(scratch / LOCK)
            if lock is None:
                continue
            # Let go before the folder is removed: Windows removes no file that is locked.
            leaving.enter_context(lock)
        return scratch  # without a lock where the file system has none: nobody removes it then
    raise OSError(f"{_MOST_TRIES} scratch folders were taken away")


def _remove_abandoned(output: Path) -> None:
    """Remove the scratch folders that nobody has locked, and no folder that was not made as one."""
    for folder in output.glob(f"{SCRATCH_PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            if not (folder / LOCK).is_file():
                folder.rmdir()  # only when it is empty: its maker was killed before it was locked
            elif lock := try_lock(folder / LOCK):
                with lock:
                    shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Say in one sentence why something cannot be written."""
    return OutputError(f"{path} cannot be written: {error.strerror or error}")


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8 with line feeds. Raises OutputError."""
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def check_places(places: Iterable[Path], ours: Collection[Path] | None = None) -> None:
    """See, before anything is spent, that every file can appear and takes no other's place; nothing is touched.

    `ours` are the files that may be replaced, as `job_file.made_files` finds them; without it any file may. Raises
    UsageError where another file is there already, OutputError where none can be written.
    """
    for place in places:
        try:
            place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise cannot_write(place, error) from error
        else:
            if place.is_dir():
                raise OutputError(f"{place} cannot be written: it is a folder; move it away, or name another output")
            if ours is not None and place not in ours:
                raise UsageError(
                    f"{place}: is there already and was not made from this script; move it away, "
                    "or name another output with -o"
                )
        folder = next((parent for parent in place.parents if parent.exists()), place.parent)
        if not folder.is_dir():
            raise OutputError(f"{place} cannot be written: {folder} is no folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{place} cannot be written: {folder} lets nobody write into it")


def publish(files: Mapping[Path, Path], ours: Collection[Path] | None = None) -> None:
    """Move made files (values) to their places (keys): all of them, or none, with what was there before put back.

    Raises as `check_places` does. A job file goes first: if the process is killed on the way, it names the files that
    came and were to come, so that the next run may replace them.
    """
    check_places(files, ours)
    in_order = sorted(files.items(), key=lambda one: not one[0].name.endswith(JOB_SUFFIX))
    with ExitStack() as undoing:
        for place, made in in_order:
            try:
                _put_in_place(place, made, undoing)
            except OSError as error:
                raise cannot_write(place, error) from error
        undoing.pop_all()


def _put_in_place(place: Path, made: Path, undoing: ExitStack) -> None:
    """Move one file to its place, and note how to undo it. Raises OSError."""
    if os.path.lexists(place):
        before = made.with_name(f"{made.name}.before")
        before.unlink(missing_ok=True)
        undoing.callback(_move_back, before, place)
        try:
            os.link(place, before, follow_symlinks=False)
        except (OSError, NotImplementedError):  # not every file system has links
            place.replace(before)
    undoing.callback(_move_back, place, made)
    made.replace(place)


def _move_back(moved: Path, to: Path) -> None:
    with contextlib.suppress(OSError):
        if os.path.lexists(moved) and not os.path.lexists(to):
            moved.replace(to)


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
        return path.is_file() and fingerprint(path) == known
    except (OSError, ValueError):  # a name that is too long, or can be none
        return False
