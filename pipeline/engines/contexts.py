"""Speech requests → contexts of one `multi-stream-input` socket, several at once, each as if it had its own.

A socket belongs to a voice and a query; it is opened by the first request, kept for the next ones, and opened again
when it was lost. A context is always closed: once its text was sent and sound comes, or when nobody listens any longer.

Closing does not flush here, so the last text does. And a service under load has been seen to close a context whose
text it had only just got, with a final frame and no sound; one that speaks is spoken to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pipeline.engines import LIVE, LiveOptions
from pipeline.engines.arriving import pieces
from pipeline.engines.exchange import Exchange, Service, open_exchange
from pipeline.engines.hearing import is_all_of
from pipeline.engines.patience import Patience
from pipeline.engines.stream_input import first_message, target
from pipeline.engines.streaming import with_chosen_format
from pipeline.errors import ConnectionLostError, PipelineError, RefusedError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    ServerMessage,
    SpeechMessage,
)
from pipeline.protocol.multi_messages import CloseSocket, InContext, flushed
from pipeline.protocol.multi_session import MOST_CONTEXTS, MultiClientSession
from pipeline.protocol.refusals import frame_error

# Seconds after which a context is closed though no sound has come: of some texts none does, and a flush has no end of
# its own. At most half of the silence that is borne, so that the end that the closing brings is still waited for.
WITHOUT_SOUND = 10.0


class ContextsEngine:
    """Speaks over as few sockets as it can. Opened with `async with`; leaving it closes them."""

    def __init__(
        self,
        name: str,
        service: Service,
        query: Callable[[SpeechRequest], Mapping[str, str]],
        identity: Callable[[SpeechRequest], str],
        most_at_once: int = MOST_CONTEXTS,
        options: LiveOptions = LIVE,
    ) -> None:
        """Of the options the schedule and `auto_mode` are heeded; a text goes in the pieces that they need."""
        self.name = name
        self.most_at_once = most_at_once
        self._service = service
        self._query = query
        self._identity = identity
        self._options = options
        self._sockets: dict[str, _Socket] = {}

    async def __aenter__(self) -> Self:
        """Open nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close every socket."""
        await asyncio.gather(*(socket.close() for socket in self._sockets.values()), return_exceptions=True)

    def shaped_by(self, request: SpeechRequest) -> str:
        """Tell what of the engine itself shapes this speech."""
        return self._identity(request)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Yield what the messages of the request's context bring; see `Engine.speak` for what is raised."""
        request = with_chosen_format(request)
        async with self._service.slots or contextlib.nullcontext():
            chunks = self._socket(request).speak(request)
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

    def _socket(self, request: SpeechRequest) -> _Socket:
        endpoint = f"text-to-speech/{quote(request.voice.id, safe='')}/multi-stream-input"
        auto = {"auto_mode": "true"} if self._options.auto_mode else {}
        path = target(self._service.address, endpoint, {**self._query(request), **auto})
        socket = self._sockets.get(path)
        if socket is None or socket.is_gone:
            socket = self._sockets[path] = _Socket(self._service, path, self._options)
        return socket


@dataclass(slots=True)
class _Context:
    """One request's context: what came, for whoever listens: chunks, then None when it is whole, or an error."""

    request: SpeechRequest
    came: asyncio.Queue[SpeechChunk | PipelineError | None] = field(default_factory=asyncio.Queue)
    chunks: list[SpeechChunk] = field(default_factory=list)
    # Whether the last of its text is on its way: sound that came before tells nothing of the last one.
    is_said: bool = False
    # Set when there is nothing to wait for any longer before it is closed: it sounds, or nobody listens.
    may_close: asyncio.Event = field(default_factory=asyncio.Event)


class _Socket:
    """One socket: a task that opens it and hands out what comes, and as many speakers as it has contexts."""

    def __init__(self, service: Service, path: str, options: LiveOptions) -> None:
        self._service = service
        self._options = options
        self._session = MultiClientSession()
        self._contexts: dict[str, _Context] = {}
        self._names = (str(number) for number in itertools.count(1))
        self._room = asyncio.Semaphore(MOST_CONTEXTS)
        self._opened: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._closing: set[asyncio.Task[None]] = set()
        self._is_signed = False
        # Whether a context's error is what the socket may have been closed for.
        self._failed = False
        self._is_over = False
        self._life = asyncio.create_task(self._live(path))

    @property
    def is_gone(self) -> bool:
        """Whether it speaks no more."""
        return self._is_over

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechChunk, None]:
        """Speak one request in a context of its own, once there is room for one."""
        await self._room.acquire()
        name, context = next(self._names), _Context(request)
        try:
            exchange = await asyncio.shield(self._opened)
            self._check_alive()
        except BaseException:
            self._room.release()
            raise
        self._contexts[name] = context
        try:
            first, *texts = self._messages(request)
            for number, message in enumerate((first, *texts)):
                # Before it goes: its answer may be heard before we go on.
                context.is_said = number == len(texts)
                await self._say(exchange, name, message)
            if not texts:
                context.may_close.set()
            self._close(exchange, name, context)
            async with contextlib.aclosing(self._heard(context)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            # Nobody listens any longer; the context ends when the service has ended it, and one that was never opened
            # ends now.
            context.may_close.set()
            if name in self._contexts and name not in self._session.unfinished_contexts:
                self._end(name, None)
            elif name in self._session.open_contexts and not self.is_gone:
                self._close(exchange, name, context)

    async def close(self) -> None:
        """Close the socket, contexts and all, and wait for it."""
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    # ── one context ────────────────────────────────────────────────────────────────────────────────────────────────

    def _messages(self, request: SpeechRequest) -> tuple[ClientMessage, ...]:
        """All that is said for a request, but for the end. The socket's very first message lets us in."""
        first = first_message(request, self._options)
        signed = first if self._is_signed else self._service.address.signed(first)
        self._is_signed = True
        return signed, *flushed(pieces(request.text, self._options))

    async def _say(self, exchange: Exchange, name: str, message: ClientMessage) -> None:
        if name in self._contexts:
            await exchange.give(lambda: self._session.send(InContext(name, message)))

    def _close(self, exchange: Exchange, name: str, context: _Context) -> None:
        """Let the context be closed, when it is time."""
        closing = asyncio.create_task(self._close_in_time(exchange, name, context))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close_in_time(self, exchange: Exchange, name: str, context: _Context) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(WITHOUT_SOUND, self._service.limits.silence / 2)):
                await context.may_close.wait()
        if name in self._session.open_contexts and not self.is_gone:
            with contextlib.suppress(PipelineError):
                await self._say(exchange, name, CloseConnection())

    async def _heard(self, context: _Context) -> AsyncGenerator[SpeechChunk, None]:
        limits = self._service.limits
        deadline = time.monotonic() + limits.whole
        with contextlib.closing(Patience()) as waiting:
            while True:
                patience = min(limits.silence, deadline - time.monotonic())
                try:
                    came = await waiting.wait(context.came.get(), max(0.0, patience))
                except TimeoutError:
                    break
                if isinstance(came, PipelineError):
                    raise came
                if came is None:
                    return
                yield came
        if is_all_of(context.request, context.chunks):
            return
        if patience < limits.silence:
            raise ConnectionLostError(f"the speech was not whole after {limits.whole:g} s; try again")
        said = f"no message came from the speech service for {limits.silence:g} s"
        raise ConnectionLostError(f"{said}; check the network and try again")

    def _check_alive(self) -> None:
        if self.is_gone:
            raise ConnectionLostError("the connection to the speech service ended; try again")

    # ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self, path: str) -> None:
        """Open, hand out what comes, and end every context with what the end of the socket means for it."""
        failure: PipelineError = ConnectionLostError("the connection to the speech service was closed; try again")
        try:
            # Each speech has taken a slot of its own.
            async with open_exchange(replace(self._service, slots=None), path) as exchange:
                if self._service.slots:
                    self._service.slots.learn(exchange.limit)
                self._opened.set_result(exchange)
                try:
                    failure = await self._hand_out(exchange)
                except PipelineError as error:
                    failure = error
                finally:
                    # Before the leave is taken: whoever is about to say something is told, and says nothing.
                    self._end_all(failure)
                    await self._leave(exchange)
        except PipelineError as error:
            failure = error
        finally:
            self._end_all(failure)

    async def _hand_out(self, exchange: Exchange) -> PipelineError:
        """Hand out what comes until the connection is closed; returns what that means for who still waits."""
        while True:
            try:
                frame = await exchange.take(exchange.limits.silence)
            except TimeoutError:
                if not self._contexts:
                    continue
                said = f"no message came from the speech service for {exchange.limits.silence:g} s"
                return ConnectionLostError(f"{said}; check the network and try again")
            if frame is None:
                return self._judged(exchange)
            received = self._session.receive(frame)
            if received.context_id in self._contexts:
                self._hand_to(received.context_id, received.message)

    def _hand_to(self, name: str, message: ServerMessage) -> None:
        context = self._contexts[name]
        if isinstance(message, ErrorMessage):
            self._end_by(name, frame_error(message))
            self._failed = True
        elif isinstance(message, SpeechMessage | FinalMessage):
            if message.chunk.audio and context.is_said:
                context.may_close.set()
            if message.chunk != SpeechChunk():
                context.chunks.append(message.chunk)
                context.came.put_nowait(message.chunk)
            if isinstance(message, FinalMessage):
                said = "the speech service ended a context before its text was sent; try again"
                self._end(name, None if context.is_said else ConnectionLostError(said))

    def _judged(self, exchange: Exchange) -> PipelineError:
        lost = ConnectionLostError("the speech service closed the connection before the speech was whole; try again")
        ending = exchange.ending(self._session)
        return lost if self._failed else ending.error or lost

    async def _leave(self, exchange: Exchange) -> None:
        """Say that nothing more is wanted."""
        with contextlib.suppress(PipelineError):
            await exchange.give(lambda: self._session.send(CloseSocket()))

    def _end(self, name: str, error: PipelineError | None) -> None:
        context = self._contexts.pop(name)
        context.came.put_nowait(error)
        context.may_close.set()
        self._room.release()

    def _end_all(self, failure: PipelineError) -> None:
        self._is_over = True
        if not self._opened.done():
            self._opened.set_exception(failure)
            self._opened.exception()  # whoever waits for it gets it; nobody may
        for name in list(self._contexts):
            self._end_by(name, failure)

    def _end_by(self, name: str, failure: PipelineError) -> None:
        """End a context by a failure, unless all of it was there and it was not refused."""
        is_there = not isinstance(failure, RefusedError) and is_all_of(
            self._contexts[name].request, self._contexts[name].chunks
        )
        self._end(name, None if is_there else failure)
