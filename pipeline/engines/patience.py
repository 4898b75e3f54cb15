"""Something awaited → what it gives, or TimeoutError: one wait after another, with one timer for all of them.

`asyncio.timeout` sets a timer for each wait and takes it back: for a message that comes at once, a fifth of all that it
costs. Here the timer stays, and when it goes off it looks whether somebody still waits, and until when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_Result = TypeVar("_Result")


class Patience:
    """Lets one task at a time wait, each time for so long at most."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._deadline = 0.0
        self._has_run_out = False

    async def wait(self, awaited: Awaitable[_Result], seconds: float) -> _Result:
        """Give the result, or raise TimeoutError after so many seconds; then what was awaited is cancelled."""
        task = asyncio.current_task()
        assert task is not None
        assert self._waiting is None, "one task at a time"
        self._waiting, self._deadline, self._has_run_out = task, self._loop.time() + seconds, False
        if self._timer is None or self._timer.when() > self._deadline:
            self._set()
        before = task.cancelling()
        try:
            return await awaited
        except asyncio.CancelledError:
            # As in `asyncio.timeout`: who is cancelled by another besides stays so.
            if self._has_run_out and task.cancelling() - 1 <= before:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None
            if self._has_run_out:
                task.uncancel()

    def close(self) -> None:
        """Nobody will wait any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._deadline > self._loop.time():
            self._set()
        else:
            self._has_run_out = True
            self._waiting.cancel()
