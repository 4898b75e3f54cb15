"""Ctrl-C, SIGTERM, SIGHUP → one KeyboardInterrupt that ends a run cleanly, and the exit status that tells of it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Self

# SIGHUP is what a terminal sends when it is closed; Windows has none.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_ALL = (signal.SIGINT, *ENDING)

# `timeout` signals a process and then the process's group: what comes so soon again is the same wish, and a second
# one would break into how the first one ends.
ONE_WISH_SECONDS = 0.5

# Which signals came, and when.
_received: list[tuple[int, float]] = []
# Whether this process is the program's own, and not one that has only called it.
_owned: list[bool] = []


def end_as_interrupted() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does. One that was ignored from the start (nohup) stays so."""
    _owned.append(True)
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def status() -> int:
    """Return the exit status of a run that was interrupted: 128 and the signal's number, as a shell counts (130, 143)."""
    return 128 + (_received[0][0] if _received else signal.SIGINT)


def ignore() -> dict[int, object]:
    """Ignore every interrupt from now on. Returns what was done about each before; nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, signal.SIG_IGN) for number in _ALL}


class Ending:
    """A context around what cleans up: a second interrupt does not disturb how a first one ends.

    `watched` goes around the work. When an interrupt leaves it, further ones are ignored until the context is left; in
    the program's own process for good, for then it ends.
    """

    def __init__(self) -> None:
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if _owned:
            return
        for number, action in self._before.items():
            signal.signal(number, action)  # type: ignore[arg-type]  # it came from there
        self._before = {}

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Ignore further interrupts once one leaves the body."""
        try:
            yield
        except KeyboardInterrupt:
            self._before = ignore() | self._before
            raise


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C would do at this moment: asyncio, too, has its own way to end by it."""
    now = time.monotonic()
    if _received and now - _received[-1][1] < ONE_WISH_SECONDS:
        return
    _received.append((number, now))
    as_ctrl_c = signal.getsignal(signal.SIGINT)
    if callable(as_ctrl_c):
        as_ctrl_c(signal.SIGINT, frame)
    else:  # a shell that starts something in the background lets it ignore Ctrl-C
        raise KeyboardInterrupt
