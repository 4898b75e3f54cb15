"""A generator in a task of its own gives the same, in order, and may be left anywhere without a word."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.production.apart import MOST_WAITING, apart

# Three generators, each iterating the next, that are left by `break` and by an error while the loop is ending.
LEFT_EARLY = """
import asyncio, sys
from pipeline.production.apart import apart

async def numbers():
    try:
        n = 0
        while True:
            yield n
            n += 1
            await asyncio.sleep(0.001)
    finally:
        await asyncio.sleep(0)
        print("closed")

async def between(inner):
    try:
        async for item in inner:
            yield item
    finally:
        await inner.aclose()

async def main():
    async for item in apart(between(between(numbers()))):
        if item == 3:
            break
    async for item in apart(between(between(numbers()))):
        if item == 3:
            raise ValueError("mine")

try:
    asyncio.run(main())
except ValueError as error:
    print(error)
"""


async def counted(numbers: list[int], pauses: set[int]) -> AsyncGenerator[int, None]:
    """Numbers, with a turn for others before some of them."""
    for number in numbers:
        if number in pauses:
            await asyncio.sleep(0)
        yield number


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=3 * MOST_WAITING), st.sets(st.integers(0, 50)))
def test_all_of_it_comes_in_order(numbers: list[int], pauses: set[int]) -> None:
    """Whether it comes at once or slowly."""

    async def run() -> list[int]:
        return [number async for number in apart(counted(numbers, pauses))]

    assert asyncio.run(run()) == numbers


def test_its_error_comes_after_what_came_before_it() -> None:
    """As from the generator itself."""

    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        yield 2
        raise KeyError("three")

    async def run() -> None:
        numbers = apart(failing())
        assert [await anext(numbers), await anext(numbers)] == [1, 2]
        with pytest.raises(KeyError, match="three"):
            await anext(numbers)

    asyncio.run(run())


def test_it_is_not_far_ahead_of_who_takes() -> None:
    """A slow player holds back who speaks."""
    made: list[int] = []

    async def endless() -> AsyncGenerator[int, None]:
        while True:
            made.append(len(made))
            yield made[-1]

    async def run() -> None:
        items = apart(endless())
        assert await anext(items) == 0
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(made) <= MOST_WAITING + 2
        await items.aclose()

    asyncio.run(run())


def test_leaving_it_early_is_quiet() -> None:
    """Nested generators that an event loop closes all at once complain on stderr; these do not."""
    done = subprocess.run([sys.executable, "-c", LEFT_EARLY], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert done.stdout.split() == ["closed", "closed", "mine"]
