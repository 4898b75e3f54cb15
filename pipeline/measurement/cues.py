"""A file's own captions and the narration's words → how far each cue is from its first word's start."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from pipeline.measurement.onsets import Distances, summarise_distances
from pipeline.model import Word

# How far past its place, in letters, a cue's text is still looked for: a few cues may be missing from the track.
_AHEAD = 600
_TAGS = re.compile(r"<[^<>]*>|\{[^{}]*\}")
_LABEL = re.compile(r"^\s*[^:\n]{1,40}:(?=\s)")


def cue_distances(cues: Sequence[tuple[float, str]], words: Sequence[Word]) -> Distances:
    """Measure how much later each cue (start in ms, text) comes than its first word starts.

    A cue finds its words by its letters and digits, in order, never by its time, so a track that is shifted by any
    amount shows that amount. A cue without a letter is passed over; one whose text is not in the words from the last
    cue on is `unmatched`.
    """
    letters, starts = _run_together(words)
    place, unmatched, signed = 0, 0, []
    reach = _AHEAD
    for start_ms, text in cues:
        wanted = _letters(text)
        if not wanted:
            continue
        found = _place_of(text, letters, place, reach)
        if found is None:
            unmatched += 1
            reach += len(wanted)
            continue
        first, place = found
        reach = _AHEAD
        signed.append(start_ms - words[starts[bisect_right(starts, (first, len(words))) - 1][1]].start_ms)
    return summarise_distances(signed, unmatched)


def _run_together(words: Sequence[Word]) -> tuple[str, list[tuple[int, int]]]:
    """All letters of the words in one string, and where in it each word that has any begins, with its index."""
    parts: list[str] = []
    starts: list[tuple[int, int]] = []
    length = 0
    for index, word in enumerate(words):
        if part := _letters(word.text):
            starts.append((length, index))
            parts.append(part)
            length += len(part)
    return "".join(parts), starts


def _letters(text: str) -> str:
    """The letters, marks and digits, case and compatibility forms levelled (Unicode Standard Annex #15, NFKC)."""
    levelled = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in levelled if one.isalnum() or unicodedata.category(one).startswith("M"))


def _place_of(text: str, letters: str, place: int, reach: int) -> tuple[int, int] | None:
    """From where to where the cue's letters stand, at `place` or, failing that, within reach after it."""
    forms = list(_forms(text))
    for form in forms:
        if letters.startswith(form, place):
            return place, place + len(form)
    for form in forms:
        first = letters.find(form, place, place + reach + len(form))
        if first >= 0:
            return first, first + len(form)
    return None


def _forms(text: str) -> Iterator[str]:
    """The cue's letters as it stands, without markup, and without markup and a speaker's name before a colon."""
    plain = _TAGS.sub("", text)
    for form in dict.fromkeys(map(_letters, (text, plain, _LABEL.sub("", plain)))):
        if form:
            yield form
