"""Events of espeak-ng and the sound → when each word of the text starts and ends.

Its word events give starts only, and not for every word: `of the` may be one, and a number several. A word without
an event of its own shares the phonemes of the one before it. Where a word ends is found in the samples.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.engines.audibility import Loud
from pipeline.model import SpokenWord

VERSION = 1
WORD, PHONEME = 1, 7
PAUSES = frozenset({"_", "_:", "_::", "_|", "_^_", ""})
"""Phonemes that are none: pauses of several lengths and marks of a boundary (espeak-ng, docs/phonemes.md)."""

PAUSE_MS = 60
"""Quiet before the next word from which on the word ends where the quiet begins: longer than a stop is closed."""

UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff]")
"""Letters of scripts that write no spaces: Thai, Lao, Burmese, Khmer, Chinese, Japanese (Unicode blocks)."""

EDGE_MS = 60
"""How long after its event a word may begin to be heard."""


@dataclass(frozen=True, slots=True)
class Event:
    """What espeak-ng said of a moment: `character` counts from 1."""

    kind: int
    time_ms: float
    character: int
    phoneme: str


@dataclass(frozen=True, slots=True)
class Place:
    """A run between spaces, which ends at `run_end`; `first` to `end` leave out the marks at its edges.

    Where it has neither letter nor digit (`&`) all of it counts, and it is no `word`.
    """

    first: int
    end: int
    run_end: int
    is_word: bool


def places(text: str, events: Sequence[Event]) -> list[Place]:
    """Runs between spaces of a text, as characters from 0, half open; in scripts without spaces, what has an event."""
    said = {event.character - 1 for event in events if event.kind == WORD}
    cuts = [at for at in sorted(said) if 0 < at < len(text) and UNSPACED.match(text, at)]
    found = []
    for match in re.finditer(r"\S+", text):
        edges = [match.start(), *(cut for cut in cuts if match.start() < cut < match.end()), match.end()]
        found += [_place(text, first, end) for first, end in pairwise(edges)]
    return found


def _place(text: str, first: int, end: int) -> Place:
    inside = [n for n in range(first, end) if text[n].isalnum()]
    return Place(inside[0], inside[-1] + 1, end, True) if inside else Place(first, end, end, False)


def word_times(text: str, events: Sequence[Event], heard: Loud) -> list[SpokenWord]:
    """Every word of the text in order, none overlapping another, in milliseconds of the sound.

    A mark that stands alone is among them where it was spoken.
    """
    first, last = heard.sound()
    starts = _starts(places(text, events), events, float(first), float(last))
    limits = [*[start for _, start in starts[1:]], float(last)]
    timed: list[SpokenWord] = []
    floor = float(first)
    for (word, start), limit in zip(starts, limits, strict=True):
        begin = min(max(floor, start), last)
        finish = min(max(begin, limit), last)
        begin = heard.first_from(begin, min(finish, begin + EDGE_MS))
        quiet = heard.quiet_before(begin, finish)
        floor = finish if finish - quiet < PAUSE_MS else quiet
        timed.append(SpokenWord(word.first, word.end, begin, floor))
    return timed


def _starts(runs: Sequence[Place], events: Sequence[Event], first: float, last: float) -> list[tuple[Place, float]]:
    """When each word starts, and each mark that was spoken."""
    times = _event_times(runs, events)
    kept = [n for n, run in enumerate(runs) if run.is_word or times[n]]
    if not kept:
        return []
    leaders = [at for at, n in enumerate(kept) if times[n]]
    if not leaders or leaders[0]:
        leaders.insert(0, 0)
        times[kept[0]] = [first]
    sounds = [event.time_ms for event in events if event.kind == PHONEME and event.phoneme not in PAUSES]
    starts: list[float] = []
    for leader, following in pairwise([*leaders, len(kept)]):
        until = times[kept[following]][0] if following < len(kept) else last
        group = [runs[n] for n in kept[leader:following]]
        starts += _shared(group, times[kept[leader]], until, sounds)
    return [(runs[n], start) for n, start in zip(kept, starts, strict=True)]


def _event_times(runs: Sequence[Place], events: Sequence[Event]) -> list[list[float]]:
    """Times of the word events of each run; an event that points at a space is of the run after it."""
    times: list[list[float]] = [[] for _ in runs]
    run_ends, at = [run.run_end for run in runs], 0
    for event in events:
        if event.kind == WORD:
            at = max(at, bisect_right(run_ends, event.character - 1))
            if at < len(runs):
                times[at].append(event.time_ms)
    return times


def _shared(group: Sequence[Place], times: Sequence[float], until: float, sounds: Sequence[float]) -> list[float]:
    """Starts of a word with events of its own and of those after it that have none, up to the next that has."""
    missing = len(group) - 1
    if len(times) > missing:  # `such as` gives two, both of `such`
        return [times[0], *times[len(times) - missing :]]
    letters = [place.end - place.first for place in group]
    parts = [sum(letters[:n]) / sum(letters) for n in range(len(group))]
    inside = sounds[bisect_left(sounds, times[0]) : bisect_left(sounds, until)]
    if len(inside) < len(group):
        return [times[0] + max(0.0, until - times[0]) * part for part in parts]
    return [
        times[0],
        *(inside[min(len(inside) - 1, max(n, round(len(inside) * parts[n])))] for n in range(1, len(group))),
    ]
