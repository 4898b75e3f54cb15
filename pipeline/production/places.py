"""Errors of files that are made aside → errors of the place where a person wanted them, with what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError, StoreError
from pipeline.production.publishing import SCRATCH_PREFIX

# What the system says where there is no room, and what ffmpeg's reason becomes.
FULL = {
    os.strerror(errno.ENOSPC): "the disk is full",
    "the disk is full": "the disk is full",
    os.strerror(errno.EDQUOT): "the disk quota is used up",
    "the disk quota is used up": "the disk quota is used up",
}
_SCRATCH = re.compile(rf"[/\\]{re.escape(SCRATCH_PREFIX)}[^/\\\s:]+")


@contextmanager
def told_of_place(folder: Path) -> Iterator[None]:
    """Tell each OutputError of the body by the folder of the results, and never by a scratch folder that is gone.

    Where there is no room, in that folder or in the store, it is said in the same words whatever could not be written.
    """
    try:
        yield
    except OutputError as error:
        told = _full(error.message)
        sentence = f"{folder} cannot be written: {told}; free some space, or name another place with -o"
        raise OutputError(sentence if told else _SCRATCH.sub("", error.message)) from error
    except StoreError as error:
        if not (told := _full(error.message)):
            raise
        before = error.message.partition(": ")[0]
        raise StoreError(f"{before}: {told}; free some space, or name another place with --store") from error


def _full(message: str) -> str | None:
    return next((told for sign, told in FULL.items() if sign in message), None)
