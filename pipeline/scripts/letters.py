"""A segment's letters and its language → an error when they do not belong together, a remark for a foreign word."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from pipeline.errors import ScriptError
from pipeline.model import Remark, Segment

# Which scripts a language is written in, by the first word of its letters' Unicode names; all others use Latin.
_LANGUAGES: dict[str, str] = {
    "CYRILLIC": "ru uk be bg mk kk ky tg mn tt ba cv os ce ab sr bs uz az",
    "LATIN": "sr bs uz az",
    "GREEK": "el grc",
    "COPTIC": "cop",
    "ARABIC": "ar fa ur ps sd ckb ug ks pnb prs az",
    "HEBREW": "he iw yi",
    "DEVANAGARI": "hi mr ne sa kok bho mai sd ks",
    "BENGALI": "bn as",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "MYANMAR": "my shn",
    "KHMER": "km",
    "TIBETAN": "bo dz",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "ETHIOPIC": "am ti",
    "THAANA": "dv",
    "SYRIAC": "syr",
    "CHEROKEE": "chr",
    "CANADIAN": "iu cr oj",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "KATAKANA-HIRAGANA": "ja",
    "CJK": "ja zh yue wuu nan hak cmn ko",
    "IDEOGRAPHIC": "ja zh yue wuu nan hak cmn ko",
    "BOPOMOFO": "zh cmn nan",
    "HANGUL": "ko",
}
# ISO 15924 codes that a language tag may carry, to say which script is meant.
_CODES: dict[str, frozenset[str]] = {
    "latn": frozenset({"LATIN"}),
    "cyrl": frozenset({"CYRILLIC"}),
    "arab": frozenset({"ARABIC"}),
    "deva": frozenset({"DEVANAGARI"}),
    "hebr": frozenset({"HEBREW"}),
    "grek": frozenset({"GREEK"}),
    "guru": frozenset({"GURMUKHI"}),
}
_KNOWN = frozenset({"LATIN", *_LANGUAGES})
# Languages that put ¿ and ¡ before a question and an exclamation: of Spain, and of its former Americas.
_INVERTED_MARKS = "es ast an ext gl ca eu qu ay gn nah arn myn yua quc cbk ch tl fil"
# Latin abbreviations are everyday writing in these (`NHK`, `DVD`), though not a sentence of nothing else.
_LATIN_BESIDE = frozenset(_LANGUAGES["CJK"].split())


@lru_cache(maxsize=8192)
def script_of(character: str) -> str | None:
    """Name the script of a letter as Unicode names begin (`LATIN`, `CYRILLIC`); None for what is no letter of one."""
    if not unicodedata.category(character).startswith("L"):
        return None
    name = unicodedata.name(character, "")
    first, _, rest = name.partition(" ")
    if first in {"FULLWIDTH", "HALFWIDTH"}:
        first = rest.partition(" ")[0]
    return first if first in _KNOWN else None


def scripts_of(language: str) -> frozenset[str]:
    """Name the scripts that a language (BCP 47) is written in."""
    base, *subtags = language.lower().split("-")
    for subtag in subtags:
        if subtag in _CODES:
            return _CODES[subtag]
    found = frozenset(script for script, languages in _LANGUAGES.items() if base in languages.split())
    return found or frozenset({"LATIN"})


def judge_letters(segments: Sequence[Segment], language: str, path: str) -> list[Remark]:
    """Compare what is spoken with the letters of its language: a remark for each segment with a foreign word.

    One more, where ¿ or ¡ first stands, when the language does not use them.

    Raises ScriptError at a segment that is mostly in letters which the language does not use.
    """
    scripts = scripts_of(language)
    remarks = list(_inverted_marks(segments, language))
    for segment in segments:
        allowed = _allowed(segment, scripts, language)
        counts = Counter(script for token in segment.tokens for letter in token.said if (script := script_of(letter)))
        foreign = {script: count for script, count in counts.items() if script not in allowed}
        if sum(foreign.values()) * 2 > counts.total():
            raise ScriptError(_mostly_foreign(foreign, language), path, segment.line)
        if foreign:
            remarks.append(_foreign_words(segment, foreign, language))
    return remarks


def _inverted_marks(segments: Iterable[Segment], language: str) -> Iterator[Remark]:
    """Remark the first mark that tells of Spanish, whose letters are those of many other languages."""
    if language.lower().partition("-")[0] in _INVERTED_MARKS.split():
        return
    for segment in segments:
        if found := next((letter for letter in segment.text if letter in "¿¡"), None):
            text = f"{found} is Spanish, but the language is {language!r}; set `language: es` if that is spoken"
            yield Remark(text, segment.line)
            return


def _allowed(segment: Segment, scripts: frozenset[str], language: str) -> frozenset[str]:
    if language.lower().partition("-")[0] in _LATIN_BESIDE:
        own = any(script_of(letter) in scripts for token in segment.tokens for letter in token.said)
        return scripts | {"LATIN"} if own else scripts
    return scripts


def _name(script: str) -> str:
    return {"CJK": "Chinese", "CANADIAN": "Canadian syllabic"}.get(script, script.capitalize())


def _mostly_foreign(foreign: dict[str, int], language: str) -> str:
    script = _name(max(foreign, key=lambda name: foreign[name]))
    return (
        f"this is mostly in {script} letters, which the language {language!r} does not use; "
        f'set `language:` to the one that is spoken, or write what is to be spoken as [text]{{say="…"}}'
    )


def _foreign_words(segment: Segment, foreign: dict[str, int], language: str) -> Remark:
    words = [token.shown for token in segment.tokens if any(script_of(letter) in foreign for letter in token.said)]
    named = ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")
    return Remark(f"not in letters of the language {language!r}, so perhaps not spoken well: {named}", segment.line)
