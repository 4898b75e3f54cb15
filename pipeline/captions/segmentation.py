"""Words → Cues, by one dynamic programme over text and time.

Every way to cut a stretch of words into cues of one or two lines has a cost: how good the places are at which lines and
cues end, how even the lines, whether a cue can be seen for long enough, not too long, and be read. The cheapest is
found exactly, in time proportional to the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from pipeline.captions.breaks import GapCosts, gap_costs
from pipeline.captions.folding import fold, part
from pipeline.captions.languages import is_unspaced
from pipeline.captions.profiles import Profile
from pipeline.captions.timing import cue_times, out_time, steady_times
from pipeline.model import Cue, Span, Word


@dataclass(frozen=True, slots=True)
class LayoutWeights:
    """Weights of a cue's shape and time, in the unit of the gaps' costs.

    `cue` is the cost of one more cue, `two_lines` of a second line, `balance` of lines that differ by a whole line,
    `lopsided` of a line under half the other, `short` of a cue that shows next to nothing, below `short_share` of a line.
    The rest are costs of a limit that is missed, at once and for each second that is missing.
    """

    cue: float = 2.4
    two_lines: float = 1.5
    balance: float = 4.4
    lopsided: float = 1.6
    top_heavy: float = 0.7
    short: float = 3.6
    short_share: float = 0.6
    too_short: float = 25.0
    too_short_second: float = 60.0
    too_long: float = 40.0
    too_long_second: float = 20.0
    too_fast: float = 6.0
    too_fast_second: float = 20.0
    too_wide: float = 500.0


LAYOUT = LayoutWeights()
# Characters at which some program ends a line; in a cue they are a space.
_LINE_ENDS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")


def forced_starts(words: Sequence[Word], spans: Sequence[Span]) -> frozenset[int]:
    """Indices of words at which a cue has to begin: the first of each paragraph and of each change of speaker.

    A segment that goes on after a break within a paragraph forces nothing: there the pause speaks for itself. Nor does
    one without letter or digit, which takes no time: it is seen with what was said before it.
    """
    by_index: dict[int | None, Span] = {span.index: span for span in spans}
    forced: set[int] = set()
    last_said: Span | None = None
    parted = something_said = False
    for segment, run in groupby(range(len(words)), key=lambda n: words[n].segment):
        numbers = list(run)
        span = by_index.get(segment)
        parted |= span is None or span.starts_paragraph or last_said is None or span.speaker != last_said.speaker
        if not any(character.isalnum() for n in numbers for character in words[n].text):
            continue
        if parted and something_said:
            forced.add(numbers[0])
        last_said, parted, something_said = span, False, True
    return frozenset(forced)


def break_into_cues(
    words: Sequence[Word],
    profile: Profile,
    forced: frozenset[int] = frozenset(),
    end_ms: int | None = None,
    weights: LayoutWeights = LAYOUT,
) -> tuple[Cue, ...]:
    """Cut words into cues that keep the profile's limits wherever words and times allow, each word in just one.

    A cue begins at every word of `forced`; nothing is seen after `end_ms`, the end of the medium. The lines of a cue
    are the words as they are written. A word wider than a line stands on a line of its own. A phrase written without
    spaces that is too wide or too long for a cue is parted, its times by its widths; it counts to the cue in which it
    begins.
    """
    if not words:
        return ()
    parted = [_parts(word, profile) for word in words]
    begins = list(accumulate(map(len, parted), initial=0))
    # How many words have begun before each part.
    begun = [n + (at > 0) for n, parts in enumerate(parted) for at in range(len(parts))] + [len(parted)]
    words = [piece for parts in parted for piece in parts]
    text = _Measures(words, profile, gap_costs(words, profile.language), weights, end_ms)
    edges = sorted({0, len(words), *(begins[n] for n in forced if 0 < n < len(parted))})
    cuts = [cut for first, end in pairwise(edges) for cut in text.cheapest_cuts(first, end)]
    bounds = [(first, end) for first, _, end in cuts]
    reading = [profile.reading_ms(text.width(first, end)) for first, end in bounds]
    times = cue_times(bounds, text.starts, text.ends, reading, profile, end_ms)
    return tuple(
        Cue(start, end, _lines(words, cut, profile), begun[cut[0]], begun[cut[2]])
        for cut, (start, end) in zip(cuts, times, strict=True)
    )


def _parts(word: Word, profile: Profile) -> tuple[Word, ...]:
    """A word as it is; a phrase without spaces that no cue can hold in parts that follow each other at an even speed."""
    text, length_ms = shown(word), max(0, word.end_ms - word.start_ms)
    is_long = length_ms > profile.max_duration_ms
    if not is_unspaced(text) or not (is_long or (profile.width(text) > profile.line_width and not fold(text, profile))):
        return (word,)
    whole = profile.width(text)
    pieces = part(text, min(profile.line_width, whole * profile.max_duration_ms / max(1, length_ms)), profile)
    edges = accumulate((profile.width(piece) for piece in pieces), initial=0.0)
    times = [word.start_ms + round(length_ms * edge / whole) for edge in edges]
    return tuple(
        replace(word, text=piece, start_ms=start, end_ms=end, space_before=word.space_before and n == 0)
        for n, (piece, (start, end)) in enumerate(zip(pieces, pairwise(times), strict=True))
    )


def _lines(words: Sequence[Word], cut: tuple[int, int, int], profile: Profile) -> tuple[str, ...]:
    first, split, end = cut
    lines = tuple(line_text(words[a:b]) for a, b in ((first, split), (split, end)) if a < b)
    if end - first == 1 and profile.width(lines[0]) > profile.line_width:
        return fold(lines[0], profile) or lines
    return lines


def line_text(words: Sequence[Word]) -> str:
    """Words on one line, a space where the author has one."""
    return "".join((" " if word.space_before and n else "") + shown(word) for n, word in enumerate(words))


def shown(word: Word) -> str:
    """Return a word as it is written, but for characters that would end a line within it."""
    return _LINE_ENDS.sub(" ", word.text)


class _Measures:
    """Running sums over all words, from which a cue of any of them is judged at once."""

    def __init__(
        self,
        words: Sequence[Word],
        profile: Profile,
        gaps: GapCosts,
        weights: LayoutWeights,
        end_ms: int | None,
    ) -> None:
        self.words, self.profile, self.gaps, self.weights, self.end_ms = words, profile, gaps, weights, end_ms
        self.starts, self.ends = steady_times(words)
        space = profile.width(" ")
        self._lead = [space if word.space_before else 0.0 for word in words]
        sizes = (profile.width(shown(word)) + lead for word, lead in zip(words, self._lead, strict=True))
        self._reach = list(accumulate(sizes, initial=0.0))
        self._run_on = list(accumulate(gaps.run_on, initial=0.0))

    def width(self, first: int, end: int) -> float:
        """Width of these words on one line."""
        return self._reach[end] - self._reach[first] - self._lead[first]

    def cheapest_cuts(self, first: int, end: int) -> list[tuple[int, int, int]]:
        """Cut words `first` to `end` into cues: first word, first word of its second line (or `end`), end."""
        best = [0.0]
        back: list[tuple[int, int]] = [(first, first)]
        for stop in range(first + 1, end + 1):
            cheapest, came = float("inf"), (stop - 1, stop)
            after = 0.0 if stop == end else self.gaps.cue[stop]
            for start in range(stop - 1, first - 1, -1):
                shaped = self._shape(start, stop)
                if shaped is None:
                    break
                cost, split = shaped
                cost += best[start - first] + after + self._time_cost(start, stop)
                if cost < cheapest:
                    cheapest, came = cost, (start, split)
            best.append(cheapest)
            back.append(came)
        return _traced(back, first, end)

    def _shape(self, start: int, stop: int) -> tuple[float, int] | None:
        """Cost of the best layout of these words and where its second line begins; nothing when they do not fit."""
        limit, weights = self.profile.line_width, self.weights
        width = self.width(start, stop)
        cost = weights.cue + self._run_on[stop] - self._run_on[start + 1]
        if width <= limit:
            lack = 1 - width / (limit * weights.short_share)
            return (cost + weights.short * lack if lack > 0 else cost), stop
        if stop - start == 1:
            folded = fold(shown(self.words[start]), self.profile)
            return cost + (weights.two_lines if folded else weights.too_wide), stop
        if self.profile.lines < 2 or width > 2 * limit + 1:
            return None
        second = self._best_split(start, stop)
        return None if second is None else (cost + second[0], second[1])

    def _best_split(self, start: int, stop: int) -> tuple[float, int] | None:
        """Cost and place of the best line break that leaves two lines that fit."""
        limit, weights = self.profile.line_width, self.weights
        reach, lead, line = self._reach, self._lead, self.gaps.line
        left = reach[start] + lead[start]
        cheapest, place = float("inf"), 0
        for split in range(stop - 1, start, -1):
            lower = reach[stop] - reach[split] - lead[split]
            if lower > limit:
                break
            upper = reach[split] - left
            if upper > limit:
                continue
            slope = (upper - lower) / limit
            cost = line[split] + weights.balance * slope * slope
            if upper > lower:
                cost += weights.top_heavy
            if upper > 2 * lower or lower > 2 * upper:
                cost += weights.lopsided
            if cost < cheapest:
                cheapest, place = cost, split
        return (weights.two_lines + cheapest, place) if place else None

    def _time_cost(self, start: int, stop: int) -> float:
        """Cost of the time that these words can be seen for, if they are a cue."""
        profile, weights = self.profile, self.weights
        begin, spoken = self.starts[start], self.ends[stop - 1]
        last = stop == len(self.starts)
        needed = max(profile.min_duration_ms, self.width(start, stop) * 1000 / profile.reading_speed)
        out = out_time(begin, spoken, None if last else self.starts[stop], int(needed), profile)
        if last and self.end_ms is not None:
            out = min(out, self.end_ms)
        seen = out - begin
        cost = 0.0
        if seen < profile.min_duration_ms:
            cost += weights.too_short + weights.too_short_second * (profile.min_duration_ms - seen) / 1000
        if seen < needed:
            cost += weights.too_fast + weights.too_fast_second * (needed - seen) / 1000
        if seen > profile.max_duration_ms:
            cost += weights.too_long + weights.too_long_second * (seen - profile.max_duration_ms) / 1000
        return cost


def _traced(back: Sequence[tuple[int, int]], first: int, end: int) -> list[tuple[int, int, int]]:
    """Follow the cheapest way from its end to its start."""
    cuts: list[tuple[int, int, int]] = []
    stop = end
    while stop > first:
        start, split = back[stop - first]
        cuts.append((start, split, stop))
        stop = start
    return cuts[::-1]
