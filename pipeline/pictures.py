"""Cues and pictures in time → states: what is seen from which frame on, for how many frames.

A frame at `n / fps` seconds is on the screen until the next one, so a change is put on the frame nearest to its time,
half a frame away at the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.model import Cue


@dataclass(frozen=True, slots=True)
class State:
    """What is seen for `frame_count` frames from `first_frame` on: a picture, and a cue (by index) or none."""

    first_frame: int
    frame_count: int
    cue: int | None = None
    picture: int = 0


def frame_at(time_ms: int, fps: int) -> int:
    """The frame whose time is nearest to `time_ms`; of two equally near, the later one."""
    return (2 * time_ms * fps + 1000) // 2000


def frames_to_cover(duration_ms: int, fps: int) -> int:
    """The fewest frames that last at least `duration_ms`."""
    return -(-duration_ms * fps // 1000)


def picture_states(
    cues: Sequence[Cue], duration_ms: int, fps: int, picture_starts_ms: Sequence[int] = (0,)
) -> tuple[State, ...]:
    """Cut the whole duration into states, in order and without a gap; the frames are those of `frames_to_cover`.

    `cues` are in order and do not overlap. Picture `i` is seen from `picture_starts_ms[i]` on until the next one
    starts, the first from the beginning whatever its time. A cue shorter than a frame is seen for one frame. What
    would start after the end is not seen.
    """
    total = frames_to_cover(duration_ms, fps)
    shown = _cue_frames(cues, fps, total)
    turns = [0, *(min(frame_at(start, fps), total) for start in picture_starts_ms[1:])]
    edges = sorted({0, total, *turns, *(frame for first, end, _ in shown for frame in (first, end))})
    states: list[State] = []
    next_shown = picture = 0
    for first, end in pairwise(edges):
        while picture + 1 < len(turns) and turns[picture + 1] <= first:
            picture += 1
        while next_shown < len(shown) and shown[next_shown][1] <= first:
            next_shown += 1
        is_shown = next_shown < len(shown) and shown[next_shown][0] <= first
        states.append(State(first, end - first, shown[next_shown][2] if is_shown else None, picture))
    return tuple(states)


def _cue_frames(cues: Sequence[Cue], fps: int, total: int) -> list[tuple[int, int, int]]:
    """First frame, end frame and index of every cue that is seen at all."""
    frames: list[tuple[int, int, int]] = []
    free = 0
    for index, cue in enumerate(cues):
        first = max(free, frame_at(cue.start_ms, fps))
        end = min(total, max(first + 1, frame_at(cue.end_ms, fps)))
        if first < end:
            frames.append((first, end, index))
            free = end
    return frames
