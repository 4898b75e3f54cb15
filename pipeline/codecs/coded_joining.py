"""Recordings of frames of many samples → one stream, its pauses made of silent frames, to the nearest one."""

from __future__ import annotations

from pipeline import pcm
from pipeline.codecs.formats import parse_output_format
from pipeline.codecs.listening import Listener
from pipeline.codecs.units import Units


class CodedJoiner:
    """Frames of many samples: none is cut, and pauses are made of silent frames, to the nearest one.

    `holds_ms` is how much of a recording is held back until something is heard in it. With 0 there are no pauses, and
    nothing is decoded: frames say by themselves how many samples they are.
    """

    def __init__(self, output_format: str, units: Units, holds_ms: int = 0) -> None:
        self.sample_rate = parse_output_format(output_format).sample_rate
        self.origin: float | None = 0.0
        self._format = output_format
        self._units = units
        self._holds = pcm.ms_to_samples(holds_ms, self.sample_rate)
        self._listener: Listener | None = None
        self._pause = 0
        self._begun_at = 0
        self._sound_end = 0.0
        self._waiting: list[bytes] = []

    @property
    def count(self) -> int:
        """How many samples came of this recording."""
        return self._listener.count if self._listener else max(0, self._units.recorded - (self._units.delay or 0))

    @property
    def sound_end(self) -> int:
        """One past the last sample of this recording in which something was heard."""
        return self._listener.sound_end if self._listener else self.count

    @property
    def position(self) -> int:
        """How many samples what was given decodes to."""
        return max(0, self._units.count - self._units.first_delay)

    def begin(self, pause_ms: int = 0) -> None:
        """Begin with a further recording."""
        self._listener = Listener(self._format) if self._holds else None
        self._pause = pcm.ms_to_samples(pause_ms, self.sample_rate) if self._holds else 0
        self._units.begin()
        self._waiting = []
        self.origin = None

    def feed(self, audio: bytes) -> bytes:
        """Take more of it, cut anywhere."""
        if self._listener:
            self._listener.hear(audio)
        self._waiting += self._units.split(audio)
        return self._given(is_over=False)

    def end(self) -> bytes:
        """It is whole: what was held back of its beginning is judged as it is."""
        if self._listener:
            self._listener.rest()
        self._waiting += self._units.rest()
        given = self._given(is_over=True)
        if self.origin is not None:
            self._sound_end = self.origin + self.sound_end
        return given

    def finish(self) -> bytes:
        """Give what ends the whole."""
        return self._units.finish()

    def opening(self) -> bytes:
        """What the first bytes should be, now that all is known."""
        return self._units.opening()

    def _given(self, *, is_over: bool) -> bytes:
        if self.origin is None and self._units.delay is not None:
            lead = self._listener.first_sound if self._listener else 0
            if self._pause and lead is None and not is_over and self.count <= self._holds:
                return b""
            return self._bridged(self.count if lead is None else lead)
        return b"" if self.origin is None else self._all_waiting()

    def _bridged(self, lead: int) -> bytes:
        """Begin the recording here, after as many silent frames as the pause wants."""
        head = self._units.head()
        origin = self._units.count + (self._units.delay or 0) - self._units.first_delay
        lacking = self._pause - (origin + lead - self._sound_end)
        number = max(0, round(lacking / self._units.samples)) if self._pause else 0
        silence = self._units.silence(number)
        self._begun_at = origin + number * self._units.samples
        return head + silence + self._all_waiting()

    def _all_waiting(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        placed = b"".join(self._units.placed(unit) for unit in waiting)
        self.origin = float(self._begun_at + self._units.inserted)
        return placed
