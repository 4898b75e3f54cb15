"""A path → a lock that its holder's end releases, however that ends."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from pathlib import Path


def try_lock(path: Path) -> ExitStack | None:
    """Lock a file at once or not at all; None where somebody else holds it, in this process or another.

    The file is made where it is missing, and gone again afterwards. What comes back is held until it is closed or left
    as a context, by whichever thread, or until the process is no more. It never waits: who wants to wait asks again.
    Raises OSError where the file system cannot lock or the file cannot be made.
    """
    from filelock import FileLock, Timeout

    # A mere marker file in place of a lock would outlive a process that is killed.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    held = ExitStack()
    held.callback(lock.release)
    held.callback(_remove, path)
    return held


def _remove(path: Path) -> None:
    """Remove a file that is still locked: whoever opened it before finds it gone. Windows does so when it is released."""
    with contextlib.suppress(OSError):
        path.unlink()
