"""Sounds for tests, and by how much one comes after another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def noise(sample_rate: int, seconds: float = 2.0, top_hz: int = 2500) -> Samples:
    """Noise between 100 Hz and `top_hz`, the same every time: it is like itself at one offset only."""
    count = int(sample_rate * seconds) + 77
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / sample_rate)
    spectrum[(frequencies > top_hz) | (frequencies < 100)] = 0
    signal = np.fft.irfft(spectrum, count)
    return np.asarray(signal / np.abs(signal).max() * 20000, dtype=np.int16)


def lateness(reference: Samples, measured: Samples) -> int:
    """Samples by which `measured` comes after `reference`: where their cross-correlation peaks."""
    size = 1 << (len(reference) + len(measured)).bit_length()
    spectra = np.fft.rfft(measured.astype(float), size) * np.conj(np.fft.rfft(reference.astype(float), size))
    peak = int(np.fft.irfft(spectra, size).argmax())
    return peak if peak < size // 2 else peak - size


def joined(blocks: Iterable[Samples]) -> Samples:
    """One array of blocks."""
    return np.concatenate(list(blocks))
