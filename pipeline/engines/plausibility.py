"""An utterance's sound against its text and the times that came with it → whether it can be what was asked for.

Times that are at fault are mended and told; sound that is missing cannot be, so what fails here is spoken again
rather than kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest, Utterance

# The fastest readers of auctions say some 25 letters a second, and a voice may be asked for four times its speed.
LEAST_MS_A_LETTER = 10.0
# Shorter texts are let pass: one letter may stand for anything.
LEAST_LETTERS = 10
# By how much the characters of a whole text may last longer than its sound.
SHORT_SHARE, SHORT_MS = 0.05, 500.0


def refuse_broken_sound(request: SpeechRequest, utterance: Utterance, chunks: Sequence[SpeechChunk]) -> None:
    """Raise RemoteProtocolError for speech that is silent, far too short for its text, or cut short by its times."""
    letters = sum(char.isalnum() for char in request.text)
    sounding_ms = (utterance.sound_end - utterance.sound_first) * 1000 / utterance.sample_rate
    if letters and utterance.sound_end == utterance.sound_first:
        raise RemoteProtocolError(_sentence(request, "nothing but silence"))
    if letters >= LEAST_LETTERS and sounding_ms < LEAST_MS_A_LETTER * letters:
        raise RemoteProtocolError(_sentence(request, f"{sounding_ms / 1000:.1f} s of sound for {letters} letters"))
    total_ms = utterance.sample_count * 1000 / utterance.sample_rate
    timed_ms = _timed_ms(request, chunks)
    if timed_ms - total_ms > max(SHORT_MS, SHORT_SHARE * timed_ms):
        raise RemoteProtocolError(
            _sentence(request, f"{total_ms / 1000:.1f} s of sound for {timed_ms / 1000:.1f} s of characters")
        )


def _timed_ms(request: SpeechRequest, chunks: Sequence[SpeechChunk]) -> float:
    """How long the characters of the text last together, on whatever clock they are; 0 where they are not the text."""
    alignments = [chunk.alignment for chunk in chunks if chunk.alignment]
    text = "".join(char for alignment in alignments for char in alignment.chars)
    if "".join(text.split()) != "".join(request.text.split()):
        return 0.0
    return sum(sum(alignment.durations_ms) for alignment in alignments)


def _sentence(request: SpeechRequest, what: str) -> str:
    start = request.text if len(request.text) <= 40 else f"{request.text[:40].rstrip()}…"
    return f"the speech service sent {what} (“{start}”); try again, or another voice"
