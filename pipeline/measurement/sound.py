"""A finished file's sound and reference windows of its narration → offset and drift in milliseconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.measurement.correlation import Peak, emphasised, find_in
from pipeline.measurement.references import ReferenceWindow, ReferenceWindows
from pipeline.measurement.resampling import REFERENCE_RATE, resample, to_unit_range
from pipeline.pcm import as_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# How far from its own place a window is looked for, in seconds, and how alike it must be to count as found. Where
# the speed is off by a thousandth, 2 s of speech no longer fit as a whole, but a quarter of it does; a shorter
# stretch is more easily alike by chance, so more is asked of it.
_WHOLE, _QUARTER = 0.5, 0.65
_FURTHEST = 30.0
# The outermost 4 ms of a window were resampled without what lies beyond: they are left out of the comparison.
_EDGE = REFERENCE_RATE // 250
_ATTEMPTS = ((2.0, 1, _WHOLE), (2.0, 4, _QUARTER), (10.0, 1, _WHOLE), (_FURTHEST, 1, _WHOLE), (_FURTHEST, 4, _QUARTER))


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
    through them; `worst_ms` the offset furthest from 0. All None where no window was found.
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
        return int((start - _FURTHEST) * self._rate), int((start + length + _FURTHEST) * self._rate) + 1

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
    best, edge = 0.0, _EDGE / REFERENCE_RATE
    for radius, parts, least in _ATTEMPTS:
        skipped, piece = _loudest_part(wanted, parts)
        expected = start + edge + skipped / REFERENCE_RATE
        first = max(held_first, round((expected - radius) * rate))
        end = round((expected + len(piece) / REFERENCE_RATE + radius) * rate)
        peak = _find(held[max(0, first - held_first) : max(0, end - held_first)], rate, piece)
        if peak is not None and peak.height >= least:
            offset = first / rate + peak.lag / REFERENCE_RATE - expected
            return WindowMatch(start * 1000, offset * 1000, peak.height)
        best = max(best, peak.height if peak and parts == 1 else 0.0)
    return WindowMatch(start * 1000, None, best)


def _find(samples: npt.NDArray[np.generic], rate: int, wanted: npt.NDArray[np.float32]) -> Peak | None:
    """Find a window in a stretch of the file; a quarter of a second of silence lets it hang over the file's ends."""
    import numpy as np

    margin = REFERENCE_RATE // 4
    peak = find_in(np.pad(emphasised(resample(to_unit_range(samples), rate)), margin), wanted)
    return peak and Peak(peak.lag - margin, peak.height)


def _loudest_part(wanted: npt.NDArray[np.float32], parts: int) -> tuple[int, npt.NDArray[np.float32]]:
    """The part, of equal ones, with the most energy, and how many samples come before it."""
    import numpy as np

    size = len(wanted) // parts
    energies = np.sum(wanted[: size * parts].reshape(parts, size) ** 2, axis=1)
    first = int(energies.argmax()) * size
    return first, wanted[first : first + size]


def summarise(matches: Sequence[WindowMatch], seconds: float) -> SoundSync:
    """Sum up windows of a narration so many seconds long. The line is Theil's (1950): the median of all slopes."""
    import numpy as np

    found = [(one.start_ms, one.offset_ms) for one in matches if one.offset_ms is not None]
    if not found:
        return SoundSync(None, None, None, tuple(matches))
    offsets = [offset for _, offset in found]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(found) for b in found[n + 1 :] if b[0] > a[0]]
    drift = float(np.median(slopes)) * seconds * 1000 if slopes else 0.0
    return SoundSync(float(np.median(offsets)), drift, max(offsets, key=abs), tuple(matches))
