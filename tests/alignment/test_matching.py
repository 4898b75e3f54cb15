"""Two sequences of words are paired in order, and as well as they can be."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment import match_words
from pipeline.alignment.matching import fold, similarity

WORDS = st.lists(st.sampled_from(["a", "b", "c", "The", "the", "—", "naïve", "naive", "colour", "color"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(left=WORDS, right=WORDS)
def test_pairs_rise_and_are_alike(left: list[str], right: list[str]) -> None:
    """Both indices rise strictly, and what is paired is the same word, or nearly."""
    pairs = match_words(left, right)
    assert all(one < two and other < another for (one, other), (two, another) in pairwise(pairs))
    assert all(similarity(fold(left[one]), fold(right[other])) >= 0.6 for one, other in pairs)


@settings(max_examples=200, deadline=None)
@given(left=st.lists(st.sampled_from("abcd"), max_size=9), right=st.lists(st.sampled_from("abcd"), max_size=9))
def test_words_without_repetition_are_matched_as_well_as_can_be(left: list[str], right: list[str]) -> None:
    """Words that stand once are paired along a longest common subsequence."""
    left, right = list(dict.fromkeys(left)), list(dict.fromkeys(right))
    longest = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for one, word in enumerate(left):
        for other, counterpart in enumerate(right):
            equal = longest[one][other] + 1 if word == counterpart else 0
            longest[one + 1][other + 1] = max(equal, longest[one][other + 1], longest[one + 1][other])
    assert len(match_words(left, right)) == longest[-1][-1]


@given(words=WORDS)
def test_a_text_matches_itself(words: list[str]) -> None:
    """Word by word, whatever its words."""
    assert match_words(words, words) == tuple((n, n) for n in range(len(words)))


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        ("“Hello,” he said.", "hello he said", [(0, 0), (1, 1), (2, 2)]),
        ("It is £17 now", "it is seventeen pounds now", [(0, 0), (1, 1), (3, 4)]),
        ("one two three", "one three", [(0, 0), (2, 1)]),
        ("one three", "one two three", [(0, 0), (1, 2)]),
        ("the cat and the dog", "the cat the cat and the dog", [(0, 0), (1, 1), (2, 4), (3, 5), (4, 6)]),
        ("organise colours", "organize colors", [(0, 0), (1, 1)]),
        ("Ｆｕｌｌ Straße", "full strasse", [(0, 0), (1, 1)]),
        ("— yes —", "yes", [(1, 0)]),
        ("", "a", []),
    ],
)
def test_what_becomes_of_a_text_on_its_way(left: str, right: str, pairs: list[tuple[int, int]]) -> None:
    """Case, punctuation, accents, expansions, losses and repetitions."""
    assert list(match_words(left.split(), right.split())) == pairs


@pytest.mark.timeout(60)  # half a second where it is near linear, many minutes where it is not
def test_a_long_text_takes_no_longer_than_its_length() -> None:
    """Forty thousand words of a small vocabulary, one in ten changed: most are paired, and truly."""
    random = Random(1)
    left = [random.choice("abcdefghijklmnopqrstuvwxyz") * 3 for _ in range(40_000)]
    right = [random.choice(["zero", "nought"]) if random.random() < 0.1 else word for word in left]
    pairs = match_words(left, right)
    assert sum(one == other for one, other in pairs) > 0.88 * len(left)
