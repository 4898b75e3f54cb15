"""Text as it arrives, against the local server with the truth voice, and against servers that drop, stall and refuse."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline import pcm
from pipeline.engines import LiveOptions, retries
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.hearing import hear
from pipeline.engines.loopback import serve
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import BusyError, ConnectionLostError, RefusedError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import ErrorMessage, FinalMessage, SpeechMessage
from tests.truth_voice import TruthVoice, onsets, truth_times

TEXT = "The first ship came in. It was late, and nobody waited; then the second one followed at dusk. "
REQUEST = SpeechRequest("", Voice("v"), "eleven_flash_v2_5", "en")
QUICK = LiveOptions(flush_after_seconds=0.05, keep_alive_seconds=0.1)
Script = Callable[[ServerConnection], Awaitable[None]]


def engine_at(base: str, silence: float = 10.0) -> StreamingEngine:
    """The client under test."""
    return StreamingEngine(
        "t", Address(base), common_query, lambda _: "", limits=Limits(opening=5, silence=silence, closing=0.3)
    )


async def pieces_of(pieces: Iterable[str], pause: float = 0.0) -> AsyncIterator[str]:
    """A writer who gives these pieces, with a pause between them."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)


async def speak(
    base: str, texts: AsyncIterator[str], options: LiveOptions = QUICK, request: SpeechRequest = REQUEST
) -> list[SpeechChunk]:
    """Everything that one live speech brings."""
    return [chunk async for chunk in engine_at(base).speak_live(texts, request, options)]


def cut(text: str, size: int) -> list[str]:
    """A text in pieces of so many characters."""
    return [text[first : first + size] for first in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("options", [QUICK, LiveOptions(schedule=(50,)), LiveOptions(auto_mode=True)])
def test_words_are_where_they_sound_however_the_text_is_cut(size: int, options: LiveOptions) -> None:
    """Every word's time is the burst's, to 2 ms, over all generations of the socket."""

    async def run() -> list[SpeechChunk]:
        async with serve(TruthVoice(), port=0) as base:
            return await speak(base, pieces_of(cut(TEXT, size)), options)

    heard = hear(REQUEST.output_format, asyncio.run(run()))
    assert heard.repairs == ()
    assert "".join(heard.characters.chars).split() == TEXT.split()
    starts = [
        start
        for before, char, start in zip(
            (" ", *heard.characters.chars), heard.characters.chars, heard.characters.starts_ms, strict=False
        )
        if before == " " and char != " "
    ]
    found = onsets(pcm.as_array(heard.samples), heard.sample_rate)
    assert len(found) == len(starts) == len(TEXT.split())
    assert max(abs(one - other) for one, other in zip(starts, found, strict=True)) <= 2


def test_a_text_that_comes_at_once_sounds_as_one_that_is_sent_whole() -> None:
    """The same samples."""

    async def run() -> list[SpeechChunk]:
        async with serve(TruthVoice(), port=0) as base:
            return await speak(base, pieces_of([TEXT]), LiveOptions(schedule=(500,)))

    heard = hear(REQUEST.output_format, asyncio.run(run()))
    assert heard.samples == TruthVoice()(TEXT.strip(), "en", "v", 1.0).pcm
    assert len(truth_times(TEXT)) == len(TEXT.split())


def test_what_was_written_is_spoken_while_the_writer_pauses() -> None:
    """The pause flushes; nobody waits for the end of the text."""

    async def run() -> bytes:
        heard = bytearray()
        spoken = asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            yield "Hello you. "
            await asyncio.wait_for(spoken.wait(), 10)
            yield "And more."

        async with serve(TruthVoice(), port=0) as base:
            async for chunk in engine_at(base).speak_live(texts(), REQUEST, QUICK):
                heard += chunk.audio
                spoken.set()
        return bytes(heard)

    voice = TruthVoice()
    assert asyncio.run(run()) == voice("Hello you.", "en", "v", 1).pcm + voice("And more.", "en", "v", 1).pcm


@contextlib.asynccontextmanager
async def service(*scripts: Script) -> AsyncIterator[str]:
    """A server that plays one script a connection, in order."""
    waiting = iter(scripts)

    async def play(connection: ServerConnection) -> None:
        await next(waiting)(connection)

    async with listen(play, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def speech_of(text: str) -> SpeechMessage:
    """One generation of a text: 10 ms a character, and as many samples."""
    times = Alignment(tuple(text), tuple(range(0, 10 * len(text), 10)), (10,) * len(text))
    return SpeechMessage(SpeechChunk(bytes(2 * 240 * len(text)), times, None))


def answering(said: list[Any], *answers: Any, until: str = "", code: int = 1006) -> Script:
    """Hear until a message's text ends so, answer, and close (1006: break off; 0: stay)."""

    async def script(connection: ServerConnection) -> None:
        while True:
            message = json.loads(await connection.recv())
            said.append(message)
            if message.get("flush") if until == "flush" else message["text"] == until:
                break
        for answer in answers:
            await connection.send(compose(answer))
        if code == 1006:
            connection.transport.close()
        elif code:
            await connection.close(code)
        else:
            await connection.wait_closed()

    return script


def live(
    scripts: Sequence[Script], texts: Callable[[], AsyncIterator[str]], silence: float = 10.0, options: Any = QUICK
) -> list[SpeechChunk]:
    """Speak live against scripts."""

    async def run() -> list[SpeechChunk]:
        async with service(*scripts) as base:
            stream = engine_at(base, silence).speak_live(texts(), REQUEST, options)
            return [chunk async for chunk in stream]

    return asyncio.run(run())


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin the next try at once."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)


def test_what_is_said_and_when() -> None:
    """How to speak, words as they end, a flush for a pause, a space to keep alive, the end."""
    said: list[Any] = []

    async def texts() -> AsyncIterator[str]:
        yield "Hel"
        yield "lo yo"
        await asyncio.sleep(0.25)
        yield "u"

    options = LiveOptions((60.0, 90.0), try_trigger=True, flush_after_seconds=0.05, keep_alive_seconds=0.1)
    live([answering(said, speech_of("Hello you "), FinalMessage(), code=1000)], texts, options=options)
    assert said[0]["generation_config"] == {"chunk_length_schedule": [60.0, 90.0]}
    assert said[0]["voice_settings"]["speed"] == 1.0
    assert said[1] == {"text": "Hello ", "try_trigger_generation": True}
    assert said[2] == {"text": " ", "flush": True}
    assert {"text": " "} in said[3:-2]
    assert said[-2:] == [{"text": "you ", "try_trigger_generation": True}, {"text": ""}]


@pytest.mark.usefixtures("_at_once")
def test_a_drop_when_nothing_is_owed_is_mended_by_the_next_text() -> None:
    """Another socket is opened only then; its chunks say that they are another's."""
    first: list[Any] = []
    second: list[Any] = []
    dropped = asyncio.Event()

    async def texts() -> AsyncIterator[str]:
        yield "Hello. "
        await asyncio.wait_for(dropped.wait(), 10)
        await asyncio.sleep(0.2)
        assert not second
        yield "You."

    drop = answering(first, speech_of("Hello. "), until="flush")

    async def and_tell(connection: ServerConnection) -> None:
        await drop(connection)
        dropped.set()

    chunks = live([and_tell, answering(second, speech_of("You. "), FinalMessage(), code=1000)], texts)
    assert [(chunk.connection, "".join(chunk.alignment.chars)) for chunk in chunks if chunk.alignment] == [
        (0, "Hello. "),
        (1, "You. "),
    ]
    assert [message["text"] for message in second] == [" ", "You. ", ""]


@pytest.mark.usefixtures("_at_once")
def test_text_of_which_nothing_was_heard_is_sent_again() -> None:
    """What was heard whole before it is not."""
    second: list[Any] = []
    scripts = [
        answering([], speech_of("One two. ")),
        answering(second, speech_of("Three. "), FinalMessage(), code=1000),
    ]
    chunks = live(scripts, lambda: pieces_of(["One two. ", "Three."]))
    assert [message["text"] for message in second] == [" ", "Three. ", ""]
    assert [chunk.connection for chunk in chunks] == [0, 1]


@pytest.mark.usefixtures("_at_once")
def test_a_missing_final_frame_is_forgiven_when_all_is_there() -> None:
    """Characters and samples end together, and there is no more text."""
    chunks = live([answering([], speech_of("One. "))], lambda: pieces_of(["One."]))
    assert len(chunks) == 1


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("heard", [speech_of("One two").chunk, SpeechChunk(bytes(480), None, None)])
def test_a_drop_in_the_middle_ends_it(heard: SpeechChunk) -> None:
    """Sound that was cut is never joined: whoever asked decides."""
    half = SpeechMessage(SpeechChunk(heard.audio[:-960] if heard.alignment else heard.audio, heard.alignment))
    with pytest.raises(ConnectionLostError):
        live([answering([], half)], lambda: pieces_of(["One two three."]))


@pytest.mark.usefixtures("_at_once")
def test_drops_without_any_speech_have_an_end() -> None:
    """So many tries, and then the error."""
    said: list[Any] = []
    with pytest.raises(ConnectionLostError):
        live([answering(said)] * 20, lambda: pieces_of(["One two three."]))
    assert sum(message["text"] == "" for message in said) == retries.MOST_TRIES


@pytest.mark.usefixtures("_at_once")
def test_a_refusal_ends_it_at_once_and_a_busy_service_does_not() -> None:
    """Nothing was heard: the text is spoken by the next socket, unless there can be none."""
    quota = ErrorMessage("No credits remain", "quota_exceeded", 1008)
    with pytest.raises(RefusedError, match="credits"):
        live([answering([], quota, code=1008)], lambda: pieces_of(["One."]))
    busy = ErrorMessage("The system is busy", "system_busy", 1008)
    well = answering([], speech_of("One. "), FinalMessage(), code=1000)
    assert live([answering([], busy, code=1008), well], lambda: pieces_of(["One."]))[0].connection == 1
    with pytest.raises(BusyError):
        live([answering([], busy, code=1008)] * 9, lambda: pieces_of(["One."]))


@pytest.mark.slow
@pytest.mark.usefixtures("_at_once")
def test_a_stall_is_noticed_and_a_pause_of_the_writer_is_none() -> None:
    """Only a service that owes speech may not be silent."""
    with pytest.raises(ConnectionLostError, match="no message came"):
        live([answering([], code=0)] * 9, lambda: pieces_of(["One."]), silence=0.15)

    async def texts() -> AsyncIterator[str]:
        yield "One. "
        await asyncio.sleep(0.8)
        yield "Two."

    async def patient(connection: ServerConnection) -> None:
        async for text in connection:
            message = json.loads(text)
            if message.get("flush"):
                await connection.send(compose(speech_of("One. ")))
            elif message["text"] == "":
                await connection.send(compose(speech_of("Two. ")))
                await connection.send(compose(FinalMessage()))
                return

    chunks = live([patient], texts, silence=0.3)
    assert [chunk.connection for chunk in chunks] == [0, 0]


def test_what_the_writer_raises_passes_through() -> None:
    """And closes the socket."""
    closed: list[int | None] = []

    async def texts() -> AsyncIterator[str]:
        yield "One. "
        raise KeyError("mine")

    async def script(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closed.append(connection.close_code)

    with pytest.raises(KeyError, match="mine"):
        live([script], texts)
    assert closed


def test_who_stops_listening_closes_the_socket_and_the_writer() -> None:
    """Nothing is left running."""

    async def run() -> None:
        closed, ended = asyncio.Event(), asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            try:
                yield "One. "
                await asyncio.sleep(60)
            finally:
                ended.set()

        async def script(connection: ServerConnection) -> None:
            while not json.loads(await connection.recv()).get("flush"):
                pass
            await connection.send(compose(speech_of("One. ")))
            await connection.wait_closed()
            closed.set()

        async with service(script) as base:
            stream = engine_at(base).speak_live(texts(), REQUEST, QUICK)
            async with contextlib.aclosing(stream):
                async for _ in stream:
                    break
            await asyncio.wait_for(asyncio.gather(closed.wait(), ended.wait()), 5)
            assert len(asyncio.all_tasks()) <= 4

    asyncio.run(run())


def test_coded_sound_is_decoded_as_it_comes() -> None:
    """In any format, through the same engine; word times to 3 ms."""

    async def run() -> list[SpeechChunk]:
        async with serve(TruthVoice(), port=0) as base:
            request = SpeechRequest("", Voice("v"), "eleven_flash_v2_5", "en", "mp3_44100_128")
            return await speak(base, pieces_of(cut(TEXT, 9)), LiveOptions(schedule=(50,)), request)

    heard = hear("mp3_44100_128", asyncio.run(run()))
    assert "".join(heard.characters.chars).split() == TEXT.split()
    found = onsets(pcm.as_array(heard.samples), heard.sample_rate)
    chars = heard.characters
    starts = [
        start
        for before, char, start in zip((" ", *chars.chars), chars.chars, chars.starts_ms, strict=False)
        if before == " " and char != " "
    ]
    assert max(abs(one - other) for one, other in zip(starts, found, strict=True)) <= 3
