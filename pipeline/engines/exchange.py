"""A service and a path → one open socket: texts given, texts taken, each watched, recorded and blotted of secrets.

What the texts mean is for the sessions of `pipeline.protocol`; what their order makes of a speech, for whoever opened
the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from pipeline.engines.connecting import (
    MOST_MESSAGE_BYTES,
    PATIENT,
    Address,
    Limits,
    Unshown,
    close_connection,
    open_connection,
)
from pipeline.engines.patience import Patience
from pipeline.engines.recording import ConnectionRecord, Recorder
from pipeline.engines.slots import Slots, limit_in
from pipeline.errors import ConnectionLostError, RefusedError
from pipeline.protocol.session import Ending

TOO_LARGE = f"the speech service sent a message of more than {MOST_MESSAGE_BYTES >> 20} MiB; check the base URL"


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its sockets are opened: where, how patiently, recorded by whom, and how many at once."""

    address: Address
    limits: Limits = PATIENT
    recorder: Recorder | None = None
    slots: Slots | None = None


class Closing(Protocol):
    """The part of a session that judges the end of its connection."""

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge it by the close code and reason, and by what came before."""


class Exchange:
    """One open socket."""

    def __init__(self, connection: ClientConnection, service: Service, record: ConnectionRecord | None) -> None:
        self.limits = service.limits
        self._connection = connection
        self._address = service.address
        self._record = record
        self._patience = Patience()

    @property
    def limit(self) -> int:
        """How many the service said may speak at once for this account; 0 where it did not say."""
        response = self._connection.response
        return limit_in(response.headers) if response else 0

    async def give(self, compose: Callable[[], str]) -> None:
        """Send the text that is composed. A socket that closed meanwhile is judged when its last words are read.

        Raises ConnectionLostError when the text is not taken for as long as `Limits.silence`.
        """
        # The text may hold a secret: it stands nowhere but here, and no traceback shows it.
        text = Unshown(compose())
        if self._record:
            self._record.message("client", text)
        try:
            async with asyncio.timeout(self.limits.silence):
                await self._connection.send(text)
        except ConnectionClosed:
            return
        except TimeoutError:
            pass
        else:
            return
        said = f"the speech service took no text for {self.limits.silence:g} s; check the network and try again"
        raise ConnectionLostError(said)

    async def take(self, patience: float) -> str | None:
        """Wait for the next text; None when the connection is closed.

        Raises TimeoutError after so many seconds, RefusedError for a message that is too large to be taken.
        """
        try:
            text = await self._patience.wait(self._connection.recv(), max(patience, 0.0))
        except ConnectionClosed as closed:
            # It was this side that closed, and the next try would bring the same message.
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG and not closed.rcvd_then_sent:
                raise RefusedError(TOO_LARGE, "message_too_large") from None
            return None
        return self._heard(text)

    async def wait_for_closing(self) -> None:
        """Let the service close, as it does after the final frame and after an error; it is not waited for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.closing):
                while await self.take(self.limits.closing) is not None:
                    pass

    def ending(self, session: Closing) -> Ending:
        """Judge the end of the connection."""
        reason = self._address.blotted(self._connection.close_reason or "")
        return session.closed(self._connection.close_code or 1006, reason)

    def end(self) -> None:
        """Nothing more is taken."""
        self._patience.close()

    def abort(self) -> None:
        """Break the connection off, so that whoever waits for a text learns of it."""
        self._connection.transport.abort()

    def _heard(self, text: str | bytes) -> str:
        plain = self._address.blotted(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        if self._record:
            self._record.message("server", plain)
        return plain


@contextlib.asynccontextmanager
async def open_exchange(service: Service, target: str) -> AsyncIterator[Exchange]:
    """Open a socket at a path with its query, once there is a slot, and close it. Raises what `Engine.speak` does."""
    record = service.recorder.connection(target, service.address.secrets) if service.recorder else None
    async with service.slots or contextlib.nullcontext():
        connection = await open_connection(service.address, target, service.limits, record)
        exchange = Exchange(connection, service, record)
        if service.slots:
            service.slots.learn(exchange.limit)
        try:
            yield exchange
        finally:
            exchange.end()
            await close_connection(connection, service.limits.closing)
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")
