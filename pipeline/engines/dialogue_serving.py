"""One client's dialogue socket → its lines spoken in order, each with its own voice.

What several voices say between two pauses of the client is one generation: they follow each other on one clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from pipeline.engines.generation import TimedChunk
from pipeline.engines.handshake import Terms
from pipeline.engines.multi_serving import ManySpeeches, Text
from pipeline.engines.outlet import Outlet
from pipeline.engines.serving import BeginSpeech, Talk
from pipeline.engines.speaking import MOST_CHARACTERS, MOST_TEXT, Speaking, generations_of
from pipeline.engines.ssml import Piece, Said, Silent
from pipeline.errors import RemoteProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.dialogue import DialogueInput, InitializeDialogue, SendInputs
from pipeline.protocol.dialogue_session import DialogueServerSession
from pipeline.protocol.messages import ErrorMessage, FinalMessage
from pipeline.protocol.multi_dialogue_session import MultiDialogueServerSession
from pipeline.protocol.multi_messages import CloseSocket

# Of the service it is known that it begins after about so much text, for so many words; then it waits for more.
FIRST_CHARACTERS, FIRST_WORDS = 40, 8
LATER_CHARACTERS = 160
# Lines that wait to be more; texts of white space only can be ever so many.
MOST_LINES = 100
# Silence between two speakers, besides what their voices leave at their ends.
BETWEEN_MS = 200.0
_ENDS_OF_SENTENCES = ".!?…。！？"


class Lines:
    """Lines as they come → generations."""

    def __init__(self, speaking: Speaking) -> None:
        self._speaking = speaking
        self._waiting: list[DialogueInput] = []
        self._has_begun = False
        self._length = 0

    def hear(self, message: object) -> None:
        """Take what a message brings: the first one may bring lines too. Raises RemoteProtocolError."""
        if isinstance(message, InitializeDialogue):
            self.take(SendInputs(message.inputs, message.flush))
        elif isinstance(message, SendInputs):
            self.take(message)

    def take(self, message: SendInputs) -> None:
        """Buffer lines, and let be spoken what is enough. Raises RemoteProtocolError for too much text."""
        for line in message.inputs:
            if line.new_turn:
                self._speak(len(self._waiting))
            self._length += len(line.text)
            if self._length > MOST_TEXT:
                raise RemoteProtocolError(f"one socket takes {MOST_TEXT} characters of text at most")
            self._append(line)
            if self._is_enough():
                self._speak_whole_words()
            if len(self._waiting) > MOST_LINES or sum(len(each.text) for each in self._waiting) > MOST_CHARACTERS:
                self._speak(len(self._waiting))
        if message.flush:
            self._speak(len(self._waiting))

    def end(self) -> None:
        """Let be spoken what is left; nothing more will come."""
        self._speak(len(self._waiting))
        self._speaking.end()

    def _append(self, line: DialogueInput) -> None:
        """A voice that goes on continues its line: two texts may be one word."""
        if self._waiting and self._waiting[-1].voice == line.voice:
            line = DialogueInput(self._waiting.pop().text + line.text, line.voice)
        self._waiting.append(line)

    def _is_enough(self) -> bool:
        text = " ".join(line.text for line in self._waiting)
        if self._has_begun:
            return len(text.strip()) >= LATER_CHARACTERS
        return len(text.strip()) >= FIRST_CHARACTERS and len(text.split()) >= FIRST_WORDS

    def _speak_whole_words(self) -> None:
        """Speak what is buffered up to its last white space or the end of its sentence."""
        last = self._waiting[-1]
        if last.text.rstrip()[-1:] in _ENDS_OF_SENTENCES or last.text[-1:].isspace():
            self._speak(len(self._waiting))
            return
        words = last.text.rstrip().rpartition(" ")
        self._waiting[-1:] = [DialogueInput(words[0], last.voice), DialogueInput(words[2], last.voice)]
        self._speak(len(self._waiting) - 1)

    def _speak(self, count: int) -> None:
        lines, self._waiting = self._waiting[:count], self._waiting[count:]
        lines = [line for line in lines if line.text.strip()]
        if lines:
            self._has_begun = True
            for generation in generations_of(pieces_of(lines)):
                self._speaking.add(generation)


def pieces_of(lines: list[DialogueInput]) -> tuple[Piece, ...]:
    """The pieces of a generation: a pause and a space between two voices."""
    pieces: list[Piece] = []
    for line in lines:
        if pieces:
            pieces.append(Silent(" ", BETWEEN_MS, " "))
        pieces.append(Said(line.text.strip(), line.voice))
    return tuple(pieces)


def as_sent(timed: TimedChunk, terms: Terms) -> TimedChunk:
    """Return a chunk as this socket sends it: with times only where they are asked for, of the text as sent alone."""
    chunk = timed.chunk
    return replace(timed, chunk=SpeechChunk(chunk.audio, chunk.alignment if terms.in_sync else None))


class DialogueConversation(Talk):
    """A client of `text-to-dialogue/stream-input`."""

    def __init__(self, outlet: Outlet, terms: Terms, begin: BeginSpeech) -> None:
        super().__init__(outlet, terms)
        self._session = DialogueServerSession()
        self._speaking = begin(1.0)

    async def hear(self) -> None:
        """Take messages until the connection closes (ConnectionClosed) or the client is silent (TimeoutError)."""
        patience: float | None = self.terms.inactivity_timeout
        lines = Lines(self._speaking)
        while True:
            message = self._session.receive(await asyncio.wait_for(self.outlet.hear(), patience))
            lines.hear(message)
            if isinstance(message, CloseSocket):
                lines.end()
                patience = None

    async def speak(self) -> None:
        """Speak what is said, send the final frame, close."""
        shaper = self.outlet.shaper(self.terms.base)
        async with contextlib.aclosing(self._speaking.chunks()) as chunks:
            async for timed in chunks:
                await self.outlet.speak(as_sent(timed, self.terms), shaper, self._session.send)
        await self.outlet.finish(lambda: self._session.send(FinalMessage()))
        await self.outlet.close(1000)

    def compose_error(self, message: ErrorMessage) -> str:
        """Write an error frame."""
        return self._session.send(message)


class DialoguesConversation(ManySpeeches):
    """A client of `text-to-dialogue/multi-stream-input`: several dialogues, each in its context."""

    def __init__(self, outlet: Outlet, terms: Terms, begin: BeginSpeech) -> None:
        super().__init__(outlet, terms, MultiDialogueServerSession())
        self._begin_speech = begin

    def opens(self, message: object) -> bool:
        """Whether a message is the first one of a context."""
        return isinstance(message, InitializeDialogue)

    def begin(self, message: object) -> tuple[Speaking, Text]:
        """Begin a dialogue. Raises RemoteProtocolError."""
        speaking = self._begin_speech(1.0)
        lines = Lines(speaking)
        lines.hear(message)
        return speaking, lines

    def as_sent(self, timed: TimedChunk) -> TimedChunk:
        """Return a chunk as this socket sends it."""
        return as_sent(timed, self.terms)
