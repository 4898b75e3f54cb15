"""Front matter and `cueline.toml`: what was written stays what was written, and errors name the line."""

from __future__ import annotations

import pytest

from pipeline.errors import ScriptError
from pipeline.scripts import parse_project
from pipeline.scripts.front_matter import part_front_matter, read_yaml
from pipeline.settings import VoiceName, Written


def test_yaml_stays_text() -> None:
    """Nothing is taken for a truth value, a time or a number, and every value knows its line."""
    written = read_yaml("a: no\nb: 1:30\nc: 007\nd: [x, {e: 'f g'}]\n\nh:\n  i: ~ # none\n", "a.md", 5)
    assert written == {
        "a": Written("no", 5),
        "b": Written("1:30", 6),
        "c": Written("007", 7),
        "d": Written((Written("x", 8), Written({"e": Written("f g", 8)}, 8)), 8),
        "h": Written({"i": Written("~", 11)}, 10),
    }


def test_the_body_keeps_its_lines() -> None:
    """Empty lines stand for the front matter."""
    written, body = part_front_matter("\n---\ntitle: x\n...\nBody\n---\n", "a.md")
    assert written == {"title": Written("x", 3)}
    assert body == "\n\n\n\nBody\n---\n"
    assert part_front_matter("Body\n---\nx: y\n---\n", "a.md") == ({}, "Body\n---\nx: y\n---\n")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: b\nc: &x d\n", 2, "anchors"),
        ("a: *x\n", 1, "aliases"),
        ("a: !!python/object:os.system {}\n", 1, "tags"),
        ("a: Hello: World\n", 1, "quote the value"),
        ("say:\n  x: y\n  x: z\n", 3, "again, after line 2"),
        ("- a\n- b\n", 1, "list of settings"),
        ("? \n: x\n", 1, "a name is missing"),
        ("[a]: x\n", 1, "a name is missing"),
        ("a: [[[[[[[[x]]]]]]]]\n", 1, "too deep"),
        ('ok: x\na: "\\0"\n', 2, "U+0000"),
        ('a: "\\UFFFFFFFF"\n', 1, "no YAML"),
        ("a: b\n%YAML 1.1", 2, "no YAML"),
        ("a: " + "x" * 300_000, 1, "shorten"),
    ],
)
def test_yaml_that_cannot_be_meant(text: str, line: int, says: str) -> None:
    """Each is a ScriptError at its line."""
    with pytest.raises(ScriptError) as raised:
        read_yaml(text, "a.md", 1)
    assert raised.value.line == line
    assert says in raised.value.message


def test_aliases_are_never_followed() -> None:
    """A tower of aliases costs nothing."""
    tower = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    with pytest.raises(ScriptError, match="anchors"):
        read_yaml(tower, "a.md", 1)


def test_a_project_is_typed() -> None:
    """TOML's own types become the settings' types."""
    project = parse_project(
        'language = "de"\nspeak_headings = true\npauses.paragraph = 1\nfps = 25\n'
        'voice = {offline = "heart"}\n[voices]\n"Anna Lind" = "Bella"\n[say]\nSQL = "sequel"\n',
        "cueline.toml",
    )
    assert project == {
        "language": "de",
        "speak_headings": True,
        "pauses.paragraph": 1.0,
        "fps": 25,
        "voice": VoiceName({"offline": "heart"}),
        "voices": {"Anna Lind": VoiceName({"": "Bella"})},
        "say": {"SQL": "sequel"},
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('\nlangage = "de"\n', 2, "did you mean 'language'"),
        ('fps = 25\n[pauses]\nchapter = "long"\n', 3, "pauses.chapter"),
        ("# fps\nfps = 0\n", 2, "fps"),
        ('captions = {profile = "x"}\n', 1, "captions.profile"),
        ("fps = 25\nfps = 30\n", 2, "no TOML"),
        ("fps = \n", 1, "no TOML"),
        ("fps = [1\n", 1, "no TOML"),
        ("fps = 0x" + "f" * 5000, 0, "too long"),
        ("fps = " + "[" * 3000, 0, "nested"),
    ],
)
def test_projects_that_cannot_be_meant(text: str, line: int, says: str) -> None:
    """Each is a ScriptError that names the file and, where it can be told, the line."""
    with pytest.raises(ScriptError) as raised:
        parse_project(text, "cueline.toml")
    assert (raised.value.path, raised.value.line) == ("cueline.toml", line)
    assert says in raised.value.message
