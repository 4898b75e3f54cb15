"""A text and the widths of its letters → lines that fit and can be drawn, and the font size at which they do.

Widths are per unit of the font size as ASS counts it, which is the height of a line, not the em.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# Roboto's lower case letters are 0.40 of its line high size wide on average; a wide character fills its em of 0.76.
_NARROW, _WIDE = 0.40, 0.76
_ELLIPSIS = "…"
# Unicode Standard Annex 14: a line does not begin with these even between characters that may be parted anywhere.
_CLOSING = frozenset({"Pe", "Pf", "Po", "Lm", "Mn", "Mc"})
_OPENING = frozenset({"Ps", "Pi"})
# Where an address or a compound is broken first, when it has to be.
_BREAK_AFTER = frozenset("/-_.?&=")
# What belongs to the character before it: marks, the zero width joiner, selectors of a variant, an emoji's skin tone.
_LEANING = frozenset({"Mn", "Me", "Mc"})
_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Lettering:
    """What a text is drawn with: a font family, how wide its characters are, and which need another family.

    `widths` are per unit of font size. A character that has none is estimated from its kind. `undrawn` are the
    characters that no font draws.
    """

    family: str = "Roboto"
    widths: Mapping[str, float] = field(default_factory=dict)
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    undrawn: frozenset[str] = frozenset()

    def width(self, text: str) -> float:
        """The width of a text on one line, per unit of font size; kerning is left out."""
        return sum(self.widths.get(character, _estimate(character)) for character in text)


def drawable(text: str, lettering: Lettering) -> str:
    """What can be drawn of a line: characters without a glyph are left out, with what leans on them and their spaces."""
    if lettering.undrawn.isdisjoint(text):
        return text
    kept: list[str] = []
    is_leaning = False
    for character in text:
        is_leaning = character in lettering.undrawn or (is_leaning and _leans(character))
        if not is_leaning:
            kept.append(character)
    return " ".join(part for part in "".join(kept).split(" ") if part)


def has_long_word(line: str, lettering: Lettering, most_width: float) -> bool:
    """Whether a line holds something wider than `most_width` that no space or wide character parts."""
    return any(lettering.width(piece.rstrip()) > most_width for piece in _pieces(line))


def break_long_words(lines: Iterable[str], lettering: Lettering, most_width: float) -> tuple[str, ...]:
    """Break those lines in which a word is wider than `most_width`; others, however wide, are left as they are.

    An address parts after its marks (`/`, `-`, `.` …); where it has none, a word parts anywhere, into like parts.
    """
    broken: list[str] = []
    for line in lines:
        if has_long_word(line, lettering, most_width):
            pieces = [part for piece in _pieces(line) for part in _parts_that_fit(piece, lettering, most_width)]
            broken += _balanced(pieces, lettering, most_width)
        else:
            broken.append(line)
    return tuple(broken)


def size_that_fits(lines: Iterable[str], lettering: Lettering, most_width: float, size: float) -> float:
    """The largest font size up to `size` at which no line is wider than `most_width`."""
    widest = max((lettering.width(line) for line in lines), default=0.0)
    return size if widest * size <= most_width else most_width / widest


def wrap(text: str, lettering: Lettering, most_width: float) -> tuple[str, ...]:
    """Break a text into as few lines of at most `most_width` as it takes, all about equally wide.

    Lines break at spaces and beside wide characters; a word that is wider than a line breaks anywhere.
    """
    return tuple(_balanced(_pieces(text), lettering, most_width))


def _balanced(pieces: Sequence[str], lettering: Lettering, most_width: float) -> list[str]:
    lines = _fill(pieces, lettering, most_width)
    low, high = 0.0, most_width
    while len(lines) > 1 and high - low > most_width / 64:
        middle = (low + high) / 2
        tried = _fill(pieces, lettering, middle)
        fits = len(tried) == len(lines) and not _splits_words(tried, pieces)
        low, high = (low, middle) if fits else (middle, high)
        lines = tried if fits else lines
    return lines


def fit_title(
    text: str, lettering: Lettering, most_width: float, choices: Sequence[tuple[float, int]]
) -> tuple[float, tuple[str, ...]]:
    """The first choice of a font size and most lines that takes the text, and its lines.

    Where none does, the last choice is cut short with an ellipsis.
    """
    for size, most_lines in choices:
        lines = wrap(text, lettering, most_width / size)
        if len(lines) <= most_lines and not _splits_words(lines, _pieces(text)):
            return size, lines
    size, most_lines = choices[-1]
    lines = tuple(_fill(_pieces(text), lettering, most_width / size))
    if len(lines) <= most_lines:
        return size, lines
    last = lines[most_lines - 1]
    while last and lettering.width(last + _ELLIPSIS) > most_width / size:
        last = last[:-1]
    return size, (*lines[: most_lines - 1], last.rstrip() + _ELLIPSIS)


def _estimate(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return 0.0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _NARROW


def _pieces(text: str) -> list[str]:
    """What no line break may part; a piece that ends in a space is the end of a word."""
    pieces: list[str] = []
    for word in text.split():
        start = 0
        for at in range(1, len(word)):
            if _may_part(word[at - 1], word[at]):
                pieces.append(word[start:at])
                start = at
        pieces.append(word[start:] + " ")
    return pieces


def _parts_that_fit(piece: str, lettering: Lettering, most_width: float) -> list[str]:
    """A piece that fits, as it is; else its parts between marks, those that are still too wide cut into like parts."""
    if lettering.width(piece.rstrip()) <= most_width:
        return [piece]
    parts: list[str] = []
    start = 0
    for at in range(1, len(piece.rstrip())):
        if piece[at - 1] in _BREAK_AFTER and piece[at] not in _BREAK_AFTER and not _leans(piece[at]):
            parts.append(piece[start:at])
            start = at
    parts.append(piece[start:])
    return [like for part in parts for like in _like_parts(part, lettering, most_width)]


def _like_parts(text: str, lettering: Lettering, most_width: float) -> list[str]:
    """As few parts as fit, all about equally wide."""
    count = math.ceil(lettering.width(text.rstrip()) / most_width)
    parts: list[str] = []
    while count > 1:
        share = lettering.width(text.rstrip()) / count
        length = _characters_that_fit(text, lettering, min(most_width, share + lettering.width(text[:1]) / 2))
        parts.append(text[:length])
        text, count = text[length:], count - 1
    return [part for part in (*parts, text) if part]


def _leans(character: str) -> bool:
    """Whether a character is nothing without the one before it."""
    is_tag = "\U000e0020" <= character <= "\U000e007f"  # of a region's flag
    return is_tag or character == _JOINER or character in _SKIN_TONES or unicodedata.category(character) in _LEANING


def _may_part(before: str, after: str) -> bool:
    is_wide = any(unicodedata.east_asian_width(character) in "WF" for character in (before, after))
    return is_wide and unicodedata.category(after) not in _CLOSING and unicodedata.category(before) not in _OPENING


def _fill(pieces: Iterable[str], lettering: Lettering, most_width: float) -> list[str]:
    """Lines filled one after the other; one character at least goes on each."""
    lines: list[str] = []
    line = ""
    for piece in pieces:
        if not line or lettering.width((line + piece).rstrip()) <= most_width:
            line += piece
        else:
            lines.append(line.rstrip())
            line = piece
        while len(line.rstrip()) > 1 and lettering.width(line.rstrip()) > most_width:
            count = _characters_that_fit(line, lettering, most_width)
            lines.append(line[:count])
            line = line[count:]
    return [*lines, line.rstrip()] if line.strip() else lines


def _characters_that_fit(text: str, lettering: Lettering, most_width: float) -> int:
    width = 0.0
    for count, character in enumerate(text):
        width += lettering.width(character)
        if width > most_width:
            return _before_leaning(text, max(1, count))
    return len(text)


def _before_leaning(text: str, count: int) -> int:
    """So many characters, or fewer, that none is parted from what leans on it; one with all its marks at least."""
    least = 1
    while least < len(text) and _leans(text[least]):
        least += 1
    while count > least and _leans(text[count]):
        count -= 1
    return max(count, least)


def _splits_words(lines: Sequence[str], pieces: Sequence[str]) -> bool:
    """Whether a line ends inside a piece."""
    ends: set[int] = set()
    position = 0
    for piece in pieces:
        position += len(piece.rstrip())
        ends.add(position)
    position = 0
    for line in lines:
        position += len(line.replace(" ", ""))
        if position not in ends:
            return True
    return False
