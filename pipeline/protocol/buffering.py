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
    """Text that waits to be spoken. Each method yields the texts that are to be generated now, in order."""

    schedule: tuple[float, ...] = DEFAULT_SCHEDULE
    _waiting: str = ""
    _generations: int = field(default=0)

    def add(self, text: str) -> Iterator[str]:
        """Buffer text; what is buffered goes as soon as it reaches the threshold."""
        self._waiting += text
        threshold = self.schedule[min(self._generations, len(self.schedule) - 1)]
        if len(self._waiting.strip()) >= threshold:
            yield from self._whole_words()

    def trigger(self) -> Iterator[str]:
        """Generate early, if there is enough: the service does not say how much that is, so the least threshold."""
        if len(self._waiting.strip()) >= LEAST_THRESHOLD:
            yield from self._whole_words()

    def flush(self) -> Iterator[str]:
        """Generate whatever is buffered; nothing for white space only."""
        yield from self._take(len(self._waiting))

    def _whole_words(self) -> Iterator[str]:
        """Take what is buffered up to its last white space: the rest may be the start of a word."""
        last_space = max((at for at, char in enumerate(self._waiting) if char.isspace()), default=-1)
        yield from self._take(last_space + 1)

    def _take(self, length: int) -> Iterator[str]:
        text, self._waiting = self._waiting[:length].strip(), self._waiting[length:]
        if text:
            self._generations += 1
            yield text
