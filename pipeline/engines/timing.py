"""An engine and a way of speaking → one speech over its real client, and when each of its messages went and came.

Nothing is read while a speech lasts but the clock: which message meant what is found afterwards, so that the watching
costs what is watched as little as can be.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.engines import LIVE, Access, LiveEngine, LiveOptions
from pipeline.engines.arriving import pieces
from pipeline.engines.connecting import PATIENT, Address, Limits
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.exchange import Service
from pipeline.engines.recording import ConnectionRecord, Recorder, Side
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.streaming import SocketEngine
from pipeline.engines.wording import Endpoint
from pipeline.model import SpeechChunk, SpeechRequest

Clock = Callable[[], float]
SINGLE, CONTEXTS, DIALOGUE = "stream-input", "multi-stream-input", "text-to-dialogue"


@dataclass(frozen=True, slots=True)
class Way:
    """How a text is spoken: at which endpoint, by which schedule, or sentence by sentence.

    By a schedule it is sent word by word, as a language model writes, so that a stretch can end where that says; without
    one, whole.
    """

    endpoint: str = SINGLE
    schedule: tuple[float, ...] | None = None
    auto_mode: bool = False

    @property
    def options(self) -> LiveOptions:
        """The same for an engine. Nothing is tried twice: a second try is another connection's time."""
        return replace(LIVE, schedule=self.schedule, auto_mode=self.auto_mode, most_tries=1)

    def pieces(self, text: str) -> list[str]:
        """The texts that are sent, one a message."""
        return pieces(text, self.options)


@dataclass(frozen=True, slots=True)
class Station:
    """Where is spoken, over which endpoint, and what stands in a socket's address."""

    address: Address
    endpoint_of: Callable[[SpeechRequest], Endpoint]
    query: Callable[[SpeechRequest], Mapping[str, str]]
    limits: Limits = PATIENT


# ── when ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Moment:
    """A message, and when it went or came, in seconds of the clock."""

    at: float
    text: str


class Stopwatch(Recorder):
    """Takes the place of a recorder, and notes when messages go and come, as near to the socket as a recording is."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self.begun = 0.0
        self.said: list[Moment] = []
        self.heard: list[Moment] = []

    def connection(self, target: str, secrets: Iterable[str | None] = ()) -> ConnectionRecord:  # noqa: ARG002
        """Begin: the handshake is about to be made."""
        self.begun = self.clock()
        self.said, self.heard = [], []
        return _Noted(self)

    @property
    def opened(self) -> float:
        """When the handshake was over: the first message was about to be sent."""
        return self.said[0].at

    @property
    def asked(self) -> float:
        """When the first text was about to be sent."""
        return next(moment.at for moment in self.said if _asks(moment.text))

    def speech_frames(self) -> list[float]:
        """When the frames came that brought sound or times, in order: those that an engine makes chunks of."""
        return [moment.at for moment in self.heard if _speaks(moment.text)]


class _Noted(ConnectionRecord):
    """Notes the moments of one connection."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch

    def message(self, side: Side, text: str | bytes) -> None:
        """Note when it went or came; it is text on both sides of this client."""
        moment = Moment(self._stopwatch.clock(), str(text))
        (self._stopwatch.said if side == "client" else self._stopwatch.heard).append(moment)

    def refused(self, status: int, body: bytes) -> None:
        """Keep nothing: the error tells."""

    def closed(self, code: int, reason: str) -> None:
        """Keep nothing."""


def _asks(text: str) -> bool:
    """Whether a client's message holds something to say: the keys of the two kinds of sockets."""
    message = json.loads(text)
    texts = [message.get("text"), *(each.get("text") for each in message.get("inputs") or ())]
    return any(char.isalnum() for each in texts if each for char in each)


def _speaks(text: str) -> bool:
    """Whether a server's frame holds sound or times."""
    try:
        message = json.loads(text)
    except ValueError:
        return False
    return isinstance(message, dict) and any(
        value and (name == "audio" or name.lower().endswith("alignment")) for name, value in message.items()
    )


# ── who speaks ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def open_station(engine: str, access: Access, limits: Limits | None = None) -> AsyncIterator[Station]:
    """Find where an engine speaks; the offline one's server is started for it. `limits` are instead of its own.

    Raises UsageError for a base URL that may not be used, or where the key is missing.
    """
    if engine == "offline":
        async with _offline(limits) as station:
            yield station
        return
    from pipeline.engines.elevenlabs import address_of, endpoint_of, query_of

    yield Station(address_of(access), endpoint_of, query_of, limits or PATIENT)


@contextlib.asynccontextmanager
async def _offline(limits: Limits | None) -> AsyncIterator[Station]:
    from pipeline.engines import offline
    from pipeline.engines.loopback import OFFLINE_LIMITS, serve

    def query(request: SpeechRequest) -> dict[str, str]:
        return common_query(request) | {"language_code": request.language}

    def known(voice: str, _language: str) -> str | None:
        return voice if offline.known_voice(voice) else None

    try:
        async with serve(offline.speak, port=0, choose_voice=known) as base:
            yield Station(Address(base), lambda _: StreamInput(query), query, limits or OFFLINE_LIMITS)
    finally:
        offline.unload()


class TimedEngine:
    """Speaks over one new socket a speech, watched by `stopwatch`. `handed` counts the chunks that were handed over.

    No slot is waited for, and no plan is asked for: that would be another's time.
    """

    name = "timed"
    most_at_once = 1

    def __init__(self, station: Station, way: Way, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch
        self.handed = 0
        self.is_over = False
        service = Service(station.address, station.limits, stopwatch)
        self._engine: LiveEngine = (
            _Contexts(service, station.query)
            if way.endpoint == CONTEXTS
            else SocketEngine(self.name, service, station.endpoint_of, lambda _: "")
        )

    def shaped_by(self, request: SpeechRequest) -> str:
        """Say nothing: what is spoken here is not kept."""
        return self._engine.shaped_by(request)

    def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Speak a whole request, unwatched."""
        return self._engine.speak(request)

    async def speak_live(
        self, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions = LIVE
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Speak text as it arrives; see `LiveEngine.speak_live`."""
        async with contextlib.aclosing(self._engine.speak_live(texts, request, options)) as chunks:
            async for chunk in chunks:
                self.handed += 1
                yield chunk
        self.is_over = True


class _Contexts:
    """The engine for several contexts with the face of one for text as it arrives: it waits for all of it."""

    name = "timed"
    most_at_once = 1

    def __init__(self, service: Service, query: Callable[[SpeechRequest], Mapping[str, str]]) -> None:
        self._service = service
        self._query = query

    def shaped_by(self, request: SpeechRequest) -> str:  # noqa: ARG002  # as every engine's
        return ""

    async def speak(self, request: SpeechRequest, options: LiveOptions = LIVE) -> AsyncIterator[SpeechChunk]:
        async with ContextsEngine(self.name, self._service, self._query, self.shaped_by, options=options) as engine:
            async for chunk in engine.speak(request):
                yield chunk

    async def speak_live(
        self, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions = LIVE
    ) -> AsyncGenerator[SpeechChunk, None]:
        text = "".join([piece async for piece in texts])
        async for chunk in self.speak(replace(request, text=text), options):
            yield chunk
