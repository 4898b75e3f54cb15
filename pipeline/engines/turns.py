"""Work of many clients → threads, each client in its turn, so that a long text of one does not delay another's.

A client that waits is served before one that has just been served, and none may fill the threads alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

# Threads that speak. A neural voice runs in two of them at a time, sentence by sentence, the others wait for it there:
# so long texts take turns by sentences too.
THREADS = 32
# What one client may have of them.
SHARE = 2

_Result = TypeVar("_Result")


class Turns:
    """Threads and who waits for them. Used from one event loop."""

    def __init__(self, threads: int = THREADS, share: int = SHARE) -> None:
        self.most = threads
        self._share = share
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="speech")
        self._running: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @property
    def under_way(self) -> int:
        """How many pieces of work are done or waited for."""
        return sum(self._running.values()) + sum(map(len, self._waiting.values()))

    async def take(self, client: Hashable, work: Callable[[], _Result]) -> _Result:
        """Do work in a thread when it is the client's turn. Work that has begun is not stopped by cancelling."""
        await self._turn(client)
        loop = asyncio.get_running_loop()
        try:
            done = self._pool.submit(work)
        except BaseException:
            self._give_back(client)
            raise
        done.add_done_callback(partial(self._done, loop, client))
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """Take no more work and wait for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, client: Hashable) -> None:
        if not self._waiting.get(client) and self._is_free(client):
            self._running[client] = self._running.get(client, 0) + 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(client)
            else:
                self._forget(client, turn)
            raise

    def _is_free(self, client: Hashable) -> bool:
        return sum(self._running.values()) < self.most and self._running.get(client, 0) < self._share

    def _done(self, loop: asyncio.AbstractEventLoop, client: Hashable, _: Future[object]) -> None:
        """Pass the turn on; called in the thread, and the loop may be gone by then."""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._give_back, client)

    def _give_back(self, client: Hashable) -> None:
        left = self._running.get(client, 1) - 1
        if left:
            self._running[client] = left
        else:
            self._running.pop(client, None)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give turns to those who have waited longest for one, as long as there are any to give."""
        while chosen := next((client for client in self._waiting if self._is_free(client)), None):
            turn = self._waiting[chosen][0]
            self._forget(chosen, turn)
            if chosen in self._waiting:
                # Its next piece stands behind all other clients.
                self._waiting[chosen] = self._waiting.pop(chosen)
            self._running[chosen] = self._running.get(chosen, 0) + 1
            turn.set_result(None)

    def _forget(self, client: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._waiting[client]
        queue.remove(turn)
        if not queue:
            del self._waiting[client]
