"""Several requests over one socket: each gets its own speech, whatever befalls the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline.engines.connecting import Address, Limits
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.exchange import Service
from pipeline.engines.hearing import hear
from pipeline.engines.loopback import serve
from pipeline.engines.retries import speak_into
from pipeline.engines.stream_input import common_query
from pipeline.errors import ConnectionLostError, PipelineError, RefusedError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.protocol.messages import CloseConnection, ErrorMessage, FinalMessage, InitializeConnection, SpeechMessage
from pipeline.protocol.multi_composing import compose_multi
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_session import MOST_CONTEXTS, MultiServerSession
from tests.truth_voice import TruthVoice

TEXTS = [
    f"This is the speech number {word}, and it is short."
    for word in ["one", "two", "three", "four", "five", "six", "seven"]
]
Script = Callable[[ServerConnection], Awaitable[None]]


def request(text: str) -> SpeechRequest:
    """Something to say."""
    return SpeechRequest(text, Voice("v"), "eleven_flash_v2_5", "en")


def engine_at(base: str, silence: float = 10.0) -> ContextsEngine:
    """The client under test."""
    service = Service(Address(base), Limits(opening=5, silence=silence, closing=0.3))
    return ContextsEngine("t", service, common_query, lambda _: "")


@contextlib.asynccontextmanager
async def service(*scripts: Script) -> AsyncIterator[str]:
    """A server that plays one script a connection."""
    waiting = iter(scripts)

    async def play(connection: ServerConnection) -> None:
        await next(waiting)(connection)

    async with listen(play, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def speech_of(text: str) -> SpeechMessage:
    """One generation: 10 ms a character, and as many samples."""
    times = Alignment(tuple(text), tuple(range(0, 10 * len(text), 10)), (10,) * len(text))
    return SpeechMessage(SpeechChunk(bytes(2 * 240 * len(text)), times, None))


async def ended(connection: ServerConnection, count: int) -> dict[str, str]:
    """Hear so many contexts to their ends: their texts by their ids."""
    texts: dict[str, str] = {}
    while count:
        message = json.loads(await connection.recv())
        name = message["context_id"]
        texts[name] = texts.get(name, "") + message.get("text", "")
        count -= bool(message.get("close_context"))
    return {name: text.strip() for name, text in texts.items()}


async def tell(connection: ServerConnection, name: str | None, *messages: Any) -> None:
    """Send messages in a context."""
    for message in messages:
        await connection.send(compose_multi(InContext(name, message)))


async def results(engine: ContextsEngine, *texts: str) -> list[Any]:
    """What each text brings: its chunks or its error."""

    async def one(text: str) -> list[SpeechChunk]:
        return [chunk async for chunk in engine.speak(request(text))]

    return await asyncio.gather(*(one(text) for text in texts), return_exceptions=True)


def test_every_speech_is_what_it_would_be_alone() -> None:
    """More than fit at once, over one socket, twice."""

    async def run() -> list[Any]:
        async with serve(TruthVoice(), port=0) as base, engine_at(base) as engine:
            return [*await results(engine, *TEXTS), *await results(engine, *TEXTS[:2])]

    for text, chunks in zip([*TEXTS, *TEXTS[:2]], asyncio.run(run()), strict=True):
        heard = hear("pcm_24000", chunks)
        assert heard.samples == TruthVoice()(text, "en", "v", 1).pcm
        assert "".join(heard.characters.chars).split() == text.split()
        assert heard.repairs == ()


def test_one_socket_never_more_than_five_contexts_all_closed() -> None:
    """As a server sees it that keeps to the rules."""
    seen: list[Any] = []

    async def script(connection: ServerConnection) -> None:
        session, texts = MultiServerSession(), dict[str | None, str]()
        async for text in connection:
            received = session.receive(text)
            seen.append(received)
            assert len(session.unfinished_contexts) <= MOST_CONTEXTS
            if isinstance(received, CloseSocket):
                return
            if isinstance(received.message, InitializeConnection):
                texts[received.context_id] = ""
            elif isinstance(received.message, CloseConnection):
                await asyncio.sleep(0.01)
                for message in (speech_of("Hi "), FinalMessage()):
                    await connection.send(session.send(InContext(received.context_id, message)))

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base) as engine:
            return await results(engine, *TEXTS, *TEXTS)

    found = asyncio.run(run())
    assert all(len(chunks) == 1 for chunks in found)
    firsts = [each for each in seen if isinstance(each, InContext) and isinstance(each.message, InitializeConnection)]
    closes = [each for each in seen if isinstance(each, InContext) and isinstance(each.message, CloseConnection)]
    assert len(firsts) == len(closes) == 2 * len(TEXTS)
    assert isinstance(seen[-1], CloseSocket)


@pytest.mark.parametrize("spelling", ["contextId", "context_id"])
def test_an_error_ends_its_own_context(spelling: str) -> None:
    """The others are spoken to their end; either spelling of the context is read."""

    async def script(connection: ServerConnection) -> None:
        texts = await ended(connection, 2)
        bad = next(name for name, text in texts.items() if text == "Bad.")
        good = next(name for name, text in texts.items() if text == "Good.")
        error = {"message": "No credits remain", "error": "quota_exceeded", "code": 1008, spelling: bad}
        await connection.send(json.dumps(error))
        await tell(connection, good, speech_of("Good. "), FinalMessage())
        await connection.wait_closed()

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base) as engine:
            return await results(engine, "Bad.", "Good.")

    bad, good = asyncio.run(run())
    assert isinstance(bad, RefusedError)
    assert good == [speech_of("Good. ").chunk]


def test_a_socket_that_ends_ends_all_but_what_was_whole() -> None:
    """Those may be tried again, each by itself, on another socket."""

    async def breaking(connection: ServerConnection) -> None:
        texts = await ended(connection, 3)
        names = {text: name for name, text in texts.items()}
        await tell(connection, names["One."], speech_of("One. "))
        await tell(connection, names["Two."], speech_of("Tw"))
        await tell(connection, names["Bad."], ErrorMessage("voice_not_found", "voice_not_found", 1008))
        connection.transport.close()

    async def well(connection: ServerConnection) -> None:
        for name in await ended(connection, 1):
            await tell(connection, name, speech_of("Two. "), FinalMessage())
        await connection.wait_closed()

    async def run() -> tuple[list[Any], tuple[SpeechChunk, ...]]:
        async with service(breaking, well) as base, engine_at(base) as engine:
            first = await results(engine, "One.", "Two.", "Bad.")
            return first, await speak_into(tuple, engine, request("Two."))

    (one, two, bad), again = asyncio.run(run())
    assert one == [speech_of("One. ").chunk]
    assert type(two) is ConnectionLostError
    assert isinstance(bad, RefusedError)
    assert again == (speech_of("Two. ").chunk,)


def test_a_stall_and_a_refused_handshake_reach_everyone() -> None:
    """Nobody waits for ever."""

    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def run() -> list[Any]:
        async with service(silent) as base, engine_at(base, silence=0.2) as engine:
            found = await results(engine, *TEXTS[:2])
        async with engine_at("ws://127.0.0.1:9") as engine:
            return [*found, *await results(engine, *TEXTS[:2])]

    found = asyncio.run(run())
    assert [type(each) for each in found] == [ConnectionLostError] * 4
    assert "no message came" in str(found[0])


def test_who_stops_listening_leaves_room_for_others() -> None:
    """The context is closed, what still comes of it is thrown away, and its room is free at its end."""

    async def run() -> list[Any]:
        async with serve(TruthVoice(), port=0) as base, engine_at(base) as engine:
            for text in TEXTS:
                stream: Any = engine.speak(request(text * 3))
                async with contextlib.aclosing(stream):
                    async for _ in stream:
                        break
            return await asyncio.wait_for(results(engine, *TEXTS), 20)

    assert not [each for each in asyncio.run(run()) if isinstance(each, PipelineError)]
