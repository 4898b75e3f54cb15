"""An offline voice → the service's `stream-input` socket on 127.0.0.1, and the engine that speaks through it.

Speaking runs in two threads, so the event loop stays free: closings and keep-alives are heard while a client is
spoken to, and one client's speech does not hold up another's messages.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from pipeline.engines import Access
from pipeline.engines.connecting import SILENT, Address, Limits, is_loopback
from pipeline.engines.generation import Speaker, Terms
from pipeline.engines.handshake import RefusedHandshakeError, detail, terms_of
from pipeline.engines.identity import shaped_by
from pipeline.engines.recording import Recorder, Replay, read_recording
from pipeline.engines.serving import MOST_MESSAGE_BYTES, Conversation
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import EngineError, UsageError
from pipeline.model import OfflineVoice, SpeechRequest

PORT = 8765
VOICES_AT_ONCE = 2
# A generation comes whole before its first message, and two at a time: a client of ours waits for it.
OFFLINE_LIMITS = Limits(silence=300.0)
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

    recorder = Recorder(access.record) if access.record else None
    try:
        async with serve(offline.speak, port=0, choose_voice=known) as base:
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
        self._voice = voice
        self._pool = pool
        self._choose_voice = choose_voice
        self._recorder = Recorder(record) if record else None
        self._replay: Replay | None = read_recording(replay) if replay else None

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
        terms = terms_of(request.path)
        speaker = partial(self._speaker, terms)
        conversation = Conversation(connection, terms, speaker, self._pool, self._replay, record)
        try:
            await conversation.run()
        finally:
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")

    def _check_voice(self, terms: Terms) -> None:
        """An unknown voice is refused with 403 and no word, as the service does; one that cannot speak, with its reason."""
        try:
            is_unknown = self._replay is None and self._choose_voice(terms.voice, terms.language) is None
        except EngineError as error:
            raise RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("voice_unavailable", str(error))) from None
        if is_unknown:
            raise RefusedHandshakeError(HTTPStatus.FORBIDDEN)

    def _speaker(self, terms: Terms, speed: float) -> Speaker:
        """Make who speaks one connection's generations."""
        voice = self._choose_voice(terms.voice, terms.language) or terms.voice
        return Speaker(self._voice, replace(terms, voice=voice), speed)


def _refuse_foreign_page(origin: str | None) -> None:
    """A page of another site must not speak through this machine; programs send no `Origin` (RFC 6454 7.3)."""
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        body = {"detail": {"type": "forbidden", "code": "foreign_origin", "message": "pages of this machine only"}}
        raise RefusedHandshakeError(HTTPStatus.FORBIDDEN, json.dumps(body))
