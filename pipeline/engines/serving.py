"""One client's socket → its text heard at once, its generations spoken in order, its faults answered.

Hearing never waits for speaking: the two are tasks of their own, and the voice works in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from pipeline.engines.generation import Speaker, Terms
from pipeline.engines.recording import ConnectionRecord, Replay
from pipeline.errors import EngineError, RemoteProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.buffering import DEFAULT_SCHEDULE, TextBuffer, is_schedule
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    ServerMessage,
    SpeechMessage,
)
from pipeline.protocol.session import ServerSession

# What is held of one client at most: bytes of a message, and characters of all its text (a day of speech).
MOST_MESSAGE_BYTES = MOST_TEXT = 2**20
# RFC 6455 5.5.
MOST_REASON_BYTES = 123
# The service's own words for a client that stays silent.
TIMED_OUT = (
    "Have not received a new text input within the timeout of {:g} seconds. Streaming input terminated. Please make"
    ' sure to either feed the input in the timely manner, or to send the end of input text (empty string "") when done.'
)


class Conversation:
    """One client: a reader that hears everything at once, and a speaker that works off generations in order."""

    def __init__(
        self,
        connection: ServerConnection,
        terms: Terms,
        make_speaker: Callable[[float], Speaker],
        threads: Executor,
        replay: Replay | None = None,
        record: ConnectionRecord | None = None,
    ) -> None:
        """`make_speaker` takes a speed. With a `replay`, its answers are given and nothing is spoken."""
        self._make_speaker = make_speaker
        self._threads = threads
        self._replay = replay
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
                case KeepAlive():
                    # The same message is how a client that sends word by word ends one.
                    self._take(SendText(" "))
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
        if self._replay is not None:
            await self._play_back(self._replay)
            return
        loop = asyncio.get_running_loop()
        speaker: Speaker | None = None
        while (text := await self._generations.get()) is not None:
            speaker = speaker or self._make_speaker(self._speed)
            for chunk in await loop.run_in_executor(self._threads, speaker.speak, text):
                # Not in the voice's threads, where it would wait for what others have spoken.
                sent = await asyncio.to_thread(speaker.encode, chunk) if speaker.encodes else chunk
                await self._send(SpeechMessage(sent))
        if speaker and (rest := await asyncio.to_thread(speaker.finish)):
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
