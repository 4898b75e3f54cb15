"""One limit for all that a process speaks with an account."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipeline.engines import slots as slots_module
from pipeline.engines.slots import CALM_SPEECHES, Slots, is_refused_for_number, limit_in, limit_of_plan, slots_of
from pipeline.errors import BusyError, ConnectionLostError, EngineError
from pipeline.protocol.messages import ErrorMessage
from pipeline.protocol.refusals import close_error, frame_error, http_error

TOO_MANY = BusyError("Too many concurrent requests", "too_many_concurrent_requests")


async def most_at_once(slots: Slots, count: int) -> int:
    """How many of so many speeches were under way together."""
    now = most = 0

    async def speech() -> None:
        nonlocal now, most
        async with slots:
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(speech() for _ in range(count)))
    return most


def test_no_more_than_the_limit_speak() -> None:
    """Two at first; as many as was learnt then."""
    slots = Slots()
    assert asyncio.run(most_at_once(slots, 9)) == 2
    slots.learn(5)
    assert asyncio.run(most_at_once(slots, 9)) == 5
    for nonsense in (0, -1, 10**6):
        slots.learn(nonsense)
    assert slots.most == 5


def test_what_the_service_says_goes_before_what_the_plan_should_allow() -> None:
    """In whichever order they are heard."""
    slots = Slots()
    slots.suppose(limit_of_plan("Creator"))
    assert slots.most == 5
    slots.learn(8)
    slots.suppose(limit_of_plan("free"))
    assert slots.most == 8
    slots.suppose(limit_of_plan("made up"))
    assert slots.most == 8


def test_a_refusal_narrows_and_calm_widens_slowly() -> None:
    """Never below one, never beyond what the account allows."""

    async def run() -> list[int]:
        slots = Slots(4)
        found = []
        for error in (TOO_MANY, ConnectionLostError("lost"), TOO_MANY):
            with pytest.raises(EngineError):
                async with slots:
                    raise error
            found.append(slots.most)
        slots.learn(3)
        found.append(slots.most)
        for _ in range(CALM_SPEECHES * 5):
            async with slots:
                pass
            found.append(slots.most)
        return found

    found = asyncio.run(run())
    assert found[:4] == [1, 1, 1, 1]
    assert found[4:] == sorted(found[4:])
    assert found[4 : 4 + CALM_SPEECHES - 1] == [1] * (CALM_SPEECHES - 1)
    assert found[-1] == 3


def test_who_gives_up_waiting_takes_no_slot() -> None:
    """Cancelled before or just as it was handed over; and the wait has an end."""

    async def run() -> int:
        slots = Slots(1)
        async with slots:
            waiting = [asyncio.create_task(slots.__aenter__()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.gather(waiting[0], return_exceptions=True)
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 5)
        await slots.__aexit__(None, None, None)
        return await most_at_once(slots, 3)

    assert asyncio.run(run()) == 1


def test_the_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an error that says so."""
    monkeypatch.setattr(slots_module, "LONGEST_WAIT", 0.02)

    async def run() -> None:
        slots = Slots(1)
        async with slots:
            await slots.__aenter__()

    with pytest.raises(BusyError, match="nothing else"):
        asyncio.run(run())


def test_an_account_has_one_limit_in_every_thread() -> None:
    """And two accounts have two."""
    assert slots_of("a b") is slots_of("a b")
    shared, other = slots_of("one"), slots_of("two")
    assert shared is not other
    under_way = threading.Semaphore(2)
    overrun: list[bool] = []

    async def speech() -> None:
        async with shared:
            overrun.append(not under_way.acquire(blocking=False))
            await asyncio.sleep(0.001)
            under_way.release()

    async def several() -> None:
        await asyncio.gather(*(speech() for _ in range(20)))

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(overrun) == 60
    assert not any(overrun)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TOO_MANY, True),
        (BusyError("x", "concurrent_limit_exceeded"), True),
        (BusyError("x", "429"), True),
        (close_error(1008, "Your current subscription is associated with a maximum of 2 concurre"), True),
        (frame_error(ErrorMessage("Too many concurrent requests. Please upgrade your subscription.", "limited")), True),
        (frame_error(ErrorMessage("Maximum simultaneous contexts per WebSocket connection exceeded (5)")), True),
        (http_error(429, b'{"detail": {"status": "limited", "message": "Please upgrade your plan."}}'), True),
        (http_error(429, b'{"detail": {"code": "limited", "status": "too_many_concurrent_requests"}}'), True),
        (http_error(429, b'{"detail": {"code": "rate_limit_exceeded", "message": "Slow down"}}'), False),
        (close_error(1008, "We are sorry, the system is experiencing heavy traffic. Higher subscriptions have"), False),
        (BusyError("x", "rate_limit_exceeded"), False),
        (BusyError("x", "system_busy"), False),
        (ConnectionLostError("concurrent"), False),
        (KeyError("concurrent"), False),
    ],
)
def test_refusals_for_the_number_are_told_from_others(error: Exception, expected: object) -> None:
    """By any of the service's names, and by its words without one."""
    assert is_refused_for_number(error) is expected


def test_the_limit_is_read_out_of_headers() -> None:
    """What is no number says nothing."""
    assert limit_in({"maximum-concurrent-requests": "12"}) == 12
    assert limit_in({"maximum-concurrent-requests": "many"}) == limit_in({}) == 0
