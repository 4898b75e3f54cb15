"""States: the whole duration, every change on its nearest frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Cue
from pipeline.pictures import State, frame_at, frames_to_cover, picture_states

RATES = st.sampled_from([1, 12, 24, 25, 30, 50, 60, 120])


@st.composite
def cues_in_order(draw: st.DrawFn) -> list[Cue]:
    """Cues that do not overlap, from a millisecond to seconds long."""
    cues, time = [], 0
    for _ in range(draw(st.integers(0, 12))):
        start = time + draw(st.integers(0, 3000))
        time = start + draw(st.integers(1, 3000))
        cues.append(Cue(start, time, ("words",)))
    return cues


def test_states_of_two_cues() -> None:
    """A picture with two cues, the second to the end: none, first, none, second."""
    cues = [Cue(1000, 2000, ("a",)), Cue(2500, 4000, ("b",))]
    assert picture_states(cues, 4000, 30) == (
        State(0, 30),
        State(30, 30, 0),
        State(60, 15),
        State(75, 45, 1),
    )


def test_adjoining_cues_leave_no_gap() -> None:
    """Where a cue ends as the next begins, there is no frame without a caption."""
    cues = [Cue(0, 1017, ("a",)), Cue(1017, 2000, ("b",))]
    assert [(state.cue, state.frame_count) for state in picture_states(cues, 2000, 30)] == [(0, 31), (1, 29)]


def test_pictures_change_under_a_cue() -> None:
    """A picture that begins while a caption is shown parts its state in two."""
    states = picture_states([Cue(500, 1500, ("a",))], 2000, 10, (0, 1000))
    assert states == (State(0, 5), State(5, 5, 0, 0), State(10, 5, 0, 1), State(15, 5, None, 1))


def test_pictures_that_begin_together() -> None:
    """Of two pictures that begin at the same frame only the later one is seen."""
    assert picture_states([], 1000, 10, (0, 0, 500)) == (State(0, 5, None, 1), State(5, 5, None, 2))


def test_what_lies_after_the_end_is_not_seen() -> None:
    """Cues and pictures past the duration are cut or left out."""
    states = picture_states([Cue(900, 3000, ("a",)), Cue(3000, 4000, ("b",))], 1000, 10, (0, 5000))
    assert states == (State(0, 9), State(9, 1, 0))


def test_frame_times() -> None:
    """Times to the nearest frame, durations up to the next one."""
    assert [frame_at(time, 30) for time in (0, 16, 17, 33, 34, 50)] == [0, 0, 1, 1, 1, 2]
    assert [frames_to_cover(time, 30) for time in (0, 1, 33, 34, 1000)] == [0, 1, 1, 2, 30]


@given(cues_in_order(), st.integers(0, 40_000), RATES, st.lists(st.integers(0, 40_000), max_size=4).map(sorted))
def test_states_cover_the_whole(cues: list[Cue], duration_ms: int, fps: int, starts: list[int]) -> None:
    """States follow one another without a gap over exactly the frames of the duration."""
    states = picture_states(cues, duration_ms, fps, (0, *starts))
    position = 0
    for state in states:
        assert state.first_frame == position
        assert state.frame_count >= 1
        position += state.frame_count
    assert position == frames_to_cover(duration_ms, fps)
    pictures = [state.picture for state in states]
    assert pictures == sorted(pictures)


@given(cues_in_order(), RATES)
def test_every_cue_is_seen_when_it_should_be(cues: list[Cue], fps: int) -> None:
    """Cues longer than two frames change within half a frame of their times, and no cue is lost."""
    long_enough = [cue for cue in cues if (cue.end_ms - cue.start_ms) * fps >= 2000]
    duration_ms = (cues[-1].end_ms if cues else 0) + 20_000
    states = picture_states(long_enough, duration_ms, fps)
    shown = {state.cue: state for state in states if state.cue is not None}
    assert len(shown) == len(long_enough)
    for index, cue in enumerate(long_enough):
        first = shown[index].first_frame
        end = first + shown[index].frame_count
        assert abs(first * 1000 - cue.start_ms * fps) <= 500
        assert abs(end * 1000 - cue.end_ms * fps) <= 500
    assert {state.cue for state in picture_states(cues, duration_ms, fps)} >= set(range(len(cues)))
