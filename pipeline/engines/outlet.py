"""What a conversation says → the websocket, recorded, and with the faults that were asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from pipeline.engines.clocks import TimeBase
from pipeline.engines.faulting import ConnectionFaults, Shaper
from pipeline.engines.generation import TimedChunk
from pipeline.engines.recording import ConnectionRecord
from pipeline.protocol.messages import SpeechMessage

# RFC 6455 5.5.
MOST_REASON_BYTES = 123


class Outlet:
    """One connection of the server: what is sent and heard over it."""

    def __init__(
        self, connection: ServerConnection, faults: ConnectionFaults, record: ConnectionRecord | None = None
    ) -> None:
        self._connection = connection
        self._faults = faults
        self._record = record
        self._spoken_ms = 0

    async def hear(self) -> str | bytes:
        """Wait for a message of the client. Raises ConnectionClosed."""
        text = await self._connection.recv()
        if self._record:
            self._record.message("client", text)
        return text

    def shaper(self, base: TimeBase) -> Shaper:
        """Begin a speech whose times are on this clock."""
        return self._faults.shaper(base, self._spoken_ms)

    async def speak(self, timed: TimedChunk, shaper: Shaper, compose: Callable[[SpeechMessage], str]) -> None:
        """Send a chunk of a speech. Raises ConnectionClosed, and AskedForError where a fault asks for an error."""
        self._spoken_ms += timed.end_ms - timed.message_ms
        for chunk in shaper.shape(timed):
            self._faults.check_error()
            await self.send(self._faults.spoiled(compose(SpeechMessage(chunk))))

    async def finish(self, compose: Callable[[], str]) -> None:
        """Send a final frame. Raises ConnectionClosed, and AskedForError where a fault asks for an error."""
        self._faults.check_error()
        text = compose()
        if not self._faults.leaves_out_final():
            await self.send(text)

    async def send(self, text: str) -> None:
        """Send a message as it is. Raises ConnectionClosed."""
        if self._faults.is_stalled(len(text)):
            await self._connection.wait_closed()
        if self._faults.is_dropped(len(text)):
            self.drop()
        self._faults.count(len(text))
        if self._record:
            self._record.message("server", text)
        await self._connection.send(text)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection."""
        if self._faults.is_stalled(0):
            await self._connection.wait_closed()
        await self._connection.close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))

    async def refuse(self, text: str, code: int, reason: str) -> None:
        """Send an error frame and close by its code."""
        with contextlib.suppress(ConnectionClosed):
            await self.send(text)
        await self.close(code, reason)

    def drop(self) -> None:
        """Break the connection, without a closing handshake; what was sent still goes out."""
        self._connection.transport.close()
