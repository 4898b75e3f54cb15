"""Waits with one timer for all of them: what comes, what does not, and who is cancelled by whom."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from pipeline.engines.patience import Patience

_Result = TypeVar("_Result")


def within(seconds: float, act: Coroutine[object, object, _Result]) -> _Result:
    """Run to the end, which must come soon."""

    async def bounded() -> _Result:
        async with asyncio.timeout(seconds):
            return await act

    return asyncio.run(bounded())


def test_what_comes_is_given() -> None:
    """The result of what is awaited, at once or later, as often as asked."""

    async def act() -> list[str]:
        patience = Patience()
        there = [await patience.wait(asyncio.sleep(0, "at once"), 5) for _ in range(3)]
        return [*there, await patience.wait(asyncio.sleep(0.02, "later"), 5)]

    assert within(2, act()) == ["at once", "at once", "at once", "later"]


def test_what_does_not_come_is_not_waited_for() -> None:
    """TimeoutError after the time, what was awaited is cancelled, and the task goes on and may wait again."""

    async def act() -> tuple[float, bool, int, str]:
        patience, loop = Patience(), asyncio.get_running_loop()
        never: asyncio.Future[None] = loop.create_future()
        begun = loop.time()
        with pytest.raises(TimeoutError):
            await patience.wait(never, 0.05)
        waited = loop.time() - begun
        task = asyncio.current_task()
        assert task is not None
        return waited, never.cancelled(), task.cancelling(), await patience.wait(asyncio.sleep(0, "then"), 1)

    waited, was_cancelled, cancelling, then = within(2, act())
    assert 0.04 <= waited < 1
    assert (was_cancelled, cancelling, then) == (True, 0, "then")


def test_a_wait_is_as_long_as_its_own_time() -> None:
    """The timer of an earlier wait neither cuts a later one short nor draws a shorter one out."""

    async def act() -> list[float]:
        patience, loop = Patience(), asyncio.get_running_loop()
        waited = []
        await patience.wait(asyncio.sleep(0), 0.05)
        for seconds in (0.15, 0.03, 0.0):
            begun = loop.time()
            with pytest.raises(TimeoutError):
                await patience.wait(loop.create_future(), seconds)
            waited.append(loop.time() - begun)
            await patience.wait(asyncio.sleep(0), 5)
        return waited

    long, short, none = within(3, act())
    assert long >= 0.14
    assert 0.02 <= short < 1
    assert none < 1


def test_nobody_is_cancelled_who_does_not_wait() -> None:
    """The time of a wait that is over runs out while the task does something else."""

    async def act() -> str:
        patience = Patience()
        await patience.wait(asyncio.sleep(0), 0.02)
        return await asyncio.sleep(0.06, "undisturbed")

    assert within(2, act()) == "undisturbed"


def test_being_cancelled_from_outside_is_no_timeout() -> None:
    """A task that is cancelled while it waits is cancelled."""

    async def act() -> bool:
        patience = Patience()
        task = asyncio.ensure_future(patience.wait(asyncio.get_running_loop().create_future(), 5))
        await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert within(2, act())


def test_an_outer_timeout_is_not_swallowed() -> None:
    """A time limit around a wait that runs out in the same moment still ends what it is around."""

    async def act() -> str:
        patience, loop = Patience(), asyncio.get_running_loop()
        until = loop.time() + 0.03
        try:
            async with asyncio.timeout_at(until):
                with contextlib.suppress(TimeoutError):
                    await patience.wait(loop.create_future(), until - loop.time())
                await asyncio.sleep(5)
        except TimeoutError:
            return "ended"
        return "went on"

    assert within(2, act()) == "ended"


def test_errors_pass_through() -> None:
    """What is awaited may fail."""

    async def fail() -> None:
        raise EOFError

    async def act() -> None:
        patience = Patience()
        with pytest.raises(EOFError):
            await patience.wait(fail(), 1)
        patience.close()

    within(2, act())
