"""Tags in a text are silence or nothing; the rest is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.ssml import Said, Silent, hold_tags, read_tags, release_tags


@given(st.text(alphabet='<>/abr ek"=1.5stim&', max_size=60))
def test_no_character_is_lost(text: str) -> None:
    """The pieces' texts are the text, and holding tags is undone."""
    assert "".join(piece.text for piece in read_tags(text)) == text
    assert release_tags(hold_tags(text)) == text


@pytest.mark.parametrize(
    ("tag", "milliseconds"),
    [
        ('<break time="1.5s"/>', 1500),
        ("<break time='200ms' />", 200),
        ('<break time="99s"/>', 3000),
        ('<break strength="strong"/>', 700),
        ("<break/>", 400),
        ('<break time="soon"/>', 400),
    ],
)
def test_a_break_is_silence(tag: str, milliseconds: float) -> None:
    """As long as it says, three seconds at most; a point stands for it as spoken."""
    assert read_tags(f"a {tag} b") == (Said("a "), Silent(tag, milliseconds, "."), Said(" b"))


def test_other_tags_are_not_said() -> None:
    """What is inside them is, and what only looks like one."""
    tag = '<phoneme alphabet="ipa" ph="a">'
    assert read_tags(f"{tag}word</phoneme> 1 < 2") == (Silent(tag), Said("word"), Silent("</phoneme>"), Said(" 1 < 2"))
