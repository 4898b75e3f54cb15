"""An offline voice → the service's `stream-input` socket on 127.0.0.1, and the engine that speaks through it.

Speaking runs in two threads, so the event loop stays free: closings and keep-alives are heard while a client is
spoken to, and one client's speech does not hold up another's messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from pipeline.engines import Access
from pipeline.engines.generation import Speaker, Terms
from pipeline.engines.handshake import RefusedHandshakeError, terms_of
from pipeline.engines.identity import shaped_by
from pipeline.engines.recording import ConnectionRecord, Recorder, Replay, read_recording
from pipeline.engines.streaming import SILENT, Address, Limits, StreamingEngine, common_query, is_loopback
from pipeline.errors import EngineError, RemoteProtocolError, UsageError
from pipeline.model import OfflineVoice, SpeechChunk, SpeechRequest
from pipeline.protocol.buffering import DEFAULT_SCHEDULE, TextBuffer, is_schedule
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    SendText,
    ServerMessage,
    SpeechMessage,
)
from pipeline.protocol.session import ServerSession

PORT = 8765
VOICES_AT_ONCE = 2
# What is held of one client at most: bytes of a message, and characters of all its text (a day of speech).
MOST_MESSAGE_BYTES = MOST_TEXT = 2**20
# RFC 6455 5.5.
MOST_REASON_BYTES = 123
# A generation comes whole before its first message, and two at a time: a client of ours waits for it.
OFFLINE_LIMITS = Limits(silence=300.0)
# The service's own words for a client that stays silent.
TIMED_OUT = (
    "Have not received a new text input within the timeout of {:g} seconds. Streaming input terminated. Please make"
    ' sure to either feed the input in the timely manner, or to send the end of input text (empty string "") when done.'
)

# A voice's id as it was asked for, and the language → the id to speak with, or None for an unknown voice.
VoiceChoice = Callable[[str, str], str | None]


def as_named(voice: str, _language: str) -> str | None:
    """Speak with the voice that was asked for, by its own id."""
    return voice


@contextlib.asynccontextmanager
async def serve(
    voice: OfflineVoice,
    host: str = "127.0.0.1",
    port: int = PORT,
    record: str | None = None,
    replay: str | None = None,
    choose_voice: VoiceChoice = as_named,
) -> AsyncIterator[str]:
    """Serve until the context is left; gives the address, such as `ws://127.0.0.1:8765`.

    Takes any free port where `port` is taken. `record` names a file that every connection's messages are appended to,
    `replay` one whose recorded answers are given instead of speaking. Raises UsageError for a host that is not
    loopback and for a recording that cannot be read.
    """
    if not is_loopback(host):
        raise UsageError(f"the speech server listens on this machine only, not on {host}: leave the host out")
    with contextlib.ExitStack() as stack:
        pool = ThreadPoolExecutor(VOICES_AT_ONCE, thread_name_prefix="speech")
        stack.callback(partial(pool.shutdown, wait=False, cancel_futures=True))
        house = _House(voice, pool, choose_voice, record, replay)
        server = await _bind(house, host, port)
        try:
            bound = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://{f'[{host}]' if ':' in host else host}:{bound}"
        finally:
            server.close()
            await server.wait_closed()


@contextlib.asynccontextmanager
async def open_offline(access: Access) -> AsyncIterator[StreamingEngine]:
    """Start the server in this process and speak through it: one client code for this voice and the cloud's."""
    from pipeline.engines import offline

    def query(request: SpeechRequest) -> dict[str, str]:
        return common_query(request) | {"language_code": request.language}

    def identity(request: SpeechRequest) -> str:
        return shaped_by("offline", access, request)

    def known(voice: str, _language: str) -> str | None:
        return voice if offline.known_voice(voice) else None

    async with serve(offline.speak, port=0, choose_voice=known) as base:
        recorder = Recorder(access.record) if access.record else None
        yield StreamingEngine(
            "offline",
            Address(base),
            query,
            identity,
            most_at_once=VOICES_AT_ONCE,
            recorder=recorder,
            limits=OFFLINE_LIMITS,
        )


async def _bind(house: _House, host: str, port: int) -> Server:
    options = {"process_request": house.admit, "max_size": MOST_MESSAGE_BYTES, "compression": None, "logger": SILENT}
    try:
        return await listen(house.converse, host, port, **options)  # type: ignore[arg-type]
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES} or port == 0:
            raise UsageError(f"the speech server cannot listen on {host}: {error.strerror}") from None
    return await listen(house.converse, host, 0, **options)  # type: ignore[arg-type]


class _House:
    """What all connections share: the voice, its threads, the recording."""

    def __init__(
        self,
        voice: OfflineVoice,
        pool: ThreadPoolExecutor,
        choose_voice: VoiceChoice,
        record: str | None,
        replay: str | None,
    ) -> None:
        self.voice = voice
        self.pool = pool
        self._choose_voice = choose_voice
        self._recorder = Recorder(record) if record else None
        self.replay: Replay | None = read_recording(replay) if replay else None

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a handshake that is refused; None lets it through. Credentials are not asked for."""
        try:
            _refuse_foreign_page(request.headers.get("Origin"))
            self._check_voice(terms_of(request.path))
        except RefusedHandshakeError as refusal:
            response = connection.respond(refusal.status, refusal.body)
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = "application/json"
            return response
        return None

    async def converse(self, connection: ServerConnection) -> None:
        """Speak with one client until one of the two closes."""
        request = connection.request
        assert request is not None
        secrets = [request.headers.get(name) for name in ("xi-api-key", "Authorization")]
        record = self._recorder.connection(request.path, secrets) if self._recorder else None
        conversation = _Conversation(self, connection, terms_of(request.path), record)
        try:
            await conversation.run()
        finally:
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")

    def _check_voice(self, terms: Terms) -> None:
        """An unknown voice is refused with 403 and no word, as the service does."""
        if self.replay is None and self._choose_voice(terms.voice, terms.language) is None:
            raise RefusedHandshakeError(HTTPStatus.FORBIDDEN)

    def speaker(self, terms: Terms, speed: float) -> Speaker:
        """Make who speaks one connection's generations."""
        voice = self._choose_voice(terms.voice, terms.language) or terms.voice
        chosen = Terms(voice, terms.language, terms.output_format, terms.in_sync)
        return Speaker(self.voice, chosen, speed)


class _Conversation:
    """One client: a reader that hears everything at once, and a speaker that works off generations in order."""

    def __init__(
        self, house: _House, connection: ServerConnection, terms: Terms, record: ConnectionRecord | None
    ) -> None:
        self._house = house
        self._connection = connection
        self._terms = terms
        self._record = record
        self._session = ServerSession()
        self._buffer = TextBuffer()
        self._generations: asyncio.Queue[str | None] = asyncio.Queue()
        self._texts: list[str] = []
        self._length = 0
        self._speed = 1.0

    async def run(self) -> None:
        """Hear and speak until the speech is whole, the client is gone, or one of the two is at fault."""
        tasks = [asyncio.create_task(self._speak()), asyncio.create_task(self._hear())]
        try:
            # The reader only ever ends by an exception, the speaker when everything is said.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            fault = next((error for task in tasks if task.done() and (error := task.exception())), None)
            if tasks[0].done() and not tasks[0].exception():
                return
            await self._end(fault)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, fault: BaseException | None) -> None:
        """Answer a fault with its error frame and close."""
        match fault:
            case ConnectionClosed():
                return
            case TimeoutError():
                words = TIMED_OUT.format(self._terms.inactivity_timeout)
                await self._refuse(ErrorMessage(words, "input_timeout_exceeded", 1008))
            case RemoteProtocolError():
                await self._refuse(ErrorMessage(str(fault), "invalid_input_message", 1008))
            case EngineError():
                await self._refuse(ErrorMessage(fault.message, fault.code or "speech_failed", 1008))
            case _:
                words = f"the voice failed unexpectedly ({type(fault).__name__}: {fault})"
                await self._refuse(ErrorMessage(words, "internal_server_error", 1011))

    async def _refuse(self, message: ErrorMessage) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._send(message)
        reason = message.message.encode()[:MOST_REASON_BYTES].decode(errors="ignore")
        await self._connection.close(message.code, reason)

    async def _send(self, message: ServerMessage) -> None:
        text = self._session.send(message)
        if self._record:
            self._record.message("server", text)
        await self._connection.send(text)

    # ── hearing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _hear(self) -> None:
        """Take messages until the connection closes (ConnectionClosed) or the client is silent (TimeoutError)."""
        patience: float | None = self._terms.inactivity_timeout
        while True:
            text = await asyncio.wait_for(self._connection.recv(), patience)
            if self._record:
                self._record.message("client", text)
            message = self._session.receive(text)
            match message:
                case InitializeConnection():
                    self._begin(message)
                case SendText():
                    self._take(message)
                case CloseConnection():
                    self._queue(list(self._buffer.flush()))
                    self._generations.put_nowait(None)
                    patience = None

    def _begin(self, message: InitializeConnection) -> None:
        if message.voice_settings and message.voice_settings.speed is not None:
            self._speed = message.voice_settings.speed
        schedule = message.schedule or DEFAULT_SCHEDULE
        if not is_schedule(schedule):
            raise RemoteProtocolError("chunk_length_schedule must hold numbers from 50 to 500")
        self._buffer = TextBuffer(schedule)
        self._take(SendText(message.text, message.flush, message.try_trigger_generation))

    def _take(self, message: SendText) -> None:
        self._texts.append(message.text)
        self._length += len(message.text)
        if self._length > MOST_TEXT:
            raise RemoteProtocolError(f"one socket takes {MOST_TEXT} characters of text at most")
        self._queue(list(self._buffer.add(message.text)))
        if message.flush or self._terms.auto_mode:
            self._queue(list(self._buffer.flush()))
        elif message.try_trigger_generation:
            self._queue(list(self._buffer.trigger()))

    def _queue(self, generations: Sequence[str]) -> None:
        for text in generations:
            self._generations.put_nowait(text)

    # ── speaking ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _speak(self) -> None:
        if self._house.replay is not None:
            await self._play_back(self._house.replay)
            return
        loop = asyncio.get_running_loop()
        speaker: Speaker | None = None
        while (text := await self._generations.get()) is not None:
            speaker = speaker or self._house.speaker(self._terms, self._speed)
            for chunk in await loop.run_in_executor(self._house.pool, speaker.speak, text):
                await self._send(SpeechMessage(chunk))
        if speaker and (rest := await loop.run_in_executor(self._house.pool, speaker.finish)):
            await self._send(SpeechMessage(SpeechChunk(rest)))
        await self._send(FinalMessage())
        await self._connection.close(1000)

    async def _play_back(self, replay: Replay) -> None:
        """Wait for the end of the text, then answer as the recording does, its faults and its closing too."""
        while await self._generations.get() is not None:
            pass
        recorded = replay.match(self._terms.voice, self._texts)
        if recorded is None:
            raise EngineError("the recording holds no answer to this voice and text", "no_recording")
        for text in recorded.answers:
            if self._record:
                self._record.message("server", text)
            await self._connection.send(text)
        code, reason = recorded.close
        if code in {1005, 1006, 1015}:
            # Such a code is never sent (RFC 6455 7.4.1): the connection broke. What was sent still goes out.
            self._connection.transport.close()
        else:
            await self._connection.close(code, reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore"))


def _refuse_foreign_page(origin: str | None) -> None:
    """A page of another site must not speak through this machine; programs send no `Origin` (RFC 6454 7.3)."""
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        body = {"detail": {"type": "forbidden", "code": "foreign_origin", "message": "pages of this machine only"}}
        raise RefusedHandshakeError(HTTPStatus.FORBIDDEN, json.dumps(body))
