"""Recordings of samples that are sent one by one → one stream, its pauses exact to the sample."""

from __future__ import annotations

from pipeline import pcm
from pipeline.codecs.formats import parse_output_format
from pipeline.codecs.listening import MOST_HELD_MS, Listener
from pipeline.narration import KEPT_LEAD_MS

# What a byte of silence is, by ITU-T G.711, and in 16-bit samples.
SILENT_BYTES = {"pcm": b"\0\0", "ulaw": b"\xff", "alaw": b"\xd5"}


class SampleJoiner:
    """Samples one by one: pauses are exact, and what is too much of a voice's own silence is cut.

    `holds_ms` is how much silence after a sound is held back until it is known whether more follows; with 0 all is
    passed on at once.
    """

    def __init__(self, output_format: str, holds_ms: int = 0) -> None:
        wanted = parse_output_format(output_format)
        self.sample_rate = wanted.sample_rate
        self.origin: float | None = 0.0
        self._position = 0
        self._format = output_format
        self._is_pcm = wanted.codec == "pcm"
        self._silence = SILENT_BYTES[wanted.codec]
        self._holds = pcm.ms_to_samples(holds_ms, self.sample_rate)
        self._tail = b""
        self._pause = 0
        self._waiting = b""
        self._listener = Listener(output_format)

    @property
    def position(self) -> int:
        """How many samples were given so far."""
        return self._position

    @property
    def count(self) -> int:
        """How many samples were decoded of this recording."""
        return self._listener.count

    @property
    def sound_end(self) -> int:
        """One past the last sample of this recording in which something was heard."""
        return self._listener.sound_end

    def begin(self, pause_ms: int = 0) -> None:
        """Begin with a further recording."""
        self._listener = Listener(self._format)
        self._pause = pcm.ms_to_samples(pause_ms, self.sample_rate)
        self._waiting = b""
        self.origin = None if self._pause else self._position + self._length(self._tail)

    def feed(self, audio: bytes) -> bytes:
        """Take more of it, cut anywhere."""
        samples = self._listener.hear(audio)
        return self._take(samples if self._is_pcm else audio)

    def end(self) -> bytes:
        """It is whole: what was held back of its beginning is judged as it is."""
        samples = self._listener.rest()
        given = self._take(samples if self._is_pcm else b"")
        return given + self._bridged() if self.origin is None else given

    def finish(self) -> bytes:
        """Give the silence at the end."""
        given, self._tail = self._tail, b""
        self._position += self._length(given)
        return given

    def opening(self) -> bytes:
        """Say nothing: samples have no head."""
        return b""

    def _take(self, block: bytes) -> bytes:
        if self.origin is not None:
            return self._passed(block)
        self._waiting += block
        enough = self._listener.first_sound is not None or self.count > self.sample_rate * MOST_HELD_MS // 1000
        return self._bridged() if enough else b""

    def _bridged(self) -> bytes:
        """Make the silence since the last sound as long as the pause, with what the recording begins with."""
        width, pause = len(self._silence), self._pause
        waiting, self._waiting = self._waiting, b""
        first = self._listener.first_sound
        lead, tail = self._length(waiting) if first is None else first, self._length(self._tail)
        kept = lead
        if tail + lead > pause and (self._position or tail):
            kept = min(lead, pause, pcm.ms_to_samples(KEPT_LEAD_MS, self.sample_rate))
            self._tail = self._tail[: max(0, pause - kept) * width]
            tail = self._length(self._tail)
        given = self._tail + self._silence * max(0, pause - tail - kept)
        self._tail = b""
        self._position += self._length(given)
        self.origin = float(self._position - (lead - kept))
        return given + self._passed(waiting[(lead - kept) * width :])

    def _passed(self, block: bytes) -> bytes:
        """Pass on all but the silence at the end."""
        block = self._tail + block
        quiet = min(self.count - self._listener.sound_end, self._holds, self._length(block)) * len(self._silence)
        given, self._tail = block[: len(block) - quiet], block[len(block) - quiet :]
        self._position += self._length(given)
        return given

    def _length(self, block: bytes) -> int:
        return len(block) // len(self._silence)
