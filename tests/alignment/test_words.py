"""Every word of the author's text has a time, in order, whatever came back for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment import TimedWords, words_by_share, words_from_characters
from pipeline.errors import AlignmentError
from pipeline.model import Segment, TimedCharacters, Token, Word
from tests.alignment.messages import contiguous, segment_of

Row = tuple[str, int, int]


def rows(timed: TimedWords) -> list[Row]:
    """Text, start and end of every word."""
    return [(word.text, word.start_ms, word.end_ms) for word in timed.words]


def phrases(*texts: str) -> Segment:
    """A segment whose tokens have no space between them."""
    return Segment(0, tuple(Token(text, text, space_before=False) for text in texts), 1)


def check_order(words: tuple[Word, ...], end: int) -> None:
    """Words follow one another, inside the utterance."""
    flat = [time for word in words for time in (word.start_ms, word.end_ms)]
    assert flat == sorted(flat)
    assert all(0 <= time <= end for time in flat)


def test_a_word_is_from_its_first_letter_to_its_last() -> None:
    """Punctuation around it, and the pause that lies in it, are not the word's."""
    timed = words_from_characters(segment_of("¿Qué tal, «amigo»?"), contiguous("¿Qué tal, «amigo»? "))
    assert rows(timed) == [("¿Qué", 100, 400), ("tal,", 500, 800), ("«amigo»?", 1100, 1600)]
    assert timed.repairs == ()


def test_a_token_without_letters_stands_at_the_end_of_the_word_before() -> None:
    """Dashes and emoji take no time; the first takes the next word's start."""
    timed = words_from_characters(segment_of("— one 🙂 ❤️ two"), contiguous("— one 🙂 ❤️ two "))
    assert rows(timed) == [("—", 200, 200), ("one", 200, 500), ("🙂", 500, 500), ("❤️", 500, 500), ("two", 1100, 1400)]


def test_what_is_said_for_a_word_gives_its_time() -> None:
    """Times are those of the said form; it is named only where it differs."""
    tokens = (Token("In", "In"), Token("1887", "eighteen eighty-seven"), Token("(SQL).", "sequel"))
    timed = words_from_characters(Segment(3, tokens, 1), contiguous("In eighteen eighty-seven sequel "))
    assert rows(timed) == [("In", 0, 200), ("1887", 300, 2400), ("(SQL).", 2500, 3100)]
    assert [word.said for word in timed.words] == [None, "eighteen eighty-seven", "sequel"]
    assert {word.segment for word in timed.words} == {3}


def test_several_words_shown_for_one_thing_said() -> None:
    """As many words as are said: one by one; else in proportion to their letters."""
    tokens = (Token("New York", "Nyuu York"), Token("as soon as possible", "ASAP"), Token("UK", "ewe kay"))
    timed = words_from_characters(Segment(0, tokens, 1), contiguous("Nyuu York ASAP ewe kay"))
    assert rows(timed)[:2] == [("New", 0, 400), ("York", 500, 900)]
    assert [word.text for word in timed.words[2:6]] == ["as", "soon", "as", "possible"]
    assert timed.words[2].start_ms == 1000
    assert timed.words[5].end_ms == 1400
    assert [word.end_ms - word.start_ms for word in timed.words[2:6]] == pytest.approx([50, 100, 50, 200], abs=1)
    assert rows(timed)[6:] == [("UK", 1500, 2200)]
    assert [word.said for word in timed.words[:2]] == ["Nyuu", None]


def test_phrases_without_spaces() -> None:
    """Chinese and Thai: tokens that touch are timed each by its own characters, marks with their letters."""
    timed = words_from_characters(phrases("今天天气", "很好。", "我们走吧！"), contiguous("今天天气很好。我们走吧！ "))
    assert rows(timed) == [("今天天气", 0, 400), ("很好。", 400, 600), ("我们走吧！", 700, 1100)]
    assert [word.space_before for word in timed.words] == [False, False, False]
    thai = words_from_characters(phrases("สวัสดี", "ที่รัก"), contiguous("สวัสดีที่รัก"))
    assert rows(thai) == [("สวัสดี", 0, 600), ("ที่รัก", 600, 1200)]


def test_a_mark_belongs_to_its_letter() -> None:
    """A word that ends in a combining mark ends with it."""
    timed = words_from_characters(segment_of("cafe\u0301 हिन्दी"), contiguous("cafe\u0301 हिन्दी "))
    assert rows(timed) == [("cafe\u0301", 0, 500), ("हिन्दी", 600, 1200)]
    composed = words_from_characters(segment_of("cafe\u0301 au"), contiguous("café au "))
    assert rows(composed) == [("cafe\u0301", 0, 400), ("au", 500, 700)]


def test_items_of_several_characters_and_of_no_length() -> None:
    """A list's item may be more than one character, or last no time at all."""
    chars = TimedCharacters(("He", "llo ", " ", "wor", "ld"), (0, 100, 300, 300, 450), (100, 300, 300, 450, 500))
    assert rows(words_from_characters(segment_of("Hello  world"), chars)) == [("Hello", 0, 250), ("world", 300, 500)]


@pytest.mark.parametrize(
    ("text", "heard", "expected"),
    [
        ("It is £17 now.", " It is seventeen pounds now. ", [("£17", 700, 2300), ("now.", 2400, 2700)]),
        ("Dr. Strauß, 3.14!", "Doctor Strauss three point one four", [("Dr.", 0, 600), ("3.14!", 1500, 3500)]),
        ("twenty-five e-mails", "twenty five emails", [("twenty-five", 0, 1100), ("e-mails", 1200, 1800)]),
        ("Hello. World", "Hello.World", [("Hello.", 0, 500), ("World", 600, 1100)]),
        ("Привет мир", "privet mir ", [("Привет", 0, 600), ("мир", 700, 1000)]),
        ("今天 天气", "jintian tianqi", [("今天", 0, 700), ("天气", 800, 1400)]),
        ("NAÏVE Zürich", "naive Zurich", [("NAÏVE", 0, 500), ("Zürich", 600, 1200)]),
        ("one two three", "one one two three", [("one", 0, 300), ("two", 800, 1100), ("three", 1200, 1700)]),
        ("one two three", "one three", [("one", 0, 300), ("two", 300, 400), ("three", 400, 900)]),
    ],
)
def test_what_came_back_is_another_spelling(text: str, heard: str, expected: list[Row]) -> None:
    """Numbers, abbreviations, romanised, plain and repeated words are found by their neighbours."""
    timed = words_from_characters(segment_of(text), contiguous(heard))
    assert [word.text for word in timed.words] == text.split()
    assert set(expected) <= set(rows(timed))


def test_characters_cut_short_leave_the_rest_to_the_sound() -> None:
    """Words after the last character share what sound is left, and that is said."""
    timed = words_from_characters(segment_of("One two three four"), contiguous("One two th"), 2000)
    assert rows(timed)[:2] == [("One", 0, 300), ("two", 400, 700)]
    assert timed.words[2].start_ms == 800
    assert timed.words[3].end_ms == 2000
    assert timed.repairs == ("7 of 15 letters came back without a time; they were placed between others",)


def test_another_text_altogether_is_named() -> None:
    """Where hardly a letter is found again, the words are placed, and the utterance is marked."""
    timed = words_from_characters(segment_of("completely different words"), contiguous("zzz qqq yyyyy xxx"))
    assert "not those of the text" in timed.repairs[0]
    check_order(timed.words, 1700)


def test_nothing_came_back_at_all() -> None:
    """Letters were sent and none came: an error with the segment; without letters there is nothing to miss."""
    with pytest.raises(AlignmentError, match="segment 5") as caught:
        words_from_characters(Segment(4, (Token("Hi", "Hi"),), 1), contiguous(" . "))
    assert caught.value.segment == 4
    assert rows(words_from_characters(segment_of("— 🙂"), contiguous(""))) == [("—", 0, 0), ("🙂", 0, 0)]


def test_words_are_spread_over_the_sound_where_no_times_came() -> None:
    """From its first sample heard to its last, longer words longer, with pauses after stops."""
    timed = words_by_share(segment_of("Hello, world. — A longer sentence"), 100, 3000)
    check_order(timed.words, 3000)
    assert timed.words[0].start_ms == 100
    assert timed.words[-1].end_ms == 3000
    assert timed.words[3].start_ms - timed.words[1].end_ms > timed.words[1].start_ms - timed.words[0].end_ms > 50
    assert timed.words[5].end_ms - timed.words[5].start_ms > timed.words[4].end_ms - timed.words[4].start_ms
    assert len(timed.repairs) == 1


PIECES = st.sampled_from(
    ["Hello", "£17", "—", "world.", "今天", "naïve", "e-mail", "don't", "3.14", "🙂", "(a", "b)", "สวัสดี"]
)


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.tuples(PIECES, PIECES | st.just("said so"), st.booleans()), min_size=1, max_size=10),
    heard=st.lists(st.tuples(PIECES | st.sampled_from([" ", ", ", "seventeen"]), st.integers(0, 400)), max_size=14),
    room=st.integers(0, 500),
)
def test_every_word_has_a_time_in_order(
    texts: list[tuple[str, str, bool]], heard: list[tuple[str, int]], room: int
) -> None:
    """Whatever was sent and whatever came back, no word is missing, none goes back, none leaves the utterance."""
    segment = Segment(0, tuple(Token(*text) for text in texts), 1)
    chars, starts, ends, now = [], [], [], 0
    for piece, length in heard:
        chars.append(piece)
        starts.append(now)
        now += length
        ends.append(now)
    characters = TimedCharacters(tuple(chars), tuple(starts), tuple(ends))
    try:
        timed = words_from_characters(segment, characters, now + room)
    except AlignmentError:
        assert not any(char.isalnum() for char in "".join(chars))
        timed = words_by_share(segment, 0, now + room)
    assert [word.text for word in timed.words] == [text for text, _, _ in texts]
    check_order(timed.words, now + room)


def test_a_space_that_holds_two_words_together_stays() -> None:
    """`10 km` with U+00A0 is one word, of the author's very characters; a span of two words is two."""
    tokens = (Token("10\u00a0km", "10\u00a0km"), Token("New York", "New York"))
    timed = words_from_characters(Segment(0, tokens, 1), contiguous("10\u00a0km New York"))
    assert [word.text for word in timed.words] == ["10\u00a0km", "New", "York"]
