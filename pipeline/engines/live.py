"""Text as it arrives → a socket that is kept open for it → chunks of sound and character times, as they come.

Writing and hearing are two tasks: text is sent without waiting for speech. A writer may pause for as long as he likes;
what he wrote until then is flushed, and the socket is kept alive. Should it drop all the same while everything that
was heard is whole, the next text opens another one, and text of which nothing was heard is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass, replace

from pipeline.engines import LiveOptions
from pipeline.engines.arriving import Supply
from pipeline.engines.exchange import Exchange, Service, open_exchange
from pipeline.engines.hearing import Unheard
from pipeline.engines.retries import MOST_TRIES, pause_before
from pipeline.engines.wording import Wording
from pipeline.errors import BusyError, ConnectionLostError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.protocol.messages import ErrorMessage, FinalMessage, ServerMessage, SpeechMessage


@dataclass(frozen=True, slots=True)
class Route:
    """Where to open sockets, and what is said on each of them."""

    service: Service
    target: str
    wording: Callable[[], Wording]


async def speak_live(
    route: Route, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions
) -> AsyncGenerator[SpeechChunk, None]:
    """Speak `texts` as they arrive; see `LiveEngine.speak_live`."""
    supply = Supply(options)
    arriving = asyncio.create_task(supply.take_all(texts))
    number = tries = 0
    try:
        while not number or await supply.has_more():
            socket = _Socket(supply, route.wording(), options, Unheard(request.output_format))
            wait = 0.0
            try:
                async with contextlib.aclosing(_over(socket, route)) as chunks:
                    async for chunk in chunks:
                        tries = 0
                        yield replace(chunk, connection=number) if number else chunk
            except (BusyError, ConnectionLostError) as error:
                supply.check()
                tries += 1
                if socket.was_cut or tries >= (options.most_tries or MOST_TRIES):
                    raise
                wait = pause_before(tries, error)
            if socket.is_over:
                return
            number += 1
            await asyncio.sleep(wait)
    finally:
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)


async def _over(socket: _Socket, route: Route) -> AsyncGenerator[SpeechChunk, None]:
    """Open a socket and speak over it."""
    async with open_exchange(route.service, route.target) as exchange, contextlib.aclosing(socket.run(exchange)) as run:
        async for chunk in run:
            yield chunk


class _Socket:
    """One open socket of a live speech.

    `is_over` tells that the speech is whole, `was_cut` that it broke off where nothing can go on: in the middle.
    """

    def __init__(self, supply: Supply, wording: Wording, options: LiveOptions, unheard: Unheard) -> None:
        self.is_over = self.was_cut = False
        self._supply = supply
        self._wording = wording
        self._options = options
        self._unheard = unheard
        self._clock = asyncio.get_running_loop().time
        # Since when the service has owed a message, as far as is known.
        self._owed_since: float | None = None
        self._has_ended = False

    async def run(self, exchange: Exchange) -> AsyncGenerator[SpeechChunk, None]:
        """Yield what comes until the speech is whole. Raises as `LiveEngine.speak_live` does."""
        writer = asyncio.create_task(self._write(exchange))
        writer.add_done_callback(lambda task: exchange.abort() if not task.cancelled() and task.exception() else None)
        try:
            while not self._wording.is_whole:
                frame = await self._next(exchange)
                message = self._wording.receive(frame) if frame is not None else None
                if message is None or isinstance(message, ErrorMessage):
                    break
                if chunk := self._heard(message):
                    yield chunk
                    self._unheard.catch_up()
            await exchange.wait_for_closing()
            self.is_over = self._wording.is_whole
            if not self.is_over:
                self._judge(exchange, writer)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    # ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _write(self, exchange: Exchange) -> None:
        """Send what is there, and what a pause of the writer asks for, until the end of the text."""
        await exchange.give(self._wording.opening)
        sent_at, gathered = self._clock(), False
        while text := await self._supply.next(sent_at + self._options.keep_alive_seconds):
            sent_at = self._clock()
            self._unheard.sent(text.words)
            words = text.words
            if text.is_pause and (words or gathered):
                self._owe()
                gathered = False
                await exchange.give(lambda words=words: self._wording.flush(words))  # type: ignore[misc]
            elif words:
                gathered = True
                await exchange.give(lambda words=words: self._wording.text(words))  # type: ignore[misc]
            elif not text.is_pause:
                await exchange.give(self._wording.keep_alive)
        self._has_ended = True
        self._owed_since = self._clock()
        await exchange.give(self._wording.end)

    def _owe(self) -> None:
        """Note that speech was asked for now, unless all is spoken: how the service's silence is told from a stall."""
        if self._owed_since is None and self._unheard.is_owed:
            self._owed_since = self._clock()

    # ── hearing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _next(self, exchange: Exchange) -> str | None:
        """Wait for the next frame; None when the connection is closed. Raises ConnectionLostError for a stall."""
        silence = exchange.limits.silence
        while True:
            waited = 0.0 if self._owed_since is None else self._clock() - self._owed_since
            if waited >= silence:
                break
            try:
                return await exchange.take(silence - waited)
            except TimeoutError:
                continue
        self._settle()
        said = f"no message came from the speech service for {silence:g} s; check the network and try again"
        raise ConnectionLostError(said)

    def _heard(self, message: ServerMessage) -> SpeechChunk | None:
        if not isinstance(message, SpeechMessage | FinalMessage) or message.chunk == SpeechChunk():
            return None
        self._owed_since = self._clock() if self._has_ended else None
        self._unheard.add(message.chunk)
        return message.chunk

    def _judge(self, exchange: Exchange, writer: asyncio.Task[None]) -> None:
        """Raise what the end of the connection means, unless everything was spoken."""
        ending = exchange.ending(self._wording)
        self._settle()
        self._supply.check()
        if not self.was_cut and self._supply.is_spoken:
            self.is_over = not isinstance(ending.error, Exception) or isinstance(ending.error, ConnectionLostError)
            if self.is_over:
                return
        failure = writer.exception() if writer.done() and not writer.cancelled() else None
        raise (
            failure
            or ending.error
            or ConnectionLostError(
                "the speech service closed the connection before the speech was whole; try again",
                close_code=ending.code,
            )
        )

    def _settle(self) -> None:
        """Give back the text of which nothing was heard; where speech was cut in two, there is none to give."""
        rest = self._unheard.rest()
        self.was_cut = rest is None
        self._supply.put_back(rest or "")
