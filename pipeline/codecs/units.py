"""What coded sound is made of, as far as joining recordings needs to know it: a frame of MPEG, a page of Ogg."""

from __future__ import annotations

from typing import Protocol


class Units(Protocol):
    """Cuts recordings into units, and places them one after another. Raises RemoteProtocolError for what is none.

    `samples` is how many a unit of silence decodes to, `count` how many all units that were placed do, the delay in
    them; `recorded` how many those do that were cut of the recording. `delay` is by how much a decoder is late with
    this recording, None until it is known; `first_delay` with the first one.
    """

    samples: int
    count: int
    recorded: int
    delay: int | None
    first_delay: int

    def begin(self) -> None:
        """Begin with a further recording."""

    def split(self, audio: bytes) -> list[bytes]:
        """Take bytes cut anywhere, and give the units that are whole."""

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
