"""One client's socket with several contexts → their speeches, none of which waits for another's.

Each context has text, voice, clock and encoder of its own. What it needs of the others is only that their messages go
over one socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from pipeline.engines.generation import TimedChunk
from pipeline.engines.handshake import Terms
from pipeline.engines.outlet import Outlet
from pipeline.engines.serving import BeginSpeech, Talk, begin_dictation, error_frame, speed_of
from pipeline.engines.speaking import Dictation, Speaking
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    SendText,
    SpeechMessage,
)
from pipeline.protocol.multi_dialogue_session import MultiDialogueServerSession
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_session import MultiServerSession

ContextId = str | None


class Text(Protocol):
    """What a context's messages bring, until it is spoken."""

    def hear(self, message: object) -> None:
        """Take what a message brings; nothing of one that brings no text. Raises RemoteProtocolError."""

    def end(self) -> None:
        """Nothing more will come."""


@dataclass(slots=True)
class _Context:
    """One speech of a socket. `deadline` is when it has been silent for too long; None once its text has ended."""

    speech: asyncio.Task[None]
    text: Text
    deadline: float | None = None


class ManySpeeches(Talk):
    """A client with several speeches on one socket."""

    def __init__(self, outlet: Outlet, terms: Terms, session: MultiServerSession | MultiDialogueServerSession) -> None:
        super().__init__(outlet, terms)
        self._session = session
        self._contexts: dict[ContextId, _Context] = {}
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[None] = self._loop.create_future()
        self._at_fault: ContextId = None
        self._is_told_to_close = False

    # ── hearing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def hear(self) -> None:
        """Take messages until the connection closes (ConnectionClosed) or all of it is silent (TimeoutError)."""
        heard_at = self._loop.time()
        while True:
            try:
                async with asyncio.timeout_at(self._next_deadline(heard_at)):
                    text = await self.outlet.hear()
            except TimeoutError:
                await self._end_silent(heard_at)
                continue
            heard_at = self._loop.time()
            self._receive(text)

    def _receive(self, text: str | bytes) -> None:
        self._at_fault = None
        try:
            message = self._session.receive(text)
        finally:
            self._at_fault = self._session.context_at_fault
        if isinstance(message, CloseSocket):
            self._is_told_to_close = True
            for context in self._contexts.values():
                self._end_text(context)
            self._settle()
        else:
            self._take(message.context_id, message.message)
        self._at_fault = None

    def _take(self, context_id: ContextId, message: object) -> None:
        context = self._contexts.get(context_id)
        if self.opens(message) or (context is None and isinstance(message, CloseConnection)):
            context = self._open(context_id, message)
        elif context:
            context.text.hear(message)
        if context is None:
            return
        if isinstance(message, CloseConnection):
            self._end_text(context)
        elif context.deadline is not None:
            context.deadline = self._loop.time() + self.terms.inactivity_timeout

    @abstractmethod
    def opens(self, message: object) -> bool:
        """Whether a message is the first one of a context."""

    @abstractmethod
    def begin(self, message: object) -> tuple[Speaking, Text]:
        """Begin a speech by its context's first message, which may be its end. Raises RemoteProtocolError."""

    def as_sent(self, timed: TimedChunk) -> TimedChunk:
        """Return a chunk as this socket sends it."""
        return timed

    def _open(self, context_id: ContextId, message: object) -> _Context:
        speaking, text = self.begin(message)
        task = self._loop.create_task(self._speak(context_id, speaking))
        context = _Context(task, text, self._loop.time() + self.terms.inactivity_timeout)
        self._contexts[context_id] = context
        task.add_done_callback(lambda done: self._over(context_id, done))
        return context

    def _end_text(self, context: _Context) -> None:
        if context.deadline is not None:
            context.deadline = None
            context.text.end()

    # ── silence ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _next_deadline(self, heard_at: float) -> float | None:
        """When the first context, or a socket without any, will have been silent for too long."""
        if self._is_told_to_close:
            return None
        if not self._contexts:
            return heard_at + self.terms.inactivity_timeout
        return min((each.deadline for each in self._contexts.values() if each.deadline is not None), default=None)

    async def _end_silent(self, heard_at: float) -> None:
        """Tell contexts that were silent for too long that they are over; where none is left the socket is, too."""
        now = self._loop.time()
        silent = [
            (context_id, each)
            for context_id, each in self._contexts.items()
            if each.deadline is not None and each.deadline <= now
        ]
        if not silent and (self._contexts or now < heard_at + self.terms.inactivity_timeout):
            return
        if len(silent) == len(self._contexts):
            self._at_fault = silent[-1][0] if silent else None
            raise TimeoutError
        for context_id, context in silent:
            del self._contexts[context_id]
            context.speech.cancel()
            message = error_frame(TimeoutError(), self.terms)
            await self.outlet.send(self._session.send(InContext(context_id, message)))

    # ── speaking ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def speak(self) -> None:
        """Wait until the client closes the socket and all is said, and close it."""
        try:
            await self._closing
            await self.outlet.close(1000)
        finally:
            tasks = [context.speech for context in self._contexts.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self, context_id: ContextId, speaking: Speaking) -> None:
        shaper = self.outlet.shaper(self.terms.base)

        def compose(message: SpeechMessage) -> str:
            return self._session.send(InContext(context_id, message))

        async with contextlib.aclosing(speaking.chunks()) as chunks:
            async for timed in chunks:
                await self.outlet.speak(self.as_sent(timed), shaper, compose)
        await self.outlet.finish(lambda: self._session.send(InContext(context_id, FinalMessage())))

    def _over(self, context_id: ContextId, task: asyncio.Task[None]) -> None:
        """Forget a context whose speech has ended; a fault of one is the socket's, as its close code says."""
        context = self._contexts.get(context_id)
        if context is None or context.speech is not task or task.cancelled():
            return
        del self._contexts[context_id]
        if (fault := task.exception()) is not None and not self._closing.done():
            self._at_fault = context_id
            self._closing.set_exception(fault)
        self._settle()

    def _settle(self) -> None:
        """Let the socket be closed when the client has asked for it and all is said."""
        if self._is_told_to_close and not self._contexts and not self._closing.done():
            self._closing.set_result(None)

    def compose_error(self, message: ErrorMessage) -> str:
        """Write an error frame, in the context that it is about."""
        return self._session.send(InContext(self._at_fault, message))


class ContextConversation(ManySpeeches):
    """A client of `text-to-speech/…/multi-stream-input`."""

    def __init__(self, outlet: Outlet, terms: Terms, begin: BeginSpeech) -> None:
        super().__init__(outlet, terms, MultiServerSession())
        self._begin_speech = begin

    def opens(self, message: object) -> bool:
        """Whether a message is the first one of a context."""
        return isinstance(message, InitializeConnection)

    def begin(self, message: object) -> tuple[Speaking, Text]:
        """Begin a speech by its context's first message, which may be its end. Raises RemoteProtocolError."""
        first = message if isinstance(message, InitializeConnection) else InitializeConnection()
        speaking = self._begin_speech(speed_of(first))
        return speaking, _Dictated(begin_dictation(self.terms, speaking, first))


class _Dictated:
    """The text of a context."""

    def __init__(self, dictation: Dictation) -> None:
        self._dictation = dictation

    def hear(self, message: object) -> None:
        """Take what a message brings."""
        if isinstance(message, SendText):
            self._dictation.take(message)

    def end(self) -> None:
        """Leave unspoken what was not flushed, as the service does: a context that is closed generates no more."""
        self._dictation.cut()
