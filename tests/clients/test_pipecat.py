"""Pipecat's services against the speech server: a conversation of two turns, words when they are due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.clients.turns import MOST_SECONDS, ROUNDING_MS, SENTENCES, TURNS, due, due_as_sent, running, spoken, worst
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, onsets

WANTED = "needs the `pipecat-ai` package: pip install -e '.[test,clients]'"
service = pytest.importorskip("pipecat.services.elevenlabs.tts", reason=WANTED)
frames = pytest.importorskip("pipecat.frames.frames", reason=WANTED)
testing = pytest.importorskip("pipecat.tests.utils", reason=WANTED)
worker = pytest.importorskip("pipecat.pipeline.worker", reason=WANTED)
aggregation = pytest.importorskip("pipecat.services.tts_service", reason=WANTED).TextAggregationMode

pytestmark = pytest.mark.timeout(2 * MOST_SECONDS)

Open = Callable[[str], Any]


@dataclass
class Heard:
    """One turn as the service gives it: words with what it reckons their starts to be, and as they are placed."""

    starts_ms: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    placed_ms: list[float] = field(default_factory=list)
    sound: bytes = b""


def script() -> list[Any]:
    """What a language model says: turn after turn, word by word."""
    said: list[Any] = []
    for turn in TURNS:
        words = [frames.LLMTextFrame(f"{word} ") for word in " ".join(turn).split(" ")]
        said += [frames.LLMFullResponseStartFrame(), *words, frames.LLMFullResponseEndFrame()]
    return said


def conversation(open_service: Open) -> tuple[list[Heard], SpeakingVoice]:
    """Let a service speak all turns in a pipeline; gives them, and the voice that spoke."""

    async def act(base: str, voice: SpeakingVoice) -> tuple[list[Heard], SpeakingVoice]:
        speaker = open_service(base)
        heard: dict[str, Heard] = {}
        add = speaker.add_word_timestamps

        async def note(word_times: Any, context_id: str, **options: Any) -> None:
            heard.setdefault(context_id, Heard()).starts_ms += [start * 1000 for _, start in word_times]
            await add(word_times, context_id, **options)

        speaker.add_word_timestamps = note
        params = worker.PipelineParams(audio_out_sample_rate=SAMPLE_RATE)
        down, up = await testing.run_test(
            speaker, frames_to_send=script(), pipeline_params=params, start_timeout=MOST_SECONDS
        )
        assert not [frame for frame in up if isinstance(frame, frames.ErrorFrame)]
        for frame in down:
            if isinstance(frame, frames.TTSAudioRawFrame):
                heard.setdefault(frame.context_id, Heard()).sound += frame.audio
            elif isinstance(frame, frames.TTSTextFrame):
                heard[frame.context_id].words.append(frame.text)
                heard[frame.context_id].placed_ms.append(frame.pts / 1e6)
        return list(heard.values()), voice

    found: tuple[list[Heard], SpeakingVoice] = running(act)
    return found


def speaks(base: str, **options: Any) -> Any:
    """The service that speaks over the socket with contexts."""
    settings = service.ElevenLabsTTSService.Settings(voice="heart", model="eleven_flash_v2_5")
    return service.ElevenLabsTTSService(
        api_key="any", url=base, sample_rate=SAMPLE_RATE, settings=settings, **options
    )


def check_sound(turn: tuple[str, ...], heard: Heard) -> None:
    """All of a turn came, and its words sound when they are due."""
    assert heard.words == " ".join(turn).split()
    assert heard.sound == spoken(turn)
    assert worst(onsets(np.frombuffer(heard.sound, "<i2"), SAMPLE_RATE), due(turn)) < ROUNDING_MS


def test_words_of_two_turns_are_timed_to_the_millisecond() -> None:
    """Sentence by sentence, every word starts when the voice says it, and is placed so in the pipeline."""
    heard, voice = conversation(speaks)
    assert voice.texts == SENTENCES
    for turn, got in zip(TURNS, heard, strict=True):
        check_sound(turn, got)
        assert worst(got.starts_ms, due_as_sent(turn)) < ROUNDING_MS
        placed, expected = (
            [after - before for before, after in pairwise(times)] for times in (got.placed_ms, due_as_sent(turn))
        )
        assert worst(placed, expected) < 2 * ROUNDING_MS


def test_words_that_are_sent_one_by_one() -> None:
    """Without auto mode the server gathers the words, by its chunk schedule and the client's flush."""
    heard, voice = conversation(lambda base: speaks(base, text_aggregation_mode=aggregation.TOKEN))
    assert voice.texts == [" ".join(turn) for turn in TURNS]
    for turn, got in zip(TURNS, heard, strict=True):
        assert got.words == " ".join(turn).split()
        assert got.sound == spoken((" ".join(turn),))
        assert worst(got.starts_ms, due_as_sent((" ".join(turn),))) < ROUNDING_MS
