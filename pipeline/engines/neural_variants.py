"""A voice's spectrum and pitch → those of another person: arithmetic, so that a dialogue needs no second model.

The model gives its spectrum and its pitch apart. A longer throat has lower resonances: the spectrum's frequency axis
is shrunk; slower vocal folds have a lower pitch. Each variant's gain brings it to the loudness of the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Spectra = tuple[npt.NDArray[np.float32], ...]

SILENT = -12.0
"""Natural logarithm of a magnitude that is not heard: what stands above the top of a shrunk spectrum."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Factors on pitch and on the spectrum's frequency axis, and the gain in decibels that reaches −16 LUFS."""

    pitch: float
    axis: float
    gain_db: float


VARIANTS: Mapping[str, Variant] = {
    "heart": Variant(1.0, 1.0, 10.5),
    "heart+low": Variant(0.75, 0.92, 9.6),
    "heart+male": Variant(0.6, 0.87, 8.1),
    "heart+mellow": Variant(0.9, 0.97, 10.7),
    "heart+bright": Variant(1.1, 1.03, 10.1),
}
"""In the order in which the speakers of a dialogue take them. Gains: measured by `benchmarks/loudness.py`."""


def reshaped(
    spectra: Spectra, pitch: npt.NDArray[np.float32], variant: Variant
) -> tuple[Spectra, npt.NDArray[np.float32]]:
    """Give the five parts of the spectrum (bins × frames) and the pitch (hertz a frame) of the variant.

    The parts are, in the model's order: magnitude and phase of the harmonics, magnitude of the noise, magnitude and
    phase of the rest. Magnitudes (logarithms) are drawn between bins; a phase is taken from the nearest.
    """
    if variant.axis == 1:
        return spectra, pitch * _as_float32(variant.pitch)
    harmonics, turn, noise, rest, phase = spectra
    stretched = (
        _between(harmonics, variant.axis),
        _nearest(turn, variant.axis),
        _between(noise, variant.axis),
        _between(rest, variant.axis),
        _nearest(phase, variant.axis),
    )
    return stretched, pitch * _as_float32(variant.pitch)


def _as_float32(value: float) -> np.float32:
    import numpy as np

    return np.float32(value)


def _between(part: npt.NDArray[np.float32], axis: float) -> npt.NDArray[np.float32]:
    """Magnitudes at the bins that came to stand here, a line between the two nearest."""
    import numpy as np

    top = len(part) - 1
    where = np.arange(top + 1) / axis
    below = np.minimum(where.astype(np.int64), top)
    share = np.minimum(where - below, 1).astype(np.float32)[:, None]
    moved = part[below] * (1 - share) + part[np.minimum(below + 1, top)] * share
    moved[where > top] = SILENT
    return np.asarray(moved, np.float32)


def _nearest(part: npt.NDArray[np.float32], axis: float) -> npt.NDArray[np.float32]:
    import numpy as np

    top = len(part) - 1
    return part[np.minimum(np.round(np.arange(top + 1) / axis).astype(np.int64), top)]
