"""Stretches of text and what is said for them → tokens, which together are the author's text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.model import Token
from pipeline.scripts.marks import Text

# Every space at which a line may break; the three that hold words together (U+00A0, U+2007, U+202F) stay in a word.
_SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")

# Letters of writing that puts no space between words: Thai to Myanmar, Khmer, kana, ideographs and their full-width
# company (blocks of the Unicode Standard).
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_CLOSERS = "」』）】》〉〕］｝”’\"')\\]"
# A space, or the end of a phrase: full-width punctuation anywhere, the common kind only between two such letters.
_CUTS = re.compile(
    rf" |[。、，！？：；．｡､][{_CLOSERS}。、，！？：；．｡､…‥]*+(?!\s|$)"
    rf"|(?<=[{_UNSPACED}])[…‥,.!?;:]++[{_CLOSERS}]*+(?=[{_UNSPACED}])"
)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


@dataclass(frozen=True, slots=True)
class _Respelling:
    """Characters `first` to `end` of the text as shown are said differently."""

    first: int
    end: int
    said: str


def collapsed(text: str) -> str:
    """Make every run of breaking spaces one space, and leave no space at the ends."""
    return _SPACES.sub(" ", text).strip()


def make_tokens(texts: Sequence[Text], say: Mapping[str, str], *, after_space: bool) -> tuple[Token, ...]:
    """Cut texts into tokens; `after_space` tells whether a space stood before the first.

    A token is a run between spaces, in writing without spaces a phrase; a span of several words stays one. The shown
    words, each after a space where `space_before` says so, are the texts with their spaces collapsed.
    """
    shown, spans = _joined(texts)
    respellings = [*_respelled(shown, spans, say)] if say else spans
    return tuple(_tokens(shown, respellings, after_space=after_space))


def starts_with_space(texts: Sequence[Text]) -> bool:
    """Tell whether there is a space before the first word."""
    return _SPACES.match(next((text.shown for text in texts if text.shown), "")) is not None


def ends_with_space(texts: Sequence[Text]) -> bool:
    """Tell whether there is a space after the last word."""
    return _SPACES.fullmatch(next((text.shown for text in reversed(texts) if text.shown), "")[-1:]) is not None


def _joined(texts: Sequence[Text]) -> tuple[str, list[_Respelling]]:
    """Put texts together with single spaces, and tell where the spans among them lie."""
    parts: list[str] = []
    spans: list[_Respelling] = []
    length, at_space = 0, True
    for text in texts:
        part = _SPACES.sub(" ", text.shown)
        if at_space:
            part = part.removeprefix(" ")
        if not part:
            continue
        if text.said is not None:
            first, end = _trimmed(part, 0, len(part))
            spans.append(_Respelling(length + first, length + end, collapsed(text.said)))
        parts.append(part)
        length += len(part)
        at_space = part.endswith(" ")
    return "".join(parts).rstrip(" "), spans


# ── the table of respellings ───────────────────────────────────────────────────────────────────────────────────────


def _respelled(shown: str, spans: Sequence[_Respelling], say: Mapping[str, str]) -> Iterator[_Respelling]:
    """Yield the spans, and between them every whole word of the table, the longest that fits first."""
    by_first: dict[str, list[tuple[str, str]]] = {}
    for written, said in sorted(say.items(), key=lambda item: -len(item[0])):
        if key := collapsed(written):
            by_first.setdefault(key[0], []).append((key, collapsed(said)))
    starts = re.compile("[" + "".join(map(re.escape, by_first)) + "]") if by_first else None
    position = 0
    for end, span in [*((span.first, span) for span in spans), (len(shown), None)]:
        while starts and (found := starts.search(shown, position, end)):
            position = found.start() + 1
            for key, said in by_first[found[0]]:
                stop = found.start() + len(key)
                if stop <= end and shown.startswith(key, found.start()) and _is_whole(shown, found.start(), stop):
                    yield _Respelling(found.start(), stop, said)
                    position = stop
                    break
        if span:
            yield span
            position = span.end


def _is_whole(shown: str, first: int, end: int) -> bool:
    """Tell whether a stretch is no part of a longer word. A possessive 's is another word, a contraction is not."""
    if first and _holds_together(shown[first - 1], shown[first]):
        return False
    if end == len(shown):
        return True
    if shown[end] in "'’" and shown[end + 1 : end + 2].isalpha():
        return re.match(r"['’][sS]\b", shown[end : end + 3]) is not None
    return not _holds_together(shown[end - 1], shown[end])


def _holds_together(left: str, right: str) -> bool:
    spaced = not (_IS_UNSPACED.match(left) or _IS_UNSPACED.match(right))
    return spaced and _is_of_word(left) and _is_of_word(right)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


# ── tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cuts(shown: str, respellings: Sequence[_Respelling]) -> Iterator[tuple[int, int]]:
    """Yield where a token ends and where the next begins, never inside of a respelling."""
    position = 0
    for cut in _CUTS.finditer(shown):
        if cut[0] == " ":
            end, following = cut.span()
        else:
            end = following = cut.end()
            if end == len(shown) or (shown[cut.start() - 1 : cut.start()].isdigit() and shown[end].isdigit()):
                continue
        while position < len(respellings) and respellings[position].end <= end:
            position += 1
        if position == len(respellings) or not respellings[position].first < following:
            yield end, following


def _trimmed(shown: str, first: int, end: int) -> tuple[int, int]:
    """Leave out spaces at the ends of a stretch, also those that hold words together: here they hold nothing."""
    stretch = shown[first:end]
    return first + len(stretch) - len(stretch.lstrip()), first + len(stretch.rstrip())


def _tokens(shown: str, respellings: Sequence[_Respelling], *, after_space: bool) -> Iterator[Token]:
    first, space, position = 0, after_space, 0
    for cut, following in [*_cuts(shown, respellings), (len(shown), len(shown))]:
        first, end = _trimmed(shown, first, cut)
        if end > first:
            said: list[str] = []
            at = first
            while position < len(respellings) and respellings[position].end <= end:
                respelling = respellings[position]
                said += [shown[at : respelling.first], respelling.said]
                at = respelling.end
                position += 1
            yield Token(shown[first:end], "".join([*said, shown[at:end]]), space)
            space = False
        space = space or following > cut
        first = following
