"""Where messages and texts end, for clients that reckon by the end of the last character."""

from __future__ import annotations

import pytest

from pipeline.engines.generation import DialogueSpeaker, Speaker, TimedChunk, WholeTextSpeaker
from pipeline.engines.ssml import Said
from pipeline.model import SpokenText
from tests.truth_voice import TruthVoice

TEXTS = ("The keeper counts the boats, one by one, and goes home.", "Wait… who lights it, then?", "Nobody asks")
RATES = ("pcm_8000", "pcm_22050", "pcm_24000", "pcm_44100", "mp3_44100_128")


def say(text: str, voice: str) -> SpokenText:
    """Speak."""
    return TruthVoice()(text, "en", voice, 1.0)


def end_of(timed: TimedChunk) -> float:
    """When the last character of a message ends."""
    times = timed.chunk.alignment
    assert times is not None
    return times.starts_ms[-1] + times.durations_ms[-1]


@pytest.mark.parametrize("output_format", RATES)
def test_a_dialogues_messages_end_with_their_characters(output_format: str) -> None:
    """Characters span a message's sound, over several generations, and the sound is the same, cut elsewhere."""
    speaker = DialogueSpeaker(say, "heart", output_format, in_sync=True)
    plain = Speaker(say, "heart", output_format, in_sync=True)
    for text in TEXTS:
        chunks, same = speaker.speak((Said(text),)), plain.speak((Said(text),))
        for timed in chunks:
            assert timed.chunk.alignment is not None
            assert timed.chunk.alignment.starts_ms[0] == timed.message_ms
            assert end_of(timed) == timed.end_ms
        assert b"".join(timed.chunk.audio for timed in chunks) == b"".join(timed.chunk.audio for timed in same)
        assert len(chunks) == len(same)


@pytest.mark.parametrize("output_format", RATES)
def test_the_last_character_of_a_whole_text_lasts_as_long_as_its_sound(output_format: str) -> None:
    """No space follows the text; its last character takes that time, and so ends with the sound."""
    for text in TEXTS:
        chunks = WholeTextSpeaker(say, "heart", output_format, in_sync=True).speak((Said(text),))
        times = [timed.chunk.alignment for timed in chunks if timed.chunk.alignment]
        assert "".join(char for each in times for char in each.chars) == text
        assert times[-1].starts_ms[-1] + times[-1].durations_ms[-1] == chunks[-1].end_ms
