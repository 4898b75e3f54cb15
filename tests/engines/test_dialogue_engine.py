"""Models that `stream-input` refuses are spoken all the same, whole and live, with nothing else to choose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline import pcm
from pipeline.engines import ENGINES, Access, LiveOptions
from pipeline.engines.hearing import hear
from pipeline.engines.loopback import serve
from pipeline.engines.models import is_of_dialogues
from pipeline.model import SpeechChunk, SpeechRequest, Voice, VoiceSettings
from tests.truth_voice import TruthVoice, onsets

TEXT = (
    "The first ship came in. It was late, and nobody waited; then the second one followed at dusk, and all was quiet."
)


def request(output_format: str = "pcm_24000", text: str = TEXT) -> SpeechRequest:
    """Something to say with such a model."""
    return SpeechRequest(text, Voice("v", VoiceSettings(0.3, style=0.9)), "eleven_v3", "nn-NO", output_format, seed=4)


@pytest.mark.parametrize("model", ["eleven_v3", "eleven_v3_conversational", "eleven_v4", "eleven_v4_turbo"])
def test_which_models_are_meant(model: str) -> None:
    """All that begin like these, and none that is spoken elsewhere."""
    assert is_of_dialogues(model)
    assert not is_of_dialogues("eleven_multilingual_v2")


@pytest.mark.parametrize(
    ("output_format", "within"), [("pcm_24000", 1), ("pcm_16000", 1), ("mp3_44100_128", 3), ("opus_48000_64", 3)]
)
@pytest.mark.parametrize("size", [0, 11])
def test_words_are_where_they_sound(output_format: str, within: int, size: int) -> None:
    """Though times count from each message's first sample, whole and live, in samples and coded."""

    async def texts() -> AsyncIterator[str]:
        for first in range(0, len(TEXT), size):
            yield TEXT[first : first + size]

    async def run() -> list[SpeechChunk]:
        async with serve(TruthVoice(), port=0) as base, ENGINES["elevenlabs"](Access(base_url=base)) as engine:
            wanted = request(output_format)
            chunks = engine.speak_live(texts(), wanted, LiveOptions()) if size else engine.speak(wanted)
            return [chunk async for chunk in chunks]

    heard = hear(output_format, asyncio.run(run()))
    chars = heard.characters
    assert "".join(chars.chars).split() == TEXT.split()
    assert heard.repairs == ()
    starts = [
        start
        for before, char, start in zip((" ", *chars.chars), chars.chars, chars.starts_ms, strict=False)
        if before == " " and char != " "
    ]
    found = onsets(pcm.as_array(heard.samples), heard.sample_rate)
    # Of a later generation's first word only the text as spoken would tell the silence before it, which is not sent.
    errors = sorted(abs(one - other) for one, other in zip(starts, found, strict=True))
    assert errors[-3 if size else -1] <= within
    assert errors[-1] <= 20 + within


def test_what_is_said() -> None:
    """The voice and its stability first, then texts that name the voice, then the end."""
    said: list[Any] = []

    async def script(connection: ServerConnection) -> None:
        assert connection.request is not None
        said.append(connection.request.path)
        while not said[-1:] or not isinstance(said[-1], dict) or not said[-1].get("close_socket"):
            said.append(json.loads(await connection.recv()))
        await connection.send('{"is_final": true}')

    async def run() -> None:
        async with listen(script, "127.0.0.1", 0) as server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with ENGINES["elevenlabs"](Access(base_url=base)) as engine:
                async for _ in engine.speak(request(text="Hello.")):
                    pass

    asyncio.run(run())
    path, first, text, end = said
    assert path.startswith("/v1/text-to-dialogue/stream-input?")
    assert set(path.partition("?")[2].split("&")) == {
        "model_id=eleven_v3",
        "output_format=pcm_24000",
        "sync_alignment=true",
        "language_code=no",
        "seed=4",
    }
    assert first == {"voices": ["v"], "voice_settings": {"stability": 0.3}}
    assert text == {"inputs": [{"text": "Hello. ", "voice_id": "v"}]}
    assert end == {"close_socket": True}
