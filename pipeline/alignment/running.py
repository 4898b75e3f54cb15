"""Character times of every message → the same clock as `TimeBase`, read while the messages still come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.alignment.characters import SAME_MS
from pipeline.alignment.time_base import TimeBase
from pipeline.alignment.track import Track


@dataclass(frozen=True, slots=True)
class TimedChar:
    """An item of an alignment, in milliseconds from the utterance's first sample."""

    char: str
    start_ms: float
    end_ms: float


class RunningTimeBase(TimeBase):
    """A time base whose characters can be had as they are placed; what was taken is not taken again.

    A fault that shows later may still move them in what `finish` gives; where there is none, the two are the same.
    """

    def __init__(self, sample_rate: int, *, slack_ms: float = 0.0) -> None:
        super().__init__(sample_rate, slack_ms=slack_ms)
        self._taken_from: Track | None = None
        self._taken = 0
        self._taken_end = 0.0

    @property
    def end_ms(self) -> float:
        """When the last character ends."""
        return self._better().characters.end

    def take(self) -> Sequence[TimedChar]:
        """Give the characters that were placed since the last call."""
        track = self._better()
        characters = track.characters
        if track is not self._taken_from:
            # The other alignment has fewer faults from here on: it goes on after what was taken of this one.
            self._taken = bisect_left(characters.starts, self._taken_end - SAME_MS) if self._taken_end else 0
            self._taken_from = track
        first, self._taken = self._taken, len(characters.chars)
        if self._taken:
            self._taken_end = max(self._taken_end, characters.end)
        columns = (characters.chars[first:], characters.starts[first:], characters.ends[first:])
        return [TimedChar(*row) for row in zip(*columns, strict=True)]
