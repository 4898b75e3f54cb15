"""What coded sound is made of, as far as joining recordings needs to know it: a frame of MPEG, a page of Ogg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# Stands among the units of a recording where another encoder began inside it.
ANEW = b""


class Units(Protocol):
    """Cuts recordings into units, and places them one after another. Raises RemoteProtocolError for what is none.

    `samples` is how many a unit of silence decodes to, `count` how many all units that were placed do, the delay in
    them; `recorded` how many those do that were cut of the recording. `delay` is by how much a decoder is late with
    this recording, None until it is known; `first_delay` with the first one. `inserted` is by how much what was placed
    last is later than in the recording as it is decoded alone: an encoder that began anew inside it has its delay
    again, and the one before its padding, which no frame can be rid of.
    """

    samples: int
    count: int
    recorded: int
    delay: int | None
    first_delay: int
    inserted: int

    def begin(self) -> None:
        """Begin with a further recording."""

    def split(self, audio: bytes) -> list[bytes]:
        """Take bytes cut anywhere, and give the units that are whole, and `ANEW` between those of two encoders."""

    def rest(self) -> list[bytes]:
        """Give what is left at the end of a recording."""

    def head(self) -> bytes:
        """What stands before the first unit of all."""

    def silence(self, number: int) -> bytes:
        """Place so many silent units."""

    def placed(self, unit: bytes) -> bytes:
        """Place a unit, and give its bytes there."""

    def finish(self) -> bytes:
        """What ends the whole."""

    def opening(self) -> bytes:
        """What the head should be, now that all is known; nothing where it is right."""


@dataclass(slots=True)
class Reckoning:
    """How many samples the units of a recording decode to: `raw` as they are, `recorded` as it is decoded alone.

    The two differ by what encoders that began anew inside it added; the delay of the first is in both.
    """

    raw: int = 0
    recorded: int = 0
    _own: int = 0
    _skip: int = 0

    def add(self, samples: int, end: int | None = None) -> None:
        """Count a unit; `end` is how many samples its encoder says there are of its own in all, where it does."""
        kept = samples if end is None else min(samples, max(0, end - self._own))
        skipped = min(self._skip, kept)
        self._skip -= skipped
        self._own += samples
        self.raw += samples
        self.recorded += kept - skipped

    def begin_anew(self, delay: int) -> int:
        """Another encoder begins, with its delay; returns by how much what follows is later than decoded alone."""
        self._own, self._skip = 0, delay
        return self.raw + delay - self.recorded
