"""A socket with several contexts: each is spoken, timed and ended for itself."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pipeline.codecs import speech_decoder
from pipeline.engines.loopback import serve
from pipeline.model import OfflineVoice, SpokenText
from tests.truth_voice import TruthVoice, onsets

SYNC = "output_format=pcm_24000&sync_alignment=true"


@dataclass
class Got:
    """What a client got: frames, and how the connection ended."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0
    reason: str = ""

    def of(self, context: str | None) -> list[dict[str, Any]]:
        """The frames of a context."""
        return [frame for frame in self.frames if frame.get("contextId") == context]

    def text(self, context: str | None) -> str:
        """The characters of a context."""
        return "".join(char for char, _, _ in rows(self.of(context)))

    def finals(self) -> list[str | None]:
        """The contexts that ended, in order."""
        return [frame["context_id"] for frame in self.frames if frame.get("isFinal")]


def rows(frames: list[dict[str, Any]], name: str = "alignment") -> list[tuple[str, int, int]]:
    """Characters, starts and durations of all frames."""
    found: list[tuple[str, int, int]] = []
    for frame in frames:
        if times := frame.get(name):
            found += zip(times["chars"], times["charStartTimesMs"], times["charDurationsMs"], strict=True)
    return found


def sound(frames: list[dict[str, Any]]) -> bytes:
    """The sound of frames."""
    return b"".join(base64.b64decode(frame.get("audio") or "") for frame in frames)


def running(act: Callable[[str], Coroutine[Any, Any, Any]], voice: OfflineVoice | None = None) -> Any:
    """Run an act against a server."""

    async def run() -> Any:
        async with serve(voice or TruthVoice(), port=0) as base:
            return await asyncio.wait_for(act(base), 60)

    return asyncio.run(run())


async def open_socket(base: str, query: str = SYNC) -> ClientConnection:
    """Open a socket with contexts."""
    return await connect(f"{base}/v1/text-to-speech/heart/multi-stream-input?{query}", proxy=None, compression=None)


async def read_on(connection: ClientConnection, got: Got) -> Got:
    """Read until the server closes."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            got.frames.append(json.loads(await connection.recv()))
    got.code, got.reason = connection.close_code or 0, connection.close_reason or ""
    return got


async def converse(base: str, *messages: object, query: str = SYNC) -> Got:
    """Send messages and read until the server closes."""
    async with await open_socket(base, query) as connection:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await connection.send(message if isinstance(message, str) else json.dumps(message))
        return await read_on(connection, Got())


def said(context: str | None, *texts: str, **more: object) -> list[dict[str, object]]:
    """A context that is opened and told texts, each flushed."""
    named = {"context_id": context} if context else {}
    return [{"text": " ", **named, **more}, *({"text": text, "flush": True, **named} for text in texts)]


CLOSE = {"close_socket": True}


def test_contexts_are_spoken_each_for_itself() -> None:
    """Frames carry both spellings of the context; each ends once, with an empty frame; then the server closes."""
    messages = [*said("a", "One two. ", "Three. "), *said("b", "Four. "), {"context_id": "a", "close_context": True}]
    got = running(lambda base: converse(base, *messages, CLOSE))
    assert got.code == 1000
    assert (got.text("a"), got.text("b")) == ("One two. Three. ", "Four. ")
    assert all(frame["contextId"] == frame["context_id"] for frame in got.frames)
    assert sorted(got.finals()) == ["a", "b"]
    finals = [frame for frame in got.frames if frame.get("isFinal")]
    assert finals == [{"audio": None, "isFinal": True, "contextId": each, "context_id": each} for each in got.finals()]
    voice = TruthVoice()
    expected = voice("One two.", "en", "heart", 1.0).pcm + voice("Three.", "en", "heart", 1.0).pcm
    assert sound(got.of("a")) == expected


@pytest.mark.parametrize("in_sync", ["true", "false"])
def test_a_context_s_clock_runs_on_and_another_s_begins_at_0(in_sync: str) -> None:
    """In sync over its generations; otherwise each of them starts at 0, whole in its first message."""
    sentences = ["One two three. ", "Four five. "]
    messages = [*said("a", *sentences), *said("b", "Six. ")]
    query = f"output_format=pcm_24000&sync_alignment={in_sync}"
    got = running(lambda base: converse(base, *messages, CLOSE, query=query))
    firsts = [
        frame["alignment"]["charStartTimesMs"][0]
        for frame in got.of("a")
        if (frame.get("normalizedAlignment") or {}).get("chars", "x")[0] == " "
    ]
    length = len(TruthVoice()(sentences[0].strip(), "en", "v", 1.0).pcm) / 48
    assert np.abs(np.array(firsts) - [0, length if in_sync == "true" else 0]).max() <= 0.5
    assert rows(got.of("b"))[0][1] == 0
    if in_sync == "true":
        times = rows(got.of("a"))
        assert all(start + each == after for (_, start, each), (_, after, _) in pairwise(times))
        assert abs(times[-1][1] + times[-1][2] - len(sound(got.of("a"))) / 48) <= 1


def test_the_first_message_may_hold_words_and_no_context() -> None:
    """As bolna and pipecat send it: no id, key in the body, settings empty; a flush alone gives no final frame."""
    first = {"text": "Hello there. ", "voice_settings": {}, "xi_api_key": "k"}
    flush = {"text": "", "flush": True}
    got = running(lambda base: converse(base, first, flush, flush, CLOSE))
    assert got.text(None) == "Hello there. "
    assert got.finals() == [None]


def test_what_asks_for_nothing_opens_nothing() -> None:
    """Keep-alives without a context, and late ones of one that is over."""

    async def act(base: str) -> Got:
        got = Got()
        async with await open_socket(base) as connection:
            for message in [{"text": ""}, *said("a", "One. "), {"context_id": "a", "close_context": True}]:
                await connection.send(json.dumps(message))
            while not got.finals():
                got.frames.append(json.loads(await connection.recv()))
            for message in [{"text": "", "context_id": "a"}, {"text": ""}, CLOSE]:
                await connection.send(json.dumps(message))
            return await read_on(connection, got)

    got = running(act)
    assert (got.finals(), got.code) == (["a"], 1000)


def test_the_sixth_context_is_refused() -> None:
    """By the service's name for it, and the socket closes; five are spoken, and one that was closed makes room."""
    six = [message for number in range(6) for message in said(f"c{number}", "One. ")]
    got = running(lambda base: converse(base, *six))
    error = got.frames[-1]
    assert (error["error"], error["code"], error["contextId"]) == ("max_active_conversations", 1008, "c5")
    assert got.code == 1008
    six.insert(2, {"context_id": "c0", "close_context": True})
    got = running(lambda base: converse(base, *six, CLOSE))
    assert sorted(filter(None, got.finals())) == [f"c{number}" for number in range(6)]


def test_settings_may_not_change_and_are_inherited() -> None:
    """Later contexts have the first one's; a change closes the socket with the service's words, naming the context."""
    first = said("a", "One. ", voice_settings={"speed": 1.2})
    got = running(lambda base: converse(base, *first, *said("b", "Two. "), CLOSE))
    assert sound(got.of("b")) == TruthVoice()("Two.", "en", "heart", 1.2).pcm
    change = {"text": "x ", "context_id": "a", "voice_settings": {"speed": 1.1}}
    got = running(lambda base: converse(base, *first, change))
    assert got.code == 1008
    assert "voice_settings field must be provided" in got.frames[-1]["message"]
    assert got.frames[-1]["context_id"] == "a"


def test_one_context_does_not_wait_for_another() -> None:
    """While the voice works on a long one, another is heard, spoken and ended."""
    gate = threading.Event()
    truth = TruthVoice()

    def speak(text: str, language: str, voice: str, speed: float) -> SpokenText:
        if text.startswith("Slow"):
            gate.wait(30)
        return truth(text, language, voice, speed)

    async def act(base: str) -> Got:
        got = Got()
        async with await open_socket(base) as connection:
            for message in [
                *said("a", "Slow one. "),
                *said("b", "Quick. "),
                {"context_id": "b", "close_context": True},
            ]:
                await connection.send(json.dumps(message))
            while got.finals() != ["b"]:
                got.frames.append(json.loads(await connection.recv()))
            assert not got.of("a")
            gate.set()
            await connection.send(json.dumps(CLOSE))
            return await read_on(connection, got)

    try:
        got = running(act, speak)
    finally:
        gate.set()
    assert got.text("a") == "Slow one. "
    assert got.code == 1000


@pytest.mark.slow
def test_a_silent_context_is_told_and_the_others_go_on() -> None:
    """The error frame carries its id; with the last one the socket closes."""

    async def act(base: str) -> Got:
        got = Got()
        async with await open_socket(base, SYNC + "&inactivity_timeout=1") as connection:
            for message in [*said("a", "One. "), *said("b", "Two. ")]:
                await connection.send(json.dumps(message))
            for _ in range(3):
                await asyncio.sleep(0.5)
                await connection.send(json.dumps({"text": "", "context_id": "b"}))
            await connection.send(json.dumps({"text": "Three. ", "context_id": "b", "flush": True}))
            return await read_on(connection, got)

    got = running(act)
    errors = [frame for frame in got.frames if "error" in frame]
    assert [frame["context_id"] for frame in errors] == ["a", "b"]
    assert {frame["error"] for frame in errors} == {"input_timeout_exceeded"}
    assert got.text("b") == "Two. Three. "
    assert got.code == 1008


def test_a_voice_that_fails_names_the_context() -> None:
    """Then the socket closes, as the frame's code says."""

    def fail(text: str, language: str, voice: str, speed: float) -> SpokenText:
        raise ZeroDivisionError((text, language, voice, speed))

    got = running(lambda base: converse(base, *said("a", "One. ")), fail)
    assert got.frames[-1]["context_id"] == "a"
    assert got.code == 1011


def test_an_unknown_context_may_be_closed_and_ids_may_come_again() -> None:
    """It ends at once; an id that was used opens a new context, with a clock of its own."""
    got = running(lambda base: converse(base, {"context_id": "x", "close_context": True}, CLOSE))
    assert got.finals() == ["x"]

    async def act(base: str) -> Got:
        got = Got()
        async with await open_socket(base) as connection:
            for turn in (1, 2):
                for message in [*said("a", "One. "), {"context_id": "a", "close_context": True}]:
                    await connection.send(json.dumps(message))
                while len(got.finals()) < turn:
                    got.frames.append(json.loads(await connection.recv()))
            await connection.send(json.dumps(CLOSE))
            return await read_on(connection, got)

    got = running(act)
    assert got.finals() == ["a", "a"]
    assert [start for char, start, _ in rows(got.of("a")) if char == "O"] == [0, 0]


@pytest.mark.parametrize("output_format", ["mp3_22050_32", "mp3_44100_128", "ulaw_8000", "opus_48000_64"])
def test_a_context_has_one_encoder(output_format: str) -> None:
    """Over three generations its times stay those of its sound, while another context is encoded beside it."""
    texts = ["Amber lantern one. ", "Silver button, two! ", "Green switch three? "]
    messages = [message for pair in zip(said("a", *texts), said("b", *texts), strict=True) for message in pair]
    query = f"output_format={output_format}&sync_alignment=true"
    got = running(lambda base: converse(base, *messages, CLOSE, query=query))
    for context in ("a", "b"):
        decoder = speech_decoder(output_format)
        heard = np.frombuffer(decoder.feed(sound(got.of(context))) + decoder.finish(), dtype="<i2")
        times = rows(got.of(context), "normalizedAlignment")
        starts = [start for (before, _, _), (char, start, _) in pairwise(times) if before == " " != char]
        found = onsets(heard, decoder.sample_rate)
        assert len(found) == len(starts)
        assert np.abs(np.array(starts) - found).max() <= 2.5
