"""A speech request → all of its chunks, begun anew when the service is busy or the connection is lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pipeline.engines import Engine
from pipeline.engines.slots import is_refused_for_number
from pipeline.errors import BusyError, ConnectionLostError, EngineError, PipelineError, RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest

_Made = TypeVar("_Made")
_Failure = BusyError | ConnectionLostError | RemoteProtocolError

MOST_TRIES = 5
# Seconds before the second try; twice that before each further one, and as much again by chance, so that several
# that were refused at once do not come back at once. No single pause is longer, whatever the service asks for.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# Seconds after which no further try is begun: for what failed, and for what only found too many others under way.
LONGEST_TRYING, LONGEST_QUEUING = 900.0, 900.0
# Tries when what came was no message of the protocol: an accident of the way passes, a service that speaks another
# protocol does not.
MOST_DAMAGED_TRIES = 3
# Seconds that may pass in silence between the first failure and a further try: for what is waited out in a queue, and
# for what failed, which mostly passes at once.
SILENT_QUEUING, SILENT_TRYING = 2.0, 5.0


def pause_before(tried: int, error: PipelineError) -> float:
    """How many seconds to wait after so many failed tries: longer each time, and not less than the service asks for."""
    asked = error.retry_after if isinstance(error, EngineError) else 0.0
    wait = min(FIRST_PAUSE * 2.0 ** min(tried - 1, 10), LONGEST_PAUSE / 2)
    spread = random.uniform(0, wait)  # noqa: S311  # spreads, hides nothing
    return min(max(wait, asked) + spread, LONGEST_PAUSE)


async def speak_into(
    make: Callable[[list[SpeechChunk]], _Made],
    engine: Engine,
    request: SpeechRequest,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    waiting: Callable[[_Failure], object] = lambda _: None,
) -> _Made:
    """Collect an utterance whole and make something of it, in a thread; where that raises, the speech is at fault too.

    Raises the last BusyError or ConnectionLostError after `MOST_TRIES`, RemoteProtocolError after
    `MOST_DAMAGED_TRIES`, any of them when the next pause would end after `LONGEST_TRYING` seconds, and any other error
    of `Engine.speak` or of `make` at once. A refusal because too many speeches are under way counts as no try: it is
    waited out, for as long as `LONGEST_QUEUING`. `waiting` is told of an error before a pause that ends later than
    `SILENT_QUEUING` or `SILENT_TRYING` seconds after the first one.
    """
    patience = _Patience()
    while True:
        try:
            chunks = [chunk async for chunk in engine.speak(request)]
            return await asyncio.to_thread(make, chunks)
        except (BusyError, ConnectionLostError, RemoteProtocolError) as error:
            wait = patience.wait_after(error)
            if wait is None:
                raise
            if patience.is_long(error):
                waiting(error)
        await pause(wait)


class _Patience:
    """How often and how long one request has been tried."""

    def __init__(self) -> None:
        self._started = self._first_failure = time.monotonic()
        self._paused = self._until_next = 0.0
        self._tries = self._damaged = self._queued = 0

    def wait_after(self, error: _Failure) -> float | None:
        """How many seconds to wait before the next try; None when there is to be none."""
        in_queue, now = is_refused_for_number(error), time.monotonic()
        if not self._paused:
            self._first_failure = now
        self._queued += in_queue
        self._tries += not in_queue
        self._damaged += isinstance(error, RemoteProtocolError)
        wait = pause_before(self._queued if in_queue else self._tries, error)
        self._paused += wait
        self._until_next = max(now - self._first_failure + wait, self._paused)
        spent = max(now - self._started + wait, self._paused)
        is_spent = spent > (LONGEST_QUEUING if in_queue else LONGEST_TRYING)
        return None if is_spent or self._tries == MOST_TRIES or self._damaged == MOST_DAMAGED_TRIES else wait

    def is_long(self, error: _Failure) -> bool:
        """Whether, by the end of the pause that was given last, too long a time passed in silence."""
        return self._until_next > (SILENT_QUEUING if is_refused_for_number(error) else SILENT_TRYING)
