"""Samples at any rate → the same sound at 8 kHz, each sample at its exact time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REFERENCE_RATE = 8000
# Zero crossings of the sinc on either side, and the Kaiser window's shape (60 dB down; Kaiser & Schafer 1980).
_CROSSINGS = 16
_BETA = 5.65
# The share of the narrower of the two bands that passes: the filter's slope lies between it and the band's edge.
_PASSED = 0.9
_OUTPUTS_AT_ONCE = 4096


def to_unit_range(samples: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Samples as float32 with full scale at 1: 16-bit integers are divided by 32768, floats are taken as they are."""
    import numpy as np

    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    return samples.astype(np.float32, copy=False)


def resample(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """Resample to 8 kHz: item k is the band-limited sound at k/8000 s after the first sample, float32.

    There is no delay: the filter is symmetric about each output's own time, computed for every fractional position
    that occurs (8000 / gcd(8000, rate) of them). What lies outside the samples is taken as silence.
    """
    import numpy as np

    if rate == REFERENCE_RATE:
        return samples
    count = -(-len(samples) * REFERENCE_RATE // rate)
    parts = [samples[:0], *(_outputs(samples, rate, first, min(count, first + step)) for first, step in _steps(count))]
    return np.concatenate(parts)


def _steps(count: int) -> Iterator[tuple[int, int]]:
    """Cut the outputs into runs, so that the gathered inputs of one run fit the processor's cache."""
    return ((first, _OUTPUTS_AT_ONCE) for first in range(0, count, _OUTPUTS_AT_ONCE))


def _outputs(samples: npt.NDArray[np.float32], rate: int, first: int, end: int) -> npt.NDArray[np.float32]:
    """Outputs `first` to `end`: each the inner product of its inputs with the taps of its fractional position."""
    import numpy as np

    taps = _taps(rate)
    phases, half = taps.shape[0], taps.shape[1] // 2
    scaled = np.arange(first, end, dtype=np.int64) * (rate // math.gcd(rate, REFERENCE_RATE))
    whole, phase = scaled // phases, scaled % phases
    low, high = int(whole[0]) - half + 1, int(whole[-1]) + half + 1
    inside = samples[max(low, 0) : high]
    padded = np.pad(inside, (max(-low, 0), high - max(low, 0) - len(inside)))
    inputs = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[whole - whole[0]]
    outputs: npt.NDArray[np.float32] = np.einsum("kt,kt->k", inputs, taps[phase])
    return outputs


@lru_cache(maxsize=4)
def _taps(rate: int) -> npt.NDArray[np.float32]:
    """One row of filter taps for each fractional position, shape (positions, taps), each row summing to 1.

    Tap t of position p weighs the input at `floor + t - half + 1`, where the output lies at `floor + p/positions`.
    """
    import numpy as np

    phases = REFERENCE_RATE // math.gcd(rate, REFERENCE_RATE)
    cutoff = _PASSED * min(1.0, REFERENCE_RATE / rate)
    half = math.ceil(_CROSSINGS / cutoff)
    distance = np.arange(2 * half)[None, :] - half + 1 - np.arange(phases)[:, None] / phases
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, 1)))
    taps: npt.NDArray[np.float64] = np.sinc(distance * cutoff) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)
