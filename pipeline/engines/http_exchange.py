"""A connection of plain HTTP ↔ its one request and its answer, by h11."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import h11

from pipeline.engines.faulting import ConnectionFaults
from pipeline.engines.handshake import RefusedHandshakeError, detail
from pipeline.engines.house import House

MOST_BODY_BYTES = 2**20
JSON = "application/json"
_READ = 2**16
# How long a client is heard out whose request was refused before it had come whole.
LINGER_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Exchange:
    """One connection: its request, then its answer."""

    house: House
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    has_begun: bool = False
    faults: ConnectionFaults = field(init=False)
    _http: h11.Connection = field(init=False)

    def __post_init__(self) -> None:
        self._http = h11.Connection(h11.SERVER)
        self.faults = self.house.misfortune.connection()

    async def read(self) -> tuple[h11.Request, bytes]:
        """Read the request and its body. Raises h11.RemoteProtocolError, RefusedHandshakeError, ConnectionError."""
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event: Any = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._take_more()
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MOST_BODY_BYTES:
                    words = f"a request's body has {MOST_BODY_BYTES} bytes at most"
                    raise RefusedHandshakeError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail("body_too_large", words))
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                return request, bytes(body)
            else:
                raise ConnectionResetError

    async def refuse(self, status: HTTPStatus, body: str) -> None:
        """Answer with a status and the JSON that says why."""
        content = body.encode()
        await self.begin(status, {"content-type": JSON, "content-length": str(len(content))})
        await self.send(content)
        await self.end()

    async def begin(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        """Send the answer's head, once."""
        if self.has_begun:
            return
        self.has_begun = True
        given = {**headers, **self.house.headers(), "connection": "close"}
        head = h11.Response(status_code=int(status), reason=status.phrase, headers=list(given.items()))
        await self._write(head)

    async def send(self, content: bytes) -> None:
        """Send a part of the answer's body. Raises ConnectionError when the client has gone."""
        if self.faults.is_stalled(len(content)):
            await asyncio.Event().wait()
        if self.faults.is_dropped(len(content)):
            self.drop()
            raise ConnectionAbortedError
        self.faults.count(len(content))
        await self._write(h11.Data(data=content))

    async def end(self) -> None:
        """End the answer."""
        await self._write(h11.EndOfMessage())

    async def gone(self) -> None:
        """Wait until the client has left. It has asked once, so what else it says is not heard."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(_READ):
                pass

    async def linger(self) -> None:
        """Let a client that still sends what was refused come to the answer: a closing would overtake it."""
        if self._http.their_state is h11.DONE:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self.gone()

    def drop(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()

    async def _take_more(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            await self._write(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
        self._http.receive_data(await self.reader.read(_READ))

    async def _write(self, event: h11.Event) -> None:
        if self._http.our_state in {h11.ERROR, h11.MUST_CLOSE, h11.CLOSED}:
            return
        content = self._http.send(event)
        if content:
            self.writer.write(content)
            await self.writer.drain()
