"""A finished file's sound and reference windows of its narration → offset and drift in milliseconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.measurement.correlation import Peak, emphasised, find_at_any_speed, find_in
from pipeline.measurement.references import ReferenceWindow, ReferenceWindows
from pipeline.measurement.resampling import REFERENCE_RATE, resample, to_unit_range
from pipeline.pcm import as_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Sound = npt.NDArray[np.float32]

# How far from its own place a window is looked for, in seconds, one after the other, and how alike it must be to count
# as found. Other speech reaches 0.2, what went through an encoder 0.94 and more; below that another speed is tried.
_RADII = (2.0, 10.0, 30.0)
_FOUND = 0.55
_SAME = 0.94
# The outermost 4 ms of a window were resampled without what lies beyond: they are left out of the comparison.
_EDGE = REFERENCE_RATE // 250
# By how much a window may hang over either end of the file, in samples of 8 kHz.
_OVERHANG = REFERENCE_RATE // 4


@dataclass(frozen=True, slots=True)
class WindowMatch:
    """Where one window was found: so many ms later than in the narration (None: not found), and how alike (to 1)."""

    start_ms: float
    offset_ms: float | None
    likeness: float


@dataclass(frozen=True, slots=True)
class SoundSync:
    """The sound against the narration, in ms; positive is late.

    `offset_ms` is the median of the windows; `drift_ms` how much later the end comes than the start, by a line
    through them (None where fewer than two were found); `worst_ms` the offset furthest from 0. All None where no window
    was found.
    """

    offset_ms: float | None
    drift_ms: float | None
    worst_ms: float | None
    windows: tuple[WindowMatch, ...]

    @property
    def windows_found(self) -> int:
        """How many of the windows are in the file."""
        return sum(one.offset_ms is not None for one in self.windows)


def measure_sound(sound: Iterable[npt.NDArray[np.generic]], rate: int, references: ReferenceWindows) -> SoundSync:
    """Measure offset and drift of mono sound (blocks of int16, or of floats to 1, from time 0 of the file).

    Memory does not grow with the length: what is held is about a minute around one window.
    """
    comparison = SoundComparison(rate, references)
    for block in sound:
        comparison.feed(block)
    return comparison.finish()


class SoundComparison:
    """`measure_sound` for who has the blocks one by one."""

    def __init__(self, rate: int, references: ReferenceWindows) -> None:
        self._rate = rate
        self._references = references
        self._pending = deque(references.windows)
        self._held: deque[npt.NDArray[np.generic]] = deque()
        self._held_first = 0
        self._position = 0
        self._matches: list[WindowMatch] = []

    def feed(self, block: npt.NDArray[np.generic]) -> None:
        """Take the next samples."""
        if not self._pending:
            return
        self._held.append(block)
        self._position += len(block)
        while self._pending and self._position >= self._needed(self._pending[0])[1]:
            self._match_next()
        self._let_go()

    def finish(self) -> SoundSync:
        """Return what was measured; the sound has ended."""
        while self._pending:
            self._match_next()
        return summarise(self._matches, self._references.sample_count / self._references.sample_rate)

    def _needed(self, window: ReferenceWindow) -> tuple[int, int]:
        """The file's samples in which this window is looked for at the furthest (half open)."""
        start = window.first / self._references.sample_rate
        length = len(window.pcm) / 2 / REFERENCE_RATE
        return int((start - _RADII[-1]) * self._rate), int((start + length + _RADII[-1]) * self._rate) + 1

    def _match_next(self) -> None:
        import numpy as np

        window = self._pending.popleft()
        held = np.concatenate(list(self._held)) if self._held else np.zeros(0, np.int16)
        start = window.first / self._references.sample_rate
        wanted = emphasised(to_unit_range(as_array(window.pcm)))[_EDGE:-_EDGE]
        self._matches.append(_match(held, self._held_first, self._rate, wanted, start))

    def _let_go(self) -> None:
        """Forget the blocks before the next window's neighbourhood."""
        needed = self._needed(self._pending[0])[0] if self._pending else self._position
        while self._held and self._held_first + len(self._held[0]) <= needed:
            self._held_first += len(self._held.popleft())


def _match(
    held: npt.NDArray[np.generic], held_first: int, rate: int, wanted: npt.NDArray[np.float32], start: float
) -> WindowMatch:
    """Look for a window near `start` seconds, then further away; the sound held begins with sample `held_first`."""
    import numpy as np

    expected = start + _EDGE / REFERENCE_RATE

    def look(find: Callable[[Sound, Sound], Peak | None], radius: float) -> tuple[float, float]:
        """How alike the best place is, and how much later in ms."""
        first = max(held_first, round((expected - radius) * rate))
        end = round((expected + len(wanted) / REFERENCE_RATE + radius) * rate)
        near = held[max(0, first - held_first) : max(0, end - held_first)]
        peak = find(np.pad(emphasised(resample(to_unit_range(near), rate)), _OVERHANG), wanted)
        if peak is None:
            return 0.0, 0.0
        return peak.height, 1000 * (first / rate + (peak.lag - _OVERHANG) / REFERENCE_RATE - expected)

    best = 0.0, 0.0
    for radius in _RADII:
        best = max(best, look(find_in, radius))
        if best[0] >= _FOUND:
            break
    if best[0] < _SAME:
        best = max(best, look(find_at_any_speed, _RADII[0]))
    return WindowMatch(start * 1000, best[1] if best[0] >= _FOUND else None, best[0])


def summarise(matches: Sequence[WindowMatch], seconds: float) -> SoundSync:
    """Sum up windows of a narration so many seconds long. The line is Theil's (1950): the median of all slopes."""
    import numpy as np

    found = [(one.start_ms, one.offset_ms) for one in matches if one.offset_ms is not None]
    if not found:
        return SoundSync(None, None, None, tuple(matches))
    offsets = [offset for _, offset in found]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(found) for b in found[n + 1 :] if b[0] > a[0]]
    drift = float(np.median(slopes)) * seconds * 1000 if slopes else None
    return SoundSync(float(np.median(offsets)), drift, max(offsets, key=abs), tuple(matches))
