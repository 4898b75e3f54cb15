"""When cues come and go: the timing rules alone, without any text."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captions.checks import violations
from pipeline.captions.profiles import profile
from pipeline.captions.timing import cue_times, out_time, steady_times
from pipeline.model import CaptionTrack, Cue, Word

LIMITS = profile("netflix", "en", 25)  # gap 80 ms, minimum 834 ms


@pytest.mark.parametrize(
    ("spoken_ms", "next_ms", "needed_ms", "out_ms"),
    [
        (2000, None, 834, 2500),  # half a second past the last sound
        (100, None, 834, 834),  # the minimum
        (6900, None, 834, 7000),  # the maximum
        (2000, 4000, 834, 2500),  # far from the next
        (2000, 2000, 834, 1920),  # continuous speech: two frames
        (2000, 2400, 834, 2320),  # a small pause is closed
        (2000, 2800, 834, 2300),  # a larger one stays open for half a second
        (2000, 2800, 2500, 2720),  # unless it takes longer to read
        (100, 900, 834, 820),  # too short, and nothing to be done
        (100, 1100, 834, 1020),  # the minimum would leave a gap that is neither, so it is closed
        (6800, 7300, 834, 6800),  # the maximum leaves no two frames: half a second
        (6950, 7300, 834, 7220),  # but nothing goes before its last sound
        (10_000, None, 834, 10_000),  # however long that takes
        (10_000, 12_000, 834, 10_000),
        (10_000, 10_300, 834, 10_220),
        (10_000, 10_000, 834, 9920),
    ],
)
def test_the_out_time_follows_the_rules(spoken_ms: int, next_ms: int | None, needed_ms: int, out_ms: int) -> None:
    """Each rule of the out-time at its edge, for a cue that comes at 0."""
    assert out_time(0, spoken_ms, next_ms, needed_ms, LIMITS) == out_ms


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=20))
def test_times_are_made_steady(times: list[tuple[int, int]]) -> None:
    """Starts never go back, no end comes before its start, and what was in order is left as it was."""
    starts, ends = steady_times([Word("x", start, end) for start, end in times])
    assert all(one <= two for one, two in pairwise(starts))
    assert all(start <= end for start, end in zip(starts, ends, strict=True))
    if all(a <= b for a, b in times) and all(one[0] <= two[0] for one, two in pairwise(times)):
        assert list(zip(starts, ends, strict=True)) == times


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(834, 6000), st.integers(0, 3000)), min_size=1, max_size=15))
def test_cues_long_enough_keep_every_rule(cues: list[tuple[int, int]]) -> None:
    """From speech of fair length: in on the first sound, gaps right, no cue too short or too long."""
    starts, ends, clock = [], [], 0
    for length, pause in cues:
        starts.append(clock)
        ends.append(clock + length)
        clock += length + max(pause, LIMITS.gap_ms)
    times = cue_times([(n, n + 1) for n in range(len(cues))], starts, ends, [0] * len(cues), LIMITS, None)
    assert [start for start, _ in times] == starts
    for (start, end), spoken in zip(times, ends, strict=True):
        assert spoken <= end <= spoken + 1000
        assert 834 <= end - start <= 7000
    assert all(
        after - end == LIMITS.gap_ms or after - end >= LIMITS.chain_ms for (_, end), (after, _) in pairwise(times)
    )


def test_nothing_is_seen_after_the_end() -> None:
    """The last cue goes with the medium, at the latest."""
    assert cue_times([(0, 1)], [0], [2000], [0], LIMITS, 2100) == [(0, 2100)]
    assert cue_times([], [], [], [], LIMITS, 2100) == []


def test_a_cue_too_short_lets_the_next_one_wait() -> None:
    """Two frames before its first sound, and so much of the two frames after its silence as it still needs."""
    starts, ends = [0, 3000, 3800], [2400, 3300, 6000]
    times = cue_times([(0, 1), (1, 2), (2, 3)], starts, ends, [0, 0, 0], LIMITS, None)
    assert times == [(0, 2420), (2920, 3754), (3834, 6500)]
    checked = CaptionTrack(tuple(Cue(start, end, ("No.",)) for start, end in times))
    assert violations(checked, LIMITS) == ()


def test_the_cue_before_gives_what_it_can_spare() -> None:
    """A cue that takes 2,890 ms to read gives 30 of the two frames; the rest is waited for."""
    starts, ends = [0, 3000, 3820], [2900, 3300, 6000]
    times = cue_times([(0, 1), (1, 2), (2, 3)], starts, ends, [2890, 0, 0], LIMITS, None)
    assert times == [(0, 2890), (2970, 3804), (3884, 6500)]


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ([0, 3000, 3700], [2400, 3300, 6000]),  # more would be wanting than two frames
        ([0, 3000, 3800], [2400, 3300, 4000]),  # the next one is too short itself
    ],
)
def test_no_cue_waits_in_vain(starts: list[int], ends: list[int]) -> None:
    """A cue stays on its first sound where the one before it would be too short all the same, or it itself would be."""
    times = cue_times([(0, 1), (1, 2), (2, 3)], starts, ends, [0, 0, 0], LIMITS, ends[-1] + 500)
    assert times[2][0] <= starts[2]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(100, 3000), st.integers(0, 1500)), min_size=1, max_size=12))
def test_no_cue_is_further_than_two_frames_from_its_sound(cues: list[tuple[int, int]]) -> None:
    """However short the paragraphs are, and the gaps between their cues stay those of the rules."""
    starts, ends, clock = [], [], 1000
    for length, pause in cues:
        starts.append(clock)
        ends.append(clock + length)
        clock += length + max(pause, LIMITS.gap_ms)
    times = cue_times([(n, n + 1) for n in range(len(cues))], starts, ends, [0] * len(cues), LIMITS, None)
    assert all(abs(start - first) <= LIMITS.gap_ms for (start, _), first in zip(times, starts, strict=True))
    assert all(
        after - end == LIMITS.gap_ms or after - end >= LIMITS.chain_ms for (_, end), (after, _) in pairwise(times)
    )
