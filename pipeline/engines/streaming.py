"""A speech request → one websocket, one `ClientSession` over it → chunks of sound and character times.

One request is one socket: how to speak, the whole text in one message, the end of the text; then messages until the
final frame. Nothing is tried twice here: what was yielded cannot be taken back, so `retries` begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)

from pipeline import pcm
from pipeline.codecs.formats import FORMATS
from pipeline.engines.recording import ConnectionRecord, Recorder
from pipeline.errors import (
    ConnectionLostError,
    PipelineError,
    RefusedError,
    RemoteProtocolError,
)
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    FinalMessage,
    InitializeConnection,
    SendText,
    SentSettings,
    SpeechMessage,
)
from pipeline.protocol.refusals import http_error
from pipeline.protocol.session import ClientSession, Ending

# Messages hold a second or so of sound; 16 MiB leaves room for ones of minutes, and none for an endless one.
MOST_MESSAGE_BYTES = 2**24
# Whole alignments end where the samples do, within what rounding to milliseconds can do at both ends.
WHOLE_WITHIN_MS = 2

# The library's log at DEBUG prints headers and addresses, the key with them: this one never does, whatever the root
# logger is set to, and what goes wrong is raised instead.
SILENT = logging.getLogger("pipeline.engines.websocket")
SILENT.setLevel(logging.CRITICAL)
SILENT.propagate = False
SILENT.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds: for the handshake, between two messages, for a closing, for the whole."""

    opening: float = 10.0
    silence: float = 30.0
    closing: float = 1.0
    whole: float = 900.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine speaks: a base such as `wss://api.elevenlabs.io`, and the key that it is given, shown nowhere."""

    base: str
    key: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: no proxy, no compression, plain text allowed."""
        return is_loopback(urlsplit(self.base).hostname or "")

    def blotted(self, text: str) -> str:
        """Return a text without the key, should the service have repeated it."""
        return text.replace(self.key, "(key)") if self.key else text


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3)."""
    return host in {"localhost", "::1"} or (host.startswith("127.") and host.replace(".", "").isdigit())


class Headers(Mapping[str, str]):
    """Handshake headers that a traceback's locals or a log do not show."""

    def __init__(self, key: str | None) -> None:
        self._values = {"xi-api-key": key} if key else {}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "Headers(…)"


class Unredirected(connect):
    """A connect that follows no redirect: the library would hand the key to wherever it leads."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the redirect's answer as the error that it is."""
        return exc


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
        limits: Limits = Limits(),
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
        connection = await self._open(target, record)
        conversation = _Conversation(connection, record, self._limits, self._address.key)
        try:
            async with contextlib.aclosing(conversation.run(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await _close(connection, self._limits.closing)
            if record:
                record.closed(connection.close_code or 1006, connection.close_reason or "")

    def _target(self, request: SpeechRequest) -> str:
        path = urlsplit(self._address.base).path.rstrip("/")
        voice = quote(request.voice.id, safe="")
        return f"{path}/v1/text-to-speech/{voice}/stream-input?{urlencode(self._query(request))}"

    async def _open(self, target: str, record: ConnectionRecord | None) -> ClientConnection:
        parts = urlsplit(self._address.base)
        try:
            return await Unredirected(
                f"{parts.scheme}://{parts.netloc}{target}",
                additional_headers=Headers(self._address.key),
                proxy=None if self._address.is_loopback else True,
                # Base64 of samples shrinks by a quarter, which a network is worth and loopback is not.
                compression=None if self._address.is_loopback else "deflate",
                open_timeout=self._limits.opening,
                close_timeout=self._limits.closing,
                max_size=MOST_MESSAGE_BYTES,
                logger=SILENT,
            )
        except (OSError, WebSocketException, EOFError) as error:
            if record and isinstance(error, InvalidStatus):
                record.refused(error.response.status_code, bytes(error.response.body or b""))
            failure = _handshake_error(error, parts.netloc, self._address.key)
        # Raised here, outside, so that no frame which held the headers hangs on the error as its context.
        raise failure


class _Conversation:
    """One request over one open socket."""

    def __init__(
        self, connection: ClientConnection, record: ConnectionRecord | None, limits: Limits, key: str | None
    ) -> None:
        self._connection = connection
        self._record = record
        self._limits = limits
        self._hidden = Address("", key)
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
                await asyncio.wait_for(self._connection.send(text), self._limits.silence)

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
        text = self._hidden.blotted(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        if self._record:
            self._record.message("server", text)
        return text

    async def _wait_for_closing(self) -> None:
        """Let the service close with 1000 after the final frame, as it does; it is not waited for long."""
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._limits.closing):
                while True:
                    text = await self._connection.recv()
                    if self._record:
                        self._record.message("server", text)

    def _judge(self, request: SpeechRequest) -> None:
        """Raise what the end of the connection means, unless all was there but the final frame."""
        reason = self._hidden.blotted(self._connection.close_reason or "")
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


async def _close(connection: ClientConnection, patience: float) -> None:
    """Close, politely but not for longer than `patience` seconds, also when the speaking was cancelled."""
    try:
        async with asyncio.timeout(patience):
            await connection.close()
    except TimeoutError:
        pass
    finally:
        connection.transport.abort()


# What a handshake fails with, the first that matches: its error and its sentence. The library's own words may repeat
# a header, so none of them are kept.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], type[PipelineError], str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        RefusedError,
        "{} shows no certificate that this machine trusts; check the base URL and this machine's clock",
    ),
    ((TimeoutError,), ConnectionLostError, "{} did not answer in time; check the network and try again"),
    (
        (InvalidProxy, ProxyError),
        ConnectionLostError,
        "the proxy on the way to {} could not be used; check the proxy settings",
    ),
    ((InvalidMessage, EOFError), ConnectionLostError, "{} broke off while the connection was being opened; try again"),
    ((WebSocketException,), RemoteProtocolError, "{} does not speak websockets there; check the base URL"),
    ((OSError,), ConnectionLostError, "{} cannot be reached; check the network and the base URL"),
)


def _handshake_error(error: Exception, host: str, key: str | None) -> PipelineError:
    """Type what a handshake failed with."""
    if isinstance(error, InvalidStatus):
        body = bytes(error.response.body or b"").decode("utf-8", "replace")
        return http_error(error.response.status_code, Address(host, key).blotted(body).encode())
    kind, sentence = next((kind, sentence) for types, kind, sentence in _FAILURES if isinstance(error, types))
    return kind(sentence.format(host))
