"""A speech request → one websocket, its wording over it → chunks of sound and character times.

One request is one socket: how to speak, the whole text in one message, the end of the text; then messages until the
final frame. Nothing is tried twice here: what was yielded cannot be taken back, so `retries` begins anew.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace

from pipeline import pcm
from pipeline.codecs.formats import FORMATS
from pipeline.engines import LIVE, LiveOptions
from pipeline.engines.connecting import PATIENT, Address, Limits
from pipeline.engines.exchange import Exchange, Service, open_exchange
from pipeline.engines.hearing import is_all_of
from pipeline.engines.live import Route, speak_live
from pipeline.engines.recording import Recorder
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.wording import Endpoint, Wording
from pipeline.errors import BusyError, ConnectionLostError, RefusedError, RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.protocol.messages import ErrorMessage, FinalMessage, SpeechMessage

__all__ = ["SocketEngine", "StreamingEngine", "common_query", "speak_request"]

TOO_MUCH = "the speech service sent far more sound than a text of {} characters can have; check the voice and the model"


class SocketEngine:
    """Speaks over a service's sockets, one a request. `endpoint_of` tells which kind of them speaks it."""

    def __init__(
        self,
        name: str,
        service: Service,
        endpoint_of: Callable[[SpeechRequest], Endpoint],
        identity: Callable[[SpeechRequest], str],
        most_at_once: int = 2,
    ) -> None:
        self.name = name
        self.most_at_once = most_at_once
        self._service = service
        self._endpoint_of = endpoint_of
        self._identity = identity

    def shaped_by(self, request: SpeechRequest) -> str:
        """Tell what of the engine itself shapes this speech."""
        return self._identity(request)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Yield what the messages bring; see `Engine.speak` for what is raised."""
        request = with_chosen_format(request)
        route = self._route(request, LIVE)
        async with (
            open_exchange(self._service, route.target) as exchange,
            contextlib.aclosing(speak_request(exchange, route.wording(), request)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    def speak_live(
        self, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions = LIVE
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Speak text as it arrives; see `LiveEngine.speak_live`."""
        request = with_chosen_format(request)
        return speak_live(self._route(request, options), texts, request, options)

    def _route(self, request: SpeechRequest, options: LiveOptions) -> Route:
        endpoint, address = self._endpoint_of(request), self._service.address
        target = endpoint.target(address, request, options)
        return Route(self._service, target, lambda: endpoint.wording(address, request, options))


class StreamingEngine(SocketEngine):
    """Speaks over `stream-input` sockets. `query` gives what a request asks for in the address."""

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
        endpoint = StreamInput(query)
        super().__init__(name, Service(address, limits, recorder), lambda _: endpoint, identity, most_at_once)


async def speak_request(
    exchange: Exchange, wording: Wording, request: SpeechRequest
) -> AsyncGenerator[SpeechChunk, None]:
    """Send one request over an open socket, whole, then yield what comes until the speech is whole.

    The text goes whole, so that it is one generation on one clock, and ends in the space that ends its last word.
    """
    text = request.text.rstrip() + " "
    for compose in (wording.opening, lambda: wording.text(text), wording.end):
        await exchange.give(compose)
    watch = Watch(exchange.limits, time.monotonic())
    chunks: list[SpeechChunk] = []
    room = most_bytes(request)
    while not wording.is_whole:
        try:
            frame = await watch.next(exchange)
            message = wording.receive(frame) if frame is not None else None
        except (ConnectionLostError, RemoteProtocolError):
            if is_all_of(request, chunks):
                return
            raise
        if message is None or isinstance(message, ErrorMessage):
            # An error's close says the same in fewer words, and may never come.
            await exchange.wait_for_closing()
            judge(exchange, wording, request, chunks)
            return
        if isinstance(message, SpeechMessage | FinalMessage) and message.chunk != SpeechChunk():
            watch.heard()
            room -= len(message.chunk.audio)
            if room < 0:
                raise RefusedError(TOO_MUCH.format(len(request.text)), "endless_speech")
            chunks.append(message.chunk)
            yield message.chunk
    await exchange.wait_for_closing()


@dataclass(slots=True)
class Watch:
    """How long nothing of the speech has come, and how long all has taken; frames that say nothing do not count."""

    limits: Limits
    started: float
    _heard: float = field(init=False)

    def __post_init__(self) -> None:
        self._heard = self.started

    def heard(self) -> None:
        """Note that something of the speech came."""
        self._heard = time.monotonic()

    async def next(self, exchange: Exchange) -> str | None:
        """Wait for the next frame; None when the connection is closed.

        Raises ConnectionLostError for a stall, RefusedError for a speech that comes to no end.
        """
        now = time.monotonic()
        silence, whole = self._heard + self.limits.silence - now, self.started + self.limits.whole - now
        with contextlib.suppress(TimeoutError):
            if min(silence, whole) > 0:
                return await exchange.take(min(silence, whole))
        if silence < whole:
            said = f"no speech came from the speech service for {self.limits.silence:g} s"
            raise ConnectionLostError(f"{said}; check the network and try again")
        said = f"the speech was not whole after {self.limits.whole:g} s"
        raise RefusedError(f"{said}; part the paragraph into shorter ones", "endless_speech")


def most_bytes(request: SpeechRequest) -> int:
    """How much sound a request may bring: a minute and a second for each character, as samples, is beyond any speech."""
    return (60 + len(request.text)) * FORMATS[request.output_format].sample_rate * pcm.SAMPLE_BYTES


def judge(exchange: Exchange, wording: Wording, request: SpeechRequest, chunks: list[SpeechChunk]) -> None:
    """Raise what the end of the connection means, unless all was there but the final frame.

    Then it is no matter how the connection ended, but for a refusal of the request.
    """
    ending = exchange.ending(wording)
    error = ending.error or ConnectionLostError(
        "the speech service closed the connection before the speech was whole; try again", close_code=ending.code
    )
    if not isinstance(error, ConnectionLostError | BusyError) or not is_all_of(request, chunks):
        raise error


def with_chosen_format(request: SpeechRequest) -> SpeechRequest:
    """Name the format to ask for: `auto` is samples at 24 kHz, which every plan allows."""
    return replace(request, output_format="pcm_24000") if request.output_format == "auto" else request
