"""The registry's offline engine: the real voices over the real socket."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from pipeline import pcm
from pipeline.engines import ENGINES, Access, offline
from pipeline.engines.generation import trim_lead_in
from pipeline.engines.retries import speak_into
from pipeline.errors import RefusedError
from pipeline.model import SpeechChunk, SpeechRequest, Voice

ENGLISH = SpeechRequest("The harbour opened in 1887, and it still works today.", Voice("heart"), "", "en")


def spoken(*requests: SpeechRequest) -> list[tuple[SpeechChunk, ...]]:
    """Speak requests at once with the registry's engine."""

    async def run() -> list[tuple[SpeechChunk, ...]]:
        async with ENGINES["offline"](Access()) as engine:
            return await asyncio.gather(*(speak_into(tuple, engine, request) for request in requests))

    return asyncio.run(run())


@pytest.mark.slow
def test_the_offline_voice_comes_through_whole() -> None:
    """Samples as the voice made them, characters all there, words where the voice put them; two at a time."""
    german = SpeechRequest("Der Hafen wurde eröffnet.", Voice(offline.explicit("de", "heart")), "", "de")
    for request, chunks in zip((ENGLISH, german), spoken(ENGLISH, german), strict=True):
        voice = trim_lead_in(offline.speak(request.text, request.language, request.voice.id, 1.0))
        sound = b"".join(chunk.audio for chunk in chunks)
        times = [
            row
            for chunk in chunks
            if (each := chunk.normalized)
            for row in zip(each.chars, each.starts_ms, each.durations_ms, strict=True)
        ]
        assert "".join(char for char, _, _ in times) == f" {request.text} "
        assert all(start + length == after for (_, start, length), (_, after, _) in pairwise(times))
        total = pcm.sample_count(sound) / 24
        assert abs(times[-1][1] + times[-1][2] - total) <= 1
        for word in voice.words:
            assert abs(times[word.first + 1][1] - word.start_ms) <= 0.5
        if voice.sample_rate == 24000:
            assert sound == voice.pcm


@pytest.mark.slow
def test_a_voice_that_is_not_there_is_refused() -> None:
    """By its id, at the handshake."""
    with pytest.raises(RefusedError, match="403"):
        spoken(SpeechRequest("Hi", Voice("Xb7hH8MSUJpSbSDYk0k2"), "", "en"))
