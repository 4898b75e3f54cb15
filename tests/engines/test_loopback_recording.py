"""What a client or a server recorded can be played back, and holds no key."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline.engines.connecting import Address
from pipeline.engines.loopback import serve
from pipeline.engines.recording import RecordedConnection, Recorder, Replay, read_recording
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import ConnectionLostError, RefusedError, StoreError, UsageError
from pipeline.model import OfflineVoice, SpeechChunk, SpeechRequest, Voice
from tests.truth_voice import TruthVoice

KEY = "sk_0123456789abcdef_secret"
REQUESTS = [SpeechRequest(text, Voice("heart"), "", "en") for text in ("One two three. Four!", "Five, six.")]


async def spoken(base: str, request: SpeechRequest, record: Path | None = None, key: str = KEY) -> list[SpeechChunk]:
    """Speak one request with a key, and record it where a file is named."""
    recorder = Recorder(str(record)) if record else None
    engine = StreamingEngine("t", Address(base, key), common_query, lambda _: "", recorder=recorder)
    return [chunk async for chunk in engine.speak(request)]


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a recording."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_a_place_that_takes_no_recording_is_told_at_once(tmp_path: Path) -> None:
    """Before anything is listened to or spoken: a server could only tell its clients later."""

    async def run() -> None:
        async with serve(TruthVoice(), port=0, record=str(tmp_path / "no folder" / "messages.jsonl")):
            pass

    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(run())


def test_a_secret_in_a_list_is_known_too(tmp_path: Path) -> None:
    """Once it was seen, it is blotted wherever it is repeated."""
    path = tmp_path / "messages.jsonl"
    record = Recorder(str(path)).connection("/v1")
    record.message("client", json.dumps({"contexts": [{"xi_api_key": KEY}]}))
    record.message("server", json.dumps({"message": f"bad key {KEY}"}))
    assert KEY not in path.read_text(encoding="ascii")


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_recording_plays_back_what_was_heard(folder: Path, side: str) -> None:
    """Whoever made it: the replay gives the same chunks, message by message, and has no voice to speak with."""
    path = folder / "messages.jsonl"
    client, server = (path, None) if side == "client" else (None, str(path))

    async def run() -> None:
        async with serve(TruthVoice(), port=0, record=server) as base:
            first = [await spoken(base, request, client) for request in REQUESTS]
        async with serve(cast("OfflineVoice", None), port=0, replay=str(path)) as base:
            again = [await spoken(base, request) for request in reversed(REQUESTS)]
        assert again[::-1] == first
        assert all(first)

    asyncio.run(run())
    assert {line["connection"] for line in lines(path)} == {1, 2}
    assert KEY not in path.read_text(encoding="ascii")
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("key", ["A", "One"])
def test_a_key_as_short_as_a_word_spoils_no_speech(folder: Path, key: str) -> None:
    """A local server takes any key: found by chance in sound or in words, it is left there, and in what is recorded."""
    path = folder / "messages.jsonl"

    async def run() -> None:
        async with serve(TruthVoice(), port=0) as base:
            heard = [await spoken(base, request, path, key) for request in REQUESTS]
            assert heard == [await spoken(base, request) for request in REQUESTS]
        async with serve(cast("OfflineVoice", None), port=0, replay=str(path)) as base:
            assert heard == [await spoken(base, request) for request in REQUESTS]

    asyncio.run(run())


def test_no_key_is_kept_in_any_spelling(folder: Path) -> None:
    """Header, query, either name in a message; and where an answer repeats it, it is blotted out."""
    path = folder / "messages.jsonl"
    record = Recorder(str(path)).connection(
        "/v1/text-to-speech/v/stream-input?authorization=secret-1&single_use_token=secret-2&model_id=m",
        ["secret-3", None],
    )
    record.message("client", json.dumps({"text": " ", "xi-api-key": "secret-4", "xi_api_key": "secret-5"}))
    record.message("client", json.dumps({"text": "a", "authorization": "Bearer secret-6", "Xi-Api-Key": "secret-7"}))
    record.message(
        "server",
        json.dumps({"message": "secret-1 secret-2 secret-3 secret-4 secret-5 secret-6 Bearer secret-6 secret-7"}),
    )
    record.message("server", "no json, but secret-4")
    record.refused(401, b"secret-3")
    record.closed(1008, "secret-5")
    text = path.read_text(encoding="ascii")
    assert "secret" not in text
    assert lines(path)[0]["request"] == "/v1/text-to-speech/v/stream-input?model_id=m"
    assert lines(path)[-1]["close"] == 1008


def test_a_drop_is_played_back_as_a_drop_and_turns_are_taken(folder: Path) -> None:
    """Recordings of one text are used in order, then again from the first: broken, whole, broken, whole."""
    path = folder / "messages.jsonl"
    whole: list[SpeechChunk] = []

    async def record() -> None:
        async def breaking(connection: ServerConnection) -> None:
            for _ in range(3):
                await connection.recv()
            await connection.send('{"audio":"AAAA","isFinal":null}')
            connection.transport.close()

        async with listen(breaking, "127.0.0.1", 0) as server:
            with pytest.raises(ConnectionLostError):
                await spoken(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", REQUESTS[0], path)
        async with serve(TruthVoice(), port=0) as base:
            whole.extend(await spoken(base, REQUESTS[0], path))

    async def play() -> None:
        async with serve(TruthVoice(), port=0, replay=str(path)) as base:
            for _ in range(2):
                engine = StreamingEngine("t", Address(base), common_query, lambda _: "")
                stream: Any = engine.speak(REQUESTS[0])
                async with aclosing(stream):
                    assert await anext(stream) == SpeechChunk(b"\0\0\0")
                    with pytest.raises(ConnectionLostError):
                        await anext(stream)
                assert await spoken(base, REQUESTS[0]) == whole

    asyncio.run(record())
    asyncio.run(play())


def test_what_matches_nothing_is_an_error(folder: Path) -> None:
    """Another text, or another voice, has no answer in the recording."""
    path = folder / "messages.jsonl"

    async def run() -> None:
        async with serve(TruthVoice(), port=0) as base:
            await spoken(base, REQUESTS[0], path)
        async with serve(TruthVoice(), port=0, replay=str(path)) as base:
            for other in (REQUESTS[1], SpeechRequest(REQUESTS[0].text, Voice("other"), "", "en")):
                with pytest.raises(RefusedError, match="no answer"):
                    await spoken(base, other)

    asyncio.run(run())


def test_a_cancelled_conversation_is_recorded_to_where_it_came(folder: Path) -> None:
    """Its end is kept too."""
    path = folder / "messages.jsonl"

    async def run() -> None:
        async with serve(TruthVoice(), port=0) as base:
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "", recorder=Recorder(str(path)))
            stream: Any = engine.speak(SpeechRequest("word " * 300, Voice("heart"), "", "en"))
            async with aclosing(stream):
                await anext(stream)

    asyncio.run(run())
    assert "close" in lines(path)[-1]
    assert [line.get("from") for line in lines(path)[:5]] == [None, "client", "client", "client", "server"]


def test_texts_match_by_their_words() -> None:
    """However they were cut into messages and spaced."""
    connection = RecordedConnection("v", [" ", "One  ", "two "])
    replay = Replay([connection])
    assert replay.match("v", ["One two"]) is connection
    assert replay.match("v", ["One"]) is None


def test_a_second_recorder_goes_on_counting(folder: Path) -> None:
    """Numbers of connections stay apart when a file is appended to in a later run."""
    path = folder / "messages.jsonl"
    for _ in range(2):
        Recorder(str(path)).connection("/v1/text-to-speech/v/stream-input").closed(1000, "")
    assert [line["connection"] for line in lines(path)] == [1, 1, 2, 2]


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"connection": 1, "close": 1000}', '{"connection": 1}'])
def test_what_is_no_recording_is_told_with_its_line(folder: Path, text: str) -> None:
    """File and line, before the server starts."""
    path = folder / "messages.jsonl"
    path.write_text('{"connection": 2, "request": "/v1/text-to-speech/v/stream-input"}\n' + text, encoding="utf-8")
    with pytest.raises(UsageError, match=":2:"):
        read_recording(str(path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_recording(str(folder / "missing"))


def test_a_recording_that_cannot_be_written_is_told(folder: Path) -> None:
    """The folder is not there."""
    with pytest.raises(StoreError, match="cannot be written"):
        Recorder(str(folder / "missing" / "messages.jsonl")).connection("/")


@pytest.mark.parametrize("content", [b"# My script\n\nHello.\n", b"{}\n", b"\xff\xfe", b"[" * 200_000, b"\n", b"1\n"])
def test_no_other_file_is_recorded_into(folder: Path, content: bytes) -> None:
    """A script that was named by mistake stays as it is."""
    path = folder / "script.md"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no recording") as caught:
        Recorder(str(path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_an_empty_file_is_recorded_into(folder: Path) -> None:
    """As `mktemp` makes one."""
    path = folder / "messages.jsonl"
    path.touch()
    Recorder(str(path)).connection("/v1/text-to-speech/v/stream-input")
    assert [line["connection"] for line in lines(path)] == [1]


def test_a_recording_that_was_cut_off_goes_on_on_a_line_of_its_own(folder: Path) -> None:
    """What a full disk left of a line does not spoil the next one."""
    path = folder / "messages.jsonl"
    Recorder(str(path)).connection("/v1/text-to-speech/v/stream-input").closed(1000, "")
    path.write_bytes(path.read_bytes()[:-5])
    Recorder(str(path)).connection("/v1/text-to-speech/v/stream-input")
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["connection"] == 2


def test_a_recording_nested_without_end_is_told(folder: Path) -> None:
    """With its line."""
    path = folder / "messages.jsonl"
    path.write_text('{"connection": 1, "request": "/"}\n' + "[" * 200_000, encoding="utf-8")
    with pytest.raises(UsageError, match=":2:"):
        read_recording(str(path))
