"""One client's `stream-input` socket → its text heard at once, its generations spoken in order, its faults answered.

Hearing never waits for speaking: the two are tasks of their own, and the voice works in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from pipeline.engines.faulting import AskedForError
from pipeline.engines.handshake import FASTEST, SLOWEST, Terms, is_speed
from pipeline.engines.outlet import Outlet
from pipeline.engines.recording import Replay
from pipeline.engines.speaking import DICTATIONS, Dictation, Speaking
from pipeline.errors import EngineError, RemoteProtocolError
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
)
from pipeline.protocol.session import ServerSession

# Begins a speech at a speed.
BeginSpeech = Callable[[float], Speaking]
# The service's own words for a client that stays silent.
TIMED_OUT = (
    "Have not received a new text input within the timeout of {:g} seconds. Streaming input terminated. Please make"
    ' sure to either feed the input in the timely manner, or to send the end of input text (empty string "") when done.'
)
# What the service calls a fault of ours.
_BROKEN = 1011


class Talk(ABC):
    """One client's connection: a reader that hears everything at once, and a speaker that goes on until all is said."""

    def __init__(self, outlet: Outlet, terms: Terms) -> None:
        self.outlet = outlet
        self.terms = terms

    async def run(self) -> None:
        """Hear and speak until the speech is whole, the client is gone, or one of the two is at fault."""
        tasks = [asyncio.create_task(self.speak()), asyncio.create_task(self.hear())]
        try:
            # The reader only ever ends by an exception, the speaker when everything is said.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._end(next((task.exception() for task in tasks if task.done()), None))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @abstractmethod
    async def hear(self) -> None:
        """Take messages until the connection closes (ConnectionClosed) or the client is silent (TimeoutError)."""

    @abstractmethod
    async def speak(self) -> None:
        """Speak until nothing more will come, and close."""

    @abstractmethod
    def compose_error(self, message: ErrorMessage) -> str:
        """Write an error frame."""

    async def _end(self, fault: BaseException | None) -> None:
        """Answer a fault with its error frame and close."""
        if fault is None or isinstance(fault, ConnectionClosed):
            return
        message = error_frame(fault, self.terms)
        await self.outlet.refuse(self.compose_error(message), message.code, message.message)


def error_frame(fault: BaseException, terms: Terms) -> ErrorMessage:
    """Name a fault as the service would."""
    match fault:
        case AskedForError():
            return fault.frame
        case TimeoutError():
            return ErrorMessage(TIMED_OUT.format(terms.inactivity_timeout), "input_timeout_exceeded", 1008)
        case RemoteProtocolError():
            return ErrorMessage(str(fault), getattr(fault, "error", "invalid_input_message"), 1008)
        case EngineError():
            return ErrorMessage(fault.message, fault.code or "speech_failed", 1008)
    words = f"the voice failed unexpectedly ({type(fault).__name__}: {fault})"
    return ErrorMessage(words, "internal_server_error", _BROKEN)


class Conversation(Talk):
    """A client of `stream-input`, which is one speech."""

    def __init__(self, outlet: Outlet, terms: Terms, begin: BeginSpeech, replay: Replay | None = None) -> None:
        """With a `replay`, its answers are given and nothing is spoken."""
        super().__init__(outlet, terms)
        self._begin_speech = begin
        self._replay = replay
        self._session = ServerSession()
        self._begun: asyncio.Future[Speaking] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._texts: list[str] = []

    async def hear(self) -> None:
        """Take messages until the connection closes (ConnectionClosed) or the client is silent (TimeoutError)."""
        patience: float | None = self.terms.inactivity_timeout
        dictation: Dictation | None = None
        while True:
            message = self._session.receive(await asyncio.wait_for(self.outlet.hear(), patience))
            match message:
                case InitializeConnection():
                    dictation = self._begin(message)
                case SendText() if dictation:
                    dictation.take(message)
                case KeepAlive() if dictation:
                    # The same message is how a client that sends word by word ends one.
                    dictation.take(SendText(" "))
                case CloseConnection():
                    (dictation or self._begin(InitializeConnection())).end()
                    self._ended.set()
                    patience, dictation = None, None

    async def speak(self) -> None:
        """Speak what is dictated, send the final frame, close."""
        speaking = await self._begun
        if self._replay is not None:
            await self._play_back(self._replay)
            return
        shaper = self.outlet.shaper(self.terms.base)
        async with contextlib.aclosing(speaking.chunks()) as chunks:
            async for timed in chunks:
                await self.outlet.speak(timed, shaper, self._session.send)
        await self.outlet.finish(lambda: self._session.send(FinalMessage()))
        await self.outlet.close(1000)

    def compose_error(self, message: ErrorMessage) -> str:
        """Write an error frame."""
        return self._session.send(message)

    def _begin(self, message: InitializeConnection) -> Dictation:
        speaking = self._begin_speech(speed_of(message))
        dictation = begin_dictation(self.terms, speaking, message)
        self._texts = dictation.texts
        self._begun.set_result(speaking)
        return dictation

    async def _play_back(self, replay: Replay) -> None:
        """Wait for the end of the text, then answer as the recording does, its faults and its closing too."""
        await self._ended.wait()
        recorded = replay.match(self.terms.voice, self._texts)
        if recorded is None:
            raise EngineError("the recording holds no answer to this voice and text", "no_recording")
        for text in recorded.answers:
            await self.outlet.send(text)
        code, reason = recorded.close
        if code in {1005, 1006, 1015}:
            # Such a code is never sent (RFC 6455 7.4.1): the connection broke. What was sent still goes out.
            self.outlet.drop()
        else:
            await self.outlet.close(code, reason)


def begin_dictation(terms: Terms, speaking: Speaking, message: InitializeConnection) -> Dictation:
    """Begin to take text for a speech, with what its first message brings. Raises RemoteProtocolError."""
    dictation = DICTATIONS[terms.auto_mode, terms.reads_tags](speaking, message.schedule)
    dictation.take(SendText(message.text, message.flush, message.try_trigger_generation))
    return dictation


def speed_of(message: InitializeConnection) -> float:
    """How fast a first message asks to be spoken; 1 where it does not say. Raises RemoteProtocolError."""
    settings = message.voice_settings
    speed = 1.0 if settings is None or settings.speed is None else settings.speed
    if not is_speed(speed):
        raise RemoteProtocolError(f"voice_settings.speed takes a number from {SLOWEST:g} to {FASTEST:g}")
    return speed
