"""What is tried again, how often, and for how long: with clocks that run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engines.retries import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_QUEUING,
    MOST_DAMAGED_TRIES,
    MOST_TRIES,
    SILENT_QUEUING,
    SILENT_TRYING,
    pause_before,
    speak_into,
)
from pipeline.errors import BusyError, ConnectionLostError, PipelineError, RefusedError, RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest, Voice

REQUEST = SpeechRequest("Hi", Voice("v"), "m", "en")
LOST = ConnectionLostError("lost")
QUEUED = BusyError("too many", "concurrent_limit_exceeded")


class Failing:
    """An engine that yields half, then fails, as often as it is told to; then speaks whole."""

    name = "failing"
    most_at_once = 1

    def __init__(self, errors: Iterable[PipelineError]) -> None:
        self._errors: Iterator[PipelineError] = iter(errors)
        self.tries = 0

    def shaped_by(self, _: SpeechRequest) -> str:
        """Nothing."""
        return ""

    async def speak(self, _: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Yield half, and fail or yield the rest."""
        self.tries += 1
        yield SpeechChunk(b"ab")
        if error := next(self._errors, None):
            raise error
        yield SpeechChunk(b"cd")


def tried(errors: Iterable[PipelineError]) -> tuple[Failing, list[float], tuple[SpeechChunk, ...] | PipelineError]:
    """Speak; give the engine, the pauses and the result."""
    engine, pauses = Failing(errors), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    try:
        return engine, pauses, asyncio.run(speak_into(tuple, engine, REQUEST, pause))
    except PipelineError as error:
        return engine, pauses, error


def test_a_failed_try_leaves_nothing_behind() -> None:
    """Never half-joined."""
    engine, pauses, result = tried([LOST, BusyError("busy", "system_busy"), LOST])
    assert result == (SpeechChunk(b"ab"), SpeechChunk(b"cd"))
    assert engine.tries == len(pauses) + 1 == 4
    for number, waited in enumerate(pauses):
        assert FIRST_PAUSE * 2**number <= waited <= FIRST_PAUSE * 2 ** (number + 1)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (LOST, MOST_TRIES),
        (BusyError("rate", "rate_limit_exceeded"), MOST_TRIES),
        (RemoteProtocolError("nonsense"), MOST_DAMAGED_TRIES),
        (RefusedError("key", "invalid_api_key"), 1),
        (RefusedError("quota", "quota_exceeded"), 1),
    ],
)
def test_tries_have_an_end_by_what_failed(error: PipelineError, tries: int) -> None:
    """What cannot pass is not tried again."""
    engine, _, result = tried([error] * 50)
    assert (engine.tries, result) == (tries, error)


def test_waiting_for_others_to_end_counts_as_no_try_and_has_an_end() -> None:
    """More often than a failure may come, but not for ever."""
    engine, _, result = tried([QUEUED] * (MOST_TRIES + 4) + [LOST])
    assert isinstance(result, tuple)
    assert engine.tries == MOST_TRIES + 6
    _, pauses, result = tried([QUEUED] * 10_000)
    assert result is QUEUED
    assert LONGEST_QUEUING - 2 * LONGEST_PAUSE <= sum(pauses) <= LONGEST_QUEUING


def test_who_waits_in_a_queue_is_told_of_it_before_it_gets_long() -> None:
    """Not of the first pauses, and of each long one after: who tells a person says it once."""
    long = BusyError("too many", "429", retry_after=10.0)
    for errors, fewest, most in (
        ([QUEUED], 0, 0),
        ([QUEUED] * 3, 1, 2),
        ([QUEUED] * 6, 4, 5),
        ([long], 1, 1),
        ([LOST, LOST], 0, 0),
        ([BusyError("busy", "system_busy")] * 4, 1, 2),
    ):
        told: list[tuple[int, PipelineError]] = []
        waited: list[float] = []

        async def pause(seconds: float, waited: list[float] = waited) -> None:
            waited.append(seconds)

        def waiting(error: PipelineError, told: Any = told, waited: list[float] = waited) -> None:
            told.append((len(waited), error))

        assert asyncio.run(speak_into(tuple, Failing(errors), REQUEST, pause, waiting))
        assert fewest <= len(told) <= most
        silence = SILENT_QUEUING if errors[0] in (QUEUED, long) else SILENT_TRYING
        for before, error in told:
            assert error is errors[0]
            assert sum(waited[: before + 1]) > silence
        assert sum(waited[: told[0][0] if told else None]) <= silence


def test_a_try_that_takes_long_to_fail_again_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time that counts, not the pauses; the first try's own time was no waiting."""
    now = iter([0.0, 100.0, 101.0, 120.0])
    monkeypatch.setattr("pipeline.engines.retries.time", SimpleNamespace(monotonic=lambda: next(now)))
    told: list[PipelineError] = []

    async def pause(_: float) -> None:
        """Pass at once."""

    asyncio.run(speak_into(tuple, Failing([LOST] * 3), REQUEST, pause, told.append))
    assert told == [LOST]


def test_what_the_service_asks_for_is_waited_up_to_a_bound() -> None:
    """`Retry-After` in seconds."""
    for asked in (7.0, 1e9):
        waited = pause_before(1, BusyError("later", "429", retry_after=asked))
        assert min(asked, LONGEST_PAUSE) <= waited <= LONGEST_PAUSE
    assert pause_before(10_000, LOST) <= LONGEST_PAUSE
