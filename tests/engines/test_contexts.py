"""Several requests over one socket: each gets its own speech, whatever befalls the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline.engines import LIVE, LiveOptions, contexts
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.exchange import Exchange, Service
from pipeline.engines.hearing import hear
from pipeline.engines.loopback import serve
from pipeline.engines.retries import speak_into
from pipeline.engines.stream_input import common_query
from pipeline.errors import ConnectionLostError, PipelineError, RefusedError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    SendText,
    SpeechMessage,
)
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


def engine_at(base: str, silence: float = 10.0, options: LiveOptions = LIVE) -> ContextsEngine:
    """The client under test."""
    service = Service(Address(base), Limits(opening=5, silence=silence, closing=0.3))
    return ContextsEngine("t", service, common_query, lambda _: "", options=options)


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


async def flushed(connection: ServerConnection, count: int) -> dict[str, str]:
    """Hear so many contexts until they are flushed: their texts by their ids."""
    texts: dict[str, str] = {}
    while count:
        message = json.loads(await connection.recv())
        name = message["context_id"]
        texts[name] = texts.get(name, "") + message["text"]
        count -= bool(message.get("flush"))
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
        session = MultiServerSession()
        async for text in connection:
            received = session.receive(text)
            seen.append(received)
            assert len(session.unfinished_contexts) <= MOST_CONTEXTS
            if isinstance(received, CloseSocket):
                return
            if isinstance(received.message, SendText):
                assert received.message.flush
                await connection.send(session.send(InContext(received.context_id, speech_of("Hi "))))
            elif isinstance(received.message, CloseConnection):
                await connection.send(session.send(InContext(received.context_id, FinalMessage())))

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
        texts = await flushed(connection, 2)
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
        texts = await flushed(connection, 3)
        names = {text: name for name, text in texts.items()}
        await tell(connection, names["One."], speech_of("One. "))
        await tell(connection, names["Two."], speech_of("Tw"))
        await tell(connection, names["Bad."], ErrorMessage("voice_not_found", "voice_not_found", 1008))
        connection.transport.close()

    async def well(connection: ServerConnection) -> None:
        for name in await flushed(connection, 1):
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


# ── the end of a context ───────────────────────────────────────────────────────────────────────────────────────────

WAYS = [LIVE, replace(LIVE, schedule=(50.0,)), replace(LIVE, auto_mode=True), replace(LIVE, schedule=(50.0, 500.0))]
LONG = " ".join(TEXTS)


@pytest.mark.parametrize("options", WAYS, ids=["whole", "schedule", "auto", "schedule of a long stretch"])
def test_all_of_a_text_is_spoken_where_closing_does_not_flush(options: LiveOptions) -> None:
    """Whatever the schedule left in the buffer, by one flush with the last text."""

    async def run() -> list[Any]:
        async with serve(TruthVoice(), port=0) as base, engine_at(base, options=options) as engine:
            return await results(engine, LONG, TEXTS[0])

    for text, chunks in zip([LONG, TEXTS[0]], asyncio.run(run()), strict=True):
        heard = hear("pcm_24000", chunks)
        assert "".join(heard.characters.chars).split() == text.split()
        assert heard.samples


def hasty(seen: list[dict[str, Any]], at_once: int = 0) -> Script:
    """Speaks when it is flushed, a while later: unless it is closed before. Something comes for message `at_once`."""

    async def script(connection: ServerConnection) -> None:
        speaking = asyncio.create_task(asyncio.sleep(0))
        async for text in connection:
            seen.append(json.loads(text))
            if seen[-1].get("flush"):
                speaking = asyncio.create_task(late(connection))
            elif seen[-1].get("close_context"):
                speaking.cancel()
                await tell(connection, "1", FinalMessage())
            elif len(seen) == at_once:
                await tell(connection, "1", speech_of("Hi "))

    async def late(connection: ServerConnection) -> None:
        await asyncio.sleep(0.1)
        await tell(connection, "1", speech_of(LONG))

    return script


@pytest.mark.parametrize("options", WAYS, ids=["whole", "schedule", "auto", "schedule of a long stretch"])
def test_the_last_text_flushes_and_sound_comes_before_the_close(options: LiveOptions) -> None:
    """A server that closes at once what does not sound yet, as has been seen of the service, gives all of it."""
    seen: list[dict[str, Any]] = []

    async def run() -> list[Any]:
        async with service(hasty(seen)) as base, engine_at(base, options=options) as engine:
            return await results(engine, LONG)

    assert asyncio.run(run()) == [[speech_of(LONG).chunk]]
    first, *texts, close, leave = seen
    assert (first["text"], close, leave) == (
        " ",
        {"close_context": True, "context_id": "1"},
        {"close_socket": True},
    )
    assert [bool(each.get("flush")) for each in texts] == [False] * (len(texts) - 1) + [True]
    assert "".join(each["text"] for each in texts).split() == LONG.split()


def test_sound_before_the_last_text_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is of an earlier stretch, and the last one has yet to be sent."""
    given: list[Exchange] = []
    sounded, give, take = asyncio.Event(), Exchange.give, Exchange.take

    async def give_slowly(exchange: Exchange, compose: Callable[[], str]) -> None:
        await give(exchange, compose)
        given.append(exchange)
        if len(given) == 2:
            await sounded.wait()

    async def take_noting(exchange: Exchange, patience: float) -> str | None:
        frame = await take(exchange, patience)
        sounded.set()
        return frame

    monkeypatch.setattr(Exchange, "give", give_slowly)
    monkeypatch.setattr(Exchange, "take", take_noting)

    async def run() -> list[Any]:
        async with service(hasty([], at_once=2)) as base, engine_at(base, options=WAYS[1]) as engine:
            return await asyncio.wait_for(results(engine, LONG), 20)

    assert asyncio.run(run()) == [[speech_of("Hi ").chunk, speech_of(LONG).chunk]]


def test_a_request_without_words_waits_for_nothing() -> None:
    """No text is sent that a sound could come of."""

    async def run() -> list[Any]:
        async with service(hasty([])) as base, engine_at(base, silence=1000.0) as engine:
            return await asyncio.wait_for(results(engine, " "), 5)

    assert asyncio.run(run()) == [[]]


def test_a_context_without_sound_is_closed_all_the_same() -> None:
    """After half of the silence that is borne: of some texts no sound comes, and a flush has no end of its own."""

    async def script(connection: ServerConnection) -> None:
        async for text in connection:
            if json.loads(text).get("close_context"):
                await tell(connection, "1", FinalMessage())

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base, silence=0.4) as engine:
            return await results(engine, "Hm?")

    assert asyncio.run(run()) == [[]]


def test_who_stops_listening_does_not_wait_for_sound() -> None:
    """The context is closed at once."""

    async def run() -> dict[str, Any]:
        closes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def script(connection: ServerConnection) -> None:
            async for text in connection:
                if (message := json.loads(text)).get("flush"):
                    stopped.cancel()
                elif message.get("close_context"):
                    closes.put_nowait(message)

        async with service(script) as base, engine_at(base, silence=1000.0) as engine:
            stopped = asyncio.create_task(results(engine, "Hm?"))
            return await asyncio.wait_for(closes.get(), 5)

    assert asyncio.run(run()) == {"close_context": True, "context_id": "1"}


def test_a_final_frame_that_nobody_asked_for_ends_the_speech() -> None:
    """As of a server that takes the flush for the end; the others of the socket are spoken on."""

    async def script(connection: ServerConnection) -> None:
        for name in await flushed(connection, 2):
            await tell(connection, name, speech_of("Hi "), FinalMessage())
        await connection.wait_closed()

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base) as engine:
            return await results(engine, "One.", "Two.")

    assert asyncio.run(run()) == [[speech_of("Hi ").chunk]] * 2


def test_a_final_frame_amid_the_text_is_no_end_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not sent by then was not spoken either."""
    say = contexts._Socket._say

    async def heeding(self: Any, exchange: Exchange, name: str, message: Any) -> None:
        await say(self, exchange, name, message)
        async with asyncio.timeout(5):
            while isinstance(message, SendText) and not message.flush and name in self._contexts:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def script(connection: ServerConnection) -> None:
        while not (said := json.loads(await connection.recv()))["text"].strip():
            pass
        await tell(connection, said["context_id"], speech_of("Hi "), FinalMessage())
        await connection.wait_closed()

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base, options=replace(LIVE, auto_mode=True)) as engine:
            return await results(engine, LONG)

    monkeypatch.setattr(contexts._Socket, "_say", heeding)
    (error,) = asyncio.run(run())
    assert isinstance(error, ConnectionLostError)


def test_nothing_is_left_of_contexts_that_were_cut_off() -> None:
    """What would close them is over with them."""

    async def script(connection: ServerConnection) -> None:
        for name in await flushed(connection, 2):
            await tell(connection, name, ErrorMessage("No credits remain", "quota_exceeded", 1008))
        await connection.wait_closed()

    async def run() -> list[Any]:
        async with service(script) as base, engine_at(base, silence=1000.0) as engine:
            found = await results(engine, "One.", "Two.")
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 5)
        return found

    assert [type(each) for each in asyncio.run(run())] == [RefusedError] * 2
