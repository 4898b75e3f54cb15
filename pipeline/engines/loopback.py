"""An offline voice → the service's sockets and requests on 127.0.0.1, and the engine that speaks through them.

Speaking runs in threads, so the event loop stays free: closings and keep-alives are heard while a client is spoken
to, and one client's speech does not hold up another's messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from pipeline.engines import Access
from pipeline.engines.connecting import SILENT, Address, Limits, is_loopback
from pipeline.engines.dialogue_serving import DialogueConversation, DialoguesConversation
from pipeline.engines.faults import NO_FAULTS, Faults
from pipeline.engines.handshake import RefusedHandshakeError, Socket, Terms, detail, terms_of
from pipeline.engines.house import House, VoiceChoice, as_named
from pipeline.engines.http_speech import answer
from pipeline.engines.identity import shaped_by
from pipeline.engines.listings import Catalogue, is_listing, listing, offline_voices
from pipeline.engines.multi_serving import ContextConversation
from pipeline.engines.outlet import Outlet
from pipeline.engines.recording import ConnectionRecord, Recorder, read_recording
from pipeline.engines.serving import BeginSpeech, Conversation, Talk
from pipeline.engines.speaking import MOST_MESSAGE_BYTES
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.engines.tls import ServerTls
from pipeline.engines.turns import THREADS, Turns
from pipeline.errors import EngineError, UsageError
from pipeline.model import OfflineVoice, SpeechRequest

PORT = 8765
VOICES_AT_ONCE = 2
# How long a client may take for a TLS handshake, and for its part of a closing when the server ends, in seconds.
TLS_SECONDS, LEAVE_SECONDS = 10.0, 1.0
# Bytes that wait for a client to read them. Speech waits for it; what its pings are answered with does not.
MOST_UNREAD = 2**25
# A generation comes whole before its first message, and two at a time: a client of ours waits for it.
OFFLINE_LIMITS = Limits(silence=300.0)


@contextlib.asynccontextmanager
async def serve(  # noqa: PLR0913, PLR0917  # each stands for itself
    voice: OfflineVoice,
    host: str = "127.0.0.1",
    port: int = PORT,
    record: str | None = None,
    replay: str | None = None,
    choose_voice: VoiceChoice = as_named,
    tls: ServerTls | None = None,
    faults: Faults = NO_FAULTS,
    catalogue: Catalogue = offline_voices,
    threads: int = THREADS,
) -> AsyncIterator[str]:
    """Serve until the context is left; gives the address, such as `ws://127.0.0.1:8765`.

    Takes any free port where `port` is taken. `record` names a file that every connection's messages are appended to,
    `replay` one whose recorded answers are given instead of speaking. `faults` are made on purpose, `catalogue` are
    the voices that are listed, `threads` speak. Raises UsageError for a host that is not loopback, for a recording that cannot be read
    and for a certificate that cannot be used.
    """
    if not is_loopback(host):
        raise UsageError(f"the speech server listens on this machine only, not on {host}: leave the host out")
    house = House(
        voice,
        Turns(threads),
        choose_voice,
        faults,
        Recorder(record) if record else None,
        read_recording(replay) if replay else None,
        catalogue,
    )
    doors = _Doors(house)
    try:
        server = await _bind(doors, host, port, tls)
        try:
            bound = next(iter(server.sockets)).getsockname()[1]
            yield f"{'wss' if tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{bound}"
        finally:
            await doors.close(server)
    finally:
        house.turns.close()


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

    recorder = Recorder(access.record) if access.record else None
    try:
        async with serve(offline.speak, port=0, choose_voice=known, threads=VOICES_AT_ONCE) as base:
            yield StreamingEngine(
                "offline",
                Address(base),
                query,
                identity,
                most_at_once=VOICES_AT_ONCE,
                recorder=recorder,
                limits=OFFLINE_LIMITS,
            )
    finally:
        offline.unload()


async def _bind(doors: _Doors, host: str, port: int, tls: ServerTls | None) -> Server:
    options: dict[str, Any] = {
        "process_request": doors.admit,
        "process_response": doors.mark,
        "create_connection": doors.connect,
        "max_size": MOST_MESSAGE_BYTES,
        "compression": None,
        "logger": SILENT,
    }
    if tls:
        options |= {"ssl": tls.context(), "ssl_handshake_timeout": TLS_SECONDS}
    try:
        return await listen(doors.converse, host, port, **options)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES} or port == 0:
            raise UsageError(f"the speech server cannot listen on {host}: {error.strerror}") from None
    return await listen(doors.converse, host, 0, **options)


class _Doors:
    """Where clients come in: sockets, listings, requests for speech."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._answering: set[asyncio.Task[None]] = set()
        self._connected: WeakSet[_Connection] = WeakSet()

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that asks for a listing, or a handshake that is refused; None lets it through."""
        try:
            self._house.admit(request.headers.get_all("Host"), request.headers.get_all("Origin"))
            if is_listing(request.path.partition("?")[0]):
                found = await asyncio.to_thread(listing, request.path, self._house.catalogue)
                return _json(connection, HTTPStatus.OK, json.dumps(found))
            terms = terms_of(request.path)
            self._house.meet_fault()
            self._check(terms)
        except RefusedHandshakeError as refusal:
            return _json(connection, refusal.status, refusal.body)
        except EngineError as error:
            return _json(connection, HTTPStatus.INTERNAL_SERVER_ERROR, detail("voices_unavailable", str(error)))
        return None

    def mark(self, _connection: ServerConnection, _request: Request, response: Response) -> None:
        """Add to every answer what it tells of itself."""
        for name, value in self._house.headers().items():
            response.headers[name] = value

    async def converse(self, connection: ServerConnection) -> None:
        """Speak with one client until one of the two closes."""
        request = connection.request
        assert request is not None
        secrets = [each for name in ("xi-api-key", "Authorization") for each in request.headers.get_all(name)]
        recorder = self._house.recorder
        record: ConnectionRecord | None = recorder.connection(request.path, secrets) if recorder else None
        outlet = Outlet(connection, self._house.misfortune.connection(), record)
        try:
            await self._talk(terms_of(request.path), outlet, connection).run()
        finally:
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")

    def hand_over(self, serving: Callable[[House], Coroutine[Any, Any, None]]) -> None:
        """Let a request be answered that is no handshake."""
        task = asyncio.get_running_loop().create_task(serving(self._house))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def connect(self, *args: Any, **options: Any) -> _Connection:  # noqa: ANN401  # the library's
        """Begin a connection."""
        connection = _Connection(self.hand_over, *args, **options)
        self._connected.add(connection)
        return connection

    async def close(self, server: Server) -> None:
        """Break off what is being answered and take leave of who listens; of who does not, after a second."""
        server.close()
        answering = list(self._answering)
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        leave = asyncio.create_task(server.wait_closed())
        await asyncio.wait([leave], timeout=LEAVE_SECONDS)
        for connection in list(self._connected):
            connection.abort()
        await asyncio.wait([leave], timeout=LEAVE_SECONDS)

    def _check(self, terms: Terms) -> None:
        """Refuse what cannot be spoken: an unknown voice with 403 and no word, as the service does."""
        if self._house.replay is not None and terms.socket is not Socket.SPEECH:
            words = "a recording is played back here, which holds no such socket"
            raise RefusedHandshakeError(HTTPStatus.NOT_FOUND, detail("not_found", words))
        if not terms.is_dialogue and not self._house.is_known(terms.voice, terms.language):
            raise RefusedHandshakeError(HTTPStatus.FORBIDDEN)

    def _talk(self, terms: Terms, outlet: Outlet, connection: ServerConnection) -> Talk:
        begin: BeginSpeech = partial(self._house.begin, terms, connection)
        match terms.socket:
            case Socket.CONTEXTS:
                return ContextConversation(outlet, terms, begin)
            case Socket.DIALOGUE:
                return DialogueConversation(outlet, terms, begin)
            case Socket.DIALOGUES:
                return DialoguesConversation(outlet, terms, begin)
        return Conversation(outlet, terms, begin, self._house.replay)


HandOver = Callable[[Callable[[House], Coroutine[Any, Any, None]]], None]


class _Connection(ServerConnection):
    """A connection that is a websocket's when it begins as one (RFC 6455 4.1: GET), else one of plain HTTP."""

    def __init__(self, hand_over: HandOver, *args: Any, **options: Any) -> None:  # noqa: ANN401  # the library's
        super().__init__(*args, **options)
        self._hand_over = hand_over
        self._head: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        """Look at the first bytes, and pass on what comes."""
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_GET) and _GET.startswith(data):
                self._head = data
                return
            self._head = None
            if not data.startswith(_GET):
                self._leave(data)
                return
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MOST_UNREAD:
            self.abort()

    def abort(self) -> None:
        """Break the connection, if it has begun."""
        if hasattr(self, "transport"):
            self.transport.abort()

    def _leave(self, data: bytes) -> None:
        """Give the transport to HTTP; for the websocket it is as if the connection had been lost."""
        transport = self.transport
        self.transport = _Gone()
        self.connection_lost(None)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)
        writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        self._hand_over(partial(answer, reader=reader, writer=writer))


_GET = b"GET "


class _Gone(asyncio.Transport):
    """What a websocket holds whose transport was given away: it can be closed, to no effect."""

    def abort(self) -> None:
        """Nothing to break."""

    def close(self) -> None:
        """Nothing to close."""

    def is_closing(self) -> bool:
        """Closed it is."""
        return True

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0


def _json(connection: ServerConnection, status: HTTPStatus, body: str) -> Response:
    response = connection.respond(status, body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
