"""Threads that each keep the memory they let go of → one heap for all, and what is free in it given back (glibc)."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

# From malloc.h of glibc: the parameter that says how many heaps there may be.
_M_ARENA_MAX = -8


def share_one_heap() -> None:
    """Have all threads that begin from now on allocate from the first one's heap.

    Glibc gives every thread a heap of its own, up to eight for each core (mallopt(3)). A voice whose arrays differ in
    length from sentence to sentence, run in several threads, leaves a hundred megabytes behind in them; a single heap
    is as fast for arrays as large as these. Other C libraries are left as they are.
    """
    if (mallopt := _glibc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free in the heap to the system (malloc_trim(3)), where the C library can."""
    if (trim := _glibc("malloc_trim")) is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
