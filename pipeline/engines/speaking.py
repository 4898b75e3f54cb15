"""Text as it comes in messages → chunks of one speech, in order, each spoken when it is its client's turn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Hashable, Iterable, Iterator, Sequence
from functools import partial

from pipeline.engines.generation import Speaker, TimedChunk
from pipeline.engines.ssml import Piece, Said, Silent, hold_tags, read_tags, release_tags
from pipeline.engines.turns import Turns
from pipeline.errors import RemoteProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.buffering import DEFAULT_SCHEDULE, TextBuffer, is_schedule
from pipeline.protocol.messages import SendText

# What is held of one client at most: bytes of a message, and characters of all its text (a day of speech).
MOST_MESSAGE_BYTES = MOST_TEXT = 2**20

# A longer text is more than one generation: others wait no longer for it, and a message that carries all times of a
# generation stays well below the mebibyte that clients of websockets take by default.
MOST_CHARACTERS = 5000
# Silence after such a part, besides what the voice leaves.
BETWEEN_PARTS_MS = 350.0

Generation = Sequence[Piece]


class Speaking:
    """One speech: generations that wait to be spoken, and whoever speaks them."""

    def __init__(self, speaker: Speaker, turns: Turns, client: Hashable) -> None:
        self._speaker = speaker
        self._turns = turns
        self._client = client
        self._generations: asyncio.Queue[Generation | None] = asyncio.Queue()

    def add(self, generation: Generation) -> None:
        """Let a generation be spoken after those before it."""
        self._generations.put_nowait(generation)

    def end(self) -> None:
        """Nothing more will come."""
        self._generations.put_nowait(None)

    async def chunks(self) -> AsyncGenerator[TimedChunk, None]:
        """Yield the chunks of all generations, until the end. Raises EngineError when the voice cannot speak."""
        speaker = self._speaker
        end_ms, spoke = 0, False
        while (generation := await self._generations.get()) is not None:
            spoke = True
            for timed in await self._turns.take(self._client, partial(speaker.speak, generation)):
                end_ms = timed.end_ms
                # Not in the voice's threads, where it would wait for what others have spoken.
                yield await asyncio.to_thread(speaker.encode, timed) if speaker.encodes else timed
        if spoke and (rest := await asyncio.to_thread(speaker.finish)):
            yield TimedChunk(SpeechChunk(rest), end_ms, end_ms, end_ms)


class Dictation:
    """Text of one speech as a client sends it → generations, by the chunk length schedule or one a message."""

    def __init__(self, speaking: Speaking, schedule: tuple[float, ...] | None) -> None:
        """Raises RemoteProtocolError for a schedule that the service would not take."""
        self._speaking = speaking
        self._buffer = TextBuffer(checked_schedule(schedule) or DEFAULT_SCHEDULE)
        self.texts: list[str] = []
        self._length = 0

    def take(self, message: SendText) -> None:
        """Buffer a message's text, and let be spoken what is enough. Raises RemoteProtocolError for too much text."""
        self._add(message)
        if message.flush:
            self._queue(self._buffer.flush())
        elif message.try_trigger_generation:
            self._queue(self._buffer.trigger())

    def end(self) -> None:
        """Let be spoken what is left; nothing more will come."""
        self._queue(self._buffer.flush())
        self._speaking.end()

    def cut(self) -> None:
        """Drop what is buffered, and let be spoken what already was to be; nothing more will come."""
        self._speaking.end()

    def _add(self, message: SendText) -> None:
        if message.schedule is not None:
            self._buffer.schedule = checked_schedule(message.schedule) or DEFAULT_SCHEDULE
        if message.text:
            self.texts.append(message.text)
        self._length += len(message.text)
        if self._length > MOST_TEXT:
            raise RemoteProtocolError(f"one socket takes {MOST_TEXT} characters of text at most")
        self._queue(self._buffer.add(self._buffered(message.text)))

    def _buffered(self, text: str) -> str:
        return text

    def _queue(self, texts: Iterable[str]) -> None:
        for text in texts:
            for generation in self._generations(text):
                self._speaking.add(generation)

    def _generations(self, text: str) -> Iterator[Generation]:
        return generations_of([Said(text)])


class EagerDictation(Dictation):
    """One in which every message is a generation of its own (`auto_mode`)."""

    def take(self, message: SendText) -> None:
        """Let a message's text be spoken at once."""
        self._add(message)
        self._queue(self._buffer.flush())


class TaggedDictation(Dictation):
    """One whose SSML tags are read (`enable_ssml_parsing`)."""

    def _buffered(self, text: str) -> str:
        return hold_tags(text)

    def _generations(self, text: str) -> Iterator[Generation]:
        return generations_of(read_tags(release_tags(text)))


class EagerTaggedDictation(TaggedDictation, EagerDictation):
    """One whose messages are generations with tags."""


# By (auto_mode, enable_ssml_parsing).
DICTATIONS: dict[tuple[bool, bool], type[Dictation]] = {
    (False, False): Dictation,
    (True, False): EagerDictation,
    (False, True): TaggedDictation,
    (True, True): EagerTaggedDictation,
}


def generations_of(pieces: Iterable[Piece]) -> Iterator[Generation]:
    """Yield pieces as one generation, or as several when they have more than `MOST_CHARACTERS` together."""
    together: list[Piece] = []
    length = 0
    for piece in pieces:
        *parts, last = _parts_of(piece)
        for part in parts:
            yield (*together, part, Silent("", BETWEEN_PARTS_MS))
            together, length = [], 0
        if together and length + len(last.text) > MOST_CHARACTERS:
            yield tuple(together)
            together, length = [], 0
        together.append(last)
        length += len(last.text)
    if together:
        yield tuple(together)


def _parts_of(piece: Piece) -> list[Piece]:
    if isinstance(piece, Silent) or len(piece.text) <= MOST_CHARACTERS:
        return [piece]
    return [Said(part, piece.voice) for part in sentence_parts(piece.text, MOST_CHARACTERS)]


def sentence_parts(text: str, most: int) -> list[str]:
    """Cut a text after sentences, else between words, else anywhere, into parts of so many characters at most."""
    parts = []
    while len(text) > most:
        head = text[: most + 1]
        ends = [found.end() for found in _SENTENCE_END.finditer(head)] or [head.rfind(" ") + 1]
        cut = ends[-1] or most
        parts.append(text[:cut].strip())
        text = text[cut:].strip()
    return [part for part in parts if part] + [text]


_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*\s")


def checked_schedule(schedule: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Return a schedule that the service would take. Raises RemoteProtocolError for another."""
    if schedule is not None and not is_schedule(schedule):
        raise RemoteProtocolError("chunk_length_schedule must hold numbers from 50 to 500")
    return schedule
