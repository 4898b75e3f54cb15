"""An async generator → the same, run in a task of its own, so that it may be left at any moment without a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from typing import TypeVar

_Made = TypeVar("_Made")

# How far the task may be ahead of who takes from it.
MOST_WAITING = 16


async def apart(made: AsyncGenerator[_Made, None]) -> AsyncGenerator[_Made, None]:
    """Yield what a generator makes. However this one is left, that one is closed in order, from the inside out.

    Generators that iterate one another are closed by an event loop in any order, all at once (PEP 525,
    `shutdown_asyncgens`), and complain of it; what a task iterates is closed by cancelling the task. Raises what the
    generator raises.
    """
    waiting: deque[_Made] = deque()
    changed, taken = asyncio.Event(), asyncio.Event()
    is_over = False

    async def feed() -> None:
        nonlocal is_over
        try:
            async with contextlib.aclosing(made) as items:
                async for item in items:
                    waiting.append(item)
                    changed.set()
                    while len(waiting) >= MOST_WAITING:
                        taken.clear()
                        await taken.wait()
        finally:
            is_over = True
            changed.set()

    task = asyncio.create_task(feed())
    try:
        while True:
            await changed.wait()
            changed.clear()
            # Nothing is awaited between the two looks: what the task put in before it ended is yielded.
            while waiting:
                item = waiting.popleft()
                taken.set()
                yield item
            if is_over:
                await task
                return
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
