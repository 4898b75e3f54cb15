"""The inline tokens of one paragraph or heading → its marks, each with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pipeline.errors import ScriptError
from pipeline.scripts.marks import Anchor, Break, Mark, Picture, Speaker, Text
from pipeline.scripts.markup import line_ends
from pipeline.scripts.tags import is_comment, parse_break
from pipeline.scripts.words import collapsed
from pipeline.settings import nearest

if TYPE_CHECKING:
    from markdown_it.token import Token

_THROUGH = frozenset({"em_open", "em_close", "strong_open", "strong_close", "link_open", "link_close"})
# What is left in text only where a mark was meant and missed.
_LEFT_OVER: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:\]|\*\*)\{|\{\s*say\s*="), 'braces are left over; a span is [shown]{say="spoken"}, a brace \\{'),
    (re.compile(r"<!--"), "this comment does not end in its paragraph; end it with --> before an empty line"),
    (re.compile(r"</?break\b", re.IGNORECASE), 'this break is not whole; write <break time="1.2s"/>'),
    (re.compile(r"\[\^[^\]\s]{1,60}\]"), "footnotes are not read; take it out, or write \\[ to have it read"),
)
# The same where a line starts.
_LEFT_OVER_AT_START: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s*\[[\d:.,]*\d:\d[\d:.,]*\]"), "this is no time; write [mm:ss.d] or [h:mm:ss.d]"),
    (re.compile(r"\s*\[[^\[\]\n]+\]:"), "a label in brackets is not read; write **Name:**, or \\[ to have it read"),
    (re.compile(r"\s*\*\*[^*\n]+[:：]\s*\*\*"), "this label has a space too many; write **Name:** with none inside"),
)


class InlineReader:
    """Goes through the tokens of one paragraph (or heading) and gathers its marks."""

    def __init__(self, tokens: Sequence[Token], line: int, speakers: Sequence[str], path: str) -> None:
        self._tokens = tokens
        self._line = line
        self._speakers = {collapsed(name): name for name in speakers}
        self._path = path
        self._at_start = True
        self._position = 0

    def paragraph(self) -> list[Mark]:
        """Return all marks. Raises ScriptError at the first thing that might vanish or be spoken by mistake."""
        marks: list[Mark] = []
        while self._position < len(self._tokens):
            if label := self._label():
                marks.append(label)
            else:
                marks += self._mark()
        return marks

    def heading(self) -> list[Text]:
        """Return a heading's text; only what stands in a paragraph may be marked."""
        texts: list[Text] = []
        self._at_start = False
        while self._position < len(self._tokens):
            for mark in self._mark():
                if not isinstance(mark, Text):
                    self._fail("a heading holds only text; put the mark under it")
                texts.append(mark)
            self._at_start = False
        return texts

    def _fail(self, message: str) -> NoReturn:
        raise ScriptError(message, self._path, self._line)

    def _mark(self) -> list[Mark]:
        """Take the next token (of a span, all of its tokens): one mark, or none."""
        marks = self._read(self._tokens[self._position])
        self._line += line_ends(self._tokens[self._position])
        self._position += 1
        return marks

    def _read(self, token: Token) -> list[Mark]:
        if token.type in _THROUGH:
            return []
        read = self._READ.get(token.type)
        if read is None:
            self._fail(f"{token.type} is not part of the script language; take it out")
        mark = read(self, token)
        return [mark] if mark else []

    def _plain(self, token: Token) -> Text:
        self._check_text(token.content)
        return self._text(token)

    def _line_end(self, token: Token) -> Text:
        del token
        self._at_start = True
        return Text(" ", self._line)

    def _anchor(self, token: Token) -> Anchor:
        if not self._at_start:
            self._fail(f"{token.content} stands inside a line; start a line with it, or write \\[ to have it read")
        return Anchor(int(token.meta["milliseconds"]), self._line)

    def _fault(self, token: Token) -> NoReturn:
        self._fail(token.content)

    def _text(self, token: Token) -> Text:
        if token.content.strip():
            self._at_start = False
        return Text(token.content, self._line)

    def _check_text(self, text: str) -> None:
        before = self._tokens[self._position - 1].type if self._position else ""
        closes = before in {"link_close", "strong_close", "em_close", "code_inline", "image", "say_close"}
        if closes and text.startswith("{"):
            self._fail('braces are left over; a span is [shown]{say="spoken"}, a brace to be read \\{')
        for pattern, message in _LEFT_OVER:
            if pattern.search(text):
                self._fail(message)
        if self._at_start:
            for pattern, message in _LEFT_OVER_AT_START:
                if pattern.match(text):
                    self._fail(message)

    def _tag(self, token: Token) -> Break | None:
        if is_comment(token.content):
            return None
        return parse_break(token.content, self._path, self._line)

    def _picture(self, token: Token) -> Picture:
        path = str(token.attrs.get("src", ""))
        if not self._at_start:
            self._fail("a picture stands inside a line; start a line with it")
        if not path.strip():
            self._fail("this picture names no file; write ![](path)")
        return Picture(path, self._line)

    def _span(self, start: Token) -> Text:
        """Gather a `say` span up to its end; it holds text only."""
        del start
        first, shown = self._line, ""
        while True:
            self._position += 1
            token = self._tokens[self._position]
            if token.type == "say_close":
                break
            if token.type == "say_open":
                self._fail("a span stands inside of another; take one of them out")
            for mark in self._read(token):
                if not isinstance(mark, Text):
                    self._fail("a span holds only text; put the mark before it")
                shown += mark.shown
            self._line += line_ends(token)
        if not shown.strip():
            self._fail("this span shows nothing; write what is to be seen between [ and ]")
        self._at_start = False
        return Text(shown, first, token.content)

    # ── speakers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _label(self) -> Speaker | None:
        """Take `**Name:**` where a line starts and `voices` names it; refuse the same where it cannot be meant."""
        tokens, first = self._tokens, self._position
        if tokens[first].type != "strong_open":
            return None
        end = next((n for n in range(first + 1, len(tokens)) if tokens[n].type not in {"text", "softbreak"}), first)
        if tokens[end].type != "strong_close":
            return None
        written = collapsed("".join(token.content or " " for token in tokens[first + 1 : end]))
        name = collapsed(written[:-1])
        if not (written.endswith((":", "：")) and name):
            return None
        if not self._at_start:
            if name in self._speakers:
                self._fail(f"**{written}** stands inside a line; start a line with it")
            return None
        if name not in self._speakers:
            self._fail(self._unknown(name))
        label = Speaker(self._speakers[name], self._line)
        self._line += sum(line_ends(token) for token in tokens[first : end + 1])
        self._position = end + 1
        return label

    def _unknown(self, name: str) -> str:
        return (
            f"no voice is named for the speaker {name!r}{nearest(name, self._speakers)}: name it in the front matter, "
            f"voices: {{{name}: VOICE}}, or write **{name}**: to have it read as text"
        )

    _READ: ClassVar[Mapping[str, Callable[[InlineReader, Token], Mark | None]]] = {
        "text": _plain,
        "text_special": _text,
        "code_inline": _text,
        "softbreak": _line_end,
        "hardbreak": _line_end,
        "html_inline": _tag,
        "image": _picture,
        "anchor": _anchor,
        "say_open": _span,
        "fault": _fault,
    }
