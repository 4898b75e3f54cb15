"""Markdown → Script: headings are chapters, paragraphs are spoken, and nothing vanishes unsaid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import ScriptError
from pipeline.model import Remark, Script
from pipeline.scripts.front_matter import part_front_matter
from pipeline.scripts.marks import Block, Heading, Mark, Paragraph, Text
from pipeline.scripts.segments import make_script
from pipeline.scripts.source import clean
from pipeline.scripts.tags import read_tags
from pipeline.scripts.words import collapsed
from pipeline.settings import merged, typed

if TYPE_CHECKING:
    from markdown_it.token import Token

_LEFT_OUT = {"fence": "a code block", "code_block": "an indented block, which Markdown takes for code,"}
_CONTAINERS = frozenset(
    f"{name}_{end}" for name in ("blockquote", "bullet_list", "list_item", "ordered_list") for end in ("open", "close")
)
_SENTENCE = re.compile(r"[.!?…:;,。！？：；，、][\"'’”»)\]」』）]*$")


def read_markdown(text: str, path: str, project: Mapping[str, object], options: Mapping[str, object]) -> Script:
    """Read a Markdown script. Raises ScriptError, with the line, at whatever might vanish or be spoken by mistake."""
    written, body = part_front_matter(clean(text, path), path)
    settings = typed(written, "script", path)
    effective = merged(project, settings, options)
    reader = _BlockReader(list(effective.voices), path)
    return make_script(reader.read(body), effective, settings, reader.remarks, path)


class _BlockReader:
    """Goes through the block tokens of a script and gathers its paragraphs and headings."""

    def __init__(self, speakers: Sequence[str], path: str) -> None:
        self.remarks: list[Remark] = []
        self._speakers = speakers
        self._path = path
        self._blocks: list[Block] = []
        self._marks: list[Mark] = []
        # What ended last inside of a paragraph that may go on, at which level and before which line.
        self._last = ("", -1, -1)

    def read(self, body: str) -> list[Block]:
        """Return the blocks in order."""
        from pipeline.scripts.markup import DEEPEST, parse_markdown

        tokens = parse_markdown(body)
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.level > DEEPEST:
                self._fail("lists and quotations are nested too deep here; take some out", _first_line(token))
            position = self._take(tokens, position)
        self._close_paragraph()
        return self._blocks

    def _fail(self, message: str, line: int) -> NoReturn:
        raise ScriptError(message, self._path, line)

    def _take(self, tokens: Sequence[Token], position: int) -> int:
        """Take the block that begins at a token and return where the next one begins."""
        token = tokens[position]
        if token.type not in {"paragraph_open", "html_block"}:
            self._close_paragraph()
        match token.type:
            case "paragraph_open":
                self._add_paragraph(token, tokens[position + 1])
                return position + 3
            case "heading_open":
                self._add_heading(token, tokens[position + 1])
                return position + 3
            case "html_block":
                self._add_tags(token)
            case "fence" | "code_block":
                self._leave_out(_LEFT_OUT[token.type], token)
            case "table_open":
                self._leave_out("a table", token)
                return next(n for n in range(position, len(tokens)) if tokens[n].type == "table_close") + 1
            case "definition":
                self._fail(_definition(token), _first_line(token))
            case "ordered_list_open":
                self._check_numbers(tokens, position)
            case kind if kind not in _CONTAINERS and kind != "hr":
                self._fail(f"{kind} is not part of the script language; take it out", _first_line(token))
        return position + 1

    def _add_paragraph(self, token: Token, inline: Token) -> None:
        from pipeline.scripts.inline import InlineReader

        first, end = token.map or (0, 0)
        marks = InlineReader(inline.children or [], first + 1, self._speakers, self._path).paragraph()
        if self._last == ("comment", token.level, first):
            # Only a comment stands between: for its author this is the same paragraph.
            self._marks.append(Text(" ", first + 1))
        else:
            self._close_paragraph()
        self._marks += marks
        self._last = ("paragraph", token.level, end)

    def _add_tags(self, token: Token) -> None:
        first, end = token.map or (0, 0)
        breaks = read_tags(token.content, self._path, first + 1)
        if self._last[1:] == (token.level, first):
            self._last = ("comment", token.level, end)
        else:
            self._close_paragraph()
        self._marks += breaks

    def _close_paragraph(self) -> None:
        if self._marks:
            self._blocks.append(Paragraph(tuple(self._marks)))
        self._marks, self._last = [], ("", -1, -1)

    def _add_heading(self, token: Token, inline: Token) -> None:
        from pipeline.scripts.inline import InlineReader

        first, end = token.map or (0, 0)
        texts = InlineReader(inline.children or [], first + 1, (), self._path).heading()
        title = collapsed("".join(text.shown for text in texts))
        # Text with a line of dashes right under it is a heading for Markdown; few who write a sentence mean that.
        if token.markup in {"-", "="} and (end - first > 2 or _SENTENCE.search(title)):
            message = "the line under this text makes it a heading; put an empty line between, or write # before it"
            self._fail(message, first + 1)
        if token.markup == "-":
            text = f"{title!r} is a heading because of the dashes under it; an empty line between would make it text"
            self.remarks.append(Remark(text, first + 1))
        if title:
            self._blocks.append(Heading(tuple(texts), title, first + 1))

    def _leave_out(self, what: str, token: Token) -> None:
        self.remarks.append(Remark(f"{what} is left out: it is neither spoken nor shown", _first_line(token)))

    def _check_numbers(self, tokens: Sequence[Token], position: int) -> None:
        """Refuse a list whose numbers say something: `1887. A good year.` would lose its year."""
        level = tokens[position].level + 1
        items = []
        for token in tokens[position + 1 :]:
            if token.level < level:
                break
            if token.type == "list_item_open" and token.level == level:
                items.append(token)
        numbers = [int(item.info) for item in items]
        counted = numbers == list(range(numbers[0], numbers[0] + len(numbers))) or len(set(numbers)) == 1
        if not counted or (numbers[0] > 1 and (len(numbers) == 1 or len(set(numbers)) == 1)):
            line = _first_line(items[0])
            self._fail(f"the number of a list's item is not spoken; write {items[0].info}\\. to keep it", line)


def _first_line(token: Token) -> int:
    return (token.map or (0, 0))[0] + 1


def _definition(token: Token) -> str:
    label = " ".join(str(token.meta["label"]).split())
    return (
        f"[{label}]: defines a link for Markdown and would disappear; write **{label}:** for a speaker, "
        f"[text](address) for a link, or \\[{label}]: to have it read"
    )
