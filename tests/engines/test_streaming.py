"""The streaming client against servers that refuse, stall, break off, lie and redirect."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from pipeline.engines.connecting import MOST_MESSAGE_BYTES, Address, Headers, Limits, is_loopback
from pipeline.engines.retries import MOST_TRIES, speak_into
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import (
    BusyError,
    ConnectionLostError,
    EngineError,
    PipelineError,
    RefusedError,
    RemoteProtocolError,
)
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import ErrorMessage, FinalMessage, SpeechMessage

KEY = "sk_0123456789abcdef_secret"
REQUEST = SpeechRequest("Hi you", Voice("v/1"), "eleven_multilingual_v2", "en")
# 100 ms of samples at 24 kHz, and the times of the text as the service sends them.
SOUND = bytes(2 * 2400)
TIMES = Alignment(tuple("Hi you "), (0, 10, 20, 30, 50, 70, 80), (10, 10, 10, 20, 20, 10, 20))
SPEECH = SpeechMessage(SpeechChunk(SOUND, TIMES, None))
HALF = SpeechMessage(SpeechChunk(SOUND[:2400], Alignment(("H", "i"), (0, 10), (10, 10)), None))

Script = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def service(script: Script, answer: Any = None) -> AsyncIterator[str]:
    """A server that does what the script says with every connection."""
    async with serve(script, "127.0.0.1", 0, process_request=answer, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def engine_at(base: str, limits: Limits | None = None) -> StreamingEngine:
    """The client under test, with a key."""
    limits = limits or Limits(opening=5, silence=5, closing=0.5)
    return StreamingEngine("test", Address(base, KEY), common_query, lambda _: "", limits=limits)


async def heard(connection: ServerConnection) -> list[dict[str, Any]]:
    """All that a client says for one request."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["text"] != "":
        messages.append(json.loads(await connection.recv()))
    return messages


def playing(*messages: Any, code: int = 1000, reason: str = "") -> Script:
    """A script that hears the request, sends these messages and closes."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        for message in messages:
            await connection.send(message if isinstance(message, str) else compose(message))
        if code == 1006:
            connection.transport.close()
        else:
            await connection.close(code, reason)

    return script


def speak(script: Script, request: SpeechRequest = REQUEST, limits: Limits | None = None) -> tuple[SpeechChunk, ...]:
    """One try against a server."""

    async def run() -> tuple[SpeechChunk, ...]:
        async with service(script) as base:
            return tuple([chunk async for chunk in engine_at(base, limits).speak(request)])

    return asyncio.run(run())


def shown_by(error: BaseException) -> str:
    """Everything that a traceback with locals would show of an error, and of what it came from."""
    shown, seen = [], error
    while seen is not None:
        shown += ["".join(traceback.format_exception(seen)), repr(seen.__dict__)]
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            if "/pipeline/" in frame.f_code.co_filename or "websockets" in frame.f_code.co_filename:
                shown.append(repr(frame.f_locals))
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    return "\n".join(shown)


def test_a_request_is_said_as_the_service_wants_it() -> None:
    """Settings and dictionaries first and only once, the text whole with a space at its end, then its end."""
    said: list[Any] = []

    async def script(connection: ServerConnection) -> None:
        assert connection.request is not None
        said.append((connection.request.path, connection.request.headers.get("xi-api-key")))
        said.extend(await heard(connection))
        await connection.send(compose(FinalMessage()))

    request = replace(REQUEST, dictionaries=(("d", "1"),), seed=7, normalization="off", ssml=True)
    assert speak(script, request) == ()
    (path, key), first, text, end = said
    assert path.startswith("/v1/text-to-speech/v%2F1/stream-input?")
    assert set(path.partition("?")[2].split("&")) == {
        "output_format=pcm_24000",
        "sync_alignment=true",
        "inactivity_timeout=180",
        "seed=7",
        "apply_text_normalization=off",
        "enable_ssml_parsing=true",
    }
    assert key == KEY
    assert first["text"] == " "
    assert first["voice_settings"] == {
        "stability": 0.5,
        "similarity_boost": 0.75,
        "style": 0.0,
        "use_speaker_boost": True,
        "speed": 1.0,
    }
    assert first["pronunciation_dictionary_locators"] == [{"pronunciation_dictionary_id": "d", "version_id": "1"}]
    assert (text, end) == ({"text": "Hi you "}, {"text": ""})


def test_speech_comes_in_order_and_frames_without_any_are_passed_over() -> None:
    """Empty and unknown frames yield nothing; the rest is yielded as it came."""
    empty = '{"audio":"","isFinal":null}'
    chunks = speak(playing(HALF, empty, '{"type":"flush_done"}', SPEECH, FinalMessage()))
    assert chunks == (HALF.chunk, SPEECH.chunk)


def test_sound_on_the_final_frame_is_kept() -> None:
    """A client that asked either or would lose it."""
    assert speak(playing(FinalMessage(SPEECH.chunk))) == (SPEECH.chunk,)


def test_a_missing_final_frame_is_forgiven_when_all_is_there() -> None:
    """Every character timed, and the times end where the samples do."""
    assert speak(playing(SPEECH)) == (SPEECH.chunk,)


@pytest.mark.parametrize(
    "chunk",
    [
        HALF.chunk,
        replace(SPEECH.chunk, audio=SOUND + bytes(480)),
        replace(SPEECH.chunk, alignment=None),
        SpeechChunk(b"", TIMES, None),
    ],
)
def test_a_missing_final_frame_is_not_forgiven_when_something_is_missing(chunk: SpeechChunk) -> None:
    """Characters, their times, or samples: a truncation must not pass for speech."""
    with pytest.raises(ConnectionLostError, match="before the speech was whole"):
        speak(playing(SpeechMessage(chunk)))


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1006, "", ConnectionLostError),
        (1001, "", ConnectionLostError),
        (1011, "oops", ConnectionLostError),
        (1008, "This request exceeds your quota.", RefusedError),
        (1008, "too many concurrent requests", BusyError),
        (1013, "", BusyError),
    ],
)
def test_a_close_before_the_end_is_typed(code: int, reason: str, kind: type[EngineError]) -> None:
    """By its code and its words. What all of came before it is whole, unless the service refuses it."""
    with pytest.raises(kind) as caught:
        speak(playing(HALF, code=code, reason=reason))
    assert caught.value.close_code == code
    if kind is not RefusedError:
        assert speak(playing(SPEECH, code=code, reason=reason)) == (SPEECH.chunk,)
    else:
        with pytest.raises(kind):
            speak(playing(SPEECH, code=code, reason=reason))


def test_a_stall_or_being_busy_after_all_was_there_is_no_matter() -> None:
    """What was spoken whole is paid for, and not asked for again."""

    async def stalling(connection: ServerConnection) -> None:
        await heard(connection)
        await connection.send(compose(SPEECH))
        await connection.wait_closed()

    assert speak(stalling, limits=Limits(silence=0.2, closing=0.1)) == (SPEECH.chunk,)
    busy = ErrorMessage("The system is busy", "system_busy", 1008)
    assert speak(playing(SPEECH, busy, code=1008)) == (SPEECH.chunk,)


def test_an_error_frame_is_typed() -> None:
    """Its words and its name reach the person."""
    frame = ErrorMessage("No credits remain", "quota_exceeded", 1008)
    with pytest.raises(RefusedError, match="No credits remain") as caught:
        speak(playing(frame, code=1008, reason="x"))
    assert caught.value.code == "quota_exceeded"


def test_an_error_without_a_close_after_it_is_not_waited_for() -> None:
    """The frame says enough, and what comes behind it hides nothing."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        await connection.send(compose(ErrorMessage("No credits remain", "quota_exceeded", 1008)))
        await connection.send(compose(SPEECH))
        await connection.wait_closed()

    with pytest.raises(RefusedError, match="No credits remain") as caught:
        speak(script, limits=Limits(silence=60, closing=0.2))
    assert caught.value.close_code == 1008


def test_a_refusal_before_the_text_was_heard_is_still_read() -> None:
    """The server may close while the client is sending."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(compose(ErrorMessage("bad voice settings", "invalid", 1008)))
        await connection.close(1008, "bad")

    long = replace(REQUEST, text="word " * 30_000)
    with pytest.raises(RefusedError, match="bad voice settings"):
        speak(script, long)


def test_frames_that_say_nothing_are_a_stall_too() -> None:
    """Else a service that only ever pings would hold a request for as long as all may take."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send('{"type":"ping"}')
                await asyncio.sleep(0.01)

    with pytest.raises(ConnectionLostError, match="no speech came"):
        speak(script, limits=Limits(silence=0.2, closing=0.2))


def test_a_message_that_is_too_large_is_not_asked_for_again() -> None:
    """It was this side that closed, and it says so."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        with contextlib.suppress(ConnectionClosed):
            await connection.send(" " * (MOST_MESSAGE_BYTES + 1))
            await connection.wait_closed()

    with pytest.raises(RefusedError, match="more than 16 MiB"):
        speak(script)


def test_an_endless_speech_is_ended() -> None:
    """By how much sound a text can have."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        sound = base64.b64encode(bytes(2**20)).decode()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send(json.dumps({"audio": sound}))

    with pytest.raises(RefusedError, match="far more sound"):
        speak(script, limits=Limits(closing=0.2))


def test_a_stall_is_noticed() -> None:
    """A server that falls silent is not waited for without end."""

    async def script(connection: ServerConnection) -> None:
        await heard(connection)
        await connection.wait_closed()

    with pytest.raises(ConnectionLostError, match="no speech came"):
        speak(script, limits=Limits(silence=0.2, closing=0.2))
    with pytest.raises(RefusedError, match="not whole after"):
        speak(script, limits=Limits(silence=5, closing=0.2, whole=0.2))


def test_a_server_that_takes_nothing_is_noticed() -> None:
    """A text that is not taken is a stall too."""

    async def run() -> None:
        finished = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handshake = await reader.readuntil(b"\r\n\r\n")
            key = next(line for line in handshake.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            accept = accept_key(key.partition(b":")[2].strip().decode())
            answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(f"{answer}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            await finished.wait()
            writer.transport.abort()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        limits = Limits(opening=5, silence=0.3, closing=0.1)
        long = replace(REQUEST, text="word " * 6_000_000)
        async with server:
            try:
                base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                async for _ in engine_at(base, limits).speak(long):
                    pass
            finally:
                finished.set()

    with pytest.raises(ConnectionLostError, match=r"took no text for 0\.3 s"):
        asyncio.run(run())


def test_nonsense_is_a_protocol_error() -> None:
    """What is no message of the protocol ends the try with its own error."""
    with pytest.raises(RemoteProtocolError):
        speak(playing("nonsense"))


def answering(status: HTTPStatus, body: str = "", **headers: str) -> Any:
    """Answer a handshake with something else."""

    def answer(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(status, body)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    return answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, RefusedError),
        (HTTPStatus.FORBIDDEN, RefusedError),
        (HTTPStatus.TOO_MANY_REQUESTS, BusyError),
        (HTTPStatus.BAD_GATEWAY, BusyError),
    ],
)
def test_a_refused_handshake_is_typed_and_shows_no_key(status: HTTPStatus, kind: type[EngineError]) -> None:
    """With the service's words, but for the key, should it repeat it; and nothing hangs on the error that holds it."""
    body = json.dumps({"detail": {"code": "reason", "message": f"The words, and {KEY} again"}})

    async def run() -> None:
        async with service(playing(), answering(status, body)) as base:
            async for _ in engine_at(base).speak(REQUEST):
                pass

    with pytest.raises(kind, match="The words") as caught:
        asyncio.run(run())
    assert KEY not in shown_by(caught.value)


@pytest.mark.parametrize(
    "script", [playing("nonsense"), playing(code=1008, reason=f"bad key {KEY}"), playing(code=1006)]
)
def test_no_failure_shows_the_key(script: Script) -> None:
    """Neither the sentence nor the locals of any frame, ours or the library's."""
    with pytest.raises(PipelineError) as caught:
        speak(script)
    assert KEY not in shown_by(caught.value)


def test_the_headers_show_no_key() -> None:
    """They are a local of the library's frames, which a traceback may print."""
    headers = Headers(KEY)
    assert dict(headers) == {"xi-api-key": KEY}
    assert KEY not in f"{headers} {headers!r}"
    assert dict(Headers(None)) == {}


def test_no_log_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """The websocket library's own log prints every header at DEBUG."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="websockets"):
        speak(playing(SPEECH, FinalMessage()))
        with pytest.raises(ConnectionLostError):
            speak(playing(code=1006))
    client = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "\n".join(client)


def test_a_redirect_is_not_followed() -> None:
    """The key would go to wherever it leads."""
    reached: list[str | None] = []

    async def elsewhere(connection: ServerConnection) -> None:
        assert connection.request is not None
        reached.append(connection.request.headers.get("xi-api-key"))

    async def run() -> None:
        async with service(elsewhere) as other, service(playing(), answering(HTTPStatus.FOUND, Location=other)) as base:
            async for _ in engine_at(base).speak(REQUEST):
                pass

    with pytest.raises(RefusedError, match="redirects"):
        asyncio.run(run())
    assert reached == []


def test_loopback_goes_past_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would send even 127.0.0.1 to it; here the proxy is a socket that would be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert speak(playing(SPEECH, FinalMessage())) == (SPEECH.chunk,)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_proxy_that_needs_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy goes through python-socks, which is not there: a sentence, and no way around the proxy."""

    async def without_package(*_: object, **__: object) -> None:
        raise ImportError("connecting through a SOCKS proxy requires python-socks")

    monkeypatch.setattr("websockets.asyncio.client.connect_socks_proxy", without_package)
    monkeypatch.setenv("SOCKS_PROXY", "socks5://127.0.0.1:9")

    async def run() -> None:
        async for _ in engine_at("ws://service.invalid").speak(REQUEST):
            pass

    with pytest.raises(RefusedError, match="python-socks") as caught:
        asyncio.run(run())
    assert KEY not in shown_by(caught.value)


def test_nobody_there_is_a_lost_connection() -> None:
    """With the host in the sentence."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    async def run() -> None:
        async for _ in engine_at(f"ws://127.0.0.1:{port}").speak(REQUEST):
            pass

    with pytest.raises(ConnectionLostError, match=f"127.0.0.1:{port} cannot be reached"):
        asyncio.run(run())


def test_something_else_there_is_told() -> None:
    """A server that answers no handshake at all, or breaks off."""

    async def run(reply: bytes) -> None:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            writer.close()

        server = await asyncio.start_server(other, "127.0.0.1", 0)
        async with server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async for _ in engine_at(base).speak(REQUEST):
                pass

    for reply in (b"", b"nonsense\r\n\r\n"):
        with pytest.raises(ConnectionLostError) as caught:
            asyncio.run(run(reply))
        assert KEY not in shown_by(caught.value)
    with pytest.raises(RemoteProtocolError):
        asyncio.run(run(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n"))


class Clockwork:
    """Pauses that pass at once, kept to be looked at."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Pass at once."""
        self.waited.append(seconds)


def retry(scripts: Iterator[Script], pause: Clockwork) -> tuple[SpeechChunk, ...]:
    """Speak whole against a server that does something else every time."""

    async def run() -> tuple[SpeechChunk, ...]:
        async def script(connection: ServerConnection) -> None:
            await next(scripts)(connection)

        async with service(script) as base:
            return await speak_into(tuple, engine_at(base), REQUEST, pause)

    return asyncio.run(run())


def test_a_retry_begins_anew_and_is_whole() -> None:
    """Nothing of what a broken try brought is in the result."""
    pause = Clockwork()
    scripts = iter([playing(HALF, code=1006), playing(HALF, code=1011), playing(SPEECH, FinalMessage())])
    assert retry(scripts, pause) == (SPEECH.chunk,)
    assert len(pause.waited) == 2
    assert 0.5 <= pause.waited[0] <= 1 <= pause.waited[1] <= 2


def test_retries_have_an_end_and_refusals_none() -> None:
    """What is busy is asked so many times; what refuses once."""
    pause = Clockwork()
    with pytest.raises(BusyError):
        retry(iter([playing(code=1013)] * MOST_TRIES), pause)
    assert len(pause.waited) == MOST_TRIES - 1
    pause = Clockwork()
    with pytest.raises(RefusedError):
        retry(iter([playing(code=1008, reason="quota")]), pause)
    assert pause.waited == []


def test_cancelling_closes_the_socket_at_once() -> None:
    """Whoever interrupts does not wait for a server, nor does the server speak on to nobody."""

    async def run() -> None:
        waiting, closed = asyncio.Event(), asyncio.Event()

        async def script(connection: ServerConnection) -> None:
            await heard(connection)
            waiting.set()
            await connection.wait_closed()
            closed.set()

        async with service(script) as base:
            task = asyncio.create_task(speak_into(tuple, engine_at(base), REQUEST))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 5)

    asyncio.run(run())


def test_a_consumer_that_stops_closes_the_socket() -> None:
    """Leaving the loop over the chunks ends the connection too."""

    async def run() -> None:
        closed = asyncio.Event()

        async def script(connection: ServerConnection) -> None:
            await heard(connection)
            await connection.send(compose(SPEECH))
            await connection.wait_closed()
            closed.set()

        async with service(script) as base:
            stream: Any = engine_at(base).speak(REQUEST)
            async with contextlib.aclosing(stream):
                async for _ in stream:
                    break
            await asyncio.wait_for(closed.wait(), 5)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.evil.test", False),
        ("127.0.0.1.5", False),
        ("127.0.0.²", False),
        ("", False),
    ],
)
def test_loopback_is_told_by_the_whole_name(host: str, expected: object) -> None:
    """A host that only begins like it is elsewhere."""
    assert is_loopback(host) is expected
