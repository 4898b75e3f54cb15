"""LiveKit's plugin against the speech server: two contexts at once on one socket, words when they are due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import pytest

from tests.clients.turns import (
    MOST_SECONDS,
    ROUNDING_MS,
    SENTENCES,
    TURNS,
    VOICES,
    due,
    due_as_sent,
    http_of,
    running,
    spoken,
    worst,
)
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, onsets

WANTED = "needs the `livekit-plugins-elevenlabs` package: pip install -e '.[test,clients]'"
plugin = pytest.importorskip("livekit.plugins.elevenlabs", reason=WANTED)
agents = pytest.importorskip("livekit.agents.types", reason=WANTED)
aiohttp = pytest.importorskip("aiohttp", reason=WANTED)

pytestmark = pytest.mark.timeout(2 * MOST_SECONDS)


@dataclass
class Heard:
    """One turn as the plugin gives it: its words with their starts in milliseconds, its samples."""

    words: list[str] = field(default_factory=list)
    starts_ms: list[float] = field(default_factory=list)
    sound: bytes = b""
    sample_rate: int = 0

    def onsets(self) -> list[float]:
        """When its words really sound, in milliseconds."""
        return onsets(np.frombuffer(self.sound, "<i2"), self.sample_rate)


async def hear(stream: Any, sentences: tuple[str, ...]) -> Heard:
    """Give a stream its text word by word, as a language model would, and take all that it gives."""
    for word in " ".join(sentences).split(" "):
        stream.push_text(word + " ")
    stream.end_input()
    heard = Heard()
    async for event in stream:
        heard.sound += bytes(event.frame.data)
        heard.sample_rate = event.frame.sample_rate
        for word in event.frame.userdata.get(agents.USERDATA_TIMED_TRANSCRIPT) or []:
            if word.strip():
                heard.words.append(word.strip())
                heard.starts_ms.append(word.start_time * 1000)
    await stream.aclose()
    return heard


def is_sound(found: bytes, expected: bytes) -> bool:
    """Whether all of a sound came; the plugin may end with 10 ms of silence of its own."""
    rest = found.removeprefix(expected)
    return found.startswith(expected) and len(rest) <= 2 * SAMPLE_RATE // 100 and not any(rest)


def turns_heard(**options: Any) -> tuple[list[Heard], SpeakingVoice]:
    """Speak all turns at once; gives them, and the voice that spoke."""

    async def act(base: str, voice: SpeakingVoice) -> tuple[list[Heard], SpeakingVoice]:
        async with aiohttp.ClientSession() as session:
            address = f"{http_of(base)}/v1"
            tts = plugin.TTS(voice_id="heart", api_key="any", base_url=address, http_session=session, **options)
            heard = await asyncio.gather(*(hear(tts.stream(), turn) for turn in TURNS))
            await tts.aclose()
        return list(heard), voice

    found: tuple[list[Heard], SpeakingVoice] = running(act)
    return found


@pytest.mark.parametrize("preferred", ["normalized", "original"])
def test_words_of_two_contexts_are_timed_to_the_millisecond(preferred: str) -> None:
    """Every word starts when the voice says it, over all sentences of both contexts, and all samples come."""
    heard, voice = turns_heard(encoding="pcm_24000", preferred_alignment=preferred)
    assert sorted(voice.texts) == sorted(SENTENCES)
    for turn, got in zip(TURNS, heard, strict=True):
        assert got.words == " ".join(turn).split()
        assert is_sound(got.sound, spoken(turn))
        assert worst(got.starts_ms, due(turn) if preferred == "normalized" else due_as_sent(turn)) < ROUNDING_MS
        assert worst(got.onsets(), due(turn)) < ROUNDING_MS


@pytest.mark.parametrize("encoding", ["mp3_22050_32", "mp3_44100_128", "opus_48000_32"])
def test_words_of_compressed_sound_do_not_drift(encoding: str) -> None:
    """Times are those of the samples; the plugin's decoder, which loses a frame, moves all sound by one constant."""
    heard, _ = turns_heard(encoding=encoding)
    for turn, got in zip(TURNS, heard, strict=True):
        assert got.words == " ".join(turn).split()
        assert worst(got.starts_ms, due(turn)) < ROUNDING_MS
        late = [found - said for found, said in zip(got.onsets(), got.starts_ms, strict=True)]
        # The first word lies in the frame that is lost, or beside it.
        assert max(abs(each - median(late)) for each in late[1:]) < 3
        assert abs(median(late)) < 30


def test_a_turn_that_follows_begins_anew() -> None:
    """On the same socket the clock of the next context starts at its own first sample."""

    async def act(base: str, _voice: SpeakingVoice) -> list[Heard]:
        async with aiohttp.ClientSession() as session:
            address = f"{http_of(base)}/v1"
            options = {"voice_id": "heart", "api_key": "any", "encoding": "pcm_24000"}
            tts = plugin.TTS(base_url=address, http_session=session, **options)
            heard = [await hear(tts.stream(), turn) for turn in TURNS]
            await tts.aclose()
        return heard

    for turn, got in zip(TURNS, running(act), strict=True):
        assert worst(got.starts_ms, due(turn)) < ROUNDING_MS


def test_a_dialogue_model_is_timed_too() -> None:
    """A model that needs the dialogue socket gets its words' times there."""
    heard, _ = turns_heard(encoding="pcm_24000", model="eleven_v3")
    for turn, got in zip(TURNS, heard, strict=True):
        assert got.words == " ".join(turn).split()
        assert is_sound(got.sound, spoken(turn))
        assert worst(got.starts_ms, due_as_sent(turn)) < 2 * ROUNDING_MS


def test_one_text_over_http() -> None:
    """`synthesize` takes the same sound over HTTP, and the voices are listed."""

    async def act(base: str, _voice: SpeakingVoice) -> tuple[bytes, int]:
        async with aiohttp.ClientSession() as session:
            options = {"voice_id": "heart", "api_key": "any", "encoding": "pcm_24000"}
            tts = plugin.TTS(base_url=f"{http_of(base)}/v1", http_session=session, **options)
            frames = [event.frame async for event in tts.synthesize(SENTENCES[0])]
            voices = await tts.list_voices()
            await tts.aclose()
        return b"".join(bytes(frame.data) for frame in frames), len(voices)

    sound, voices = running(act)
    assert is_sound(sound, spoken((SENTENCES[0],)))
    assert voices == len(VOICES)
