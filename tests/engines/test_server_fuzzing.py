"""Whatever a client sends: the server answers, refuses, or goes on; it never fails and never hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pipeline.engines.loopback import serve
from tests.truth_voice import TruthVoice

ROUNDS = 40
TEXTS = [" ", "", "Hi. ", "One two three. ", "<break", '<break time="1s"/>', "é—😀 ", "—"]


def message(draw: random.Random) -> str | bytes:
    """A message that is nearly one of the service's."""
    context = draw.choice([None, None, "a", "b", "c", "d", "e", "f", "", 7 if draw.random() < 0.1 else "g"])
    frame: dict[str, Any] = {}
    if draw.random() < 0.8:
        frame["text"] = draw.choice(TEXTS)
    if context is not None:
        frame["context_id"] = context
    extras: list[dict[str, Any]] = [
        {"flush": True},
        {"close_context": True},
        {"try_trigger_generation": True},
        {"voice_settings": draw.choice([{}, None, {"speed": 1.1}])},
        {"generation_config": {"chunk_length_schedule": draw.choice([[50], [], [5], None])}},
        {"inputs": [{"text": draw.choice(TEXTS), "voice_id": draw.choice("xyz"), "new_turn": draw.random() < 0.5}]},
        {"voices": ["x", "y"]},
        {"keep_alive": True},
    ]
    for extra in draw.sample(extras, draw.choice([0, 0, 1, 1, 2])):
        frame |= extra
    if draw.random() < 0.03:
        nonsense: list[str | bytes] = ["nonsense", "[]", b"\xff\x00", '{"text":"\\ud800"}', "{}"]
        return draw.choice(nonsense)
    return json.dumps(frame)


def lines(draw: random.Random) -> str:
    """A message that is nearly one of a dialogue's."""
    voices = "xy" if draw.random() < 0.95 else "xyz"
    said = [
        {"text": draw.choice(TEXTS), "voice_id": draw.choice(voices), "new_turn": draw.random() < 0.3}
        for _ in range(draw.randrange(4))
    ]
    frame: dict[str, Any] = draw.choice([{"inputs": said}] * 3 + [{"flush": True}, {"keep_alive": True}])
    if draw.random() < 0.05:
        frame = {"close_context": True}
    return json.dumps(frame)


def dialogue(draw: random.Random, path: str) -> list[str | bytes]:
    """Messages of a dialogue, or of several: the first in each names its voices."""
    contexts = ["a", "b", "c", "d", "e", "f"] if "multi" in path else [None]
    first = dict.fromkeys(contexts, False)
    sent: list[str | bytes] = []
    for _ in range(draw.randrange(1, 15)):
        context = draw.choice(contexts)
        frame = (
            json.loads(lines(draw)) if first[context] else {"voices": ["x", "y"], "voice_settings": {"stability": 1}}
        )
        first[context] = draw.random() < 0.97
        sent.append(json.dumps(frame | ({"context_id": context} if context else {})))
    return sent


async def one_round(base: str, path: str, draw: random.Random) -> tuple[int, list[dict[str, Any]]]:
    """Send some messages, the end of the socket last, and read until it closes."""
    frames = []
    async with connect(f"{base}{path}", proxy=None, compression=None) as connection:
        with contextlib.suppress(ConnectionClosed):
            near = dialogue(draw, path) if "dialogue" in path and draw.random() < 0.8 else None
            for each in near or [message(draw) for _ in range(draw.randrange(1, 15))]:
                await connection.send(each)
            end = {"text": ""} if path.endswith("heart/stream-input") else {"close_socket": True}
            await connection.send(json.dumps(end))
            while True:
                frames.append(json.loads(await asyncio.wait_for(connection.recv(), 10)))
    return connection.close_code or 0, frames


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/v1/text-to-speech/heart/stream-input",
        "/v1/text-to-speech/heart/multi-stream-input",
        "/v1/text-to-dialogue/stream-input",
        "/v1/text-to-dialogue/multi-stream-input",
    ],
)
def test_any_conversation_ends_as_it_should(path: str) -> None:
    """With 1000, or with the client's fault and 1008; each context has one end at most."""

    async def run() -> None:
        async with serve(TruthVoice(), port=0) as base:
            for seed in range(ROUNDS):
                code, frames = await one_round(base, path, random.Random(seed))
                assert code in {1000, 1008}, (seed, code, frames[-1:])
                if code == 1008:
                    assert frames[-1]["code"] == 1008, seed

    asyncio.run(run())
