"""Onsets after silence are found to a millisecond or two, whatever an encoder smears before them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.measurement import OnsetSearch, onset_distances
from pipeline.measurement.onsets import distances_to_words
from pipeline.media import decoded_sound
from pipeline.model import Word
from tests.measurement.sounds import AAC, Samples, blocks, encoded, late, speechlike, truth

RATE = 24_000


def found(samples: Samples, rate: int = RATE, block: int = 4800) -> list[float]:
    """All onsets in ms."""
    search = OnsetSearch(rate)
    for part in blocks(samples, block):
        search.feed(part)
    return list(search.finish())


def after_pauses(words: list[tuple[str, float, float]]) -> list[float]:
    """Starts of words that follow at least 140 ms of silence, and of the first."""
    ends = [-1000.0, *(end for _, _, end in words)]
    return [start for end, (_, start, _) in zip(ends, words, strict=False) if start - end > 140]


def test_every_word_after_a_pause_is_found() -> None:
    """And none inside running speech; over a minute, so that several stretches are searched one after the other."""
    samples, words = truth(40)

    onsets, wanted = found(samples), after_pauses(words)

    assert len(samples) > 70 * RATE
    assert len(onsets) == len(wanted) == 80
    assert onsets == pytest.approx(wanted, abs=1.5)


def test_soft_edges_over_noise() -> None:
    """Voices that fade in over 10 ms above a noise floor."""
    samples, starts = speechlike(40, RATE)

    assert found(samples) == pytest.approx(starts, abs=2)


@pytest.mark.parametrize("gain", [1.0, 0.2, 0.05])
def test_loudness_changes_nothing(gain: float) -> None:
    """A voice 26 dB softer has the same onsets."""
    samples, starts = speechlike(20, RATE)

    assert found((samples * gain).astype(np.int16)) == pytest.approx(starts, abs=2)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.m4a", AAC),
        ("low.m4a", ("-c:a", "aac", "-b:a", "48k", "-ar", "44100")),
        ("a.mp3", ("-c:a", "libmp3lame", "-b:a", "64k")),
    ],
)
def test_an_encoders_smear_is_no_onset(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    """Bursts that start at once, encoded, are found where they start, not 20 ms before."""
    samples, words = truth(10)
    path = encoded(samples, RATE, tmp_path / name, arguments)

    distances = onset_distances(decoded_sound(path, 48_000), 48_000, [start for _, start, _ in words])

    assert distances.count == 20
    assert distances.median_ms is not None
    assert distances.p95_ms is not None
    assert distances.median_ms < 1.5
    assert distances.p95_ms < 4


@pytest.mark.parametrize("shift_ms", [-50, 50])
def test_a_shift_of_50_ms_shows(shift_ms: int) -> None:
    """As 50 ms, with its sign: sound that comes late is positive."""
    samples, words = truth(10)
    samples = late(samples, RATE)
    moved = late(samples, shift_ms * 24) if shift_ms > 0 else samples[-shift_ms * 24 :]

    distances = onset_distances(blocks(moved), RATE, [1000 + start for _, start, _ in words])

    assert distances.signed_median_ms == pytest.approx(shift_ms, abs=1.5)
    assert distances.median_ms == pytest.approx(50, abs=1.5)


def test_a_click_and_a_hum_are_no_onsets() -> None:
    """A click of 2 ms in a pause, and a hum that never stops."""
    samples, words = truth(4)
    last_end = int(words[-1][2] * 24)
    samples = np.concatenate((samples[:last_end], np.zeros(RATE, np.int16)))
    samples[last_end + RATE // 2 : last_end + RATE // 2 + 48] = 12_000
    hum = (60 * np.sin(2 * np.pi * 50 * np.arange(len(samples)) / RATE)).astype(np.int16)

    assert found(samples + hum) == pytest.approx(after_pauses(words), abs=2)


@settings(max_examples=10, deadline=None)
@given(block=st.integers(1, 40_000))
def test_how_sound_is_cut_into_blocks_changes_nothing(block: int) -> None:
    """Blocks are only how it arrives."""
    samples, _ = speechlike(3, 8000)

    assert found(samples, 8000, max(block, 20)) == found(samples, 8000, len(samples))


def test_odd_rates() -> None:
    """A frame is a whole number of samples, and its time is still exact after a minute."""
    samples, starts = speechlike(70, 22_050)

    assert found(samples, 22_050) == pytest.approx(starts, abs=2.5)


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(50_000, np.int16), np.ones(50_000, np.int16)])
def test_silence_has_no_onset(samples: Samples) -> None:
    """Nor has a file without sound, nor one step of 16 bits; the figures are then None."""
    distances = onset_distances(blocks(samples), RATE, [0, 500])

    assert (distances.count, distances.median_ms, distances.signed_median_ms, distances.p95_ms) == (0, None, None, None)


def test_without_words_nothing_is_measured() -> None:
    """All onsets are then unmatched."""
    samples, words = truth(2)

    distances = onset_distances(blocks(samples), RATE, [])

    assert (distances.count, distances.unmatched) == (0, len(after_pauses(words)))


def test_a_single_word() -> None:
    """One start is the nearest to everything."""
    samples, _ = truth(1)

    assert onset_distances(blocks(samples), RATE, [20]).count == 2


def test_an_onset_in_a_very_long_word_is_not_judged() -> None:
    """A voice says every point of a web address, and pauses between them: only its first onset could be right."""
    words = (Word("See", 0, 150), Word("https://example.org/a/b/c", 150, 14_000), Word("now", 14_100, 14_400))
    found = distances_to_words([0.0, 3000.0, 6000.0, 14_100.0], words)
    assert (found.count, found.median_ms, found.unmatched) == (2, 0.0, 2)
