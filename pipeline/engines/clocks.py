"""Character times on the clock of a whole speech → on the clock that a socket sends them by.

The service's own documents, its users' measurements and other servers disagree about where that clock starts; each
claim is one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipeline.engines.generation import TimedChunk
from pipeline.model import Alignment, SpeechChunk


class TimeBase(Enum):
    """Where the clock of a message's times starts."""

    SESSION = "session"  # at the first sample of the speech
    GENERATION = "generation"  # at the first sample of the generation
    MESSAGE = "message"  # at the first sample of the message
    CHAIN = "chain"  # where the last character of the message before ended
    ABSOLUTE = "absolute"  # at the first sample that the socket sent, whatever context it was of


@dataclass(slots=True)
class Clock:
    """One speech's clock. `socket_ms` is how much sound the socket had sent before this speech."""

    base: TimeBase
    socket_ms: int = 0
    _last_end_ms: float = 0

    def tell(self, timed: TimedChunk) -> SpeechChunk:
        """Return the message with its times on this clock."""
        chunk = timed.chunk
        if chunk.alignment is None and chunk.normalized is None:
            return chunk
        shift = self._start_ms(timed)
        if chunk.alignment:
            self._last_end_ms = chunk.alignment.starts_ms[-1] + chunk.alignment.durations_ms[-1]
        if not shift:
            return chunk
        return SpeechChunk(chunk.audio, moved(chunk.alignment, -shift), moved(chunk.normalized, -shift))

    def _start_ms(self, timed: TimedChunk) -> float:
        match self.base:
            case TimeBase.SESSION:
                return 0
            case TimeBase.GENERATION:
                return timed.generation_ms
            case TimeBase.MESSAGE:
                return timed.message_ms
            case TimeBase.CHAIN:
                return self._last_end_ms
        return -self.socket_ms


def moved(times: Alignment | None, by_ms: float) -> Alignment | None:
    """Return the times later by so much; none stay none."""
    if times is None:
        return None
    return Alignment(times.chars, tuple(start + by_ms for start in times.starts_ms), times.durations_ms)
