"""A recording as it arrives → its samples, and where in it something sounds."""

from __future__ import annotations

from pipeline import pcm
from pipeline.codecs import speech_decoder
from pipeline.codecs.formats import FORMATS
from pipeline.errors import RemoteProtocolError

# Silence before the first sound of a recording, and after the last, that is held back to be judged.
MOST_HELD_MS = 2000


class Listener:
    """Decodes one recording to find where in it something sounds."""

    def __init__(self, output_format: str) -> None:
        self._decoder = speech_decoder(output_format)
        self._wanted = FORMATS[output_format].codec
        self.count = 0
        self.first_sound: int | None = None
        self.sound_end = 0

    def hear(self, audio: bytes) -> bytes:
        """Decode some. Raises RemoteProtocolError for what is not what was asked for, and could not be passed on."""
        block = self._noted(self._decoder.feed(audio)) if audio else b""
        if self._wanted not in {"pcm", self._decoder.found}:
            raise RemoteProtocolError(f"the service sent {self._decoder.found} where {self._wanted} was asked for")
        return block

    def rest(self) -> bytes:
        """Decode what was held back."""
        return self._noted(self._decoder.finish())

    def _noted(self, block: bytes) -> bytes:
        first, end = pcm.sounding_range(block, self._decoder.sample_rate) if block else (0, 0)
        if end:
            self.first_sound = self.count + first if self.first_sound is None else self.first_sound
            self.sound_end = self.count + end
        self.count += pcm.sample_count(block)
        return block
