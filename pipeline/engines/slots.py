"""An account's limit on what it speaks at once → slots, shared by all that this process speaks with it.

What the limit is stands in no public answer before the first socket is open: it is begun with what every plan allows,
learnt from the service's headers or the plan, narrowed when the service refuses for it, and widened again slowly.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections import deque
from collections.abc import Mapping
from typing import Self
from weakref import WeakValueDictionary

from pipeline.errors import BusyError
from pipeline.protocol.refusals import TOO_MANY_AT_ONCE

# Until an account's limit is known: the least that any plan allows.
LEAST_OF_PLANS = 2
# No plan that is published allows more; what claims to is a custom one, or a mistake.
MOST_OF_PLANS = 512
# How many speeches in a row must end well before one more is tried after a refusal.
CALM_SPEECHES = 4
# Seconds that a slot is waited for: longer than others of this process can rightly hold one.
LONGEST_WAIT = 1800.0
# The service's published limits, for its slower models (the faster ones allow twice as many), by the plan's name.
PLANS: Mapping[str, int] = {
    "free": 2,
    "starter": 3,
    "creator": 5,
    "pro": 10,
    "growing_business": 15,
    "scale": 15,
    "business": 15,
}
LIMIT_HEADER = "maximum-concurrent-requests"

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Slots:
    """So many may speak at once, in whichever threads and event loops of the process they do.

    `most` is how many may now, `ceiling` how many the account allows as far as is known.
    """

    def __init__(self, most: int = LEAST_OF_PLANS) -> None:
        self.most = self.ceiling = most
        self._taken = 0
        self._calm = 0
        self._was_refused = self._is_known = False
        self._waiting: deque[_Waiter] = deque()
        self._lock = threading.Lock()

    async def __aenter__(self) -> Self:
        """Wait for a slot, first come first served. Raises BusyError after `LONGEST_WAIT` seconds."""
        with self._lock:
            if self._taken < self.most and not self._waiting:
                self._taken += 1
                return self
            waiter: _Waiter = (loop := asyncio.get_running_loop(), loop.create_future())
            self._waiting.append(waiter)
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await waiter[1]
        except BaseException as error:
            self._give_up(waiter)
            if isinstance(error, TimeoutError):
                said = f"nothing else of this account ended for {LONGEST_WAIT / 60:g} minutes; try again later"
                raise BusyError(said, "no_slot") from None
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Give the slot back. A refusal for the number of sockets narrows, speech that ends well widens."""
        if error is not None and is_refused_for_number(error):
            self.shrink()
        elif kind is None:
            self._note_success()
        self._release()

    def learn(self, maximum: int) -> None:
        """Take note of how many the account allows. Raises nothing: a number that cannot be is passed over."""
        if not 1 <= maximum <= MOST_OF_PLANS:
            return
        with self._lock:
            self._is_known = True
            self.ceiling = maximum
            self.most = min(self.most, maximum) if self._was_refused else maximum
        self._wake()

    def suppose(self, maximum: int) -> None:
        """Take note of what the account should allow, unless the service itself has said it already."""
        if not self._is_known:
            self.learn(maximum)
            self._is_known = False

    def shrink(self) -> None:
        """Take note that there were too many: one less than now are under way, but never none."""
        with self._lock:
            self._was_refused, self._calm = True, 0
            self.most = max(1, min(self.most, self._taken) - 1)

    def _note_success(self) -> None:
        with self._lock:
            self._calm += 1
            if self._was_refused and self._calm >= CALM_SPEECHES:
                self._calm = 0
                self.most = min(self.most + 1, self.ceiling)
                self._was_refused = self.most < self.ceiling
        self._wake()

    def _release(self) -> None:
        with self._lock:
            self._taken -= 1
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            while self._waiting and self._taken < self.most:
                loop, future = self._waiting.popleft()
                self._taken += 1
                try:
                    loop.call_soon_threadsafe(self._hand_over, future)
                except RuntimeError:  # its event loop is gone, and whoever waited with it
                    self._taken -= 1

    def _hand_over(self, future: asyncio.Future[None]) -> None:
        if future.done():
            self._release()
        else:
            future.set_result(None)

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the queue; a slot that was handed over meanwhile is given back."""
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                return
        if waiter[1].done() and not waiter[1].cancelled():
            self._release()
        else:
            waiter[1].cancel()


def is_refused_for_number(error: BaseException) -> bool:
    """Whether the service refused because too many are under way: by its name or words for it, or by 429 alone."""
    if not isinstance(error, BusyError):
        return False
    return error.code == "429" or bool(re.search(TOO_MANY_AT_ONCE, f"{error.code} {error.message}", re.IGNORECASE))


def limit_in(headers: Mapping[str, str]) -> int:
    """Read the limit out of an answer's headers; 0 where it is not there."""
    try:
        value = headers.get(LIMIT_HEADER) or ""
    except LookupError:  # several of them, which a websocket's headers do not choose from
        return 0
    return int(value[:6]) if value.isascii() and value.isdigit() else 0


def limit_of_plan(tier: str) -> int:
    """Look a plan's published limit up by its name (`creator`); 0 where it is not known."""
    return PLANS.get(tier.lower(), 0)


_ACCOUNTS: WeakValueDictionary[str, Slots] = WeakValueDictionary()
_ACCOUNTS_LOCK = threading.Lock()


def slots_of(account: str) -> Slots:
    """Give the slots of an account, the same to everyone in this process; `account` is only kept as its sum."""
    name = hashlib.sha256(account.encode()).hexdigest()
    with _ACCOUNTS_LOCK:
        slots = _ACCOUNTS.get(name)
        if slots is None:
            slots = _ACCOUNTS[name] = Slots()
        return slots
