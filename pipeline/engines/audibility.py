"""Samples of speech → which milliseconds are heard, and where it pauses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

AUDIBLE_SHARE = 0.005
"""Share of the loudest sample above which a sample is sound: measured by `benchmarks/word_times.py`."""

SHORTEST_PAUSE_MS = 15
"""Quiet shorter than this is a stop consonant's, not a pause."""

SHORTEST_SOUND_MS = 4
"""Sound shorter than this between two quiets is a click."""


@dataclass(frozen=True, slots=True)
class Loud:
    """Which milliseconds of a run are heard."""

    heard: npt.NDArray[np.bool_]

    def sound(self) -> tuple[int, int]:
        """First millisecond that is heard, and one past the last: (0, 0) in silence."""
        import numpy as np

        found = np.flatnonzero(self.heard)
        return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)

    def longest_quiet(self, first: float, end: float) -> tuple[int, int] | None:
        """Edges of the longest quiet between two milliseconds, None where none is long enough for a pause."""
        import numpy as np

        low, high = max(0, round(first)), min(len(self.heard), round(end))
        if high - low < SHORTEST_PAUSE_MS:
            return None
        edges = np.flatnonzero(np.diff(np.concatenate(([True], self.heard[low:high], [True])).astype(np.int8)))
        starts, ends = edges[::2], edges[1::2]
        if not len(starts) or (ends - starts).max() < SHORTEST_PAUSE_MS:
            return None
        longest = int((ends - starts).argmax())
        return low + int(starts[longest]), low + int(ends[longest])

    def first_from(self, first: float, end: float) -> float:
        """First millisecond between two that is heard; the first of them where none is."""
        import numpy as np

        low = round(first)
        found = np.flatnonzero(self.heard[low : max(low, round(end))])
        return max(first, float(low + int(found[0]))) if len(found) else first

    def quiet_before(self, first: float, moment: float) -> float:
        """Where the quiet that lasts until a millisecond began, not before the first; the millisecond itself in sound."""
        import numpy as np

        low = round(first)
        found = np.flatnonzero(self.heard[low : max(low, round(moment))])
        return min(moment, float(low + int(found[-1]) + 1)) if len(found) else first

    def quiet_around(self, moment: int) -> tuple[int, int]:
        """Edges of the whole quiet in which a quiet millisecond lies."""
        import numpy as np

        before, after = np.flatnonzero(self.heard[:moment]), np.flatnonzero(self.heard[moment:])
        first = int(before[-1]) + 1 if len(before) else 0
        return first, moment + int(after[0]) if len(after) else len(self.heard)

    def quiet_that_ends(self, first: float, end: float) -> tuple[int, int] | None:
        """Edges of the longest quiet that sound ends between two milliseconds, both included, None where none ends."""
        import numpy as np

        low = max(0, round(first) - 1)
        near = self.heard[low : max(low, round(end) + 1)]
        quiets = [self.quiet_around(low + int(at)) for at in np.flatnonzero(~near[:-1] & near[1:])]
        return max(quiets, key=lambda quiet: quiet[1] - quiet[0], default=None)


def loud(samples: npt.NDArray[np.float32], sample_rate: int) -> Loud:
    """Find which milliseconds of a run hold a sample above the audible share of its peak.

    A click between two silences is no sound; the digital silence around speech holds one now and then.
    """
    import numpy as np

    count = len(samples) * 1000 // sample_rate
    if not count:
        return Loud(np.zeros(0, np.bool_))
    starts = np.arange(count) * sample_rate // 1000
    peaks = np.maximum.reduceat(np.abs(samples), starts)
    heard = peaks > AUDIBLE_SHARE * peaks.max()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], heard, [False])).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if end - first < SHORTEST_SOUND_MS:
            heard[first:end] = False
    return Loud(heard)
