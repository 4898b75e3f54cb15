"""Text in any pieces becomes generations of whole words, and none of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.protocol.buffering import DEFAULT_SCHEDULE, TextBuffer, is_schedule


@given(st.lists(st.text("ab \n", min_size=1, max_size=90), max_size=12))
def test_nothing_is_lost_and_no_word_is_cut(pieces: list[str]) -> None:
    """The generations' words are the text's words, wherever the pieces were cut."""
    buffer = TextBuffer((50,))
    generations = [text for piece in pieces for text in buffer.add(piece)] + list(buffer.flush())
    assert " ".join(generations).split() == "".join(pieces).split()
    assert all(text == text.strip() != "" for text in generations)


def test_a_paragraph_in_one_message_is_one_generation() -> None:
    """However long: that keeps it on one clock."""
    buffer = TextBuffer()
    text = "word " * 500
    assert list(buffer.add(" ")) == []
    assert list(buffer.add(text)) == [text.strip()]
    assert list(buffer.flush()) == []


def test_the_schedule_moves_on_and_its_last_stays() -> None:
    """Threshold k is for generation k."""
    buffer = TextBuffer((50, 100))
    assert list(buffer.add("a" * 49)) == []
    assert list(buffer.add("a ")) == ["a" * 50]
    assert list(buffer.add("b" * 99)) == []
    assert list(buffer.add("b ")) == ["b" * 100]
    assert list(buffer.add("c" * 99 + " ")) == []


def test_a_trigger_needs_enough_text() -> None:
    """It generates early, but not from a word or two."""
    buffer = TextBuffer()
    assert list(buffer.add("short ")) == []
    assert list(buffer.trigger()) == []
    assert list(buffer.add("x" * 50 + " ")) == []
    assert list(buffer.trigger()) == ["short " + "x" * 50]


def test_schedules_are_checked_as_the_service_checks_them() -> None:
    """Thresholds below 50 are refused."""
    assert is_schedule(DEFAULT_SCHEDULE)
    assert not is_schedule((49, 120))
    assert not is_schedule(())


@given(st.lists(st.text("ab \n", max_size=30), max_size=40), st.sampled_from(["add", "trigger", "flush"]))
def test_a_buffer_is_its_text_however_it_came(pieces: list[str], last: str) -> None:
    """In pieces or at once, what has not gone yet is the same, and so is what goes next."""
    in_pieces, at_once = TextBuffer((10**6,)), TextBuffer((10**6,))
    for piece in pieces:
        assert list(in_pieces.add(piece)) == []
    assert list(at_once.add("".join(pieces))) == []
    goes = {"add": lambda buffer: buffer.add(" "), "trigger": TextBuffer.trigger, "flush": TextBuffer.flush}[last]
    assert list(goes(in_pieces)) == list(goes(at_once))
    assert list(in_pieces.flush()) == list(at_once.flush())


def test_a_schedule_may_change_between_generations() -> None:
    """It is the place in the schedule that goes on, not its numbers."""
    buffer = TextBuffer((50, 100))
    assert list(buffer.add("a" * 50 + " ")) == ["a" * 50]
    buffer.schedule = (200, 60)
    assert list(buffer.add("b" * 60 + " ")) == ["b" * 60]


@pytest.mark.timeout(30)
def test_a_long_word_in_small_pieces_is_little_work() -> None:
    """A client that sends letters without an end does not keep the server busy: the work grows with the text."""
    buffer = TextBuffer()
    for _ in range(2**18):
        assert list(buffer.add("x")) == []
    assert [len(text) for text in buffer.flush()] == [2**18]
