"""A dialogue's socket: lines of several voices, each message's times from its own first sample."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pipeline.engines.dialogue_serving import BETWEEN_MS
from pipeline.engines.loopback import serve
from tests.truth_voice import TruthVoice, onsets

FIRST = {"voices": ["anna", "ben"]}
SYNC = "output_format=pcm_24000&sync_alignment=true&model_id=eleven_v3"


def converse(*messages: object, query: str = SYNC, path: str = "stream-input") -> tuple[list[dict[str, Any]], int]:
    """Send messages and read until the server closes: the frames, and the close code."""

    async def run() -> tuple[list[dict[str, Any]], int]:
        frames: list[dict[str, Any]] = []
        async with (
            serve(TruthVoice(), port=0) as base,
            asyncio.timeout(30),
            connect(f"{base}/v1/text-to-dialogue/{path}?{query}", proxy=None) as connection,
        ):
            with contextlib.suppress(ConnectionClosed):
                for message in messages:
                    await connection.send(json.dumps(message))
                while True:
                    frames.append(json.loads(await connection.recv()))
            return frames, connection.close_code or 0

    return asyncio.run(run())


def line(voice: str, text: str, **more: object) -> dict[str, object]:
    """A line of the dialogue."""
    return {"text": text, "voice_id": voice, **more}


def sound(frames: list[dict[str, Any]]) -> bytes:
    """The sound of frames."""
    return b"".join(base64.b64decode(frame.get("audio") or "") for frame in frames)


def text(frames: list[dict[str, Any]]) -> str:
    """The characters of frames."""
    return "".join(char for frame in frames if frame.get("alignment") for char in frame["alignment"]["chars"])


def test_each_line_has_its_voice() -> None:
    """One generation: voice after voice, with a pause between, and the final frame in its own spelling."""
    lines = [line("anna", "Amber lantern."), line("ben", "Silver button.")]
    frames, code = converse(FIRST, {"inputs": lines}, {"close_socket": True})
    assert (frames[-1], code) == ({"is_final": True}, 1000)
    assert text(frames) == "Amber lantern. Silver button. "
    voice = TruthVoice()
    anna, ben = (
        voice(each, "en", name, 1.0).pcm for name, each in [("anna", "Amber lantern."), ("ben", "Silver button.")]
    )
    assert sound(frames) == anna + bytes(int(BETWEEN_MS * 48)) + ben


def test_times_start_at_each_message_s_first_sample() -> None:
    """Over several messages every word starts where its sound does."""
    words = "Amber lantern blue. Silver button green! Copper table red? " * 3
    frames, _ = converse(FIRST, {"inputs": [line("anna", words)]}, {"close_socket": True})
    speech = frames[:-1]
    assert len(speech) > 5
    done_ms, starts, before = 0.0, [], " "
    for frame in speech:
        assert frame["normalized_alignment"] is None
        for char, start in zip(frame["alignment"]["chars"], frame["alignment"]["char_start_times_ms"], strict=True):
            if before == " " != char:
                starts.append(done_ms + start)
            before = char
        assert frame["alignment"]["char_start_times_ms"][0] >= 0
        done_ms += len(sound([frame])) / 48
    found = onsets(np.frombuffer(sound(speech), dtype="<i2"), 24000)
    assert len(found) == len(starts)
    # A generation's first character has absorbed what is before its sound.
    assert np.abs(np.array(starts) - found).max() <= 21
    assert np.median(np.abs(np.array(starts) - found)) <= 1


def test_without_sync_there_are_no_times() -> None:
    """They are present only when they are asked for."""
    frames, _ = converse(
        FIRST, {"inputs": [line("anna", "Hello there.")]}, {"close_socket": True}, query="output_format=pcm_24000"
    )
    assert all(frame.get("alignment") is None for frame in frames)
    assert sound(frames) == TruthVoice()("Hello there.", "en", "anna", 1.0).pcm


def test_it_begins_after_forty_characters_and_eight_words() -> None:
    """Whole sentences are not cut, a word that has begun is kept back, a new turn and a flush end what is pending."""
    long = "One two three four five six seven eight nine ten eleven"
    frames, _ = converse(
        FIRST, {"inputs": [line("anna", long)]}, {"inputs": [line("anna", "teen.")]}, {"close_socket": True}
    )
    assert text(frames) == "One two three four five six seven eight nine ten eleventeen. "
    inputs = [line("anna", "One two."), line("ben", "Three.", new_turn=True)]
    frames, _ = converse({**FIRST, "inputs": inputs}, {"flush": True}, {"keep_alive": True}, {"close_socket": True})
    voice = TruthVoice()
    assert sound(frames) == voice("One two.", "en", "anna", 1.0).pcm + voice("Three.", "en", "ben", 1.0).pcm


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"inputs": []}], "without `voices`"),
        ([FIRST, {"inputs": [line("carl", "Hi.")]}], "carl"),
    ],
)
def test_a_client_s_fault_is_answered(messages: list[object], words: str) -> None:
    """With an error frame, then 1008."""
    frames, code = converse(*messages)
    assert words in frames[-1]["message"]
    assert code == 1008


def test_only_its_models_are_served() -> None:
    """Others are spoken by the other socket."""
    with pytest.raises(InvalidStatus):
        converse(query="model_id=eleven_flash_v2_5")


def test_several_dialogues_on_one_socket() -> None:
    """Each in its context, with voices of its own; each ends once, and the socket when it is told to."""
    messages = [
        {**FIRST, "context_id": "x", "inputs": [line("anna", "One two.")]},
        {"voices": ["carl"], "context_id": "y", "inputs": [line("carl", "Three.")], "flush": True},
        {"context_id": "x", "close_context": True},
        {"context_id": "x", "keep_alive": True},
        {"close_socket": True},
    ]
    frames, code = converse(*messages, path="multi-stream-input")
    assert code == 1000
    voice = TruthVoice()
    for context, expected in [("x", voice("One two.", "en", "anna", 1.0)), ("y", voice("Three.", "en", "carl", 1.0))]:
        own = [frame for frame in frames if frame["context_id"] == context]
        assert sound(own) == expected.pcm
        assert own[-1] == {"is_final": True, "context_id": context}
        assert [frame.get("is_final") for frame in own].count(True) == 1
