"""Character times of one message, and all of an utterance on its own clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.model import Alignment

# Two times are the same instant when they differ by less than rounding to whole milliseconds can explain, twice over.
SAME_MS = 3.0


@dataclass(slots=True)
class Characters:
    """Characters on the utterance's clock, in order; only their ends may still be cut, or gaps before them closed.

    `opening` is when the first message's clock has its first character start, which may be silence before it.
    """

    chars: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    opening: float = 0.0

    @property
    def end(self) -> float:
        """When the last of them ends; 0 where there is none."""
        return self.ends[-1] if self.ends else 0.0

    def append(self, char: str, start: float, end: float) -> None:
        """Add a character, held from starting before the last one ends."""
        start = max(start, self.end)
        self.chars.append(char)
        self.starts.append(start)
        self.ends.append(max(start, end))

    def gaps(self) -> list[tuple[int, float]]:
        """Before which characters nothing is for a while, the utterance's beginning included, and for how long."""
        edges = zip(self.starts, [self.starts[0] - self.opening, *self.ends], strict=False) if self.chars else ()
        lengths = ((index, start - end) for index, (start, end) in enumerate(edges))
        return [(index, length) for index, length in lengths if length > SAME_MS]

    def close(self, gaps: Sequence[tuple[int, float]]) -> None:
        """Let every character follow the one before, where there are these gaps."""
        for first, length in gaps:
            self.starts[first:] = [start - length for start in self.starts[first:]]
            self.ends[first:] = [end - length for end in self.ends[first:]]

    def cut(self, latest: float) -> None:
        """Let nothing be later than this."""
        index = len(self.ends) - 1
        while index >= 0 and self.ends[index] > latest:
            self.ends[index] = latest
            self.starts[index] = min(self.starts[index], latest)
            index -= 1


@dataclass(frozen=True, slots=True)
class Message:
    """One message's characters on their own clock, and the sound around it in milliseconds.

    `opens` tells whether the message begins a generation: True, False, or None where nothing in it says.
    """

    alignment: Alignment
    before: float
    sound: float
    opens: bool | None
    first_sounding: float | None

    def rows(self) -> Iterator[tuple[str, float, float]]:
        """Character, start and end; the first one's start is that of its sound."""
        first = self.first_sounding
        rows = zip(self.alignment.chars, self.alignment.starts_ms, self.alignment.durations_ms, strict=True)
        for char, start, duration in rows:
            yield char, first if first is not None and start < first <= start + duration else start, start + duration
            first = None

    @property
    def start(self) -> float:
        """The first character's start, a space before it included."""
        return self.alignment.starts_ms[0]

    @property
    def end(self) -> float:
        """The last character's end."""
        return self.alignment.starts_ms[-1] + self.alignment.durations_ms[-1]
