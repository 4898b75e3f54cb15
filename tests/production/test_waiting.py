"""A service that is full is waited for, and a person who waits is told why, once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed

from pipeline.engines import Access
from pipeline.errors import RefusedError
from pipeline.model import Outcome
from pipeline.production import narrate, subtitle
from pipeline.production.speaking import BUSY, NO_PLACE
from tests.background_server import background_server
from tests.production.jobs import ignore, job_of

# What a close frame holds besides its code (RFC 6455 5.5): no name, and of a sentence not all.
MOST_REASON_BYTES = 123
TOO_MANY = (
    "Too many concurrent requests. Your current subscription is associated with a maximum of 2 concurrent requests "
    "(running in parallel). Please upgrade your subscription or contact sales if you want to increase this limit."
)
TRAFFIC = "The system is experiencing heavy traffic, please try again. Higher subscriptions have higher priority."
NO_PERMISSION = "The API key you used is missing the permission text_to_speech to execute this operation."
TEXT = "The harbour opened long ago.\n\nIt still works today.\n\nNobody knows why."


async def relay(near: ServerConnection | ClientConnection, far: ServerConnection | ClientConnection) -> None:
    """Hand on what comes from one end to the other, and its close."""
    with contextlib.suppress(ConnectionClosed):
        async for message in near:
            await far.send(message)
    await far.close(near.close_code if near.close_code in (1000, 1008, 1011) else 1000)


@contextlib.contextmanager
def closing_first(reasons: Sequence[str]) -> Iterator[str]:
    """Serve with the truth voice, but close the first sockets for these reasons; gives the address."""
    left, places, loops = list(reasons), list[str](), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()
    ready = threading.Event()

    async def run(base: str) -> None:
        async def front(connection: ServerConnection) -> None:
            if left:
                reason = left.pop(0)[:MOST_REASON_BYTES]
                await connection.recv()
                await connection.close(1008, reason)
                return
            assert connection.request is not None
            async with connect(f"{base}{connection.request.path}", proxy=None) as behind:
                await asyncio.gather(relay(connection, behind), relay(behind, connection))

        async with listen(front, "127.0.0.1", 0) as server:
            ended = asyncio.Event()
            loops.append((asyncio.get_running_loop(), ended))
            places.append(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
            ready.set()
            await ended.wait()

    with background_server() as base:
        thread = threading.Thread(target=lambda: asyncio.run(run(base)), daemon=True)
        thread.start()
        assert ready.wait(20), "the server did not start"
        try:
            yield places[0]
        finally:
            loop, ended = loops[0]
            loop.call_soon_threadsafe(ended.set)
            thread.join(20)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses a twentieth as long, and as much sooner told of."""
    monkeypatch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.025)
    monkeypatch.setattr("pipeline.engines.retries.SILENT_QUEUING", 0.1)
    monkeypatch.setattr("pipeline.engines.retries.SILENT_TRYING", 0.06)


def narrated(folder: Path, base: str) -> tuple[Outcome, list[str]]:
    """Narrate over the sockets of an address; what was made, and what was said of waiting."""
    said: list[str] = []
    job = replace(job_of(folder, TEXT, container="m4a"), engine="elevenlabs")
    outcome = narrate(job, Access("key", base), ignore, said.append)
    return outcome, [remark for remark in said if "waiting" in remark or "trying" in remark]


def test_a_full_account_is_waited_for_and_told_of_once(folder: Path) -> None:
    """Though its refusals are close reasons that are cut and offer a better plan; files that stand are silent."""
    with closing_first([TOO_MANY] * 8) as base:
        outcome, waits = narrated(folder, base)
        assert (outcome.made, outcome.spoken) == (True, 3)
        assert waits == [NO_PLACE]
        assert NO_PLACE not in outcome.remarks
        outcome, waits = narrated(folder, base)
        assert (outcome.made, waits) == (False, [])


def test_a_short_wait_is_not_worth_a_word(folder: Path) -> None:
    """One refusal passes with one pause."""
    with closing_first([TOO_MANY]) as base:
        assert narrated(folder, base)[1] == []


def test_heavy_traffic_is_tried_again_and_told_of(folder: Path) -> None:
    """For captions alone too."""
    said: list[str] = []
    job = replace(job_of(folder, "Hello there."), engine="elevenlabs")
    with closing_first([TRAFFIC] * 3) as base:
        outcome = subtitle(job, [folder / "out.srt"], Access("key", base), ignore, said.append)
    assert (outcome.made, outcome.spoken) == (True, 1)
    assert said.count(BUSY) == 1
    assert NO_PLACE not in said


def test_what_the_key_may_not_do_ends_at_once(folder: Path) -> None:
    """With the permission that is missing."""
    with closing_first([NO_PERMISSION] * 3) as base, pytest.raises(RefusedError, match=r"permission text_to_speech$"):
        narrated(folder, base)
