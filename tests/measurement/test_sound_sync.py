"""Offset and drift of the sound come out as what was done to it."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.measurement import ReferenceWindows, SoundSync, measure_sound
from pipeline.media import decoded_sound
from tests.measurement.sounds import AAC, Samples, blocks, encoded, late, recorded, speechlike, stretched, truth

RATE = 24_000


@pytest.fixture(scope="module", params=["truth", "speech"])
def narration(request: pytest.FixtureRequest) -> tuple[Samples, ReferenceWindows]:
    """About 40 s of sound and its windows."""
    samples = truth(14)[0] if request.param == "truth" else speechlike(40, RATE)[0]
    return samples, recorded(samples, RATE)


def measured(samples: Samples, references: ReferenceWindows) -> tuple[float, float, SoundSync]:
    """Offset and drift, which must be there, and all the rest."""
    sync = measure_sound(blocks(samples), RATE, references)
    assert sync.offset_ms is not None
    assert sync.drift_ms is not None
    return sync.offset_ms, sync.drift_ms, sync


def test_untouched_sound_is_in_sync(narration: tuple[Samples, ReferenceWindows]) -> None:
    """To a hundredth of a millisecond, at every window."""
    offset, drift, sync = measured(*narration)

    assert (offset, drift) == pytest.approx((0, 0), abs=0.01)
    assert sync.windows_found == len(sync.windows) == 12
    assert all(one.likeness > 0.99 for one in sync.windows)


@settings(max_examples=12, deadline=None)
@given(shift=st.integers(-2000, 2000).map(lambda ms: ms * 12 + 5))
def test_a_shift_shows_as_itself(shift: int) -> None:
    """Of the sound, by any number of samples, either way; the first second is silence, so nothing is cut off."""
    samples = late(truth(5)[0], 2 * RATE)
    moved = late(samples, shift) if shift > 0 else samples[-shift:]

    offset, drift, _ = measured(moved, recorded(samples, RATE))

    assert offset == pytest.approx(shift * 1000 / RATE, abs=0.02)
    assert drift == pytest.approx(0, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 20])
def test_sound_that_is_seconds_late_is_still_found(narration: tuple[Samples, ReferenceWindows], seconds: int) -> None:
    """Windows are looked for further and further away."""
    samples, references = narration

    offset, drift, _ = measured(late(samples, seconds * RATE), references)

    assert (offset, drift) == pytest.approx((seconds * 1000, 0), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("drift_ms", [-20, 5, 20])
def test_drift_shows_as_itself(narration: tuple[Samples, ReferenceWindows], drift_ms: float) -> None:
    """Sound that plays slower comes late at its end, by so much."""
    samples, references = narration

    offset, drift, _ = measured(stretched(samples, RATE, drift_ms), references)

    assert drift == pytest.approx(drift_ms, abs=1)
    assert offset == pytest.approx(drift_ms / 2, abs=2)


@pytest.mark.slow
def test_joins_that_add_up_show_as_drift() -> None:
    """Forty joins of 1 ms each, 2 s apart, are 40 ms at the end."""
    samples, _ = speechlike(80, RATE)
    joined = np.concatenate([late(samples[first : first + 2 * RATE], 24) for first in range(0, len(samples), 2 * RATE)])

    _, drift, sync = measured(joined, recorded(samples, RATE))

    assert drift == pytest.approx(40, abs=2)
    assert sync.worst_ms == pytest.approx(40, abs=4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arguments"), [("a.m4a", AAC), ("a.mp3", ("-c:a", "libmp3lame", "-b:a", "64k"))])
@pytest.mark.parametrize("shift_ms", [0, 50])
def test_through_an_encoder(
    narration: tuple[Samples, ReferenceWindows], tmp_path: Path, name: str, arguments: tuple[str, ...], shift_ms: int
) -> None:
    """A finished file's sound, decoded, is where it was put: measured at the file's own rate."""
    samples, references = narration
    path = encoded(late(samples, shift_ms * 24), RATE, tmp_path / name, arguments)

    sync = measure_sound(decoded_sound(path, 48_000), 48_000, references)

    assert sync.windows_found == 12
    assert sync.offset_ms == pytest.approx(shift_ms, abs=0.05)
    assert sync.drift_ms == pytest.approx(0, abs=0.05)


def test_the_priming_of_raw_aac_shows(tmp_path: Path) -> None:
    """A file without an edit list is late by the encoder's 1024 samples."""
    samples, _ = speechlike(10, RATE)
    path = encoded(samples, RATE, tmp_path / "a.aac")

    sync = measure_sound(decoded_sound(path, 48_000), 48_000, recorded(samples, RATE))

    assert sync.offset_ms == pytest.approx(1024 / 48, abs=0.05)


@pytest.mark.slow
def test_softer_sound_with_music_under_it_is_found(narration: tuple[Samples, ReferenceWindows]) -> None:
    """Neither loudness nor another sound moves a window."""
    samples, references = narration
    times = np.arange(len(samples)) / RATE
    music = sum(200 * np.sin(2 * np.pi * hertz * times) for hertz in (220, 277, 330))

    offset, _, sync = measured((samples * 0.2 + music).astype(np.int16), references)

    assert sync.windows_found == 12
    assert offset == pytest.approx(0, abs=0.05)


@pytest.mark.slow
def test_another_sound_is_not_found() -> None:
    """Somebody else's speech is no match, and no figure is made up."""
    references = recorded(speechlike(40, RATE, seed=1)[0], RATE)

    sync = measure_sound(blocks(speechlike(40, RATE, seed=2)[0]), RATE, references)

    assert (sync.windows_found, sync.offset_ms, sync.drift_ms, sync.worst_ms) == (0, None, None, None)
    assert len(sync.windows) == 12


def test_what_is_missing_is_missing(narration: tuple[Samples, ReferenceWindows]) -> None:
    """Sound that was muted for a quarter of the file, and that ends before the narration does."""
    samples, references = narration
    holed = samples.copy()
    quarter = len(samples) // 4
    holed[quarter : 2 * quarter] = 0

    offset, _, sync = measured(holed[: 3 * quarter], references)

    assert [one.offset_ms is not None for one in sync.windows] == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3
    assert offset == pytest.approx(0, abs=0.01)


def test_no_sound_and_no_windows() -> None:
    """Nothing to hear, or nothing to look for."""
    references = recorded(speechlike(5, RATE)[0], RATE)

    assert measure_sound([], RATE, references).windows_found == 0
    assert measure_sound([np.zeros(RATE, np.int16)], RATE, references).windows_found == 0
    assert measure_sound([], RATE, ReferenceWindows(RATE, 0, ())).windows == ()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length() -> None:
    """Four times as much sound takes no more."""
    piece, _ = speechlike(60, 8000)

    def peak(minutes: int) -> int:
        tracemalloc.start()
        references = recorded(np.tile(piece, minutes), 8000)
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        sync = measure_sound(_repeated(piece, minutes), 8000, references)
        used = tracemalloc.get_traced_memory()[1] - base
        tracemalloc.stop()
        assert sync.windows_found == 12
        return used

    assert peak(40) < 1.2 * peak(10)


def _repeated(piece: Samples, times: int) -> Iterator[Samples]:
    return (block for _ in range(times) for block in blocks(piece))
