"""Further voices of hibari's: used where their model is on this machine, never fetched, never taken for another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines import neural, neural_model, neural_voices, offline
from pipeline.engines.loudness import loudness
from pipeline.engines.neural_variants import VARIANTS
from pipeline.errors import EngineError

TEXT = "Two cats sang in the harbour."


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Hibari's cache, in which its own voice lies under the names of a British and of an American one.

    The published models are not to be had without a network; theirs is the same architecture.
    """
    from hibari.voices import VOICES

    model = (files("hibari") / "assets" / "hibari.onnx").read_bytes()
    names = ("emma", "kore")
    known = neural_voices.listed()
    mine = {name: neural_voices.Listed(hashlib.sha256(model).hexdigest(), known[name].british) for name in names}
    monkeypatch.setattr(neural_voices, "listed", lambda: {**known, **mine})
    monkeypatch.setattr(neural, "listed", neural_voices.listed)
    monkeypatch.setattr(offline, "listed", neural_voices.listed)
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    for name in names:
        (tmp_path / VOICES[name]["file"]).write_bytes(model)
    yield tmp_path
    neural_model.unload()
    neural._as_it_is.cache_clear()


def test_a_voice_that_was_fetched_speaks(cache: Path) -> None:
    """American as its model has it, at the level of all; British by British rules; each under its own identity."""
    assert cache.is_dir()
    heart, kore, emma = (offline.speak(TEXT, "en", voice, 1.0) for voice in ("heart", "kore", "emma"))
    assert [TEXT[word.first : word.end] for word in emma.words] == ["Two", "cats", "sang", "in", "the", "harbour"]
    assert len(kore.pcm) == len(heart.pcm)
    peaks = [int(np.abs(np.frombuffer(one.pcm, "<i2").astype(int)).max()) for one in (heart, kore)]
    assert abs(20 * np.log10(peaks[1] / peaks[0])) < 1.5
    assert emma.pcm != kore.pcm
    assert all(map(offline.known_voice, ("emma", "kore")))
    assert not any(map(offline.known_voice, ("fable", "fenrir")))
    assert offline.explicit("en-GB", "emma") == "emma"
    assert len({offline.identity("en", voice) for voice in ("heart", "emma", "kore")}) == 3


def test_a_further_voice_speaks_english_only(cache: Path) -> None:
    """Another language is not read by English rules, and what could speak it is named."""
    assert cache.is_dir()
    with pytest.raises(EngineError, match=r"English only.*espeak:de"):
        offline.speak("Guten Tag.", "de", "emma", 1.0)


def test_a_voice_that_is_not_here_is_told_with_how_to_get_it(cache: Path) -> None:
    """In place of a download that nobody asked for."""
    before = sorted(cache.iterdir())
    with pytest.raises(EngineError, match="cueline voices --get fable"):
        offline.speak(TEXT, "en", "fable", 1.0)
    assert sorted(cache.iterdir()) == before


def test_a_model_that_was_changed_is_not_loaded(cache: Path) -> None:
    """A damaged or exchanged file does not speak under a published voice's identity."""
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineError, match="not the published one"):
        offline.speak(TEXT, "en", "kore", 1.0)


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_loudness_is_as_the_standard_says(rate: int) -> None:
    """A full-scale sine of 997 Hz is −3.01 LUFS; deep sounds count less (ITU-R BS.1770-5, annex 1)."""
    times = np.arange(2 * rate) / rate
    assert loudness(np.sin(2 * np.pi * 997 * times).astype(np.float32), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(np.sin(2 * np.pi * 30 * times).astype(np.float32), rate) < -6
    assert loudness(np.zeros(rate, np.float32), rate) == -np.inf


def test_the_gain_that_is_found_is_the_one_that_was_measured(cache: Path) -> None:
    """Of the voice whose gain a meter gave over whole passages, one sentence gives nearly the same."""
    assert cache.is_dir()
    assert abs(neural._as_it_is("kore").gain_db - VARIANTS["heart"].gain_db) <= 1
