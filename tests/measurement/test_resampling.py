"""Sound at 8 kHz is the same sound, at the same time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.measurement.resampling import resample, to_unit_range

RATES = st.sampled_from([8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000])


@settings(max_examples=40, deadline=None)
@given(rate=RATES, hertz=st.floats(50, 3200), phase=st.floats(0, 6.28))
def test_a_tone_keeps_its_phase(rate: int, hertz: float, phase: float) -> None:
    """Every output is the tone's value at k/8000 s: nothing is delayed, not by a fraction of a sample."""
    tone = np.cos(2 * np.pi * hertz * np.arange(rate // 4) / rate + phase).astype(np.float32)

    resampled = resample(tone, rate)

    expected = np.cos(2 * np.pi * hertz * np.arange(len(resampled)) / 8000 + phase)
    assert np.abs(resampled - expected)[100:-100].max() < 0.004


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_what_8_khz_cannot_hold_is_left_out(rate: int) -> None:
    """A tone above 4 kHz does not come back as another one."""
    tone = np.sin(2 * np.pi * 5000 * np.arange(rate) / rate).astype(np.float32)

    assert np.abs(resample(tone, rate))[100:-100].max() < 0.002


@settings(max_examples=30, deadline=None)
@given(rate=RATES, count=st.integers(0, 60_000))
def test_length(rate: int, count: int) -> None:
    """There is an output for each k/8000 s before the sound's end."""
    assert len(resample(np.zeros(count, np.float32), rate)) == -(-count * 8000 // rate)


def test_full_scale_is_one() -> None:
    """Integers are brought to 1, floats are left as they are."""
    assert to_unit_range(np.array([-32768, 16384], np.int16)).tolist() == [-1.0, 0.5]
    assert to_unit_range(np.array([-1.0, 0.5], np.float64)).tolist() == [-1.0, 0.5]
