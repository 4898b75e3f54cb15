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
# A cue with less than this until the next one's words, or the end of all words, is moved by its profile: it comes up to
# two frames early to be seen for 5/6 s, and the one after it as much late. At 12 frames a second that is 1 s.
_UNHURRIED_MS = 1000
# Within a longer phrase that is written without spaces it is not known when its letters are said, so a cue that begins
# inside one cannot be judged.
_PHRASE_MS = 2000
_LABEL = re.compile(r"^\s*[^:\n]{1,40}:(?=\s)")


def cue_distances(cues: Sequence[tuple[float, str]], words: Sequence[Word]) -> Distances:
    """Measure how much later each cue (start in ms, text) comes than its first word starts.

    A cue finds its words by its letters and digits, in order, never by its time, so a track that is shifted by any
    amount shows that amount. A cue without a letter is passed over; one whose text is not in the words from the last
    cue on is `unmatched`.
    """
    matches, unmatched = _matches(cues, words)
    return summarise_distances([cue_ms - word_ms for cue_ms, word_ms in matches], unmatched)


def unhurried_cue_distances(cues: Sequence[tuple[float, str]], words: Sequence[Word]) -> Distances:
    """Measure the same at those cues only which have the time to come with their first word.

    Between words that follow one another too soon a profile's shortest duration moves cues by up to two frames.
    """
    matches, unmatched = _matches(cues, words)
    if not matches:
        return summarise_distances((), unmatched)
    starts = [word_ms for _, word_ms in matches]
    ends = [*starts[1:], max(word.end_ms for word in words)]
    hurried = [end - start < _UNHURRIED_MS for start, end in zip(starts, ends, strict=True)]
    moved = [own or before for own, before in zip(hurried, [False, *hurried], strict=False)]
    signed = [cue_ms - word_ms for (cue_ms, word_ms), is_moved in zip(matches, moved, strict=True) if not is_moved]
    return summarise_distances(signed, unmatched)


def _matches(cues: Sequence[tuple[float, str]], words: Sequence[Word]) -> tuple[list[tuple[float, int]], int]:
    """When each cue comes and when its first word starts, in ms; and how many cues have no words."""
    letters, starts = _run_together(words)
    place, unmatched = 0, 0
    matches: list[tuple[float, int]] = []
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
        begin, index = starts[bisect_right(starts, (first, len(words))) - 1]
        word = words[index]
        if begin == first or word.end_ms - word.start_ms <= _PHRASE_MS:
            matches.append((start_ms, word.start_ms))
    return matches, unmatched


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
