"""Two runs at once on one store: each part is asked for once, and both find it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.engines.generation import Speaker
from pipeline.engines.ssml import Said
from pipeline.model import SpeechChunk, SpeechRequest, Voice
from pipeline.production.speaking import speak_missing
from pipeline.store import Store, content_key
from tests.truth_voice import TruthVoice

REQUESTS = [SpeechRequest(f"Part number {word}.", Voice("v"), "m", "en") for word in ("one", "two", "three", "four")]


class Counting:
    """An engine of the truth voice that counts what it is asked for, and lets others run meanwhile."""

    name, most_at_once = "counting", 2

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def shaped_by(self, request: SpeechRequest) -> str:  # noqa: ARG002  # the protocol's signature
        """Nothing."""
        return ""

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Speak a request's text."""
        self.asked[request.text] += 1
        await asyncio.sleep(0)
        voice = TruthVoice()
        speaker = Speaker(lambda text, name: voice(text, "en", name, 1.0), "v", "pcm_24000", in_sync=True)
        for timed in speaker.speak([Said(request.text)]):
            yield timed.chunk


def test_each_part_is_paid_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits for the first, and then finds what it spoke."""
    monkeypatch.setattr("pipeline.production.speaking.ASK_AGAIN_SECONDS", 0.001)
    engine = Counting()
    missing = {content_key(request, ""): request for request in REQUESTS}

    async def run() -> None:
        runs = (speak_missing(engine, missing, Store(folder / "store"), lambda _: None) for _ in range(2))
        await asyncio.gather(*runs)

    asyncio.run(run())
    assert engine.asked == Counter(request.text for request in REQUESTS)
    assert all(Store(folder / "store").get(key) for key in missing)
