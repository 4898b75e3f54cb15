"""Texts → a speech service's messages made beforehand, and a process that does nothing but send them.

What a client costs shows only where the other end costs nothing: the benchmarks of streaming start this server beside
themselves. A second of sound comes as about 17 characters with both alignments, on the grid of times that the service
has, in messages that end in the middle of words as its own do. Every word is a stretch of noise, every space is quiet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection

from narrate import written
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed

from pipeline.codecs import speech_encoder
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import SpeechMessage

# Times stand on this grid: 512 samples at 44.1 kHz.
GRID_MS = 512 / 44.1
GRIDS = {" ": 4, ",": 14, ";": 14, ".": 26}
LETTER_GRIDS = 5
LEAD_GRIDS = 2
SOURCE_RATE = 24_000
AT_ONCE = float("inf")
FINAL = '{"audio":null,"isFinal":true}'


@dataclass(frozen=True, slots=True)
class CannedSpeech:
    """A text's messages in order, when in the speech each one's sound begins and ends, and which brings each word's end."""

    messages: tuple[str, ...]
    edges_ms: tuple[float, ...]
    last_of_words: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return self.edges_ms[-1] / 1000


@dataclass(frozen=True, slots=True)
class Server:
    """The server's address, and the pipe that asks it when it sent what."""

    base: str
    pipe: Connection

    def due(self) -> Mapping[str, Sequence[float]]:
        """When each message of each text was to be sent, in seconds of `time.perf_counter`, the same in all processes."""
        return self._asked("due")

    def sent(self) -> Mapping[str, Sequence[float]]:
        """When each was sent."""
        return self._asked("sent")

    def _asked(self, what: str) -> Mapping[str, Sequence[float]]:
        self.pipe.send(what)
        found: Mapping[str, Sequence[float]] = self.pipe.recv()
        return found


@contextlib.contextmanager
def serving(speeches: Mapping[str, CannedSpeech], speed: float = AT_ONCE) -> Iterator[Server]:
    """Serve canned speeches by their text, so many times as fast as they are heard, from a process of its own."""
    process_kind = multiprocessing.get_context("spawn")
    ours, theirs = process_kind.Pipe()
    process = process_kind.Process(target=_serve, args=(theirs, speeches, speed), daemon=True)
    process.start()
    try:
        yield Server(ours.recv(), ours)
    finally:
        ours.send("end")
        process.join(10)
        process.kill()


def pin(core: int) -> bool:
    """Keep this process on one core, where the system can; tells whether it does."""
    if sys.platform != "linux":
        return False
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    return True


def canned(count: int, output_format: str, message_ms: float, most_words: int = 50) -> dict[str, CannedSpeech]:
    """Make so many speeches of 16 s or so, no two alike, in messages of about that much sound."""
    texts = (" ".join(text.split()[:most_words]) for text in written(count))
    return {text: can(text, output_format, message_ms) for text in texts}


def can(text: str, output_format: str, message_ms: float) -> CannedSpeech:
    """Make the messages of one text."""
    spoken = f" {text} "
    grids = [LEAD_GRIDS, *(GRIDS.get(char, LETTER_GRIDS) for char in spoken[1:])]
    clock = [round(grid * GRID_MS) for grid in accumulate(grids, initial=0)]
    cuts = [0.0, *_cuts(clock[-1], message_ms), float(clock[-1])]
    sounds = _sounds(spoken, clock, cuts, output_format)
    messages: list[str] = []
    first = 0
    for number, end_ms in enumerate(cuts[1:]):
        end = bisect_right(clock, end_ms, hi=len(spoken)) if end_ms < clock[-1] else len(spoken)
        sent_from = max(first, 1)
        chunk = SpeechChunk(
            sounds[number],
            _alignment(spoken, clock, sent_from, end, clock[sent_from] if first else 0) if end > sent_from else None,
            _alignment(spoken, clock, first, end, clock[first]) if end > first else None,
        )
        messages.append(compose(SpeechMessage(chunk)))
        first = max(first, end)
    return CannedSpeech(tuple(messages), tuple(cuts), tuple(_last_of_words(spoken, clock, cuts)))


def _cuts(duration: float, message_ms: float) -> list[float]:
    """Where one message's sound ends and the next one's begins: 70 to 130 % of the length asked for."""
    chance = random.Random(duration)
    cuts: list[float] = []
    while (cut := (cuts[-1] if cuts else 0) + message_ms * chance.uniform(0.7, 1.3)) < duration:
        cuts.append(cut)
    return cuts


def _alignment(spoken: str, clock: Sequence[int], first: int, end: int, start: int) -> Alignment:
    starts = (start, *clock[first + 1 : end])
    return Alignment(
        tuple(spoken[first:end]),
        starts,
        tuple(after - before for before, after in zip(starts, clock[first + 1 : end + 1], strict=True)),
    )


def _sounds(spoken: str, clock: Sequence[int], cuts: Sequence[float], output_format: str) -> list[bytes]:
    """Each message's sound, coded by one encoder."""
    encoder = speech_encoder(output_format, SOURCE_RATE)
    chance = random.Random(spoken)
    samples = bytearray()
    for char, (start, end) in zip(spoken, pairwise(clock), strict=True):
        count = end * SOURCE_RATE // 1000 - start * SOURCE_RATE // 1000
        loud = b"".join((chance.getrandbits(13) - 4096).to_bytes(2, "little", signed=True) for _ in range(count))
        samples += loud if char.isalnum() else bytes(2 * count)
    edges = [2 * round(cut * SOURCE_RATE / 1000) for cut in cuts]
    coded = [encoder.feed(bytes(samples[first:end])) for first, end in pairwise(edges)]
    coded[-1] += encoder.finish()
    return coded


def _last_of_words(spoken: str, clock: Sequence[int], cuts: Sequence[float]) -> Iterator[int]:
    """Which message brings the last letter of each word."""
    for at, char in enumerate(spoken[:-1]):
        if char.isalnum() and not spoken[at + 1 :].partition(" ")[0].strip(",;."):
            yield min(bisect_right(cuts, clock[at]), len(cuts) - 1) - 1


# ── the process ────────────────────────────────────────────────────────────────────────────────────────────────────


def _serve(pipe: Connection, speeches: Mapping[str, CannedSpeech], speed: float) -> None:
    pin(1)
    asyncio.run(_Sender(speeches, speed).run(pipe))


class _Sender:
    """Reads what is to be spoken, sends its messages when they are due, and closes."""

    def __init__(self, speeches: Mapping[str, CannedSpeech], speed: float) -> None:
        self._speeches = speeches
        self._speed = speed
        self._moments: dict[str, dict[str, list[float]]] = {"due": {}, "sent": {}}

    async def run(self, pipe: Connection) -> None:
        """Listen until the other end of the pipe says that it is over."""
        async with listen(self._converse, "127.0.0.1", 0, compression=None) as server:
            pipe.send(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
            while (asked := await asyncio.to_thread(pipe.recv)) in self._moments:
                pipe.send(self._moments[asked])

    async def _converse(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        is_multi = "/multi-stream-input" in connection.request.path
        texts: dict[str, str] = {}
        with contextlib.suppress(ConnectionClosed):
            async for frame in connection:
                message = json.loads(frame)
                name = message.get("context_id", "")
                if message.get("close_socket"):
                    return
                if message.get("close_context"):
                    await connection.send(_placed(FINAL, name))
                    continue
                texts[name] = texts.get(name, "") + message.get("text", "")
                if message.get("flush") if is_multi else not message.get("text"):
                    await self._speak(connection, texts.pop(name), name)
                    if not is_multi:
                        return

    async def _speak(self, connection: ServerConnection, said: str, name: str) -> None:
        text = " ".join(said.split())
        speech = self._speeches[text]
        began = time.perf_counter()
        due = self._moments["due"][text] = [began + ms / 1000 / self._speed for ms in speech.edges_ms]
        sent = self._moments["sent"][text] = []
        # A message is sent when the sound before it has been. In a context the final frame follows its closing.
        ends = () if name else (FINAL,)
        for message, moment in zip((*speech.messages, *ends), due, strict=False):
            wait = moment - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            sent.append(time.perf_counter())
            await connection.send(_placed(message, name))


def _placed(message: str, name: str) -> str:
    """Write a context into a message."""
    return f'{message[:-1]},"contextId":"{name}","context_id":"{name}"}}' if name else message
