"""Character times that are made keep what the service's own keep to."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Alignment, SpokenWord
from pipeline.protocol.character_times import cut_times, normalized_times, sent_times
from tests.truth_voice import TruthVoice

text = st.lists(st.text("abé1日,.!—“” ", min_size=1, max_size=7), min_size=1, max_size=8).map(" ".join).map(str.strip)


def ends(alignment: Alignment) -> list[float]:
    """When every character ends."""
    return [start + length for start, length in zip(alignment.starts_ms, alignment.durations_ms, strict=True)]


@given(text, st.integers(0, 10_000_000))
def test_times_are_whole_contiguous_and_complete(said: str, base: int) -> None:
    """Every character once, whole milliseconds, no gap, from the base to the last sample."""
    spoken = TruthVoice()(said, "en", "v", 1.0)
    total = round(len(spoken.pcm) / 2 / 24)
    normalized = normalized_times(said, spoken.words, total, base)
    sent = sent_times(normalized)
    assert "".join(normalized.chars) == f" {said} "
    assert "".join(sent.chars) == f"{said} "
    for alignment in (normalized, sent):
        assert all(isinstance(time, int) for time in (*alignment.starts_ms, *alignment.durations_ms))
        assert alignment.starts_ms[0] == base
        assert ends(alignment)[-1] == base + total
        assert all(
            end == start for end, (_, start) in zip(ends(alignment), pairwise(alignment.starts_ms), strict=False)
        )
        assert min(alignment.durations_ms) >= 0


@given(text)
def test_a_word_keeps_its_time(said: str) -> None:
    """Its first letter starts and its last ends within half a millisecond of what the voice says."""
    spoken = TruthVoice()(said, "en", "v", 1.0)
    alignment = normalized_times(said, spoken.words, round(len(spoken.pcm) / 2 / 24))
    for word in spoken.words:
        letters = [at for at in range(word.first, word.end) if said[at].isalnum()]
        assert abs(alignment.starts_ms[letters[0] + 1] - word.start_ms) <= 0.5
        assert abs(ends(alignment)[letters[-1] + 1] - word.end_ms) <= 0.5


def test_the_first_character_absorbs_the_lead_in() -> None:
    """As in the service's messages: 104 ms of "H" are the space's 70 and its own 34."""
    normalized = Alignment((" ", "H", "i"), (0, 70, 104), (70, 34, 70))
    assert sent_times(normalized) == Alignment(("H", "i"), (0, 104), (104, 70))


def test_a_sign_that_is_all_of_a_word_keeps_the_time() -> None:
    """`&` is spoken; the full stop is not."""
    alignment = normalized_times(
        "a & b.", [SpokenWord(0, 1, 0, 10), SpokenWord(2, 3, 20, 30), SpokenWord(4, 6, 40, 50)], 60
    )
    assert alignment.starts_ms[3] == 20
    assert alignment.durations_ms[3] == 10
    assert ends(alignment)[5] == 50


def test_words_that_share_a_time_do_not_run_backwards() -> None:
    """A voice that speaks `of the` as one word, or says nothing of a word, still times every character."""
    alignment = normalized_times(
        "of the end", [SpokenWord(0, 6, 20, 80), SpokenWord(3, 6, 30, 80), SpokenWord(7, 10, 70, 90)], 100
    )
    assert list(alignment.starts_ms) == sorted(alignment.starts_ms)
    assert ends(alignment)[-1] == 100


@given(text, st.lists(st.integers(1, 4000), max_size=6).map(sorted))
def test_cutting_loses_nothing(said: str, cuts: list[int]) -> None:
    """The parts joined are the whole, and a part starts its characters before its end."""
    spoken = TruthVoice()(said, "en", "v", 1.0)
    whole = normalized_times(said, spoken.words, 4000)
    parts = cut_times(whole, [*cuts, 4000])
    assert len(parts) == len(cuts) + 1
    found = [part for part in parts if part]
    assert sum((part.chars for part in found), ()) == whole.chars
    assert sum((part.starts_ms for part in found), ()) == whole.starts_ms
    for part, end in zip(parts[:-1], cuts, strict=True):
        assert part is None or part.starts_ms[-1] < end
