"""A word → its width in columns, its grammatical class at either end, the punctuation that it carries.

Closed word classes are listed a language; of open classes nothing is known, and nothing is guessed. A language that is
not listed is cut by punctuation, pauses and balance alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pipeline.captions.word_classes import WORD_CLASSES, LanguageWords, WordClass

Counting = Literal["characters", "full-width"]
Mark = Literal["", "sentence", "clause", "comma", "close"]

# UAX #11: these take a full column of an East Asian grid.
_FULL = frozenset("WF")
# Marks that stand on, under or around a letter, and characters that are not seen.
_WITHOUT_WIDTH = frozenset(("Mn", "Me", "Cf", "Cc"))
_FULL_WIDTH_LANGUAGES = frozenset(("ja", "zh", "yue", "ko"))
# Languages written without spaces between words: a phrase may part from the next without one.
_SPACELESS = frozenset(("ja", "zh", "yue", "th", "lo", "km", "my"))

OPENING = frozenset("([{‘“«‹¿¡（〔［｛〈《「『【〖〘｢„‚#$£€¥")
CLOSING = frozenset(")]}’”»›\"'）〕］｝〉》」』】〗〙｣")
SENTENCE_MARKS = frozenset(".!?…。！？．؟۔।॥")
CLAUSE_MARKS = frozenset(";:—–‒―；：؛")
COMMA_MARKS = frozenset(",、，،､")
# JIS X 4051 (line breaking rules), the characters that may not begin a line beside the closing marks above.
_NOT_FIRST = frozenset("・ーぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ々〻ゝゞヽヾ゛゜‐〜～％%℃°‰′″¢")

# Thai and Lao, Myanmar, Khmer (blocks of the Unicode Standard); what takes a full column is told by its width.
_SPACELESS_BLOCKS = (("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"))

# Signs that are read as words.
_SIGNS = frozenset("&+=×÷<>@#%§")

NOWORDS = LanguageWords()


def primary(language: str) -> str:
    """Primary language of a BCP 47 tag, in small letters: `pt-BR` → `pt`."""
    return language.replace("_", "-").partition("-")[0].lower()


def counting(language: str) -> Counting:
    """How the width of a text in this language is counted."""
    return "full-width" if primary(language) in _FULL_WIDTH_LANGUAGES else "characters"


def width(text: str, how: Counting) -> float:
    """Width of a text: characters that are seen, or full-width ones, a narrow one being half.

    Marks above and below letters (Thai vowels and tones, Arabic and Hebrew points) take no width of their own.
    """
    if text.isascii() and text.isprintable():
        return len(text) if how == "characters" else len(text) / 2
    seen = [character for character in text if unicodedata.category(character) not in _WITHOUT_WIDTH]
    if how == "characters":
        return len(seen)
    return sum(1.0 if unicodedata.east_asian_width(character) in _FULL else 0.5 for character in seen)


def words_of(language: str) -> LanguageWords:
    """Closed word classes of a language; empty ones where the language is not listed."""
    return WORD_CLASSES.get(primary(language), NOWORDS)


@dataclass(frozen=True, slots=True)
class Token:
    """What a break before or after a word depends on.

    `first` and `last` are the word's class as the start and as the end of a line (`qu'il` begins a clause and ends in
    a pronoun), `mark` the punctuation that it ends with. `opens` and `closes`: it must stay with the next, the last.
    """

    first: WordClass
    last: WordClass
    mark: Mark
    opens: bool
    closes: bool
    quoted: bool
    capital: bool
    number: bool
    lower: bool
    abbreviation: bool
    spaceless: bool


@lru_cache(maxsize=16384)
def token(text: str, language: str) -> Token:
    """Classify a word as it is written, with its punctuation."""
    words = words_of(language)
    core = "".join(c for c in text.strip(_PUNCTUATION) if c != "\u00ad").replace("’", "'").lower()
    letters = [character for character in text if character.isalnum()]
    bare = text.rstrip("".join(CLOSING)) or text
    abbreviation = bare.endswith(".") and (_is_abbreviation(core, words) or _is_ordinal(core, language))
    before, _, after = core.rpartition("'")
    return Token(
        first=words.word_class(before + "'") if before and words.has(before + "'") else words.word_class(core),
        last=words.word_class(after) if before and words.has(before + "'") else words.word_class(core),
        mark="" if abbreviation else _mark(text, bare),
        opens=bool(text) and text[-1] in OPENING,
        closes=not letters and not any(c in OPENING or c in _SIGNS for c in text),
        quoted=bool(letters) and not text[0].isalnum(),
        capital=bool(letters) and letters[0].isupper() and words.names_are_capitalised,
        number=bool(letters) and letters[0].isdigit(),
        lower=bool(letters) and letters[0].islower(),
        abbreviation=abbreviation,
        spaceless=primary(language) in _SPACELESS or any(_is_spaceless(c) for c in (text[:1], text[-1:])),
    )


def is_unspaced(text: str) -> bool:
    """Whether a text holds a letter of writing that puts no space between words: its run is a phrase of several."""
    return any(character.isalnum() and _is_spaceless(character) for character in text)


def ends_sentence(left: Token, right: Token) -> bool:
    """Whether a sentence ends between two words: a full stop before a small letter ends none."""
    return left.mark == "sentence" and not right.lower and not right.closes


def may_begin_line(character: str) -> bool:
    """Whether a line may begin with this character (kinsoku, JIS X 4051; closing marks in every script)."""
    return character not in _FIRST_FORBIDDEN and not character.isspace()


def may_end_line(character: str) -> bool:
    """Whether a line may end with this character: opening marks may not."""
    return character not in OPENING


_PUNCTUATION = "".join(sorted(OPENING | CLOSING | SENTENCE_MARKS | CLAUSE_MARKS | COMMA_MARKS | frozenset("-*_~|/\\")))
_FIRST_FORBIDDEN = (CLOSING - frozenset("\"'’")) | SENTENCE_MARKS | CLAUSE_MARKS | COMMA_MARKS | _NOT_FIRST
_MARKS: Mapping[Mark, frozenset[str]] = {
    "sentence": SENTENCE_MARKS,
    "clause": CLAUSE_MARKS,
    "comma": COMMA_MARKS,
}


# Languages that write a day's or a king's number with a full stop: „am 3. Mai“ (Duden, Punkt nach Ordinalzahlen).
_ORDINAL_STOPS = frozenset(
    ("cs", "da", "de", "et", "fi", "hr", "hu", "is", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr")
)


def _is_ordinal(core: str, language: str) -> bool:
    """Whether a number with a full stop is a first or a third, and no sentence's end."""
    return primary(language) in _ORDINAL_STOPS and core.isdigit() and len(core) <= 2


def _mark(text: str, bare: str) -> Mark:
    if bare.endswith("--") or bare == "-":
        return "clause"
    for mark, characters in _MARKS.items():
        if bare[-1:] in characters:
            return mark
    return "close" if len(bare) < len(text) else ""


def _is_abbreviation(core: str, words: LanguageWords) -> bool:
    """Initials (`J.`, `U.S.`) and the abbreviations that a language lists; their last full stop is already gone."""
    parts = core.split(".")
    initials = all(len(part) == 1 and part.isalpha() for part in parts) and core not in ("i", "à", "y", "o", "e", "é")
    return core in words.abbreviations or initials


def _is_spaceless(character: str) -> bool:
    if not character or "\uac00" <= character <= "\ud7a3":
        return False
    in_block = any(first <= character <= last for first, last in _SPACELESS_BLOCKS)
    return in_block or unicodedata.east_asian_width(character) in _FULL
