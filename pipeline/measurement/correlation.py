"""Two stretches of sound at 8 kHz → where the one lies in the other, to a fraction of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.measurement.resampling import REFERENCE_RATE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# First-order pre-emphasis, as speech coders use it (ITU-T G.729, 3.1 has its like): it flattens speech's spectrum, so
# that a peak is sharp and another vowel of the same pitch is no rival.
_EMPHASIS = 0.9
# Sound 40 dB under the loudest stretch is divided as if it were that loud: near silence everything resembles anything.
_LEAST_ENERGY = 1e-4
_SELF_LAG = REFERENCE_RATE // 50
# Samples on either side of a peak from which the correlation between the samples is made up.
_REACH = 12
_TOPS = 16
# Speeds that are tried: in steps that move the ends of 2 s by 0.05 ms, as far as 1000/1001 and a little more.
_SPEEDS = 24
_SPEED_STEP = 0.00005
_FINER = 8
_FINE = 16


@dataclass(frozen=True, slots=True)
class Peak:
    """The best place: `lag` samples of 8 kHz (with a fraction) from the first, and how alike, from -1 to 1."""

    lag: float
    height: float


def find_in(sound: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> Peak | None:
    """Find the place in `sound` most like `wanted` (both emphasised); None when either is silent or too short.

    Normalised cross-correlation by Fourier transform over every place at which `wanted` lies wholly inside.
    """
    return _best_in(_searchable(sound, len(wanted)), wanted)


def find_at_any_speed(sound: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> Peak | None:
    """Find the place in `sound` most like `wanted`, played up to 0.12 % slower or faster about its own middle.

    At 0.1 % the ends of 2 s are 1 ms from where they were, which is more than a cycle of most of speech: `find_in` sees
    nothing alike there, or the wrong cycle.
    """
    import numpy as np

    searchable = _searchable(sound, len(wanted))
    fine = _finer(wanted)
    middle = (len(wanted) - 1) / 2
    from_middle = np.arange(len(wanted)) - middle
    speeds = 1 + np.arange(-_SPEEDS, _SPEEDS + 1) * _SPEED_STEP
    steps = np.arange(len(fine)) / _FINER
    played = (np.interp(middle + from_middle * speed, steps, fine).astype(np.float32) for speed in speeds)
    peaks = [peak for peak in (_best_in(searchable, one) for one in played) if peak is not None]
    return max(peaks, key=lambda peak: peak.height, default=None)


def _finer(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The same sound at 64 kHz, where a straight line between two samples is near enough."""
    import numpy as np

    return np.fft.irfft(np.fft.rfft(sound), len(sound) * _FINER) * _FINER


def self_similarity(sound: npt.NDArray[np.float32]) -> float:
    """How alike a sound is to itself moved by 20 ms or more, at worst: 1 for a steady tone, near 0 for noise."""
    import numpy as np

    flat = emphasised(sound)
    size = 1 << (2 * len(flat) - 1).bit_length()
    spectrum = np.fft.rfft(flat, size)
    overlap = np.fft.irfft(np.abs(spectrum) ** 2, size)[: len(flat)]
    energy = np.concatenate(([0.0], np.cumsum(flat.astype(np.float64) ** 2)))
    if energy[-1] == 0 or len(flat) <= _SELF_LAG:
        return 1.0
    # The energies of the two overlapping ends, so that a burst that returns once counts as much as one that stays.
    shared = np.sqrt(energy[::-1][:-1] * (energy[-1] - energy[:-1]))
    alike = overlap / np.maximum(shared, 0.25 * energy[-1])
    return float(alike[_SELF_LAG:].max())


def emphasised(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The sound with its high parts raised: each sample less nine tenths of the one before."""
    import numpy as np

    before = np.concatenate((sound[:1] * 0, sound[:-1]))
    return (sound - np.float32(_EMPHASIS) * before).astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class _Searchable:
    """A sound made ready to be searched: its transform, and the energy at each place where something may lie."""

    spectrum: npt.NDArray[np.complex128]
    size: int
    energy: npt.NDArray[np.float64]


def _searchable(sound: npt.NDArray[np.float32], length: int) -> _Searchable | None:
    """Make a sound ready for something of this length; None where it is shorter than that, or silent."""
    import numpy as np

    if not 0 < length <= len(sound):
        return None
    size = 1 << (len(sound) - 1).bit_length()
    summed = np.concatenate(([0.0], np.cumsum(sound.astype(np.float64) ** 2)))
    energy = summed[length:] - summed[: len(summed) - length]
    loudest = float(energy.max())
    if loudest <= 0:
        return None
    return _Searchable(np.fft.rfft(sound, size), size, np.maximum(energy, _LEAST_ENERGY * loudest))


def _best_in(searchable: _Searchable | None, wanted: npt.NDArray[np.float32]) -> Peak | None:
    """The best place by normalised correlation, to a fraction of a sample."""
    import numpy as np

    own = float(np.sum(wanted.astype(np.float64) ** 2))
    if searchable is None or own == 0:
        return None
    product = searchable.spectrum * np.conj(np.fft.rfft(wanted, searchable.size))
    raw = np.fft.irfft(product, searchable.size)[: len(searchable.energy)]
    likeness = raw / np.sqrt(own * searchable.energy)
    return max((_refined(likeness, at) for at in _tops(likeness)), key=lambda peak: peak.height)


def _tops(likeness: npt.NDArray[np.float64]) -> list[int]:
    """The highest values that are no lower than their neighbours.

    There are several to refine, for the true top may lie between two samples, where a tone of 2 kHz is 30 % lower.
    """
    import numpy as np

    walled = np.pad(likeness, 1, constant_values=-np.inf)
    tops = np.flatnonzero((likeness >= walled[:-2]) & (likeness >= walled[2:]))
    highest: list[int] = tops[np.argsort(-likeness[tops])[:_TOPS]].tolist()
    return highest


def _refined(likeness: npt.NDArray[np.float64], at: int) -> Peak:
    """The top of the band-limited curve through the values around `at`: a windowed sinc in 1/16 samples."""
    import numpy as np

    low, high = max(0, at - _REACH), min(len(likeness), at + _REACH + 1)
    fine = np.arange(-_FINE, _FINE + 1) / _FINE
    distance = (at + fine)[:, None] - np.arange(low, high)[None, :]
    weights = np.sinc(distance) * np.cos(np.pi * np.clip(distance / (_REACH + 1), -1, 1) / 2) ** 2
    curve = weights @ likeness[low:high]
    top = int(curve.argmax())
    if low > at - _REACH or high < at + _REACH + 1 or top in (0, len(curve) - 1):
        return Peak(float(at), float(likeness[at]))
    left, middle, right = (float(value) for value in curve[top - 1 : top + 2])
    bend = left - 2 * middle + right
    vertex = 0.0 if bend == 0 else 0.5 * (left - right) / bend
    return Peak(at + (top - _FINE + vertex) / _FINE, middle)
