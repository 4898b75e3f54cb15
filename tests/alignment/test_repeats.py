"""Characters that come again are told from words that are said again."""

from __future__ import annotations

from pipeline.alignment import TimeBase
from pipeline.alignment.repeats import repeated_characters
from pipeline.model import Alignment

RATE = 1000


def times(text: str, start: int = 0) -> Alignment:
    """100 ms a character."""
    return Alignment(tuple(text), tuple(range(start, start + 100 * len(text), 100)), (100,) * len(text))


def joined(first: Alignment, second: Alignment) -> Alignment:
    """Both in one message."""
    return Alignment(
        first.chars + second.chars, first.starts_ms + second.starts_ms, first.durations_ms + second.durations_ms
    )


def test_a_word_that_is_said_again_is_kept() -> None:
    """On a clock that starts anew its times are the same, but it has its own sound."""
    base = TimeBase(RATE)
    base.add(times("ha "), None, 0, 300)
    base.add(times("ha "), None, 300, 300)
    base.add(times("ha ha "), None, 600, 600)
    characters, repairs = base.finish(1200)
    assert "".join(characters.chars) == "ha ha ha ha "
    assert characters.ends_ms[-1] == 1200
    assert repairs == ()


def test_characters_that_come_again_are_left_out() -> None:
    """Before those of the next message, and in a message of their own, whatever the clock."""
    for clock in (300, 0):
        base = TimeBase(RATE)
        base.add(times("ha "), None, 0, 250)
        base.add(joined(times("ha "), times("you ", clock)), None, 250, 450)
        base.add(times("you ", clock), None, 700, 0)
        characters, repairs = base.finish(700)
        assert "".join(characters.chars) == "ha you "
        assert characters.starts_ms == tuple(range(0, 700, 100))
        assert len(repairs) == 1
        assert "came twice" in repairs[0]


def test_nothing_before_is_nothing_repeated() -> None:
    """The first message, and one that only begins alike."""
    assert repeated_characters(None, times("ha "), 300) == 0
    assert repeated_characters(times("ha "), times("hat "), 400) == 0
    assert repeated_characters(times("ha "), times("ha ", 300), 300) == 0
    assert repeated_characters(times("ha "), None, 300) == 0


def test_a_clock_that_jumps_moves_no_character() -> None:
    """Those behind it follow those before it, and the jump is told."""
    base = TimeBase(RATE)
    base.add(times("One tw"), None, 0, 550)
    base.add(times("o thre", 9600), None, 550, 600)
    base.add(times("e. ", 10_200), None, 1150, 350)
    characters, repairs = base.finish(1500)
    assert characters.starts_ms == tuple(range(0, 1500, 100))
    assert repairs == ("the clock jumped; characters were placed behind those before",)
