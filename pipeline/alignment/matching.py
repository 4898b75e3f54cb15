"""Two sequences of words → the pairs that are the same word, in order.

Words that stand once on either side fix the frame (Bram Cohen's "patience" diff), so that long equal parts cost next
to nothing; only what lies between is laid out by dynamic programming (Needleman and Wunsch, 1970), in a band.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

# From this share of common letters on, two words are taken for two spellings of one.
SIMILAR = 0.6
# The most cells laid out between two fixed pairs: a fraction of a second, and more than any sane difference needs.
MOST_CELLS = 200_000

_Pair = tuple[int, int]


def match_words(left: Sequence[str], right: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Pair the words of two sequences: indices into `left` and `right`, both strictly rising.

    Case, accents and punctuation do not count, and a word may be spelled a little differently; a word without
    counterpart is in no pair. Near linear in equal parts.

    >>> match_words(["The", "colour", "is", "£17."], ["the", "color", "is", "seventeen", "pounds"])
    ((0, 0), (1, 1), (2, 2))
    """
    return tuple(_matched([fold(word) for word in left], [fold(word) for word in right]))


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Reduce a word to what is compared: letters and digits without case, accents and width; all of it where none."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in plain if letter.isalnum()) or word.strip()


def similarity(left: str, right: str) -> float:
    """Share of the longer of two folded words that they have in common at their beginning and end: 0 to 1."""
    if left == right:
        return 1.0
    longer, shorter = max(len(left), len(right)), min(len(left), len(right))
    if shorter < SIMILAR * longer:
        return 0.0
    front = common_length(left, right)
    back = common_length(left[front:][::-1], right[front:][::-1])
    return (front + back) / longer


def common_length(left: Sequence[str], right: Sequence[str]) -> int:
    """How many items two sequences have in common at their beginning."""
    for count, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return count
    return min(len(left), len(right))


def _matched(left: Sequence[str], right: Sequence[str]) -> Iterator[_Pair]:
    """Pairs of folded words: ranges still to be matched lie on a stack, so no text is too long for it."""
    ranges = [(0, len(left), 0, len(right))]
    while ranges:
        first, end, other, other_end = ranges.pop()
        front = common_length(left[first:end], right[other:other_end])
        yield from ((first + n, other + n) for n in range(front))
        first, other = first + front, other + front
        if first == end or other == other_end:
            continue
        back = common_length(left[first:end][::-1], right[other:other_end][::-1])
        fixed = _fixed_pairs(left[first : end - back], right[other : other_end - back])
        if back:
            # The equal end is a range of its own: taken up again after what lies before it, all in one stroke.
            ranges.append((end - back, end, other_end - back, other_end))
            end, other_end = end - back, other_end - back
        if not fixed:
            for one, two in _laid_out(left[first:end], right[other:other_end]):
                yield first + one, other + two
            continue
        corners = [(first + one, other + two) for one, two in fixed]
        nexts = [*corners[1:], (end, other_end)]
        ranges += [(a, c, b, d) for (a, b), (c, d) in zip(corners, nexts, strict=True)][::-1]
        ranges.append((first, corners[0][0], other, corners[0][1]))


def _fixed_pairs(left: Sequence[str], right: Sequence[str]) -> list[_Pair]:
    """Find words that stand once on either side, the longest rising run of them; where no word does, pairs or threes."""
    for size in (1, 2, 3):
        ours = list(zip(*(left[n:] for n in range(size)), strict=False))
        theirs = list(zip(*(right[n:] for n in range(size)), strict=False))
        here, there = Counter(ours), Counter(theirs)
        where = {words: index for index, words in enumerate(theirs) if there[words] == 1}
        pairs = [(index, where[words]) for index, words in enumerate(ours) if here[words] == 1 and words in where]
        if pairs:
            return _longest_rising(pairs)
    return []


def _longest_rising(pairs: Sequence[_Pair]) -> list[_Pair]:
    """The longest subsequence whose second parts rise too (Schensted, 1961)."""
    tails: list[int] = []  # the second part that a run of each length ends with
    ends: list[int] = []  # and the index of the pair it ends with
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        length = bisect_left(tails, second)
        before.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [second]
        ends[length : length + 1] = [index]
    run: list[_Pair] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


@lru_cache(maxsize=65_536)
def _worth(left: str, right: str) -> float:
    """What pairing two words is worth: longer words tell more; 0 where they are no pair."""
    alike = similarity(left, right)
    if alike < SIMILAR:
        return 0.0
    return (alike if alike == 1 else 0.8 * alike) * (1 + min(len(left), 8) / 8)


@dataclass(frozen=True, slots=True)
class _Row:
    """Best totals of one row of the layout, from column `low` on; beyond its end the last one holds."""

    low: int
    totals: Sequence[float]

    def __getitem__(self, column: int) -> float:
        return self.totals[min(max(column - self.low, 0), len(self.totals) - 1)]


def _laid_out(left: Sequence[str], right: Sequence[str]) -> list[_Pair]:
    """The pairs that are worth most together, by dynamic programming in a band around the diagonal."""
    rows, columns = len(left), len(right)
    if not rows or not columns:
        return []
    half = max(64, MOST_CELLS // (2 * rows))
    table = [_Row(0, [0.0] * (min(columns, half) + 1))]
    for row, word in enumerate(left):
        middle = row * columns // rows
        table.append(_next_row(word, right, table[-1], max(0, middle - half), min(columns, middle + half)))
    return _traced(left, right, table)


def _next_row(word: str, right: Sequence[str], above: _Row, low: int, high: int) -> _Row:
    """One more row: the totals of columns `low` to `high`, both included."""
    totals = [above[low]]
    for column in range(low, high):
        total = max(above[column + 1], totals[-1])
        worth = _worth(word, right[column])
        totals.append(max(total, above[column] + worth) if worth else total)
    return _Row(low, totals)


def _traced(left: Sequence[str], right: Sequence[str], table: Sequence[_Row]) -> list[_Pair]:
    """Walk back from the last corner along what made its total."""
    pairs: list[_Pair] = []
    row, column = len(left), len(right)
    while row and column:
        here, above = table[row], table[row - 1]
        inside = here.low < column < here.low + len(here.totals)
        worth = _worth(left[row - 1], right[column - 1]) if inside else 0.0
        if worth and here[column] == above[column - 1] + worth:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif here[column] == above[column]:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
