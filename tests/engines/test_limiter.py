"""Samples over the ceiling → samples under it, without a step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.limiter import CEILING, as_pcm, decibels, limited


@given(st.integers(0, 2000), st.floats(0.1, 6), st.integers(0, 99))
@settings(max_examples=60)
def test_no_sample_passes_the_ceiling(count: int, level: float, seed: int) -> None:
    """Whatever the level, as many samples come back, none above the ceiling, each with its own sign."""
    samples = (np.random.default_rng(seed).standard_normal(count) * level).astype(np.float32)
    result = limited(samples, 24_000)
    assert len(result) == count
    assert np.abs(result).max(initial=0) <= CEILING + 1e-6
    assert (np.sign(result) == np.sign(samples)).all()


def test_what_is_quiet_is_left_alone() -> None:
    """Sound under the ceiling is the same afterwards."""
    samples = np.linspace(-CEILING, CEILING, 1000, dtype=np.float32)
    assert (limited(samples, 24_000) == samples).all()


def test_the_gain_has_no_step() -> None:
    """Around a peak the gain changes by less than two decibels in two milliseconds."""
    samples = np.full(24_000, 0.3, np.float32)
    samples[12_000] = 2
    gain = limited(samples, 24_000) / samples
    assert gain.min() < 0.5
    assert np.abs(20 * np.log10(gain[48:] / gain[:-48])).max() < 2


def test_full_scale_is_the_largest_integer() -> None:
    """A sample of 1 becomes 32767, and decibels are of amplitude."""
    assert as_pcm(np.array([1, -1, 0], np.float32)) == b"\xff\x7f\x01\x80\x00\x00"
    assert round(decibels(20), 6) == 10
