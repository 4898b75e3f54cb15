"""Where a voice put its words → character times as the service would send them, whole or cut over messages.

What the service's recorded messages hold to: whole milliseconds; each character starts where the one before it
ended; a pause is the time of a space or a punctuation mark; every generation ends in a space that holds its tail;
the normalised text has one more space in front, which holds the lead-in, while in the text as sent the first
character has absorbed that time. A message holds the characters that start before its sound ends.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from pipeline.model import Alignment, SpokenWord


def normalized_times(text: str, words: Sequence[SpokenWord], total_ms: int, base_ms: int = 0) -> Alignment:
    """Time every character of `text` and of the two spaces around it, from `base_ms` to `base_ms + total_ms`.

    Words are the voice's, in order, with times from the generation's first sample. A word's time is shared evenly
    among its characters, but for punctuation at its ends, which with the spaces shares the time between words.
    """
    starts: list[float] = [0.0]
    done, clock = 0, 0.0
    for word in words:
        first, end = _spoken_part(text, max(word.first, done), word.end)
        if first >= end:
            continue
        start_ms = min(max(word.start_ms, clock), total_ms)
        end_ms = min(max(word.end_ms, start_ms), total_ms)
        # The space in front takes the lead-in whole; what is written before the first word takes no time.
        starts += _shared(clock, start_ms, first - done) if done or starts[1:] else [start_ms] * (first - done)
        starts += _shared(start_ms, end_ms, end - first)
        done, clock = end, end_ms
    rest = len(text) - done + 1
    starts += _shared(clock, total_ms, rest)
    bounds = [base_ms + round(start) for start in starts] + [base_ms + total_ms]
    durations = tuple(after - start for start, after in pairwise(bounds))
    return Alignment((" ", *text, " "), tuple(bounds[:-1]), durations)


def sent_times(normalized: Alignment) -> Alignment:
    """Drop the leading space; the character after it starts where the space did."""
    end = normalized.starts_ms[1] + normalized.durations_ms[1]
    start = normalized.starts_ms[0]
    return Alignment(
        normalized.chars[1:], (start, *normalized.starts_ms[2:]), (end - start, *normalized.durations_ms[2:])
    )


def cut_times(alignment: Alignment, ends_ms: Sequence[float]) -> list[Alignment | None]:
    """Cut into as many parts as there are messages: each takes what starts before its end, the last takes the rest.

    None where no character starts. Starts must not decrease.
    """
    cuts = [bisect_left(alignment.starts_ms, end) for end in ends_ms[:-1]]
    return [_part(alignment, first, end) for first, end in pairwise([0, *cuts, len(alignment.chars)])]


def _part(alignment: Alignment, first: int, end: int) -> Alignment | None:
    if first >= end:
        return None
    return Alignment(alignment.chars[first:end], alignment.starts_ms[first:end], alignment.durations_ms[first:end])


def _spoken_part(text: str, first: int, end: int) -> tuple[int, int]:
    """Leave out the punctuation at both ends of a word, unless it is all there is (`&`, `%`)."""
    inner_first, inner_end = first, end
    while inner_first < inner_end and _is_mark(text[inner_first]):
        inner_first += 1
    while inner_end > inner_first and _is_mark(text[inner_end - 1]):
        inner_end -= 1
    return (inner_first, inner_end) if inner_first < inner_end else (first, end)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] in "PSZC"


def _shared(start: float, end: float, count: int) -> list[float]:
    """Starts of `count` equal parts of an interval."""
    return [start + (end - start) * each / count for each in range(count)]
