"""The truth voice in the place of the offline one, for tests that go the whole road."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.model import SpokenText
from tests.truth_voice import TruthVoice


@dataclass
class SpeakingVoice:
    """The truth voice, and the texts that it was asked to speak."""

    texts: list[str] = field(default_factory=list)
    voice: TruthVoice = field(default_factory=TruthVoice)

    def __call__(self, text: str, language: str, voice: str, speed: float) -> SpokenText:
        """Speak, and remember."""
        self.texts.append(text)
        return self.voice(text, language, voice, speed)
