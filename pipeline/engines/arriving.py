"""Text in pieces cut anywhere → as much of it as may be spoken by now: whole words, or whole sentences."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pipeline.engines import LiveOptions

# A piece without any end of a word is no word: it is sent before it holds more than this.
LONGEST_HELD = 400
# Pieces of text that wait to be sent, before whoever writes them has to wait; and characters sent in one message.
MOST_PIECES, MOST_SENT = 64, 4000
_SPACES = re.compile(r"\s+")
_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")
# A mark that ends a sentence, quotes and brackets behind it, and then white space; or one that needs none behind it.
_SENTENCE = re.compile(r"""[.!?…]["'”’»)\]]*\s+|[。！？]["'”’»」』）]*""")
_ENDED = re.compile(r"""[.!?…:;,。！？、，]["'”’»)\]」』）]*\s*$""")

Cut = Callable[[str], int]


def whole_words(text: str) -> int:
    """How much of a text is whole words: up to its last space, or its last character of a script without spaces.

    >>> whole_words("Hello the")
    6
    """
    space = _LAST_SPACE.search(text)
    last = space.end() if space else 0
    return next((at for at in range(len(text), last, -1) if _stands_alone(text[at - 1])), last)


def whole_sentences(text: str) -> int:
    """How much of a text is whole sentences.

    >>> whole_sentences("Hello. And the")
    7
    """
    return max((found.end() for found in _SENTENCE.finditer(text)), default=0)


def pieces(text: str, options: LiveOptions) -> list[str]:
    """Cut a whole text as it is to be sent, message by message, each piece with the space that ends its last word.

    Sentences where each is to be spoken by itself, words where a schedule is to end stretches between them, else all.

    >>> pieces("Hello. And you", LiveOptions(auto_mode=True))
    ['Hello. ', 'And you ']
    """
    ends = [len(text)]
    if options.auto_mode:
        ends = [*(found.end() for found in _SENTENCE.finditer(text)), *ends]
    elif options.schedule is not None:
        ends = [*(found.end() for found in _SPACES.finditer(text)), *ends]
    parts = (text[first:end] for first, end in pairwise([0, *ends]))
    return [f"{part.rstrip()} " for part in parts if part.strip()]


def _stands_alone(char: str) -> bool:
    """Whether a word may end after this character without a space: Chinese and Japanese, and their marks."""
    return unicodedata.east_asian_width(char) in "WF" and not "\uac00" <= char <= "\ud7a3"


class ArrivingText:
    """Text as it comes. What each method gives is to be sent, and ends in white space where a word does."""

    def __init__(self, cut: Cut = whole_words) -> None:
        self._cut = cut
        self._held = ""
        # Whether what was given last ends in a character of a script without spaces.
        self._is_open = False

    def add(self, text: str) -> str:
        """Take a piece of text; give what is whole by now, `` for nothing."""
        self._held += text
        length = self._cut(self._held)
        return self._give(length or whole_words(self._held) if len(self._held) > LONGEST_HELD else length)

    def pause(self) -> str:
        """Nobody writes for a while: give whole words, and the last one too where a mark has ended it."""
        return self._give(len(self._held) if _ENDED.search(self._held) else whole_words(self._held))

    def finish(self) -> str:
        """Nothing more comes: give all."""
        return self._give(len(self._held))

    def _give(self, length: int) -> str:
        given, rest = self._held[:length], self._held[length:]
        if not given.strip():
            # White space alone is not sent; where what was sent ends without any, it goes before what follows.
            self._held = given[-1:] + rest if self._is_open else rest
            return ""
        self._held = rest
        self._is_open = _stands_alone(given[-1])
        return given if given[-1].isspace() or _stands_alone(given[-1]) else f"{given} "


@dataclass(frozen=True, slots=True)
class Portion:
    """Words to send (`` for none); `is_pause` tells that the writer pauses, so that all of it is to be spoken now."""

    words: str
    is_pause: bool = False


class Supply:
    """What a writer wrote and nobody has sent yet. One task puts in, another takes out."""

    def __init__(self, options: LiveOptions) -> None:
        self._text = ArrivingText(whole_sentences if options.auto_mode else whole_words)
        self._flush_after = options.flush_after_seconds
        self._waiting: deque[str] = deque()
        self._changed, self._taken = asyncio.Event(), asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        # When a pause will have been long enough; None while there is nothing that it would change.
        self._pause_at: float | None = None
        self._has_ended = False
        self._failure: Exception | None = None

    @property
    def is_spoken(self) -> bool:
        """Whether nothing waits and nothing more comes."""
        return self._has_ended and not self._waiting

    def check(self) -> None:
        """Raise what the writer's texts raised."""
        if self._failure:
            raise self._failure

    # ── putting in ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def take_all(self, texts: AsyncIterable[str]) -> None:
        """Take every piece as it comes; a writer far ahead has to wait."""
        try:
            async for text in texts:
                self._pause_at = self._clock() + self._flush_after
                self._wait_for(self._text.add(text))
                while len(self._waiting) > MOST_PIECES:
                    self._taken.clear()
                    await self._taken.wait()
            self._wait_for(self._text.finish())
        except Exception as error:  # noqa: BLE001  # raised again where the speech is heard
            self._failure = error
        self._has_ended = True
        self._changed.set()

    def put_back(self, text: str) -> None:
        """Let text that was sent in vain be the next."""
        self._waiting.extendleft(list(_portions(text))[::-1])
        self._changed.set()

    def _wait_for(self, text: str) -> None:
        self._waiting.extend(_portions(text))
        self._changed.set()

    # ── taking out ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def next(self, latest: float) -> Portion | None:
        """Wait for words, for a pause, or until `latest` on the loop's clock; None at the end of the text.

        Raises what the writer's texts raised.
        """
        while True:
            self.check()
            if self._waiting:
                self._taken.set()
                return Portion(self._waiting.popleft())
            if self._has_ended:
                return None
            now = self._clock()
            if self._pause_at is not None and now >= self._pause_at:
                self._pause_at = None
                return Portion(self._text.pause(), is_pause=True)
            if now >= latest:
                return Portion("")
            await self._change(min(latest, self._pause_at or latest))

    async def has_more(self) -> bool:
        """Wait until there is something to send; False at the end of the text. Raises what the texts raised."""
        while not self._waiting:
            self.check()
            if self._has_ended:
                return False
            if self._pause_at is not None and self._clock() >= self._pause_at:
                self._pause_at = None
                self._wait_for(self._text.pause())
                continue
            await self._change(self._pause_at)
        return True

    async def _change(self, latest: float | None) -> None:
        try:
            async with asyncio.timeout_at(latest):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()


def _portions(text: str) -> Iterator[str]:
    """Cut what is too long for one message, at words."""
    while len(text) > MOST_SENT:
        cut = whole_words(text[:MOST_SENT]) or MOST_SENT
        yield text[:cut]
        text = text[cut:]
    if text.strip():
        yield text
