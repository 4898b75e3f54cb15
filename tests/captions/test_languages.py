"""Widths of texts, and what a break depends on at a word's two ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.captions.languages import Mark, counting, ends_sentence, is_unspaced, token, width
from pipeline.captions.word_classes import WORD_CLASSES, WordClass


@pytest.mark.parametrize(
    ("text", "language", "columns"),
    [
        ("Hello, world", "en", 12),
        ("naïve", "en", 5),
        ("nai\u0308ve", "en", 5),
        ("สวัสดี", "th", 4),
        ("مَرحَبًا", "ar", 5),
        ("左に見える", "ja", 5),
        ("ABC", "ja", 1.5),
        ("ｱｲｳ", "ja", 1.5),
        ("Tokyo都", "ja", 3.5),
        ("안녕 하세요", "ko", 5.5),
    ],
)
def test_width_is_counted_as_the_language_counts(text: str, language: str, columns: float) -> None:
    """Marks take no room; a full-width character is one in East Asia, a narrow one half."""
    assert width(text, counting(language)) == columns


@given(st.text(), st.text())
def test_width_of_a_whole_is_that_of_its_parts(left: str, right: str) -> None:
    """Widths add up, which the segmenter's running sums rely on."""
    for how in ("en", "ja"):
        assert width(left + right, counting(how)) == width(left, counting(how)) + width(right, counting(how))


@pytest.mark.parametrize(
    ("text", "language", "first", "last"),
    [
        ("The", "en", "article", "article"),
        ("harbour", "en", "", ""),
        ("(and", "en", "and", "and"),
        ("because,", "en", "relative", "relative"),
        ("It’s", "en", "auxiliary", "auxiliary"),
        ("d'accéder", "fr", "of", ""),
        ("qu’il", "fr", "relative", "pronoun"),
        ("dell'acqua", "it", "of", ""),
        ("und", "de", "and", "and"),
        ("para", "es", "preposition", "preposition"),
        ("não", "pt", "adverb", "adverb"),
        ("het", "nl", "article", "article"),
        ("the", "xx", "", ""),
    ],
)
def test_words_are_classed_at_both_ends(text: str, language: str, first: WordClass, last: WordClass) -> None:
    """A word begins a line as one class and ends it as another; punctuation and case do not matter."""
    found = token(text, language)
    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("end.", "sentence"),
        ("end.”", "sentence"),
        ("really?!", "sentence"),
        ("美しい。", "sentence"),
        ("so;", "clause"),
        ("stranger--", "clause"),
        ("—", "clause"),
        ("first,", "comma"),
        ("東京、", "comma"),
        ("that)", "close"),
        ("Dr.", ""),
        ("U.S.", ""),
        ("J.", ""),
        ("plain", ""),
    ],
)
def test_marks_are_seen_through_quotes_and_brackets(text: str, mark: Mark) -> None:
    """A full stop ends a sentence inside quotes too, and none after an abbreviation or an initial."""
    assert token(text, "en").mark == mark


@pytest.mark.parametrize(
    ("left", "right", "ends"),
    [
        ("end.", "Then", True),
        ("end.", "“Then", True),
        ("wait...", "then", False),
        ("what?", "he", False),
        ("Mr.", "Smith", False),
        ("1887.", "42", True),
        ("です。", "次は", True),
        ("Stop!", "”", False),
        ("comma,", "Then", False),
    ],
)
def test_a_sentence_ends_before_a_capital(left: str, right: str, ends: bool) -> None:  # noqa: FBT001
    """A sentence mark counts when what follows may begin a sentence."""
    assert ends_sentence(token(left, "en"), token(right, "en")) is ends


@pytest.mark.parametrize("language", sorted(WORD_CLASSES))
def test_every_listed_language_knows_its_glue(language: str) -> None:
    """Each language has articles, prepositions, conjunctions, pronouns and auxiliaries, all in small letters."""
    words = WORD_CLASSES[language]
    kinds = set(words.classes.values())
    assert {"article", "of", "preposition", "and", "relative", "pronoun", "auxiliary"} <= kinds
    assert all(word == word.lower() and "’" not in word for word in words.classes)


@given(st.text(min_size=1))
def test_any_token_can_be_classed(text: str) -> None:
    """No word, however strange, makes the classing fail."""
    for language in ("en", "fr", "ja", "xx"):
        assert token(text, language).mark in ("", "sentence", "clause", "comma", "close")


def test_a_days_number_ends_no_sentence() -> None:
    """In languages that write ordinals with a full stop, `3.` before a month is not the end of a sentence."""
    assert not ends_sentence(token("3.", "de"), token("Mai", "de"))
    assert ends_sentence(token("1973.", "de"), token("Mai", "de"))
    assert ends_sentence(token("3.", "en"), token("May", "en"))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("今日は、", True),
        ("สวัสดี", True),
        ("ភាសាខ្មែរ", True),
        ("မြန်မာ", True),
        ("iPhoneを", True),
        ("Hello", False),
        ("한국어", False),
        ("「Hello」", False),
        ("—", False),
        ("", False),
    ],
)
def test_writing_without_spaces_is_known(text: str, phrase: bool) -> None:  # noqa: FBT001  # what is expected
    """A run of such letters is a phrase of several words; full-width punctuation alone makes none."""
    assert is_unspaced(text) == phrase
