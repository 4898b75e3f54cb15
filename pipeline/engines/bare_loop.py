"""A speech request → the least that any client must do for it, timed: receive, read the JSON, decode the sound.

What a client takes besides is its own. The messages to send are composed beforehand, and nothing is checked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pipeline.engines.connecting import MOST_MESSAGE_BYTES, SILENT
from pipeline.engines.stream_input import first_message, target
from pipeline.engines.timing import CONTEXTS, Clock, Station, Way
from pipeline.errors import UsageError
from pipeline.model import SpeechRequest
from pipeline.protocol.messages import ClientMessage, CloseConnection
from pipeline.protocol.multi_messages import CloseSocket, InContext, flushed
from pipeline.protocol.multi_session import MultiClientSession

CONTEXT = "1"


async def bare_times(station: Station, request: SpeechRequest, way: Way, clock: Clock) -> list[float]:
    """Speak a request, and give how many seconds each frame with sound took from being received to being decoded.

    What went wrong ends the list early (the same is told of the real client). Raises UsageError for a server that is
    not this machine's: it is spoken only to compare, and that should cost nothing.
    """
    if not station.address.is_loopback:
        raise UsageError("the bare loop speaks to servers of this machine only")
    path, *messages = _messages(station, request, way)
    parts = urlsplit(station.address.base)
    times: list[float] = []
    with contextlib.suppress(OSError, TimeoutError, ConnectionClosed, ValueError):
        async with connect(
            f"{parts.scheme}://{parts.netloc}{path}{station.address.query}",
            additional_headers=station.address.headers,
            proxy=None,
            compression=None,
            open_timeout=station.limits.opening,
            close_timeout=station.limits.closing,
            max_size=MOST_MESSAGE_BYTES,
            logger=SILENT,
        ) as connection:
            for message in messages:
                await connection.send(message)
            await _listen(connection, times, station.limits.silence, clock)
    return times


async def _listen(connection: ClientConnection, times: list[float], silence: float, clock: Clock) -> None:
    """Take frames until the final one. Raises TimeoutError for a stall, ConnectionClosed."""
    while True:
        async with asyncio.timeout(silence):
            text = await connection.recv()
        received = clock()
        message = json.loads(text)
        audio = base64.b64decode(message.get("audio") or "")
        if audio:
            times.append(clock() - received)
        if message.get("isFinal") or message.get("is_final"):
            return


def _messages(station: Station, request: SpeechRequest, way: Way) -> Iterator[str]:
    """Compose the path and query, and then all that is sent."""
    texts = way.pieces(request.text)
    if way.endpoint == CONTEXTS:
        endpoint = f"text-to-speech/{quote(request.voice.id, safe='')}/{CONTEXTS}"
        auto = {"auto_mode": "true"} if way.auto_mode else {}
        yield target(station.address, endpoint, {**station.query(request), **auto})
        session = MultiClientSession()
        first = station.address.signed(first_message(request, way.options))
        said: list[ClientMessage] = [first, *flushed(texts), CloseConnection()]
        for message in said:
            yield session.send(InContext(CONTEXT, message))
        yield session.send(CloseSocket())
        return
    kind = station.endpoint_of(request)
    yield kind.target(station.address, request, way.options)
    wording = kind.wording(station.address, request, way.options)
    yield wording.opening()
    yield from map(wording.text, texts)
    yield wording.end()
