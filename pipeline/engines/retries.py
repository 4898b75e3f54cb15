"""A speech request → all of its chunks, begun anew when the service is busy or the connection is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from pipeline.engines import Engine
from pipeline.errors import BusyError, ConnectionLostError
from pipeline.model import SpeechChunk, SpeechRequest

MOST_TRIES = 4
# Seconds before the second try; twice that before each further one, and as much again by chance, so that several
# that were refused at once do not come back at once.
FIRST_PAUSE = 0.5


async def speak_whole(
    engine: Engine,
    request: SpeechRequest,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> tuple[SpeechChunk, ...]:
    """Collect an utterance whole, in order; what a failed try brought is thrown away.

    Raises the last BusyError or ConnectionLostError after `MOST_TRIES`, and any other error of `Engine.speak` at once.
    """
    for tried in range(1, MOST_TRIES):
        try:
            return await _collect(engine, request)
        except (BusyError, ConnectionLostError):
            wait = FIRST_PAUSE * 2 ** (tried - 1)
        await pause(wait + random.uniform(0, wait))  # noqa: S311  # spreads, hides nothing
    return await _collect(engine, request)


async def _collect(engine: Engine, request: SpeechRequest) -> tuple[SpeechChunk, ...]:
    return tuple([chunk async for chunk in engine.speak(request)])
