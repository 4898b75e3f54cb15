"""What a service that answers nonsense, or hardly at all, does to the client: nothing waits for it without an end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from pipeline.engines import Access, account, voice_pages
from pipeline.engines.account import FAILURES, ask, learn_plan, unawaited
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.exchange import Service, open_exchange
from pipeline.engines.loopback import serve
from pipeline.engines.slots import LEAST_OF_PLANS, Slots
from pipeline.engines.stream_input import common_query
from pipeline.engines.streaming import StreamingEngine
from pipeline.engines.voice_resolving import resolve_voice
from pipeline.errors import BusyError, LocalProtocolError
from pipeline.model import SpeechRequest, Voice, VoiceSettings
from pipeline.protocol.multi_session import MOST_CONTEXTS
from tests.truth_voice import TruthVoice


@contextlib.asynccontextmanager
async def answering(content: bytes, drip: float = 0.0) -> AsyncIterator[str]:
    """An HTTP service that answers everything with the same bytes, or with one of them each time so long has passed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for byte in content if drip else ():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(drip)
            writer.write(b"" if drip else content)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def body(content: bytes) -> bytes:
    """A whole answer of HTTP."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


GARBAGE = [
    b"",
    b"nonsense",
    b"HTTP/1.1 999 ?\r\n\r\n",
    body(b"["),
    body(b"[" * 200_000),
    body(b"[]"),
    body(b"null"),
    body(b'{"voices": null, "tier": {}}'),
    body(b'{"voices": [1], "tier": 1}'),
    body(b"\xff\xfe"),
    body(b'{"tier": "\\ud800", "voices": [{}]}'),
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("content", GARBAGE)
def test_a_listing_that_is_nonsense_changes_nothing(content: bytes) -> None:
    """The name is taken as the id, and the slots stay as they are."""

    async def run() -> tuple[str, int]:
        async with answering(content) as base:
            slots = Slots()
            await learn_plan(Address(base, "key"), slots)
            return await resolve_voice(Access(key="key", base_url=base), "Rachel"), slots.most

    assert asyncio.run(run()) == ("Rachel", LEAST_OF_PLANS)


def test_a_listing_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, each soon enough: the whole has an end, too."""
    monkeypatch.setattr(voice_pages, "LISTING_SECONDS", 0.5)
    monkeypatch.setattr(account, "STEP_SECONDS", 0.5)

    async def run() -> tuple[str, float]:
        head = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100
        async with answering(head, drip=0.02) as base:
            begun = time.monotonic()
            found = await resolve_voice(Access(key="key", base_url=base), "Rachel")
            await learn_plan(Address(base, "key"), Slots())
            return found, time.monotonic() - begun

    found, seconds = asyncio.run(run())
    assert found == "Rachel"
    assert seconds < 5


def test_an_answer_that_is_nested_too_deeply_is_no_answer() -> None:
    """One of the failures that are expected."""

    async def run() -> None:
        async with answering(body(b"[" * 200_000)) as base:
            await unawaited(lambda: ask(Address(base), "/v1/user", time.monotonic() + 5, {}), 5)

    with pytest.raises(FAILURES):
        asyncio.run(run())


@pytest.mark.parametrize("limits", [["0"], ["-1"], ["1000000000"], ["abc"], ["3", "4"], ["1e9"], [""]])
def test_a_limit_that_is_none_changes_nothing(limits: list[str]) -> None:
    """Whatever stands in the header, and however often, the socket is used and the slots stay as they are."""

    def mark(_connection: ServerConnection, _request: Request, response: Response) -> None:
        for limit in limits:
            response.headers["maximum-concurrent-requests"] = limit

    async def play(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1011)

    async def run() -> int:
        slots = Slots()
        async with listen(play, "127.0.0.1", 0, process_response=mark) as server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with open_exchange(Service(Address(base), slots=slots), "/v1/socket") as exchange:
                await exchange.give(lambda: "{}")
                assert await exchange.take(5) is None
        return slots.most

    assert asyncio.run(run()) == LEAST_OF_PLANS


@pytest.mark.parametrize("pauses", [["abc"], ["-1"], ["99999999999"], ["1", "2"], ["Fri, 31 Dec 99999 23:59:59 GMT"]])
def test_a_pause_that_is_none_is_a_refusal_all_the_same(pauses: list[str]) -> None:
    """The service was busy, whatever it says of the time after that."""

    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "")
        for pause in pauses:
            response.headers["Retry-After"] = pause
        return response

    async def play(_: ServerConnection) -> None:
        pass

    async def run() -> None:
        async with listen(play, "127.0.0.1", 0, process_request=refuse) as server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "")
            _ = [chunk async for chunk in engine.speak(SpeechRequest("Hi", Voice("v"), "", "en"))]

    with pytest.raises(BusyError):
        asyncio.run(run())


def test_requests_that_cannot_be_sent_take_no_room_on_the_socket() -> None:
    """After as many as a socket has contexts, a good one is still spoken."""
    bad = SpeechRequest("Hi.", Voice("v", VoiceSettings(speed=float("nan"))), "eleven_flash_v2_5", "en")
    good = SpeechRequest("Hi.", Voice("v"), "eleven_flash_v2_5", "en")

    async def run() -> int:
        async with serve(TruthVoice(), port=0) as base:
            service = Service(Address(base), Limits(opening=5, silence=2, closing=0.3))
            async with ContextsEngine("t", service, common_query, lambda _: "") as engine:
                for _ in range(MOST_CONTEXTS + 1):
                    with pytest.raises(LocalProtocolError):
                        _ = [chunk async for chunk in engine.speak(bad)]
                return sum([len(chunk.audio) async for chunk in engine.speak(good)])

    assert asyncio.run(asyncio.wait_for(run(), 20)) > 0
