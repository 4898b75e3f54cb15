"""Text in pieces cut anywhere → the author's words, paragraph by paragraph, as soon as each is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.model import Token
from pipeline.scripts.marks import Text
from pipeline.scripts.source import is_spoken, refuse_strange
from pipeline.scripts.words import make_tokens

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
# A mark that ends what was written, with quotes and brackets behind it: a pause after it ends the word too.
_ENDED = re.compile(r"""[.!?…:;,。！？、，]["'”’»)\]」』）]*$""")


@dataclass(frozen=True, slots=True)
class Words:
    """Words of a paragraph, which is counted from 0."""

    tokens: tuple[Token, ...]
    paragraph: int


class ArrivingWords:
    """Takes pieces of text. A word is whole when white space, or the text's end, follows it."""

    def __init__(self) -> None:
        self.says_something = False
        self._held = ""
        self._is_after_space = True
        self._paragraph = self._in_paragraph = 0
        self._line = 1
        self._ended_in_return = False

    def add(self, piece: str) -> Iterator[Words]:
        """Take a piece. Raises ScriptError for a character that is no text."""
        if not piece:
            return
        if self._ended_in_return:
            piece = piece.removeprefix("\n")
        self._ended_in_return = piece.endswith("\r")
        piece = piece.replace("\r\n", "\n").replace("\r", "\n")
        refuse_strange(piece, "", self._line)
        self._line += piece.count("\n")
        self.says_something = self.says_something or is_spoken(piece)
        *whole, self._held = _BLANK_LINE.split(self._held + piece)
        for text in whole:
            yield from self._words(text, ends=True)
            self._end_paragraph()
        text, self._held = self._held, ""
        yield from self._words(text, ends=False)

    def pause(self) -> Iterator[Words]:
        """Take what is held for whole where a mark has ended it, as it is when it is spoken in a pause."""
        if _ENDED.search(self._held):
            yield from self.finish()

    def finish(self) -> Iterator[Words]:
        """Take what is held for whole."""
        text, self._held = self._held, ""
        yield from self._words(text, ends=True)

    def _end_paragraph(self) -> None:
        self._is_after_space = True
        if self._in_paragraph:
            self._paragraph += 1
            self._in_paragraph = 0

    def _words(self, text: str, *, ends: bool) -> Iterator[Words]:
        """Yield a text's words, and hold its last one unless it ends."""
        after_space = self._is_after_space or text[:1].isspace()
        tokens = make_tokens([Text(text, 1)], {}, after_space=after_space)
        if not ends and tokens and not text[-1].isspace():
            *first, last = tokens
            self._held, self._is_after_space = text[-len(last.shown) :], last.space_before
            tokens = tuple(first)
        elif not ends and text:
            # The white space stays: the next piece may make a blank line of it.
            self._held, self._is_after_space = text[len(text.rstrip()) :], True
        elif text:
            self._is_after_space = text[-1].isspace()
        self._in_paragraph += len(tokens)
        if tokens:
            yield Words(tokens, self._paragraph)
