"""Planned lengths and samples → word times, with made-up sound whose edges are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.engines.audibility import loud
from pipeline.engines.neural import speak
from pipeline.engines.neural_text import Sounds
from pipeline.engines.neural_times import LEAD_MS, word_times
from pipeline.measurement.onsets import onset_distances

RATE = 24_000
LONG_CLAUSES = (
    "The committee decided to postpone the vote until the missing documents were found behind the radiator. "
    "Several members left before dinner while others stayed until the cleaners switched off the lights. "
    "A fisherman painted every rope on the quay while the bell rang, and the pilot remembered an empty boat before the "
    "sun came up. They sleep behind thick curtains while children play football beneath the window. "
    "A violin maker taught his daughter everything he knew about varnish without ever writing down a recipe. "
    "The keeper of the light watched the long wall without a word; later, the whole town heard the first ferry."
)


def _tone(*stretches: tuple[int, float]) -> npt.NDArray[np.float32]:
    """A tone of so many milliseconds at each level, one after the other."""
    parts = [np.sin(np.arange(length * RATE // 1000) * 0.1) * level for length, level in stretches]
    return np.concatenate(parts).astype(np.float32)


def test_running_speech_follows_the_plan() -> None:
    """Without a pause a word starts, and the one before it ends, one lead before the plan's end of that one."""
    heard = loud(_tone((100, 0), (400, 1), (100, 0)), RATE)
    ends = [4, 8, 12, 13, 16, 20, 24]
    first, second = word_times([Sounds(0, 0, 2), Sounds(1, 3, 5)], ends, heard)
    assert first.end_ms == second.start_ms == 12 * 25 - LEAD_MS
    assert first.start_ms == pytest.approx(100, abs=2)
    assert second.end_ms == pytest.approx(500, abs=2)


def test_beside_a_pause_the_samples_decide() -> None:
    """A word before a pause ends with its sound, the one after it starts with its own."""
    heard = loud(_tone((100, 0), (180, 1), (210, 0), (200, 1), (100, 0)), RATE)
    ends = [4, 8, 12, 16, 20, 24, 28, 32]
    first, second = word_times([Sounds(0, 0, 2), Sounds(1, 4, 6)], ends, heard)
    assert first.end_ms == pytest.approx(280, abs=2)
    assert second.start_ms == pytest.approx(490, abs=2)


def test_a_planned_pause_that_was_not_made_is_running_speech() -> None:
    """Sound all through leaves only the plan."""
    heard = loud(_tone((800, 1)), RATE)
    first, second = word_times([Sounds(0, 0, 2), Sounds(1, 4, 6)], [4, 8, 12, 16, 20, 24, 28, 32], heard)
    assert first.end_ms == second.start_ms == 12 * 25 - LEAD_MS


def test_a_pause_that_was_not_planned_is_one() -> None:
    """Where the sound stops between two words that are planned as running speech, the samples decide too."""
    heard = loud(_tone((100, 0), (200, 1), (150, 0), (250, 1), (100, 0)), RATE)
    first, second = word_times([Sounds(0, 0, 2), Sounds(1, 3, 5)], [4, 8, 18, 19, 25, 29, 33], heard)
    assert first.end_ms == pytest.approx(300, abs=2)
    assert second.start_ms == pytest.approx(450, abs=2)


def test_the_closure_of_a_stop_is_no_pause() -> None:
    """Quiet of 70 ms between two words leaves the plan as it is."""
    heard = loud(_tone((100, 0), (280, 1), (70, 0), (250, 1), (100, 0)), RATE)
    first, second = word_times([Sounds(0, 0, 2), Sounds(1, 3, 5)], [4, 8, 18, 19, 25, 29, 33], heard)
    assert first.end_ms == second.start_ms == 18 * 25 - LEAD_MS


def test_a_pause_belongs_to_the_word_that_follows_it() -> None:
    """The pause before a short word is not taken for one before the next word, though it is near that one's start."""
    heard = loud(_tone((100, 0), (180, 1), (210, 0), (400, 1), (100, 0)), RATE)
    sounds = [Sounds(0, 0, 2), Sounds(1, 4, 5), Sounds(2, 6, 7)]
    _, short, following = word_times(sounds, [4, 8, 12, 16, 20, 23, 24, 32, 36], heard)
    assert short.start_ms == pytest.approx(490, abs=2)
    assert short.end_ms == following.start_ms == 23 * 25 - LEAD_MS


@pytest.mark.parametrize("voice", ["heart", "heart+low"])
def test_words_start_where_sound_begins(voice: str) -> None:
    """After every silence of the real voice a word starts within 40 ms, also where no mark asks for the silence."""
    spoken = speak(LONG_CLAUSES, voice, 1.0)
    starts = [word.start_ms for word in spoken.words]
    found = onset_distances([np.frombuffer(spoken.pcm, "<i2")], spoken.sample_rate, starts)
    assert found.count >= 12
    assert found.p95_ms is not None
    assert found.p95_ms <= 40
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(spoken.words))


def test_a_click_in_silence_is_no_sound() -> None:
    """Three milliseconds between two silences do not begin a word."""
    heard = loud(_tone((50, 0), (3, 0.5), (100, 0), (200, 1), (50, 0)), RATE)
    assert heard.sound()[0] == pytest.approx(153, abs=2)


def test_silence_has_no_sound() -> None:
    """Nothing is heard in silence nor in no samples at all."""
    assert loud(np.zeros(2400, np.float32), RATE).sound() == (0, 0)
    assert loud(np.zeros(0, np.float32), RATE).sound() == (0, 0)


def test_milliseconds_do_not_drift_at_odd_rates() -> None:
    """At 22 050 samples a second a millisecond is no whole number of samples; after ten seconds it is still right."""
    samples = np.zeros(22_050 * 11, np.float32)
    samples[22_050 * 10 : 22_050 * 10 + 2205] = 1
    assert loud(samples, 22_050).sound() == (10_000, 10_100)
