"""A phrase written without spaces, too wide for a line → its two lines.

Where Japanese and Chinese phrases part is not looked up in a dictionary: kana before another script mostly ends a
Japanese phrase, and the kinsoku rules of JIS X 4051 hold in both languages.
"""

from __future__ import annotations

import unicodedata
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
