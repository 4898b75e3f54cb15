"""Pipecat's services against the speech server: a conversation of two turns, words when they are due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.clients.turns import (
    MOST_SECONDS,
    ROUNDING_MS,
    SENTENCES,
    TURNS,
    due,
    due_as_sent,
    http_of,
    running,
    spoken,
    worst,
)
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, onsets

WANTED = "needs the `pipecat-ai` package: pip install -e '.[test,clients]'"
service = pytest.importorskip("pipecat.services.elevenlabs.tts", reason=WANTED)
frames = pytest.importorskip("pipecat.frames.frames", reason=WANTED)
testing = pytest.importorskip("pipecat.tests.utils", reason=WANTED)
worker = pytest.importorskip("pipecat.pipeline.worker", reason=WANTED)
dialogue = pytest.importorskip("pipecat.services.elevenlabs.dialogue.tts", reason=WANTED)
aiohttp = pytest.importorskip("aiohttp", reason=WANTED)
aggregation = pytest.importorskip("pipecat.services.tts_service", reason=WANTED).TextAggregationMode

pytestmark = pytest.mark.timeout(2 * MOST_SECONDS)

# Opens a service by the server's address and a session for HTTP.
Open = Callable[[str, Any], Any]
Turns = tuple[tuple[str, ...], ...]


@dataclass
class Heard:
    """One turn as the service gives it: words with what it reckons their starts to be, and as they are placed."""

    starts_ms: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    placed_ms: list[float] = field(default_factory=list)
    sound: bytes = b""


def script(turns: Turns) -> list[Any]:
    """What a language model says: turn after turn, word by word."""
    said: list[Any] = []
    for turn in turns:
        words = [frames.LLMTextFrame(f"{word} ") for word in " ".join(turn).split(" ")]
        said += [frames.LLMFullResponseStartFrame(), *words, frames.LLMFullResponseEndFrame()]
    return said


def conversation(open_service: Open, turns: Turns = TURNS) -> tuple[list[Heard], SpeakingVoice]:
    """Let a service speak turns in a pipeline; gives them, and the voice that spoke."""

    async def act(base: str, voice: SpeakingVoice) -> tuple[list[Heard], SpeakingVoice]:
        async with aiohttp.ClientSession() as session:
            return await converse(open_service(base, session), turns), voice

    found: tuple[list[Heard], SpeakingVoice] = running(act)
    return found


async def converse(speaker: Any, turns: Turns) -> list[Heard]:
    """Send turns through a service, in a pipeline of its own."""
    heard: dict[str, Heard] = {}
    add = speaker.add_word_timestamps

    async def note(word_times: Any, context_id: str, **options: Any) -> None:
        heard.setdefault(context_id, Heard()).starts_ms += [start * 1000 for _, start in word_times]
        await add(word_times, context_id, **options)

    speaker.add_word_timestamps = note
    params = worker.PipelineParams(audio_out_sample_rate=SAMPLE_RATE)
    down, up = await testing.run_test(
        speaker, frames_to_send=script(turns), pipeline_params=params, start_timeout=MOST_SECONDS
    )
    assert not [frame for frame in up if isinstance(frame, frames.ErrorFrame)]
    for frame in down:
        if isinstance(frame, frames.TTSAudioRawFrame):
            heard.setdefault(frame.context_id, Heard()).sound += frame.audio
        elif isinstance(frame, frames.TTSTextFrame):
            heard[frame.context_id].words.append(frame.text)
            heard[frame.context_id].placed_ms.append(frame.pts / 1e6)
    return list(heard.values())


def speaks(base: str, _session: Any, **options: Any) -> Any:
    """The service that speaks over the socket with contexts."""
    settings = service.ElevenLabsTTSService.Settings(voice="heart", model="eleven_flash_v2_5")
    return service.ElevenLabsTTSService(api_key="any", url=base, sample_rate=SAMPLE_RATE, settings=settings, **options)


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
    heard, voice = conversation(lambda base, session: speaks(base, session, text_aggregation_mode=aggregation.TOKEN))
    assert voice.texts == [" ".join(turn) for turn in TURNS]
    for turn, got in zip(TURNS, heard, strict=True):
        assert got.words == " ".join(turn).split()
        assert got.sound == spoken((" ".join(turn),))
        assert worst(got.starts_ms, due_as_sent((" ".join(turn),))) < ROUNDING_MS


@pytest.mark.parametrize("turn", TURNS)
def test_over_http_sentence_follows_sentence(turn: tuple[str, ...]) -> None:
    """A request a sentence: the client places each where the last character of the one before ended.

    A turn at a time: this client winds its clock back only when it has played a turn, however early the next comes.
    """

    def open_service(base: str, session: Any) -> Any:
        kind = service.ElevenLabsHttpTTSService
        settings = kind.Settings(voice="heart", model="eleven_flash_v2_5")
        address = http_of(base)
        return kind(
            api_key="any", aiohttp_session=session, base_url=address, sample_rate=SAMPLE_RATE, settings=settings
        )

    [got], voice = conversation(open_service, (turn,))
    assert voice.texts == list(turn)
    check_sound(turn, got)
    assert worst(got.starts_ms, due_as_sent(turn)) < 2 * ROUNDING_MS


def test_over_the_dialogue_socket() -> None:
    """Times start anew in every message; the client adds up how long the characters of those before it last."""

    def open_service(base: str, _session: Any) -> Any:
        kind = dialogue.ElevenLabsDialogueTTSService
        return kind(api_key="any", url=base, sample_rate=SAMPLE_RATE, settings=kind.Settings(voice="heart"))

    heard, voice = conversation(open_service)
    generations = iter(voice.texts)
    for turn, got in zip(TURNS, heard, strict=True):
        spoken_texts: list[str] = []
        while " ".join(spoken_texts) != " ".join(turn):
            spoken_texts.append(next(generations))
        check_sound(tuple(spoken_texts), got)
        assert worst(got.starts_ms, due_as_sent(tuple(spoken_texts))) < 2 * ROUNDING_MS
