"""A speech request → one websocket, one `ClientSession` over it → chunks of sound and character times.

One request is one socket: how to speak, the whole text in one message, the end of the text; then messages until the
final frame. Nothing is tried twice here: what was yielded cannot be taken back, so `retries` begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from pipeline import pcm
from pipeline.codecs.formats import FORMATS
from pipeline.engines.connecting import PATIENT, Address, Limits, close_connection, open_connection
from pipeline.engines.recording import ConnectionRecord, Recorder
from pipeline.errors import ConnectionLostError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    SendText,
    SentSettings,
    SpeechMessage,
)
from pipeline.protocol.session import ClientSession, Ending

# Whole alignments end where the samples do, within what rounding to milliseconds can do at both ends.
WHOLE_WITHIN_MS = 2


class StreamingEngine:
    """Speaks over `stream-input` sockets, one a request. `query` gives what a request asks for in the address."""

    def __init__(
        self,
        name: str,
        address: Address,
        query: Callable[[SpeechRequest], Mapping[str, str]],
        identity: Callable[[SpeechRequest], str],
        *,
        most_at_once: int = 2,
        recorder: Recorder | None = None,
        limits: Limits = PATIENT,
    ) -> None:
        self.name = name
        self.most_at_once = most_at_once
        self._address = address
        self._query = query
        self._identity = identity
        self._recorder = recorder
        self._limits = limits

    def shaped_by(self, request: SpeechRequest) -> str:
        """Tell what of the engine itself shapes this speech."""
        return self._identity(request)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Yield what the messages bring; see `Engine.speak` for what is raised."""
        request = replace(request, output_format=chosen_format(request.output_format))
        target = self._target(request)
        record = self._recorder.connection(target, [self._address.key]) if self._recorder else None
        connection = await open_connection(self._address, target, self._limits, record)
        conversation = _Conversation(connection, record, self._limits, self._address)
        try:
            async with contextlib.aclosing(conversation.run(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await close_connection(connection, self._limits.closing)
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")

    def _target(self, request: SpeechRequest) -> str:
        path = urlsplit(self._address.base).path.rstrip("/")
        voice = quote(request.voice.id, safe="")
        return f"{path}/v1/text-to-speech/{voice}/stream-input?{urlencode(self._query(request))}"


class _Conversation:
    """One request over one open socket."""

    def __init__(
        self, connection: ClientConnection, record: ConnectionRecord | None, limits: Limits, address: Address
    ) -> None:
        self._connection = connection
        self._record = record
        self._limits = limits
        self._address = address
        self._session = ClientSession()
        self._heard = _Heard()

    async def run(self, request: SpeechRequest) -> AsyncGenerator[SpeechChunk, None]:
        """Send the request, then yield what comes until the speech is whole."""
        deadline = time.monotonic() + self._limits.whole
        await self._send(request)
        while not self._session.is_whole:
            text = await self._next(deadline)
            if text is None:
                self._judge(request)
                return
            message = self._session.receive(text)
            if isinstance(message, ErrorMessage):
                # Its close says the same in fewer words, and may never come.
                await self._wait_for_closing()
                self._judge(request)
            if not isinstance(message, SpeechMessage | FinalMessage):
                continue
            self._heard.add(message.chunk)
            if message.chunk != SpeechChunk():
                yield message.chunk
        await self._wait_for_closing()

    async def _send(self, request: SpeechRequest) -> None:
        """Send all that is to be said. A socket that closes meanwhile is judged when its last words are read."""
        with contextlib.suppress(ConnectionClosed):
            for message in messages_of(request):
                text = self._session.send(message)
                if self._record:
                    self._record.message("client", text)
                await self._give(text)

    async def _give(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._connection.send(text), self._limits.silence)
        except TimeoutError:
            said = f"the speech service took no text for {self._limits.silence:g} s; check the network and try again"
            raise ConnectionLostError(said) from None

    async def _next(self, deadline: float) -> str | None:
        """Wait for the next message; None when the connection is closed. Raises ConnectionLostError for a stall."""
        patience = min(self._limits.silence, deadline - time.monotonic())
        try:
            text = await asyncio.wait_for(self._connection.recv(), max(patience, 0))
        except ConnectionClosed:
            return None
        except TimeoutError:
            stalled = f"no message came from the speech service for {self._limits.silence:g} s"
            endless = f"the speech was not whole after {self._limits.whole:g} s"
            said = stalled if patience == self._limits.silence else endless
            raise ConnectionLostError(f"{said}; check the network and try again") from None
        text = self._address.blotted(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        if self._record:
            self._record.message("server", text)
        return text

    async def _wait_for_closing(self) -> None:
        """Let the service close, as it does after the final frame and after an error; it is not waited for long."""
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._limits.closing):
                while True:
                    text = await self._connection.recv()
                    if self._record:
                        self._record.message("server", text)

    def _judge(self, request: SpeechRequest) -> None:
        """Raise what the end of the connection means, unless all was there but the final frame."""
        reason = self._address.blotted(self._connection.close_reason or "")
        ending: Ending = self._session.closed(self._connection.close_code or 1006, reason)
        if ending.error:
            raise ending.error
        if not self._heard.is_whole(request):
            raise ConnectionLostError(
                "the speech service closed the connection before the speech was whole; try again",
                close_code=ending.code,
            )


@dataclass(slots=True)
class _Heard:
    """What came so far, as far as it takes to tell whether it is whole."""

    byte_count: int = 0
    chars: list[str] = field(default_factory=list)
    end_ms: float = 0

    def add(self, chunk: SpeechChunk) -> None:
        """Count a chunk."""
        self.byte_count += len(chunk.audio)
        if chunk.alignment:
            self.chars += chunk.alignment.chars
            self.end_ms = chunk.alignment.starts_ms[-1] + chunk.alignment.durations_ms[-1]

    def is_whole(self, request: SpeechRequest) -> bool:
        """Whether every character was timed and the times end where the samples do: only PCM can be measured."""
        wanted = FORMATS.get(request.output_format)
        if wanted is None or wanted.codec != "pcm":
            return False
        spoken_ms = self.byte_count * 1000 / pcm.SAMPLE_BYTES / wanted.sample_rate
        same_text = "".join(self.chars).split() == request.text.split()
        return self.byte_count > 0 and same_text and abs(spoken_ms - self.end_ms) <= WHOLE_WITHIN_MS


def chosen_format(wish: str) -> str:
    """Name the format to ask for: `auto` is samples at 24 kHz, which every plan allows."""
    return "pcm_24000" if wish == "auto" else wish


def messages_of(request: SpeechRequest) -> tuple[ClientMessage, ...]:
    """Everything that the client says for a request, in order.

    The settings and the dictionaries go with the first message only, or the service closes. The text goes whole,
    so that it is one generation on one clock, and ends in the space that ends its last word.
    """
    return (
        InitializeConnection(
            voice_settings=SentSettings.whole(request.voice.settings), dictionaries=request.dictionaries
        ),
        SendText(request.text.rstrip() + " "),
        CloseConnection(),
    )


def common_query(request: SpeechRequest) -> dict[str, str]:
    """What every request asks for in the address, whoever speaks; a default of the service is left out."""
    query = {"output_format": request.output_format, "sync_alignment": "true", "inactivity_timeout": "180"}
    if request.normalization != "auto":
        query["apply_text_normalization"] = request.normalization
    if request.seed is not None:
        query["seed"] = str(request.seed)
    if request.ssml:
        query["enable_ssml_parsing"] = "true"
    return query
