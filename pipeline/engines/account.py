"""An address and a question → what the service's HTTP side answers: listings, and the account's plan."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from pipeline.engines.connecting import Address, Headers
from pipeline.engines.slots import Slots, limit_of_plan

_Answer = TypeVar("_Answer")

# What an answer may hold, in bytes, and how long each step of it may take, in seconds.
MOST_BYTES, STEP_SECONDS = 2**24, 10.0
# What asking for something can fail with, besides what nobody expects.
FAILURES = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go along."""

    def redirect_request(self, *_: object) -> None:
        """Return nothing, so that the redirect is an error."""


@functools.cache
def _asking() -> dict[str, str]:
    """Tell what is wanted and who asks: by a name of its own, since that of the library is refused here and there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        agent = f"cueline/{version('cueline')}"
    except PackageNotFoundError:  # it runs from a folder into which nobody installed it
        agent = "cueline"
    return {"Accept": "application/json", "User-Agent": agent}


def ask(address: Address, path: str, deadline: float, query: dict[str, str]) -> dict[str, Any]:
    """Ask for the JSON object at a path, by a deadline of the monotonic clock. Raises one of `FAILURES`."""
    scheme, _, rest = address.base.partition("://")
    url = f"{'https' if scheme == 'wss' else 'http'}://{rest}{path}" + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(url, headers=_asking())  # noqa: S310  # checked with the base
    for name, secret in Headers(address.key, address.bearer).items():
        request.add_unredirected_header(name, secret)
    direct = [urllib.request.ProxyHandler({})] if address.is_loopback else []
    opener = urllib.request.build_opener(_Unredirected, *direct)
    with opener.open(request, timeout=STEP_SECONDS) as answer:
        body = bytearray()
        while piece := answer.read1(2**16):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > deadline:
                raise TimeoutError
    try:
        return cast("dict[str, Any]", json.loads(body))
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None


async def unawaited(question: Callable[[], _Answer], seconds: float) -> _Answer:
    """Ask in a thread of its own: who is interrupted does not wait for it, as for one of asyncio's pool.

    Raises what the question does, and TimeoutError when it was not answered in so many seconds: each step of an answer
    may be quick, and there be no end of them.
    """
    answer: Future[_Answer] = Future()
    answer.set_running_or_notify_cancel()

    def run() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001  # raised again where the answer is awaited
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it holds the connection, which the other side waits to be closed
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(seconds):
        return await asyncio.wrap_future(answer)


async def learn_plan(address: Address, slots: Slots) -> None:
    """Ask for the account's plan, and let the slots know its limit; without an answer they stay as they are.

    The socket's own headers say the same, for the model that is spoken, but only once one is open.
    """
    with contextlib.suppress(*FAILURES):
        deadline = time.monotonic() + STEP_SECONDS
        found = await unawaited(lambda: ask(address, "/v1/user/subscription", deadline, {}), STEP_SECONDS)
        slots.suppose(limit_of_plan(str(found["tier"])))
