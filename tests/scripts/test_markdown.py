"""Markdown scripts: what becomes a segment, a pause, a chapter, and what is refused."""

from __future__ import annotations

import pickle

import pytest

from pipeline.errors import ScriptError
from pipeline.model import Script
from pipeline.scripts import read_script, refuse_unbuilt
from pipeline.settings import VoiceName

ANNA = {"voices": {"Anna": VoiceName({"": "Bella"}), "Jürgen Groß": VoiceName({"": "Josh"})}}
HARBOUR = """\
---
title: A tour of the harbour
language: en
voice: Rachel            # who speaks what nobody else does
voices: {Anna: Bella}    # the speakers of a dialogue
say: {SQL: sequel}
---
# Welcome

The harbour opened in [1887]{say="eighteen eighty-seven"}.
<break time="1.2s"/> It still works today.

[00:12.5] Here the ferry comes in.
**Anna:** Look at that!
![](slides/map.png)
Over there, SQL!
<!-- a note, never spoken -->
"""


def read(text: str, **options: object) -> Script:
    """Read Markdown, with Anna's voice named by the project."""
    return read_script(text, "scripts/tour.md", ANNA, options)


def shown(script: Script) -> list[str]:
    """Give the shown text of every segment."""
    return [" ".join(token.shown for token in segment.tokens) for segment in script.segments]


def error(text: str, **options: object) -> str:
    """Give the error that a text must raise, with its place."""
    with pytest.raises(ScriptError) as raised:
        read(text, **options)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    return str(raised.value)


def test_a_whole_script() -> None:
    """Every mark of the language does its part, and every segment knows its line in the file."""
    script = read_script(HARBOUR, "tour.md", {}, {})
    facts = [(s.line, s.pause_before_ms, s.starts_paragraph, s.speaker, s.chapter) for s in script.segments]
    assert facts == [
        (10, 0, True, None, 0),
        (11, 1200, False, None, 0),
        (13, 400, True, None, 0),
        (14, 400, False, "Anna", 0),
        (16, 0, False, "Anna", 0),
    ]
    assert script.segments[0].text == "The harbour opened in eighteen eighty-seven."
    assert script.segments[0].tokens[-1].shown == "1887."
    assert script.segments[2].anchor_ms == 12_500
    assert script.segments[4].picture == "slides/map.png"
    assert script.segments[4].text == "Over there, sequel!"
    assert script.title == "A tour of the harbour"
    assert [(c.title, c.first_segment, c.line) for c in script.chapters] == [("Welcome", 0, 8)]
    assert script.settings["language"] == "en"
    assert script.remarks == ()


# ── chapters ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_headings_are_chapters() -> None:
    """A heading with nothing under it makes none; what comes first belongs to a chapter with the title's name."""
    script = read("Before.\n\n# One\n\n## Two\n\nUnder two.\n\nStill two.\n\n# Three\n\nLast.\n\n# Four\n")
    assert [(c.title, c.first_segment, c.line) for c in script.chapters] == [
        ("One", 0, 1),
        ("Two", 1, 5),
        ("Three", 3, 11),
    ]
    assert [s.chapter for s in script.segments] == [0, 1, 1, 2]
    assert [s.pause_before_ms for s in script.segments] == [0, 1000, 400, 1000]


def test_spoken_headings() -> None:
    """With `speak_headings` a heading is a segment and so makes its chapter."""
    script = read('# The [1st]{say="first"}\n\nText.\n\n# End', speak_headings=True)
    assert [s.text for s in script.segments] == ["The first", "Text.", "End"]
    assert [c.title for c in script.chapters] == ["The 1st", "End"]
    assert [s.pause_before_ms for s in script.segments] == [0, 400, 1000]


@pytest.mark.parametrize(
    ("text", "title", "chapters"),
    [
        ("---\ntitle: Given\n---\nBefore.\n# H\n\nText.", "Given", ["Given", "H"]),
        ("# *First* heading\n\nText.", "First heading", ["First heading"]),
        ("Text alone.", "tour", []),
    ],
)
def test_the_title(text: str, title: str, chapters: list[str]) -> None:
    """The front matter's, else the first heading's, else the file's name; no headings, no chapters."""
    script = read(text)
    assert (script.title, [c.title for c in script.chapters]) == (title, chapters)


def test_an_option_names_the_title() -> None:
    """An option wins over the script's own title, and stays out of the script's settings."""
    script = read("---\ntitle: Given\n---\nText.", title="Other")
    assert (script.title, dict(script.settings)) == ("Other", {"title": "Given"})


# ── pauses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "tag",
    [
        '<break time="1.2s"/>',
        "<break time='1200ms' />",
        "<BREAK time=1.2s></BREAK>",
        '<break\n  time = "1.2 s">',
    ],
)
def test_a_break_in_a_paragraph(tag: str) -> None:
    """A break parts a paragraph, however it is spelled."""
    script = read(f"One {tag} two.")
    assert [(s.text, s.pause_before_ms, s.starts_paragraph) for s in script.segments] == [
        ("One", 0, True),
        ("two.", 1200, False),
    ]


def test_breaks_on_lines_of_their_own() -> None:
    """At the start, between paragraphs and at the end a break holds; where two pauses meet, the longer one."""
    script = read(
        '<break time="2s"/>\n\nOne.\n\n<break time="100ms"/>\n\nTwo.\n\n<break time="3s"/>\n\n# C\n\nThree.\n\n<break time="5s"/>\n'
    )
    assert [s.pause_before_ms for s in script.segments] == [2000, 400, 3000]
    assert script.pause_after_ms == 5000


def test_pauses_follow_the_settings() -> None:
    """Paragraphs and speakers take `pauses.paragraph`, chapters `pauses.chapter`."""
    script = read("One.\n**Anna:** Two.\n\n# C\n\nThree.", **{"pauses.paragraph": 0.25, "pauses.chapter": 2.0})
    assert [s.pause_before_ms for s in script.segments] == [0, 250, 2000]


def test_a_break_inside_a_word_adds_no_space() -> None:
    """What touched stays touching, so that the tokens together are the author's text."""
    script = read('foo<break time="1s"/>bar')
    assert [(t.shown, t.space_before) for s in script.segments for t in s.tokens] == [("foo", True), ("bar", False)]


# ── speakers, anchors, pictures ────────────────────────────────────────────────────────────────────────────────────


def test_speakers_last_until_the_paragraphs_end() -> None:
    """A label counts at a line's start, over breaks and comments, until the next label or the paragraph's end."""
    script = read(
        "**Anna:** One <break time='1s'/> two.\n**Jürgen Groß:** Three.\n<!-- note -->\nFour.\n\nFive.\n\n- __Anna:__ Six."
    )
    assert [(s.speaker, s.text) for s in script.segments] == [
        ("Anna", "One"),
        ("Anna", "two."),
        ("Jürgen Groß", "Three. Four."),
        (None, "Five."),
        ("Anna", "Six."),
    ]


def test_a_bold_name_that_is_no_label_is_read() -> None:
    """`**Anna**:`, a label in the middle of a line that nobody has, and an escaped colon are text."""
    assert shown(read("**Anna**: see **Note:** and\n**Anna\\:** there.")) == ["Anna: see Note: and Anna: there."]


def test_pictures_and_anchors_wait_for_what_is_spoken_next() -> None:
    """In a paragraph of their own they belong to the next segment, and add no pause."""
    script = read(
        "One.\n\n![](a b.png)\n\n".replace("a b.png", "<bilder/ä b.png>") + "[1:02:03.25]\n\nTwo.\n![](c.png) Three."
    )
    assert [(s.picture, s.anchor_ms, s.pause_before_ms) for s in script.segments] == [
        (None, None, 0),
        ("bilder/ä b.png", 3_723_250, 400),
        ("c.png", None, 0),
    ]


@pytest.mark.parametrize(
    "text", ["One.\n\n[00:12] Two.", "One.\n\n![](a.png) Two.", "One.\n\n![](a.png)\n\nTwo.", "One.\n\n[00:12]\nTwo."]
)
def test_what_is_not_built_is_refused_by_name(text: str) -> None:
    """Times and pictures are understood, and refused with their line until they have an effect."""
    script = read(text)
    with pytest.raises(ScriptError, match="has no effect yet") as raised:
        refuse_unbuilt(script, "tour.md")
    assert (raised.value.path, raised.value.line) == ("tour.md", 3)
    refuse_unbuilt(read("One."), "tour.md")


# ── what is read, what is left out ─────────────────────────────────────────────────────────────────────────────────


def test_markup_is_read_through() -> None:
    """Emphasis, code, links, escapes, entities and line ends leave the words; a comment leaves nothing."""
    script = read(
        '*A* **b**`c d`  \n[e *f*](http://x "ti\ntle") &amp; \\*g\\* <https://h.org>\\\ni<!-- no\nno -->j &lt;k>'
    )
    assert shown(script) == ["A bc d e f & *g* https://h.org ij <k>"]


def test_lines_count_inside_of_markup() -> None:
    """Line ends in titles, code, spans and comments are counted, so the next segment's line is exact."""
    script = read(
        'One [e](x "t\n2") `c\n3` [f\n4]{say="g\n5"} <!--\n6 --> \\\n[00:07] Seven.\n> [00:08] q\nlazy\n[00:10] Ten.'
    )
    assert [(s.line, s.anchor_ms) for s in script.segments] == [(1, None), (7, 7000), (8, 8000), (10, 10_000)]


@pytest.mark.parametrize(
    "text", ["[a\nb](u)\n[00:05] x", "a\n\u00a0\n[00:05] x", "\u3000\n\u00a0\n**Anna:** [00:05] x"]
)
def test_line_ends_are_counted_once(text: str) -> None:
    """Neither a link's own line ends nor lines of nothing but wide spaces move a line."""
    assert read(text).segments[-1].line == 3


def test_items_and_quotations_are_paragraphs() -> None:
    """Each item is spoken for itself; a rule between paragraphs is silent."""
    script = read("1. One\n2. Two\n   - Three\n\n> Four\n> still\n\n***\n\nFive")
    assert shown(script) == ["One", "Two", "Three", "Four still", "Five"]
    assert [s.pause_before_ms for s in script.segments] == [0, 400, 400, 400, 400]
    assert all(s.starts_paragraph for s in script.segments)


def test_tables_and_code_are_remarked() -> None:
    """What is left out is said, with its line."""
    script = read("One.\n\n| a | b |\n|---|---|\n| c | d |\n\n```python\nx\n```\n\n    y\n")
    assert shown(script) == ["One."]
    assert [(r.line, r.text.split(" is left out")[0]) for r in script.remarks] == [
        (3, "a table"),
        (7, "a code block"),
        (11, "an indented block, which Markdown takes for code,"),
    ]


def test_dashes_under_a_text_are_remarked() -> None:
    """They make it a heading, which is not spoken and may not have been meant."""
    script = read("Harbours\n---\nText.\n\nBoats\n===\nMore.")
    assert [c.title for c in script.chapters] == ["Harbours", "Boats"]
    assert [(r.line, "'Harbours' is a heading" in r.text) for r in script.remarks] == [(1, True)]


def test_a_paragraph_without_letters_stays() -> None:
    """It is shown, though nothing of it is spoken."""
    assert shown(read("One.\n\n—\n\n😀")) == ["One.", "—", "😀"]


# ── spans ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('([1887]{say="x y"}).', [("(1887).", "(x y).")]),
        ("[New *York*]{say='a \"b\"'}!", [("New York!", 'a "b"!')]),
        ('[a]{ say = b }[c]{say="d"}', [("ac", "bd")]),
        ('[x [y] `z`]{say="AT&amp;T \\"q\\""}', [("x [y] z", 'AT&T "q"')]),
        ('[SQL]{say="span"} SQL', [("SQL", "span"), ("SQL", "table")]),
        ("\\[a\\]{b} \\{say=1}", [("[a]{b}", "[a]{b}"), ("{say=1}", "{say=1}")]),
        ("[see [00:12]{say=noon}](u)", [("see", "see"), ("00:12", "noon")]),
    ],
)
def test_spans(text: str, tokens: list[tuple[str, str]]) -> None:
    """What is shown and what is said of a span, in one token with what touches it."""
    script = read(f"Go {text}", say={"SQL": "table"})
    assert [(t.shown, t.said) for t in script.segments[0].tokens[1:]] == tokens


# ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('Ok.\n\n<break time="1s"/>\nlost words', 4, "would vanish"),
        ("Ok.\n\n<!-- note --> lost words", 3, "would vanish"),
        ("Ok.\n\n<!-- a\n\nb\n", 3, "does not end"),
        ("Ok <!-- a\n\nb -->", 1, "does not end"),
        ("Ok.\n\n[Anna]: Hello", 3, "**Anna:**"),
        ("> - [a]: b", 1, "would disappear"),
        ("Ok.\n[Anna]: Hello there", 2, "\\["),
        ('Ok\nsee [1887]{say="a" b}', 2, "braces"),
        ('see [1887] {say="a"}', 1, "braces"),
        ('**1887**{say="a"}', 1, "braces"),
        ("Ok\n`x`{.python}", 2, "braces"),
        ('[a]{speak="b"}', 1, "say"),
        ('[a]{say=" "}', 1, "empty"),
        ('[]{say="b"}', 1, "shows nothing"),
        ('[a [b]{say="c"} d]{say="e"}', 1, "inside of another"),
        ('[a <break time="1s"/>]{say="e"}', 1, "only text"),
        ("Ok.\n\n**Bob:** Hi.", 3, "voices: {Bob: VOICE}"),
        ("Ok.\n\n**Bob:** Hi.", 3, "**Bob**:"),
        ("**Ana:** Hi.", 1, "did you mean 'Anna'"),
        ("**Anna: ** Hi.", 1, "space too many"),
        ("Hi **Anna:** there", 1, "inside a line"),
        ("**Anna:**\n\nHi.", 1, "nothing to say"),
        ("Ok <b>bold</b>", 1, "<b>"),
        ("Ok.\n\n<div>\nx\n</div>", 3, "<div>"),
        ("Ok <break/>", 1, "time"),
        ('Ok <break time="5"/>', 1, "time"),
        ('Ok <break strength="x" time="5s"/>', 1, "time"),
        ('Ok <break time="601s"/>', 1, "600"),
        ('Ok <break time="1s>', 1, "not whole"),
        ("Ok [00:12] now", 1, "inside a line"),
        ("[00:75] now", 1, "no time"),
        ("[1:2] now", 1, "no time"),
        ("[00:12] a\n[00:10] b", 2, "this time is not later than the one before it"),
        ("Ok ![](a.png) now", 1, "inside a line"),
        ("Ok.\n\n![](a.png)", 3, "nothing is spoken after"),
        ("![](a.png)\n![](b.png)\nOk.", 2, "hides"),
        ("# A ![](a.png)\n\nOk.", 1, "picture"),
        ("# A <break time='1s'/>\n\nOk.", 1, "heading"),
        ("Ok.\n\n1887. A good year.", 3, "1887\\."),
        ("A sentence of a paragraph.\n---\nMore.", 1, "heading"),
        ("A note[^1].", 1, "footnotes"),
        (">" * 30 + " deep", 1, "too deep"),
        ("\n---\ntitle: x\n\nOk.", 2, "not closed"),
        ("---\ntitle: x\nlanguage: en\ntitle: y\n---\nOk.", 4, "again"),
        ("---\ntitel: x\n---\nOk.", 2, "did you mean 'title'"),
        ("Ok\x00", 1, "U+0000"),
    ],
)
def test_what_might_vanish_is_an_error(text: str, line: int, says: str) -> None:
    """Each is refused with its file, its line and a way out."""
    message = error(text)
    assert message.startswith(f"scripts/tour.md:{line}: ")
    assert says in message


@pytest.mark.parametrize(
    "text", ["", "\ufeff\n\n", "# Only a heading", "<!-- note -->", "| a |\n|---|", "—", "---\n---\n"]
)
def test_nothing_to_speak(text: str) -> None:
    """A script without a word is an error of the whole file."""
    assert error(text) == "scripts/tour.md: there is nothing to speak; write a paragraph of text"


def test_a_byte_order_mark_and_any_line_ends() -> None:
    """A mark before the front matter is dropped; carriage returns end lines too."""
    script = read("\ufeff---\r\ntitle: x\r\n---\r\rOne\r\ntwo\r\n\r\nThree")
    assert (script.title, shown(script)) == ("x", ["One two", "Three"])
    assert [s.line for s in script.segments] == [5, 8]
