"""Samples of a quiet voice → the same at a speech level, no peak above a ceiling.

A fixed gain for a voice keeps one sentence as loud beside another as the voice meant it; the few peaks that would
then clip are turned down smoothly. The target is −16 LUFS (ITU-R BS.1770), what mono speech on the web is mixed to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CEILING = 10 ** (-2.5 / 20)
"""Peak of full scale that is never passed: a decibel and a half under −1 dBFS for what lies between samples (true peak)."""

STEP_MS = 1
"""The gain is found for each stretch of so many milliseconds, and drawn as a line between their middles."""

REACH = 20
"""Stretches over which the gain comes down before a peak and goes up after it: longer than a low voice's period."""


def decibels(amount: float) -> float:
    """Factor on samples of so many decibels."""
    return float(10 ** (amount / 20))


def limited(samples: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float32]:
    """Turn down what is louder than the ceiling, without a step: as many samples come back.

    The least gain that any stretch within reach needs, averaged over that same reach, is at no stretch more than
    the gain needed there.
    """
    import numpy as np

    step = sample_rate * STEP_MS // 1000
    count = -(-len(samples) // step)
    padded = np.zeros(count * step, dtype=np.float32)
    padded[: len(samples)] = np.abs(samples)
    needed = CEILING / np.maximum(padded.reshape(count, step).max(axis=1, initial=0), CEILING)
    if not count or needed.min() >= 1:
        return samples
    around = np.pad(needed, 2 * REACH + 1, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(around, 2 * REACH + 3).min(axis=1)
    bell = np.hanning(2 * REACH + 1)
    gain = np.convolve(least, bell / bell.sum(), mode="valid")
    middles = (np.arange(count) + 0.5) * step
    line = np.interp(np.arange(len(samples)) + 0.5, middles, gain)
    return np.asarray(np.clip(samples * line, -CEILING, CEILING), np.float32)


def as_pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """Samples of full scale 1 as signed 16-bit little endian, to the nearest."""
    import numpy as np

    return bytes(np.round(samples * 32767).astype("<i2").tobytes())
