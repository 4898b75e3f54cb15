"""The tags of a script → pauses; comments → nothing; everything else is refused."""

from __future__ import annotations

import re

from pipeline.errors import ScriptError
from pipeline.scripts.marks import Break

# A comment as CommonMark 0.31 has it.
_COMMENT = re.compile(r"<!--(?:-?>|.*?-->)", re.DOTALL)
# The same or a break, with the spaces after it.
_TAG = re.compile(r"(<!--(?:-?>|.*?-->)|</?break\b[^<>]*>)\s*", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<break\b([^<>]*?)/?>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s*([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+))\s*")
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\s*(ms|s)", re.IGNORECASE)
LONGEST_BREAK_MS = 600_000


def is_comment(tag: str) -> bool:
    """Tell whether this is one whole comment."""
    return _COMMENT.fullmatch(tag) is not None


def parse_break(tag: str, path: str, line: int) -> Break | None:
    """Read `<break time="1.2s"/>`; None for its closing form, which some write after it.

    Raises ScriptError for any other tag, which would vanish, and for a time that is none.
    """
    if re.fullmatch(r"</break\s*>", tag, re.IGNORECASE):
        return None
    if not (found := _BREAK.fullmatch(tag)):
        raise ScriptError(_strange_tag(tag), path, line)
    return Break(_milliseconds(found[1], path, line), line)


def _strange_tag(tag: str) -> str:
    shown = " ".join((tag if len(tag) <= 30 else f"{tag[:29]}…").split())
    return f"the tag {shown} is not part of the script language; take it out, or write \\< to have it read"


def _milliseconds(written: str, path: str, line: int) -> int:
    attributes: dict[str, str] = {}
    position = 0
    written = written.strip()
    while position < len(written):
        if not (attribute := _ATTRIBUTE.match(written, position)):
            break
        name, double, single, bare = attribute.groups()
        attributes.setdefault(name.lower(), next(value for value in (double, single, bare) if value is not None))
        position = attribute.end()
    time = _TIME.fullmatch(attributes.pop("time", "").strip())
    if not time or attributes or position < len(written):
        raise ScriptError(
            'a break has one attribute, its time: <break time="1.2s"/> or <break time="800ms"/>', path, line
        )
    milliseconds = round(float(time[1]) * (1 if time[2].lower() == "ms" else 1000))
    if milliseconds > LONGEST_BREAK_MS:
        raise ScriptError("a break lasts 600 seconds at most", path, line)
    return milliseconds


def read_tags(block: str, path: str, first_line: int) -> list[Break]:
    """Read the breaks of what CommonMark takes as an HTML block; comments are passed over.

    Raises ScriptError at the first text beside them, which would vanish.
    """
    breaks: list[Break] = []
    position = len(block) - len(block.lstrip())
    line = first_line + block.count("\n", 0, position)
    while position < len(block):
        found = _TAG.match(block, position)
        if not found:
            raise ScriptError(_beside(block[position : position + 100]), path, line)
        if not is_comment(found[1]) and (pause := parse_break(found[1], path, line)):
            breaks.append(pause)
        line += found[0].count("\n")
        position = found.end()
    return breaks


def _beside(rest: str) -> str:
    if rest.startswith("<!--"):
        return "this comment does not end; end it with -->"
    if tag := re.match(r"<[/!?]?[A-Za-z\[?][^<>\n]*>?", rest):
        return _strange_tag(tag[0])
    return "this text would vanish, as Markdown takes it for part of the tag's block; put an empty line between them"
