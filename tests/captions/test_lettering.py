"""Lines that fit: broken where they may be, nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.captions.lettering import Lettering, break_long_words, drawable, fit_title, size_that_fits, wrap

MONOSPACED = Lettering("Mono", {chr(code): 1.0 for code in (*range(32, 127), 0x2026, 0x6F22, 0x5B57, 0x3002)})
TEXTS = st.text(st.sampled_from([*"ab c 漢字。"]), max_size=60)


@given(TEXTS, st.integers(1, 30))
def test_wrapping_keeps_the_text_inside_the_width(text: str, width: int) -> None:
    """Every line fits, and all lines together are the text but for spaces."""
    lines = wrap(text, MONOSPACED, width)
    assert all(MONOSPACED.width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_lines_are_about_equally_wide() -> None:
    """A text that takes two lines is parted in its middle, not after the first full line."""
    assert wrap("one two three four five", MONOSPACED, 20) == ("one two three", "four five")


def test_wide_characters_part_without_spaces() -> None:
    """Chinese characters part anywhere, but not before a full stop."""
    assert wrap("漢字漢。", MONOSPACED, 3) == ("漢字", "漢。")


def test_no_text_no_lines() -> None:
    """Nothing to wrap is nothing."""
    assert wrap("  ", MONOSPACED, 10) == ()


@given(TEXTS, st.integers(5, 40))
def test_a_title_keeps_to_its_lines(text: str, width: int) -> None:
    """A title takes one of the choices given, and never more lines or width than it allows."""
    choices = [(2.0, 2), (1.0, 3)]
    size, lines = fit_title(text, MONOSPACED, width, choices)
    assert len(lines) <= dict(choices)[size]
    assert all(MONOSPACED.width(line) * size <= width for line in lines)


def test_a_short_title_is_large_and_a_long_one_cut() -> None:
    """The first choice that takes the text is chosen; what no choice takes ends in an ellipsis."""
    choices = [(2.0, 1), (1.0, 1)]
    assert fit_title("short", MONOSPACED, 10, choices) == (2.0, ("short",))
    assert fit_title("not short", MONOSPACED, 10, choices) == (1.0, ("not short",))
    assert fit_title("by no means short", MONOSPACED, 10, choices) == (1.0, ("by no…",))


def test_the_widest_line_decides_the_size() -> None:
    """All lines fit in the size of the widest; without lines it is the usual size."""
    assert size_that_fits(["a" * 10, "a" * 40], MONOSPACED, 100, 5) == 2.5
    assert size_that_fits([], MONOSPACED, 100, 5) == 5


def test_estimated_widths() -> None:
    """Characters without a known width count by their kind; marks take none."""
    assert Lettering().width("漢") > Lettering().width("a") > Lettering().width("\u0301") == 0


def test_an_address_breaks_after_its_marks() -> None:
    """Between the parts of an address first, and where it has none into like parts; other lines are left alone."""
    address = "example.org/harbour-master/tide"
    assert break_long_words(["see it:", address], MONOSPACED, 20) == ("see it:", "example.org/", "harbour-master/tide")
    assert break_long_words(["abcdefghijklmnopqrstuvwxyz"], MONOSPACED, 20) == ("abcdefghijklm", "nopqrstuvwxyz")
    line = "many words that are together wider than a line"
    assert break_long_words([line], MONOSPACED, 20) == (line,)


@given(st.text(st.sampled_from([*"abc/-.?  漢\u0301"]), max_size=80), st.integers(1, 30))
def test_breaking_long_words_loses_nothing(text: str, width: int) -> None:
    """All parts together are the line, each fits, and no mark is parted from its letter."""
    letters = " ".join(text.split()).lstrip("\u0301")
    lines = break_long_words([letters], MONOSPACED, width)
    assert "".join(lines).replace(" ", "") == letters.replace(" ", "")
    if len(lines) > 1:
        assert all(MONOSPACED.width(line) <= width for line in lines)
        assert not any(line.startswith("\u0301") for line in lines if " \u0301" not in letters)


def test_what_is_drawn_of_a_line() -> None:
    """Without what no font draws the line's spaces close up; a line that is drawn whole is not touched."""
    lettering = Lettering("Mono", undrawn=frozenset("😀字"))
    assert drawable("a  b", lettering) == "a  b"
    assert drawable("Hello 😀\ufe0f there 字\u0301!", lettering) == "Hello there !"
    assert drawable("😀", lettering) == ""
