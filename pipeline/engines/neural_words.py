"""Times of the words that were spoken → times of the words that the author wrote: `October`, `twelfth,` → `10/12`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.alignment import match_words
from pipeline.engines.neural_text import Written, normalised
from pipeline.model import SpokenWord

Times = tuple[float, float]


def author_times(
    written: Sequence[Written], words: Sequence[str], times: Sequence[Times | None]
) -> list[tuple[Written, Times | None]]:
    """Time what the author wrote in a sentence by what was spoken for it (`words`, with None for a silent one).

    Each spoken word belongs to one written one; a written one that nothing was spoken for has None.
    """
    owners = _owners(written, words)
    spans: dict[int, Times] = {}
    for owner, span in zip(owners, times, strict=True):
        if owner is not None and span is not None:
            spans[owner] = (spans[owner][0] if owner in spans else span[0], span[1])
    return [(word, spans.get(n)) for n, word in enumerate(written)]


def _owners(written: Sequence[Written], words: Sequence[str]) -> list[int | None]:
    """For each spoken word, which written one it belongs to: None only where nothing was written."""
    if [word.text for word in written] == list(words):
        return list(range(len(words)))
    alone = [(n, part) for n, word in enumerate(written) for part in normalised(word.text).split() or [word.text]]
    owners: list[int | None] = [None] * len(words)
    left, right = 0, 0
    for pair in (*match_words([part for _, part in alone], words), (len(alone), len(words))):
        between = [n for n, _ in alone[left : pair[0]]]
        spelled = [n for n in between if written[n].is_word] or between
        for place in range(right, pair[1]) if spelled else ():
            owners[place] = spelled[(place - right) * len(spelled) // (pair[1] - right)]
        if pair[1] < len(words):
            owners[pair[1]] = alone[pair[0]][0]
        left, right = pair[0] + 1, pair[1] + 1
    return _carried(owners)


def _carried(owners: Sequence[int | None]) -> list[int | None]:
    """Give what was spoken beyond the written (`dollars` after `$3.2 billion`) to the word before, else after."""
    carried: list[int | None] = []
    first = next((owner for owner in owners if owner is not None), None)
    for owner in owners:
        carried.append(owner if owner is not None else carried[-1] if carried else first)
    return carried


def spoken_words(timed: Sequence[tuple[Written, Times | None]], end_ms: float) -> Iterator[SpokenWord]:
    """Yield every word of the text in order, none overlapping another, none beyond the end.

    A word that nothing was spoken for shares the time between its neighbours; a mark that was not spoken has none.
    """
    floor = 0.0
    kept = [(word, times) for word, times in timed if times is not None or word.is_word]
    for n, (word, times) in enumerate(kept):
        if times is None:
            start, end = _share(kept, n, floor, end_ms)
        else:
            start, end = times
        start = min(max(start, floor), end_ms)
        floor = min(max(end, start), end_ms)
        yield SpokenWord(word.first, word.end, start, floor)


def _share(kept: Sequence[tuple[Written, Times | None]], at: int, floor: float, end_ms: float) -> Times:
    """Time of an unspoken word: its part of what is free before the next spoken one, or before the end."""
    following = next(((n, times[0]) for n, (_, times) in enumerate(kept) if n > at and times is not None), None)
    count, limit = (following[0] - at, following[1]) if following else (len(kept) - at, end_ms)
    return floor, floor + max(0.0, limit - floor) / count
