"""Threads are given to clients in turn."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from pipeline.engines.turns import Turns


def test_a_client_that_waits_comes_before_one_that_was_served() -> None:
    """A client with ten pieces of work does not delay another's first by more than one piece."""
    done: list[str] = []

    async def run() -> None:
        turns = Turns(threads=1)
        gate = threading.Event()

        def work(name: str) -> None:
            gate.wait(10)
            done.append(name)

        works = [asyncio.create_task(turns.take("long", partial(work, f"long {n}"))) for n in range(10)]
        await asyncio.sleep(0)
        works.append(asyncio.create_task(turns.take("short", partial(work, "short"))))
        await asyncio.sleep(0)
        assert turns.under_way == 11
        gate.set()
        await asyncio.gather(*works)
        assert turns.under_way == 0
        turns.close()

    asyncio.run(run())
    assert done.index("short") <= 2
    assert [each for each in done if each != "short"] == [f"long {n}" for n in range(10)]


def test_no_client_has_all_threads() -> None:
    """With four threads and a share of two, another is served though the first has more to do."""
    gate = threading.Event()

    async def run() -> None:
        turns = Turns(threads=4, share=2)
        waiting = [asyncio.create_task(turns.take("a", lambda: gate.wait(20))) for _ in range(6)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(turns.take("b", lambda: 5), 10) == 5
        gate.set()
        assert all(await asyncio.gather(*waiting))
        turns.close()

    try:
        asyncio.run(run())
    finally:
        gate.set()


def test_a_client_that_leaves_gives_its_turn_back() -> None:
    """Whether it waited, had just been given it, or its work had begun; a failure is the client's own."""
    gate = threading.Event()

    def fail() -> None:
        raise ZeroDivisionError

    async def run() -> None:
        turns = Turns(threads=1)
        begun = asyncio.create_task(turns.take("a", lambda: gate.wait(20)))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(turns.take("b", lambda: 1))
        await asyncio.sleep(0)
        waiting.cancel()
        begun.cancel()
        gate.set()
        with pytest.raises(ZeroDivisionError):
            await turns.take("c", fail)
        assert await asyncio.wait_for(turns.take("d", lambda: 7), 10) == 7
        assert turns.under_way == 0
        turns.close()

    try:
        asyncio.run(run())
    finally:
        gate.set()
