"""A text → its sounding letters, the runs that they form, and how long each takes to say, roughly."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipeline.alignment.matching import common_length, fold

Interval = tuple[float, float]

# How many letters' time a character takes. "7" is "seven" and 1887 is "eighteen eighty-seven"; a Chinese or Japanese
# character is a syllable, a Korean one too.
DIGIT_WEIGHT = 4.0
SYLLABLE_WEIGHT = 3.0
APOSTROPHES = "'’ʼ"
# What the edges of parts may differ from those of intervals by the arithmetic of floats, in milliseconds.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter or digit with the marks that follow it: code points `first` to `end` (half open) of its text."""

    text: str
    first: int
    end: int

    @property
    def weight(self) -> float:
        """How many letters' time it takes to say."""
        if self.text[0].isnumeric():
            return DIGIT_WEIGHT
        return SYLLABLE_WEIGHT if is_wide(self.text[0]) else 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """Letters `first` to `end` (half open) that stand together, what they are compared by, and their word's number."""

    key: str
    first: int
    end: int
    word: int


def is_wide(char: str) -> bool:
    """Tell a character of a script that writes syllables or whole words, without spaces between them."""
    return unicodedata.east_asian_width(char) in "WF" and char.isalpha()


def letters_of(text: str) -> list[Letter]:
    """All letters and digits of a text in order, each with the combining marks after it."""
    letters: list[Letter] = []
    for index, char in enumerate(text):
        if char.isalnum():
            letters.append(Letter(char, index, index + 1))
        elif letters and letters[-1].end == index and unicodedata.category(char).startswith("M"):
            letters[-1] = Letter(letters[-1].text + char, letters[-1].first, index + 1)
    return letters


def runs_of(text: str, letters: Sequence[Letter]) -> list[Run]:
    """Letters that stand together, apostrophes between them left aside; a wide one stands alone."""
    bounds = [0]
    for index in range(1, len(letters)):
        before, letter = letters[index - 1], letters[index]
        between = text[before.end : letter.first]
        joined = not between or between in APOSTROPHES
        if not joined or is_wide(before.text[0]) or is_wide(letter.text[0]):
            bounds.append(index)
    ends = [*bounds[1:], len(letters)]
    spaces = list(accumulate((char.isspace() for char in text), initial=0))
    return [
        Run(fold("".join(letter.text for letter in letters[first:end])), first, end, spaces[letters[first].first])
        for first, end in zip(bounds, ends, strict=True)
        if first < end
    ]


def common_ends(left: Sequence[Letter], right: Sequence[Letter]) -> tuple[int, int]:
    """How many letters two words have in common at their beginning, and how many of the rest at their end."""
    ours, theirs = [fold(letter.text) for letter in left], [fold(letter.text) for letter in right]
    front = common_length(ours, theirs)
    return front, common_length(ours[front:][::-1], theirs[front:][::-1])


def shared(intervals: Sequence[Interval], weights: Sequence[float]) -> list[Interval]:
    """Spread parts over the time inside some intervals, in proportion to their weights; what lies between is skipped.

    `intervals` are in order and at least one; `weights` are above 0. A part ends where the next one starts, unless it
    ends at an interval's end.
    """
    lengths = [end - start for start, end in intervals]
    filled = [0.0, *accumulate(lengths)]
    total = sum(weights)
    edges = [filled[-1] * part / total for part in accumulate(weights)]
    edges[-1] = filled[-1]
    parts: list[Interval] = []
    index, begin = 0, 0.0
    for edge in edges:
        while index < len(lengths) - 1 and begin >= filled[index + 1] - _ROUNDING:
            index += 1
        start = intervals[index][0] + max(0.0, begin - filled[index])
        while index < len(lengths) - 1 and edge > filled[index + 1] + _ROUNDING:
            index += 1
        parts.append((start, intervals[index][0] + edge - filled[index]))
        begin = edge
    return parts
