"""Lengths of phonemes and the sound made of them → when each word starts and ends.

The model plans in frames of 25 ms, and what it plans is heard about one and a half frames earlier. In running speech
its plan is all there is to go by; beside a pause the samples show the edge of the sound itself, also where the plan has
no pause. The constants are measured by `benchmarks/word_times.py`, against an acoustic aligner and the onsets of sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.engines.audibility import Loud
from pipeline.engines.neural_text import Sounds

VERSION = 3
"""Counts up when a constant here changes, so that times made with the old ones are not taken for new."""

FRAME_MS = 25
"""Length of the model's frame: 600 samples at 24 kHz."""

LEAD_MS = 37
"""How much earlier than planned a word is heard inside running speech."""

PAUSE_MS = 80
"""A planned gap before a word from which on it counts as starting after a pause."""

SEARCH_BACK_MS, SEARCH_ON_MS = 200, 60
"""How far before and after the planned start of a word the edge of its sound is looked for."""

UNPLANNED_MS = 95
"""Quiet from which on it counts as a pause though none was planned. Shorter is nearly always a stop's closure, where the
aligner starts the word as planned; from 110 on, sound is heard to begin up to 100 ms after the word's time."""

ENDS_BACK_MS, ENDS_ON_MS = 75, 10
"""How far before and after the planned start of a word such a pause may end: it is found to end 54 before to 1 after.
The pause before a short word (`the`) that precedes ends 99 before or earlier, a closure inside (`that`) 110 after."""

SHORTEST_WORD_MS = 10
"""What a word is given at least, where its neighbours leave room."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Milliseconds of a run's own sound in which the spoken word `word` (or a piece of it) is heard."""

    word: int
    start_ms: float
    end_ms: float


def word_times(sounds: Sequence[Sounds], id_ends: Sequence[int], heard: Loud) -> list[Spoken]:
    """Times of a run's words, in order, none overlapping another, in milliseconds of the run's own samples.

    `id_ends` holds the frame in which each of the model's ids ends: one of padding, one a phoneme, one of padding.
    """
    if not sounds:
        return []
    planned = [(id_ends[sound.first] * FRAME_MS, id_ends[sound.end] * FRAME_MS) for sound in sounds]
    first, last = heard.sound()
    seams = [_seam(before, after, heard) for (_, before), (after, _) in pairwise(planned)]
    starts = [float(first), *(start for _, start in seams)]
    ends = [*(end for end, _ in seams), float(last)]
    return _in_order(sounds, starts, ends)


def _seam(before: float, after: float, heard: Loud) -> tuple[float, float]:
    """End of a word and start of the next, where the plan has them end at `before` and start at `after`."""
    pause = _planned_pause(after, heard) if after - before >= PAUSE_MS else _unplanned_pause(after, heard)
    return pause or (before - LEAD_MS, before - LEAD_MS)


def _planned_pause(after: float, heard: Loud) -> tuple[float, float] | None:
    """Edges of the pause before a word that is planned to start at `after`, None where it was spoken without one."""
    quiet = heard.longest_quiet(after - SEARCH_BACK_MS, after + SEARCH_ON_MS)
    return heard.quiet_around(quiet[0]) if quiet else None


def _unplanned_pause(after: float, heard: Loud) -> tuple[float, float] | None:
    """Edges of a pause that the voice made where no mark asks for one; None in running speech.

    Long clauses have them (`every rope on the quay | while the bell rang`); the plan hides them in the phoneme before.
    """
    pause = heard.quiet_that_ends(after - ENDS_BACK_MS, after + ENDS_ON_MS)
    return pause if pause and pause[1] - pause[0] >= UNPLANNED_MS else None


def _in_order(sounds: Sequence[Sounds], starts: Sequence[float], ends: Sequence[float]) -> list[Spoken]:
    """Words of at least the shortest length where there is room, each from its own start to the next one's at most."""
    words: list[Spoken] = []
    floor = 0.0
    for sound, start, end, limit in zip(sounds, starts, ends, [*starts[1:], ends[-1]], strict=True):
        begin = max(floor, start)
        finish = max(min(end, max(limit, begin)), min(begin + SHORTEST_WORD_MS, ends[-1]), begin)
        words.append(Spoken(sound.word, begin, finish))
        floor = finish
    return words
