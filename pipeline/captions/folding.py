"""A phrase written without spaces, too wide for a line → its two lines, or parts that each fit on one.

Where Japanese and Chinese phrases part is not looked up in a dictionary: kana before another script mostly ends a
Japanese phrase, and the kinsoku rules of JIS X 4051 hold in both languages.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from pipeline.captions.languages import may_begin_line, may_end_line
from pipeline.captions.profiles import Profile

_WIDE = frozenset("WF")


def fold(text: str, profile: Profile) -> tuple[str, str] | None:
    """Two lines of a phrase that both fit, the best place for the break; None where there is none."""
    if profile.lines < 2:
        return None
    places = [
        (_cost(text, place, profile), place)
        for place, (left, right) in enumerate(pairwise(text), start=1)
        if _parts(left, right)
    ]
    fitting = [
        (cost, place)
        for cost, place in places
        if max(profile.width(text[:place]), profile.width(text[place:])) <= profile.line_width
    ]
    if not fitting:
        return None
    _, place = min(fitting)
    return text[:place], text[place:]


def part(text: str, most_width: float, profile: Profile) -> tuple[str, ...]:
    """A phrase in parts of at most `most_width`, wherever it parts well; where it does not, in like parts.

    What has no place for a break (a word in Latin letters, Thai) stays whole, however wide.
    """
    places = [place for place in range(1, len(text)) if _parts(text[place - 1], text[place])]
    good = [place for place in places if _is_good(text[place - 1], text[place])]
    pieces: list[str] = []
    for start, end in pairwise((0, *good, len(text))):
        inside = [place for place in places if start < place < end]
        pieces += _like_parts(text, (start, *inside, end), most_width, profile)
    return tuple(pieces)


def _like_parts(text: str, places: Sequence[int], most_width: float, profile: Profile) -> list[str]:
    """The text from the first to the last place, cut at as few of the others as it takes, about evenly."""
    start, end = places[0], places[-1]
    count = math.ceil(profile.width(text[start:end]) / most_width)
    pieces: list[str] = []
    while count > 1 and start < end:
        share = profile.width(text[start:end]) / count
        ahead = [place for place in places if place > start]
        fitting = [place for place in ahead if profile.width(text[start:place]) <= most_width] or ahead[:1]
        stop = min(fitting, key=lambda place: abs(profile.width(text[start:place]) - share))
        pieces.append(text[start:stop])
        start = stop
        count = max(count - 1, math.ceil(profile.width(text[start:end]) / most_width))
    return [*pieces, text[start:end]] if start < end else pieces


def _is_good(before: str, after: str) -> bool:
    """Whether a phrase mostly ends between two characters: after a mark, and after kana before another script."""
    return not before.isalnum() or (_is_hiragana(before) and not _is_hiragana(after))


def _parts(left: str, right: str) -> bool:
    """Whether a line may end between two characters: both full-width, neither bound to the other."""
    wide = all(unicodedata.east_asian_width(character) in _WIDE for character in (left, right))
    return wide and may_end_line(left) and may_begin_line(right) and not unicodedata.combining(right)


def _cost(text: str, place: int, profile: Profile) -> float:
    """How good a place is: after a mark best, after kana before another script good, else as near the middle as can be."""
    upper, lower = profile.width(text[:place]), profile.width(text[place:])
    cost = abs(upper - lower) / profile.line_width
    before, after = text[place - 1], text[place]
    if not before.isalnum():
        return cost - 2
    if _is_hiragana(before) and not _is_hiragana(after):
        return cost - 1
    same = _is_hiragana(before) == _is_hiragana(after) and _is_katakana(before) == _is_katakana(after)
    return cost + (0.5 if same else 0)


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"


def _is_katakana(character: str) -> bool:
    return "\u30a0" <= character <= "\u30ff"
