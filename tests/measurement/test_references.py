"""Windows are kept from start to end, where there is something to hear, and survive JSON."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import MediaError
from pipeline.measurement import ReferenceRecorder, ReferenceWindows
from pipeline.pcm import as_array
from tests.measurement.sounds import recorded, speechlike, to_samples

RATE = 24_000


def test_twelve_windows_of_two_seconds_from_start_to_end() -> None:
    """Each twelfth of a narration has its window, which lies inside it."""
    samples, _ = speechlike(120, RATE)

    references = recorded(samples, RATE)

    assert [window.first * 12 // len(samples) for window in references.windows] == list(range(12))
    assert all(len(window.pcm) == 2 * 16_000 for window in references.windows)


@pytest.mark.parametrize(("seconds", "most"), [(0.4, 1), (1.5, 3), (5, 4), (9, 4), (30, 12)])
def test_a_short_script_has_fewer_or_shorter_ones(seconds: float, most: int) -> None:
    """There is always one window at least, and none overlaps the next."""
    samples, _ = speechlike(seconds + 0.5, RATE)
    samples = samples[RATE // 4 : RATE // 4 + int(seconds * RATE)]
    if seconds < 1:
        samples[2000:4000] = speechlike(2, RATE)[0][9000:11_000]

    windows = recorded(samples, RATE).windows

    assert 1 <= len(windows) <= most
    ends = [window.first + len(window.pcm) // 2 * 3 for window in windows]
    assert all(end <= after.first + 3 for end, after in zip(ends, windows[1:], strict=False))


def test_a_window_holds_the_narration_at_its_place() -> None:
    """At 8 kHz, every third sample of a narration at 24 kHz that has nothing above 3 kHz."""
    spectrum = np.fft.rfft(speechlike(10, RATE)[0].astype(float))
    spectrum[3000 * 10 :] = 0
    samples = to_samples(np.fft.irfft(spectrum, 10 * RATE) / 32768)

    for window in recorded(samples, RATE).windows:
        kept = as_array(window.pcm).astype(int)
        there = samples[window.first : window.first + 3 * len(kept) : 3].astype(int)
        assert np.abs(kept - there)[32:-32].max() <= 0.005 * np.abs(there).max() + 2


@settings(max_examples=8, deadline=None)
@given(block=st.integers(1, 60_000))
def test_how_the_narration_is_cut_into_blocks_changes_nothing(block: int) -> None:
    """Blocks are only how it arrives."""
    samples, _ = speechlike(6, 8000)

    assert recorded(samples, 8000, max(block, 50)) == recorded(samples, 8000, len(samples))


@pytest.mark.parametrize("steady", ["silence", "hiss far below hearing", "tone", "beat"])
def test_what_could_be_found_anywhere_is_not_kept(steady: str) -> None:
    """Silence and sound that repeats itself are no reference."""
    times = np.arange(20 * RATE) / RATE
    rng = np.random.default_rng(3)
    sounds = {
        "silence": times * 0,
        "hiss far below hearing": 5e-5 * rng.standard_normal(len(times)),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * times),
        "beat": 0.5 * np.sin(2 * np.pi * 440 * (times % 0.25)) * (times % 0.25 < 0.1),
    }

    assert recorded(to_samples(sounds[steady]), RATE).windows == ()


def test_windows_are_where_somebody_speaks() -> None:
    """A long silence in the middle has no window, speech on both sides has."""
    samples, _ = speechlike(120, RATE)
    samples[30 * RATE : 90 * RATE] = 0

    starts = [window.first / RATE for window in recorded(samples, RATE).windows]

    assert len(starts) == 6
    assert all(start < 30 or start >= 90 for start in starts)


def test_json_and_back() -> None:
    """What the job file holds is all there is."""
    references = recorded(speechlike(6, RATE)[0], RATE)

    assert ReferenceWindows.from_json(json.loads(json.dumps(references.to_json()))) == references


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 16000},
        {"sample_rate": 0},
        {"sample_count": None},
        {"windows": None},
        {"windows": [{"first": 0, "pcm": "not base64!"}]},
        {"windows": [{"first": -1, "pcm": ""}]},
        {"windows": [7]},
    ],
)
def test_a_damaged_job_file_is_said_to_be_one(change: dict[str, Any]) -> None:
    """Whatever stands there, the error says what to do."""
    written = recorded(speechlike(2, RATE)[0], RATE).to_json() | change

    with pytest.raises(MediaError, match="make the video again"):
        ReferenceWindows.from_json(written)


def test_more_and_less_than_promised() -> None:
    """Sound past the promised length is left out; a narration that ends early keeps the windows it had."""
    samples, _ = speechlike(30, RATE)
    whole, short = recorded(samples, RATE), ReferenceRecorder(RATE, len(samples))
    longer = ReferenceRecorder(RATE, len(samples))
    longer.feed(np.concatenate((samples, samples)).tobytes())
    short.feed(samples[: len(samples) // 2].tobytes())

    assert longer.finish() == whole
    assert short.finish().windows == whole.windows[:6]
