"""Plain text, timed scripts, and the choice of a reader by a file's name."""

from __future__ import annotations

import pytest

from pipeline.errors import ScriptError
from pipeline.model import Script
from pipeline.scripts import READERS, read_script


def read(text: str, path: str = "a/notes.v2.txt", **options: object) -> Script:
    """Read a plain text."""
    return read_script(text, path, {}, options)


def test_blank_lines_part_paragraphs() -> None:
    """Lines of a paragraph are one text; no mark of Markdown means anything."""
    script = read("# One\n*two*\n \t \n\n   [x](y) &amp; SQL\n", say={"SQL": "sequel"})
    assert [(s.text, s.line, s.pause_before_ms) for s in script.segments] == [
        ("# One *two*", 1, 0),
        ("[x](y) &amp; sequel", 5, 400),
    ]
    assert (script.title, script.chapters, dict(script.settings)) == ("notes.v2", (), {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n---\ntitle: x\n---\nText.", 2),
        ('Text.\n<break time="1s"/>', 2),
        ("Text. <!-- note -->", 1),
        ('[a]{say="b"}', 1),
        ('One.\n\n**a** { say = "b"}', 3),
        ("[00:02.5] Text.", 1),
        ("Text.\n  [1:00:02] Text.", 2),
        ("**Anna:** Text.", 1),
        ("Text.\n\n**Anna : ** Text.", 3),
        ("Text.\n![map](a.png)", 2),
        ('[00:01] Text.\n<break time="1s"/>', 1),
    ],
)
def test_marks_of_markdown_are_not_read_aloud(text: str, line: int) -> None:
    """What would be spoken by mistake is refused, and the way out is a name in .md."""
    with pytest.raises(ScriptError, match=r"rename the file to end in \.md") as raised:
        read(text)
    assert raised.value.line == line


def test_what_only_looks_like_a_mark_is_text() -> None:
    """Times inside of a line, bold text and brackets are read as they stand."""
    text = "At [00:02] it is [John 3:16] **bold**: x. {a}"
    assert [s.text for s in read(text).segments] == [text]
    assert read(f"**Note** a: b\n[{'1' * 200}:0{':1' * 200}] x").segments


def test_byte_order_marks_are_no_text() -> None:
    """However many, and where files were put together; lines keep their numbers."""
    script = read("\ufeff\ufeffOne.\n\n\ufeffTwo.\n")
    assert [(s.text, s.line) for s in script.segments] == [("One.", 1), ("Two.", 3)]


@pytest.mark.parametrize("letter", ["\u202d", "\u202e", "\x00", "\x1b"])
def test_what_shows_another_text_than_it_is(letter: str) -> None:
    """Overrides of direction are refused with their line; embeddings and isolates are how Hebrew is written."""
    with pytest.raises(ScriptError, match=f"U\\+{ord(letter):04X}") as raised:
        read(f"One.\n\nTwo {letter}three.")
    assert raised.value.line == 3
    assert read("One \u202btwo\u202c \u2067three\u2069.").segments


def test_a_name_that_is_no_utf8_gives_a_readable_title() -> None:
    """Whichever way the system read its bytes."""
    assert read("One.", "bad\udcff.txt").title == "bad\ufffd"
    assert read("One.", "\udcc3\udcbc.txt").title == "ü"


def test_a_rule_of_dashes_is_text() -> None:
    """Dashes without settings between them are no front matter."""
    assert [s.text for s in read("---\nOne.\n---\nTwo.").segments] == ["--- One. --- Two."]


@pytest.mark.parametrize("path", ["a.srt", "A.VTT"])
def test_timed_scripts_are_refused(path: str) -> None:
    """They are known, and said not to be made yet."""
    with pytest.raises(ScriptError, match="timed scripts are not made yet") as raised:
        read("1\n00:00:01,000 --> 00:00:02,000\nHi", path)
    assert raised.value.line == 0


def test_the_extension_chooses() -> None:
    """Capitals count as small; none (a pipe) is plain text; an unknown one is refused with those that are known."""
    assert read("# T\n\nText", "C:\\x\\B.MarkDown").title == "T"
    assert read("# T", "-").title == "script"
    assert read("# T", "folder.d/name").title == "name"
    with pytest.raises(ScriptError, match=r"\.docx") as raised:
        read("x", "a.docx")
    assert all(extension in raised.value.message for extension in READERS)
