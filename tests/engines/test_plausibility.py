"""Speech whose sound cannot be that of its text is never kept; speech whose times are at fault is."""

from __future__ import annotations

import pytest

from pipeline.engines.plausibility import refuse_broken_sound
from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, TimedCharacters, Utterance, Voice

TEXT = "Twenty letters are here now"
REQUEST = SpeechRequest(TEXT, Voice("v"), "", "en")


def timed(each_ms: int) -> SpeechChunk:
    """The whole text's characters, each so long."""
    starts = tuple(each_ms * number for number in range(len(TEXT)))
    return SpeechChunk(b"", Alignment(tuple(TEXT), starts, (each_ms,) * len(TEXT)))


def sound(total_ms: int, first_ms: int = 0) -> Utterance:
    """An utterance so long, heard from `first_ms` to its end."""
    return Utterance("k", 1000, total_ms, first_ms, total_ms, TimedCharacters((), (), ()))


def test_speech_of_a_sensible_length_is_taken() -> None:
    """With times, without any, and with times of another text or far too long for a part of it."""
    other = SpeechChunk(b"", Alignment(("x",), (0,), (10**9,)))
    for chunks in ([timed(60)], [], [other], [timed(60), other]):
        refuse_broken_sound(REQUEST, sound(27 * 60), chunks)


def test_a_short_text_may_be_short() -> None:
    """A single letter has no least length."""
    refuse_broken_sound(SpeechRequest("A.", Voice("v"), "", "en"), sound(5), [])


@pytest.mark.parametrize(
    ("utterance", "chunks", "words"),
    [
        (Utterance("k", 24000, 0, 0, 0, TimedCharacters((), (), ())), [], "nothing but silence"),
        (sound(2000, 2000), [timed(60)], "nothing but silence"),
        (sound(100), [], "0.1 s of sound for 23 letters"),
        (sound(27 * 30), [timed(60)], "0.8 s of sound for 1.6 s of characters"),
    ],
)
def test_missing_sound_is_refused(utterance: Utterance, chunks: list[SpeechChunk], words: str) -> None:
    """Silence, hardly any sound, half of what the characters say."""
    with pytest.raises(RemoteProtocolError, match=words):
        refuse_broken_sound(REQUEST, utterance, chunks)
