"""The local server with the truth voice, in a thread of its own, for callers that have no event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from pipeline.engines.faults import parse_faults
from pipeline.engines.loopback import serve
from tests.truth_voice import TruthVoice


@contextlib.contextmanager
def background_server(*faults: str) -> Iterator[str]:
    """Serve with these faults; gives the address."""
    ready, bases = threading.Event(), list[str]()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        ended = asyncio.Event()
        async with serve(TruthVoice(), port=0, faults=parse_faults(faults)) as base:
            loops.append((asyncio.get_running_loop(), ended))
            bases.append(base)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20), "the server did not start"
    try:
        yield bases[0]
    finally:
        loop, ended = loops[0]
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)
