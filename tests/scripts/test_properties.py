"""What holds for every script: the author's words and lines, and an answer to any text whatever."""

from __future__ import annotations

import contextlib
import string
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ScriptError
from pipeline.model import Script
from pipeline.scripts import parse_project, read_script
from pipeline.settings import BY_NAME, VoiceName

PROJECT: dict[str, object] = {"voices": {"Anna": VoiceName({"": "x"})}, "say": {"SQL": "sequel"}}


@dataclass(frozen=True)
class Piece:
    """Source of a word or a mark, and the words that it shows."""

    source: str
    words: tuple[str, ...] = ()


def escaped(text: str) -> str:
    """Write a text so that Markdown takes no character of it for a mark."""
    return "".join(f"\\{c}" if c in string.punctuation else c for c in text)


PLAIN = st.text("abzÄé0179" + "—😀…", min_size=1, max_size=6)
HARD = st.text("ab1" + string.punctuation, min_size=1, max_size=6)
WORDS = st.one_of(
    PLAIN.map(lambda w: Piece(w, (w,))),
    HARD.map(lambda w: Piece(escaped(w), (w,))),
    PLAIN.map(lambda w: Piece(f"**{w}**" if w.isalnum() else w, (w,))),
    PLAIN.map(lambda w: Piece(f"`{w}`", (w,))),
    PLAIN.map(lambda w: Piece(f"[{w}](http://x.y)", (w,))),
    PLAIN.map(lambda w: Piece(f'[{w} q]{{say="zed"}}', (f"{w} q",))),
    PLAIN.map(lambda w: Piece(f"<!-- no -->{w}&amp;", (f"{w}&",))),
    st.just(Piece("SQL,", ("SQL,",))),
    st.just(Piece('<break time="1s"/>')),
)
# A line begins with a word, so that nothing in it can be taken for a block's mark.
LINES = st.tuples(
    st.sampled_from([Piece(""), Piece("**Anna:** "), Piece("![](p.png) ")]),
    PLAIN.map(lambda w: f"x{w}"),
    st.lists(WORDS, max_size=4),
).map(
    lambda t: (f"{t[0].source}{t[1]} " + " ".join(p.source for p in t[2]), [t[1], *(w for p in t[2] for w in p.words)])
)
BLOCKS = st.tuples(st.sampled_from(["", "> ", "- ", "# "]), st.lists(LINES, min_size=1, max_size=4))


def laid_out(blocks: list[tuple[str, list[tuple[str, list[str]]]]]) -> tuple[str, list[tuple[str, int]]]:
    """Write blocks as a script; give it and every spoken word with its line."""
    lines, words = ["---", "title: x", "---"], []
    for prefix, block in blocks:
        if prefix == "# ":
            lines += ["# A heading", ""]
            continue
        for number, (line, shown) in enumerate(block):
            lines.append((prefix if number == 0 or prefix == "> " else " " * len(prefix)) + line.rstrip())
            words += [(word, len(lines)) for word in shown]
        lines += ["", "<!-- never", "spoken -->", ""]
    return "\n".join(lines), words


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=5))
def test_every_word_and_no_other(blocks: list[tuple[str, list[tuple[str, list[str]]]]]) -> None:
    """The shown words of all tokens are the author's, and each segment's line is that of its first word."""
    text, words = laid_out(blocks)
    if not words:
        return
    script = read_script(text, "a.md", PROJECT, {})
    assert [token.shown for segment in script.segments for token in segment.tokens] == [word for word, _ in words]
    position = 0
    for segment in script.segments:
        assert segment.line == words[position][1]
        position += len(segment.tokens)
    assert [segment.index for segment in script.segments] == list(range(len(script.segments)))
    assert not script.remarks


def is_sound(script: Script, text: str) -> None:
    """Assert what every script keeps."""
    last = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert script.segments
    assert script.title
    for segment in script.segments:
        assert 1 <= segment.line <= last
        assert segment.pause_before_ms >= 0
        assert segment.tokens
        assert all(token.shown.strip() and token.said.strip() for token in segment.tokens)
        assert segment.chapter is None or 0 <= segment.chapter < len(script.chapters)
    assert [c.first_segment for c in script.chapters] == sorted({c.first_segment for c in script.chapters})


MARKS = """[ ] { } ( ) * ** _ ` `` < <!-- --> --- === \\ &amp; &#10; &#0; say= {say="y"} [00:12] [1:00:00.5] ![](a.png)
**Anna:** **Bob:** # ## - 1. 12) > | ``` ~~~ Hello world. SQL привет 日本語。 。」 é title: voices: {Anna: &a *a !!x ' " ...
[a]: <b> <? <![CDATA[ 😀 ~ <break </break>"""
SPACES = [
    "\n",
    "\n\n",
    "  \n",
    " ",
    "    ",
    "\t",
    "\r",
    "\u00a0",
    "\u2028",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\x00",
    "\ud800",
]
BLOCK_MARKS = ['<break time="1s"/>', "---\n", "\n|a|b|\n|-|-|\n", "# h\n\n"]
FRAGMENTS = st.sampled_from([*MARKS.split(), *SPACES, *BLOCK_MARKS])
ANYTHING = st.one_of(st.lists(FRAGMENTS, max_size=40).map("".join), st.text(max_size=60))


def outcome(text: str, path: str, options: dict[str, object]) -> Script | ScriptError:
    """Give the script, or the error that is raised in its place."""
    try:
        return read_script(text, path, PROJECT, options)
    except ScriptError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(ANYTHING, st.sampled_from(["a.md", "a.txt"]), st.booleans())
def test_any_text_is_a_script_or_an_error(text: str, path: str, spoken: bool) -> None:  # noqa: FBT001  # a drawn value
    """Nothing else comes back, and an error's line is one of the file's."""
    found = outcome(text, path, {"speak_headings": spoken})
    if isinstance(found, ScriptError):
        assert found.path == path
        assert 0 <= found.line <= text.count("\n") + text.count("\r") + 1
    else:
        is_sound(found, text)


@settings(max_examples=150, deadline=None)
@given(ANYTHING, ANYTHING)
def test_any_settings_are_typed_or_an_error(front: str, body: str) -> None:
    """Neither front matter nor a project's file gets anything else out."""
    found = outcome(f"---\n{front}\n---\n{body}", "a.md", {})
    assert isinstance(found, Script) or found.message
    with contextlib.suppress(ScriptError):
        assert set(parse_project(front, "cueline.toml")) <= set(BY_NAME)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "word ",
        "word\n",
        "[",
        "]",
        "[a](",
        "![a](",
        "` a``b",
        "*_",
        "<",
        "<!-- a ",
        "<b ",
        "{ say",
        "[]{",
        "> ",
        "- a\n",
        "a\n<!-- c -->\n",
        "[a\n",
        "|",
        "日。",
        "SQL ",
        "[^",
        "**a:** ",
        "\u00a0",
        "<? ",
        "&",
        "\\",
    ],
)
def test_long_texts_take_no_more_than_their_length(unit: str) -> None:
    """Texts that tempt a reader to go over them again and again end in good time."""
    text = "Hello.\n\n" + unit * (60_000 // len(unit))
    for path in ("a.md", "a.txt"):
        found = outcome(text, path, {})
        assert found.line if isinstance(found, ScriptError) else found.segments
