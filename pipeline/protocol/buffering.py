"""Text as it arrives in messages → texts of generations, by the service's chunk length schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# Characters that must be buffered before the first, the second… generation; the last holds for all that follow.
DEFAULT_SCHEDULE: tuple[float, ...] = (120, 160, 250, 290)
# The service takes thresholds from 50 to 500 only.
LEAST_THRESHOLD, MOST_THRESHOLD = 50, 500


def is_schedule(schedule: tuple[float, ...]) -> bool:
    """Whether the service would take this schedule."""
    return bool(schedule) and all(LEAST_THRESHOLD <= threshold <= MOST_THRESHOLD for threshold in schedule)


@dataclass(slots=True)
class TextBuffer:
    """Text that waits to be spoken. Each method yields the texts that are to be generated now, in order.

    The work is proportional to the text, in however many pieces it comes: a long word in pieces is not searched again
    with every one of them. `schedule` may be replaced at any time and holds from the next generation on.
    """

    schedule: tuple[float, ...] = DEFAULT_SCHEDULE
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0
    # Where the first character that is no white space stands, where the last one ends, and the last white space.
    _first: int | None = None
    _end: int = 0
    _last_space: int = -1
    _generations: int = 0

    def add(self, text: str) -> Iterator[str]:
        """Buffer text; what is buffered goes as soon as it reaches the threshold."""
        self._append(text)
        if self._waiting() >= self.schedule[min(self._generations, len(self.schedule) - 1)]:
            yield from self._whole_words()

    def trigger(self) -> Iterator[str]:
        """Generate early, if there is enough: the service does not say how much that is, so the least threshold."""
        if self._waiting() >= LEAST_THRESHOLD:
            yield from self._whole_words()

    def flush(self) -> Iterator[str]:
        """Generate whatever is buffered; nothing for white space only."""
        yield from self._take(self._length)

    def _append(self, text: str) -> None:
        inner = text.strip()
        if inner:
            lead = len(text) - len(text.lstrip())
            self._first = self._length + lead if self._first is None else self._first
            self._end = self._length + lead + len(inner)
        last_space = next((at for at in range(len(text) - 1, -1, -1) if text[at].isspace()), None)
        if last_space is not None:
            self._last_space = self._length + last_space
        self._pieces.append(text)
        self._length += len(text)

    def _waiting(self) -> int:
        """Count what is buffered, but for white space at its ends."""
        return 0 if self._first is None else self._end - self._first

    def _whole_words(self) -> Iterator[str]:
        """Take what is buffered up to its last white space: the rest may be the start of a word."""
        if self._first is not None and self._last_space > self._first:
            yield from self._take(self._last_space + 1)

    def _take(self, length: int) -> Iterator[str]:
        joined = "".join(self._pieces)
        self._pieces, self._length, self._first, self._end, self._last_space = [], 0, None, 0, -1
        if rest := joined[length:]:
            self._append(rest)
        if text := joined[:length].strip():
            self._generations += 1
            yield text
