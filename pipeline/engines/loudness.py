"""Samples of one run of speech → its loudness (ITU-R BS.1770-5, annex 1, one channel, not gated)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The two stages of the K-weighting, as the standard gives them for 48 kHz: numerator and denominator.
DESIGN_RATE = 48_000
STAGES = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)
OFFSET = -0.691


def loudness(samples: npt.NDArray[np.float32], sample_rate: int) -> float:
    """Loudness in LUFS of samples of full scale 1, −∞ in silence.

    The weighting is applied to the power spectrum, which for the loudness of a whole is the same as filtering it. A
    run without pauses needs no gate.
    """
    import numpy as np

    if not len(samples):
        return -math.inf
    spectrum = np.fft.rfft(samples.astype(np.float64))
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(len(samples), 1 / sample_rate) / DESIGN_RATE)
    for numerator, denominator in STAGES:
        spectrum *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    # Parseval: every bin but the first, and the last of an even count, stands for two.
    power = 2 * float((np.abs(spectrum) ** 2).sum()) / len(samples) ** 2
    return OFFSET + 10 * math.log10(power) if power > 0 else -math.inf
