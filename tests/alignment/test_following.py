"""Words as their characters come: the same times as from the whole, each word as soon as it can be known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment import words_from_characters
from pipeline.alignment.following import WordFollower, sounding
from pipeline.alignment.running import RunningTimeBase, TimedChar
from pipeline.model import Alignment, Segment, TimedCharacters, Token, Word

WORDS = st.lists(
    st.sampled_from(
        ["Hello,", "you", "—", "don’t", "3.14", "É", "e\u0301te\u0301", "£17", "(so", "it)", "…", "New York"]
    ),
    min_size=1,
    max_size=12,
)


def tokens(words: list[str]) -> tuple[Token, ...]:
    """Words as they are written and said."""
    return tuple(Token(word, word) for word in words)


def characters(text: str, step: int = 50) -> list[TimedChar]:
    """A time for every code point of a text."""
    return [TimedChar(char, n * step, (n + 1) * step) for n, char in enumerate(text)]


def followed(words: list[str], heard: str, size: int = 1) -> list[Word]:
    """Words of a text of which these characters come, so many at a time."""
    follower = WordFollower()
    follower.expect(tokens(words), 0)
    found: list[Word] = []
    times = characters(heard)
    for first in range(0, len(times), size):
        found += follower.hear(times[first : first + size])
    found += follower.finish(len(heard) * 50)
    assert not follower.repairs
    return found


def whole(words: list[str], heard: str) -> list[Word]:
    """The same from the whole."""
    times = characters(heard)
    columns = (tuple(round(one.start_ms) for one in times), tuple(round(one.end_ms) for one in times))
    timed = words_from_characters(
        Segment(0, tokens(words), 1), TimedCharacters(tuple(one.char for one in times), *columns)
    )
    return list(timed.words)


@settings(max_examples=80, deadline=None)
@given(WORDS, st.integers(1, 9))
def test_live_words_are_those_of_the_whole(words: list[str], size: int) -> None:
    """However the characters are cut."""
    text = " ".join(words)
    if sounding(text):
        assert followed(words, text + " ", size) == whole(words, text + " ")


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, st.integers(1, 9))
def test_whatever_comes_every_word_is_there_in_order(words: list[str], heard: list[str], size: int) -> None:
    """None missing, none going back, and no error, though it is another text that comes."""
    follower = WordFollower()
    follower.expect(tokens(words), 3)
    times = characters(" ".join(heard))
    found = [word for n in range(0, len(times), size) for word in follower.hear(times[n : n + size])]
    found += follower.finish(1000)
    assert " ".join(word.text for word in found) == " ".join(words)
    edges = [edge for word in found for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert {word.segment for word in found} == {3}


def test_a_word_is_whole_with_its_last_letter() -> None:
    """Before its full stop, and before the space after it; what has no letter comes with the word before."""
    follower = WordFollower()
    follower.expect(tokens(["— Hello.", "—", "You"]), 0)
    assert not list(follower.hear(characters("— Hell")))
    assert [word.text for word in follower.hear([TimedChar("o", 300, 350)])] == ["—", "Hello.", "—"]
    assert not follower.is_lost


@pytest.mark.parametrize("size", [1, 4, 100])
def test_what_is_spoken_otherwise_is_as_written_and_holds_up_nothing_else(size: int) -> None:
    """`£17` comes back as words: it takes their time, and the words after it are exact again."""
    words = ["It", "costs", "£17", "to", "get", "there."]
    heard = "It costs seventeen pounds to get there. "
    found = followed(words, heard, size)
    assert [word.text for word in found] == words
    assert (found[2].start_ms, found[2].end_ms) == (heard.index("sev") * 50, (heard.index("pounds") + 6) * 50)
    firsts = [heard.index(" to") + 1, heard.index("get"), heard.index("there")]
    assert [word.start_ms for word in found[3:]] == [50 * first for first in firsts]
    follower = WordFollower()
    follower.expect(tokens(words), 0)
    at = {word.text: n for n, one in enumerate(characters(heard)) for word in follower.hear([one])}
    assert at["costs"] == heard.index("costs") + 4
    assert at["£17"] <= heard.index("there")
    assert at["there."] == heard.index("there") + 4


def test_what_was_never_written_is_left_out() -> None:
    """Words that come twice, or from nowhere, take no word's place."""
    words = ["One", "two", "three", "four."]
    heard = "One two uh well three four. "
    found = followed(words, heard)
    assert [word.start_ms for word in found] == [heard.index(word.strip(".")) * 50 for word in words]


def test_more_was_heard_than_is_known_of() -> None:
    """That is how a last word is found that no space has ended yet."""
    follower = WordFollower()
    follower.expect(tokens(["Hello"]), 0)
    assert [word.text for word in follower.hear(characters("Hello you. "))] == ["Hello"]
    assert follower.hears_more
    follower.expect(tokens(["you."]), 0)
    assert [word.start_ms for word in follower.hear()] == [300]
    assert not follower.hears_more


def test_no_times_at_all_are_shared_out_and_said() -> None:
    """Sound without characters: words by their letters, and a repair."""
    follower = WordFollower()
    follower.expect(tokens(["One", "three"]), 0)
    assert [word.start_ms for word in follower.finish(850)][:1] == [0]
    assert any("no character times came" in repair for repair in follower.repairs)


def test_a_long_text_that_is_another_one_costs_little() -> None:
    """The more was heard in vain, the seldomer it is tried to find the text in it."""
    follower = WordFollower()
    follower.expect(tokens(["one"] * 400), 0)
    for one in characters("zwei " * 2000):
        assert not list(follower.hear([one]))
    assert len(list(follower.finish(10**6))) == 400


def test_the_running_time_base_gives_what_the_whole_gives() -> None:
    """Message by message, each character once."""
    running, end = RunningTimeBase(1000), 0
    taken: list[TimedChar] = []
    for text in ("Hello ", "you ", "there. "):
        times = tuple(end + 10 * n for n in range(len(text)))
        running.add(Alignment(tuple(text), times, (10,) * len(text)), None, end, 10 * len(text))
        end += 10 * len(text)
        taken += running.take()
        assert running.end_ms == end
    finished, repairs = running.finish(end)
    assert not repairs
    assert tuple(one.char for one in taken) == finished.chars
    assert tuple(round(one.start_ms) for one in taken) == finished.starts_ms
    assert tuple(round(one.end_ms) for one in taken) == finished.ends_ms
    assert not running.take()
