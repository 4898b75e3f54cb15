"""The truth voice is what it says: its times are those of its samples."""

from __future__ import annotations

import pytest

from pipeline import pcm
from tests.truth_voice import TAIL_MS, TruthVoice, onsets, truth_times

TEXT = "Hello, world. — “Three” 4 five! Naïve e-mail 🙂 end"


@pytest.mark.parametrize("sample_rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_every_onset_is_found_again_where_it_was_put(sample_rate: int) -> None:
    """A burst is heard within a millisecond of its known start, at every rate of the service."""
    spoken = TruthVoice(sample_rate)(TEXT, "en", "truth", 1.0)
    found = onsets(pcm.as_array(spoken.pcm), sample_rate)
    assert found == pytest.approx([word.start_ms for word in spoken.words], abs=1.0)


def test_it_speaks_the_same_samples_every_time() -> None:
    """The same call is the same sound; another voice is another sound at the same times."""
    voice = TruthVoice()
    one, again, other = voice(TEXT, "en", "a", 1.0), voice(TEXT, "en", "a", 1.0), voice(TEXT, "en", "b", 1.0)
    assert one == again
    assert one.pcm != other.pcm
    assert one.words == other.words


def test_its_words_are_runs_with_letter_or_digit() -> None:
    """Words without either are not spoken, the others in order with their places in the text."""
    spoken = TruthVoice()(TEXT, "en", "truth", 1.0)
    texts = [TEXT[word.first : word.end] for word in spoken.words]
    assert texts == ["Hello,", "world.", "“Three”", "4", "five!", "Naïve", "e-mail", "end"]
    assert truth_times(TEXT) == [(word.start_ms, word.end_ms) for word in spoken.words]


def test_its_length_follows_speed() -> None:
    """Twice the speed is half the time; silence follows the last word."""
    slow, fast = TruthVoice()(TEXT, "en", "truth", 0.7), TruthVoice()(TEXT, "en", "truth", 1.4)
    assert len(slow.pcm) / len(fast.pcm) == pytest.approx(2, abs=0.001)
    assert pcm.sample_count(slow.pcm) * 1000 / 24_000 - slow.words[-1].end_ms == pytest.approx(TAIL_MS / 0.7, abs=0.1)
    assert onsets(pcm.as_array(TruthVoice()("— 🙂", "en", "truth", 1.0).pcm), 24_000) == []
