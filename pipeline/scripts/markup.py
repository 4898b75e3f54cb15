"""Markdown with our marks → the tokens of markdown-it, each telling how many line ends it took.

CommonMark with tables. Beside the library's rules there is one of ours, for brackets: `[shown]{say="…"}` becomes
`say_open … say_close`, a time such as `[00:12.5]` becomes `anchor`, and what is wrong there a `fault`, whose content
says what: the reader raises it, as only the reader knows the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.rules_inline import StateInline, autolink, backtick, escape, html_inline, image, link, newline
from markdown_it.token import Token

# Deeper than this the library leaves text out unasked (its bound for blocks is the preset's 20).
DEEPEST = 15

_ANCHOR = re.compile(r"\[(?:(\d{1,2}):(?=\d\d:))?(\d{1,3}):(\d\d)(?:[.,](\d{1,3}))?\](?![(\[{])")
_SAY = re.compile(
    r"\{\s*([A-Za-z_][\w:.-]*)\s*=\s*(?:\"((?:[^\"\\]|\\.)*+)\"|'((?:[^'\\]|\\.)*+)'|“([^”]*+)”|([^\s\"'{}“”]++))\s*\}",
    re.DOTALL,
)

Rule = Callable[[StateInline, bool], bool]


class _Markdown(MarkdownIt):
    """Leaves addresses as they were written, and takes every one for an address."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802  # the library's name
        return url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802  # the library's name
        return link

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802  # the library's name
        return True


def parse_markdown(text: str) -> list[Token]:
    """Parse a cleaned script into block tokens; their `map` counts lines from 0. Link definitions are tokens too."""
    return _parser().parse(text, {"brackets": {}})


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = _Markdown("commonmark", {"inline_definitions": True})
    # Left apart, what a backslash or an entity wrote is known to be meant as text.
    parser.enable("table").disable("text_join")
    rules: dict[str, Rule] = {
        "newline": newline,
        "escape": escape,
        "backticks": backtick,
        "link": link,
        "image": image,
        "autolink": autolink,
        "html_inline": html_inline,
    }
    for name, rule in rules.items():
        parser.inline.ruler.at(name, _counting(rule))
    parser.inline.ruler.after("image", "brackets", _counting(_brackets))
    return parser


def line_ends(token: Token) -> int:
    """Count the line ends that a token of a paragraph took."""
    return int(token.meta.get("line_ends", 0))


def _counting(rule: Rule) -> Rule:
    """Wrap a rule so that the last token it pushes tells of the line ends that no other one tells of."""

    def counted(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # as the library calls it
        start, before = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        if not silent and (count := state.src.count("\n", start, state.pos)):
            count -= sum(line_ends(token) for token in state.tokens[before:])
            last = state.tokens[-1]
            last.meta["line_ends"] = line_ends(last) + count
        return True

    return counted


# ── brackets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _brackets(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  # as the library calls it
    """Take a time, or a bracket: the opening ones are remembered until theirs closes."""
    character = state.src[state.pos]
    if character not in "[]":
        return False
    if anchor := _ANCHOR.match(state.src, state.pos, state.posMax):
        if not silent:
            _push_anchor(state, anchor)
        state.pos = anchor.end()
    elif silent:
        state.pos += 1
    elif character == "[":
        _push(state, "text", "[")
        _open_brackets(state).append(len(state.tokens) - 1)
        state.pos += 1
    else:
        _close_bracket(state)
    return True


def _open_brackets(state: StateInline) -> list[int]:
    """Return indices of this paragraph's tokens that are brackets not closed yet."""
    opened: dict[int, tuple[StateInline, list[int]]] = state.env["brackets"]
    # The state is kept beside its number, so that no other one can get the same while it counts.
    return opened.setdefault(id(state), (state, []))[1]


def _close_bracket(state: StateInline) -> None:
    opened = _open_brackets(state)
    start = opened.pop() if opened else None
    state.pos += 1
    if not state.src.startswith("{", state.pos, state.posMax):
        _push(state, "text", "]")
        return
    span = _SAY.match(state.src, state.pos, state.posMax)
    if span is None:
        fault = 'braces after ] are not of the form [shown]{say="spoken"}; write \\{ to have them read'
    elif span[1] != "say":
        fault = f"there is no span key {span[1]!r}; the one that there is: say"
    elif start is None:
        fault = "a span's ] has no [ before it"
    elif not (said := unescapeAll(next(value for value in span.groups()[1:] if value is not None))).strip():
        fault = "a span's say is empty; write what is to be spoken"
    else:
        state.tokens[start].type = "say_open"
        state.tokens[start].content = ""
        _push(state, "say_close", said)
        state.pos = span.end()
        return
    _push(state, "fault", fault)
    state.pos = span.end() if span else state.pos + 1


def _push_anchor(state: StateInline, found: re.Match[str]) -> None:
    hours, minutes, seconds, fraction = found.groups()
    if int(seconds) > 59 or (hours and int(minutes) > 59):
        _push(state, "fault", f"{found[0]} is no time; write [mm:ss.d] or [h:mm:ss.d], or \\[ to have it read")
        return
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    anchor = _push(state, "anchor", found[0])
    anchor.meta["milliseconds"] = whole * 1000 + int((fraction or "0").ljust(3, "0"))


def _push(state: StateInline, kind: str, content: str) -> Token:
    token = state.push(kind, "", 0)
    token.content = content
    return token
