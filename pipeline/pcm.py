"""Samples ↔ durations, silences, joins, envelopes. Sound is signed 16-bit little endian, mono, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE_BYTES = 2
# Below this share of full scale nothing is heard: −50 dBFS, far above the digital silence that voices put at their
# ends and far below the softest consonant of a voice at its usual level.
AUDIBLE = 10 ** (-50 / 20)


def samples_to_ms(count: int, sample_rate: int) -> int:
    """Milliseconds of so many samples, to the nearest."""
    return (count * 2000 + sample_rate) // (2 * sample_rate)


def ms_to_samples(milliseconds: float, sample_rate: int) -> int:
    """Samples in so many milliseconds, to the nearest."""
    return round(milliseconds * sample_rate / 1000)


def silence(count: int) -> bytes:
    """So many samples of digital silence."""
    return bytes(count * SAMPLE_BYTES)


def sample_count(pcm: bytes) -> int:
    """How many whole samples these bytes hold."""
    return len(pcm) // SAMPLE_BYTES


def as_array(pcm: bytes) -> npt.NDArray[np.int16]:
    """Bytes seen as samples, not copied; an odd last byte is left out."""
    import numpy as np

    return np.frombuffer(pcm, dtype="<i2", count=sample_count(pcm))


def sounding_range(pcm: bytes, sample_rate: int) -> tuple[int, int]:
    """Find the first sample that is heard and one past the last: (0, 0) where nothing is.

    Judged by the loudest sample of each 5 ms, so a single zero crossing inside a sound does not end it.
    """
    import numpy as np

    samples = as_array(pcm)
    step = max(1, sample_rate // 200)
    padded = np.zeros(-(-len(samples) // step) * step, dtype=np.int32)
    padded[: len(samples)] = np.abs(samples.astype(np.int32))
    loud = np.flatnonzero(padded.reshape(-1, step).max(axis=1, initial=0) > AUDIBLE * 32768)
    if not len(loud):
        return 0, 0
    return int(loud[0]) * step, min(len(samples), (int(loud[-1]) + 1) * step)
