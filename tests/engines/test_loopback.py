"""The local server speaks the service's protocol, exactly timed, to several clients at once."""

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
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from pipeline.codecs import speech_decoder
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.generation import message_cuts, trim_lead_in
from pipeline.engines.loopback import serve
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import ConnectionLostError, EngineError, RefusedError, UsageError
from pipeline.model import OfflineVoice, SpeechChunk, SpeechRequest, SpokenText, SpokenWord, Voice, VoiceSettings
from tests.truth_voice import TruthVoice, onsets, truth_times

TEXT = "Amber lantern. I can see the “blue” stripe, on the tree! It cost £17 (or 20%)?"
SYNC = "output_format=pcm_24000&sync_alignment=true"


def running(act: Callable[[str], Coroutine[Any, Any, Any]], voice: OfflineVoice | None = None, **options: Any) -> Any:
    """Run an act against a server that speaks with the truth voice."""

    async def run() -> Any:
        async with serve(voice or TruthVoice(), port=0, **options) as base:
            return await asyncio.wait_for(act(base), 60)

    return asyncio.run(run())


def engine_at(base: str) -> StreamingEngine:
    """Our own client."""
    return StreamingEngine("test", Address(base), common_query, lambda _: "")


async def spoken(base: str, request: SpeechRequest) -> list[SpeechChunk]:
    """All chunks of one request."""
    return [chunk async for chunk in engine_at(base).speak(request)]


async def first_chunk(engine: StreamingEngine, request: SpeechRequest) -> SpeechChunk:
    """What comes first."""
    return await anext(aiter(engine.speak(request)))


def slow_voice(wait: Callable[[], object]) -> OfflineVoice:
    """The truth voice, after a wait in its thread."""
    truth = TruthVoice()

    def speak(text: str, language: str, voice: str, speed: float) -> SpokenText:
        wait()
        return truth(text, language, voice, speed)

    return speak


def failing_voice(error: Exception) -> OfflineVoice:
    """A voice that cannot speak."""

    def fail() -> None:
        raise error

    return slow_voice(fail)


@dataclass
class Conversation:
    """What a raw client got: frames, and how the connection ended."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0
    reason: str = ""


async def converse(base: str, *messages: object, query: str = SYNC, voice: str = "heart") -> Conversation:
    """Send messages, objects as JSON and strings as they are, and read until the server closes."""
    got = Conversation()
    uri = f"{base}/v1/text-to-speech/{voice}/stream-input?{query}"
    async with connect(uri, proxy=None, compression=None) as connection:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await connection.send(message if isinstance(message, str) else json.dumps(message))
            while True:
                got.frames.append(json.loads(await connection.recv()))
        got.code, got.reason = connection.close_code or 0, connection.close_reason or ""
    return got


def joined(frames: list[dict[str, Any]], name: str = "alignment") -> list[tuple[str, int, int]]:
    """Characters, starts and durations of all frames."""
    rows: list[tuple[str, int, int]] = []
    for frame in frames:
        if times := frame.get(name):
            rows += zip(times["chars"], times["charStartTimesMs"], times["charDurationsMs"], strict=True)
    return rows


def samples(chunks: list[SpeechChunk]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The sound of chunks."""
    return np.frombuffer(b"".join(chunk.audio for chunk in chunks), dtype="<i2")


def test_speech_is_the_voice_s_to_the_sample_and_timed_to_the_millisecond() -> None:
    """Through the socket and back nothing moves: every word starts where its sound does."""
    chunks = running(lambda base: spoken(base, SpeechRequest(TEXT, Voice("heart"), "", "en")))
    voice = TruthVoice()(TEXT, "en", "heart", 1.0)
    assert samples(chunks).tobytes() == voice.pcm
    normalized = [
        row
        for chunk in chunks
        if chunk.normalized
        for row in zip(chunk.normalized.chars, chunk.normalized.starts_ms, strict=True)
    ]
    assert "".join(char for char, _ in normalized) == f" {TEXT} "
    starts = [normalized[word.first + 1 + (not TEXT[word.first].isalnum())][1] for word in voice.words]
    assert np.abs(np.array(starts) - onsets(samples(chunks), 24000)).max() <= 1
    assert np.abs(np.array(starts) - [start for start, _ in truth_times(TEXT)]).max() <= 0.5


def test_frames_are_as_the_service_s() -> None:
    """Several frames cut by time, times contiguous and as long as the samples, one final frame, then 1000."""
    got = running(lambda base: converse(base, {"text": " "}, {"text": TEXT + " "}, {"text": ""}))
    *speech, final = got.frames
    assert final == {"audio": None, "isFinal": True}
    assert got.code == 1000
    assert len(speech) > 3
    assert all(frame["isFinal"] is None for frame in speech)
    rows = joined(speech)
    assert "".join(char for char, _, _ in rows) == TEXT + " "
    assert all(start + length == after for (_, start, length), (_, after, _) in pairwise(rows))
    count = sum(len(frame["audio"]) * 3 // 4 - frame["audio"].count("=") for frame in speech) // 2
    assert abs(rows[-1][1] + rows[-1][2] - count / 24) <= 1
    assert joined(speech, "normalizedAlignment")[0][0] == " "
    assert any(frame["alignment"]["chars"][-1].isalnum() for frame in speech[:-1])


def test_a_character_s_time_and_its_sound_may_part() -> None:
    """A frame holds what starts before its sound ends, so a character may end in the next frame's sound."""
    got = running(lambda base: converse(base, {"text": " "}, {"text": TEXT + " "}, {"text": ""}))
    end = 0.0
    for frame in got.frames[:-2]:
        end += len(frame["audio"]) * 3 / 4 / 2 / 24
        assert frame["alignment"]["charStartTimesMs"][-1] < end


def test_without_sync_all_times_come_first() -> None:
    """As the service does it: with a generation's first frame, and null after."""
    query = "output_format=pcm_24000"
    got = running(lambda base: converse(base, {"text": " "}, {"text": TEXT + " "}, {"text": ""}, query=query))
    first, *rest = got.frames[:-1]
    assert "".join(first["alignment"]["chars"]) == TEXT + " "
    assert all(frame["alignment"] is None and frame["normalizedAlignment"] is None for frame in rest)


@pytest.mark.parametrize("in_sync", ["true", "false"])
def test_several_generations_are_timed_by_the_samples(in_sync: str) -> None:
    """In sync the clock runs on over generations; otherwise each of them starts at 0."""
    sentences = ["One two three. ", "Four five. ", "Six."]
    messages = [{"text": " "}, *({"text": text, "flush": True} for text in sentences), {"text": ""}]
    query = f"output_format=pcm_24000&sync_alignment={in_sync}"
    got = running(lambda base: converse(base, *messages, query=query))
    firsts = [frame for frame in got.frames if (frame.get("normalizedAlignment") or {}).get("chars", "x")[0] == " "]
    lengths = [len(TruthVoice()(text.strip(), "en", "v", 1.0).pcm) / 2 / 24 for text in sentences]
    expected = [0.0, lengths[0], lengths[0] + lengths[1]] if in_sync == "true" else [0.0, 0.0, 0.0]
    found = [frame["alignment"]["charStartTimesMs"][0] for frame in firsts]
    assert np.abs(np.array(found) - expected).max() <= 0.5
    assert "".join(char for char, _, _ in joined(got.frames)) == "One two three. Four five. Six. "


def test_a_space_alone_ends_a_word() -> None:
    """What keeps the socket alive is a space of the text too: words that come one by one are not glued."""
    words = [{"text": "Hello,"}, {"text": " "}, {"text": "wor"}, {"text": "ld."}, {"text": " "}, {"text": " "}]
    got = running(lambda base: converse(base, {"text": " "}, *words, {"text": ""}))
    assert "".join(char for char, _, _ in joined(got.frames)) == "Hello, world. "


def test_auto_mode_speaks_every_message_for_itself() -> None:
    """Sentences without a space between them would be glued otherwise."""
    messages = [{"text": " "}, {"text": "One two."}, {"text": "Three."}, {"text": ""}]
    got = running(lambda base: converse(base, *messages, query=SYNC + "&auto_mode=true"))
    assert "".join(char for char, _, _ in joined(got.frames)) == "One two. Three. "


def test_other_people_s_clients_are_served() -> None:
    """The vendor's own library triggers generations and sends null settings; another sends words with a key in both."""
    first = {
        "text": " ",
        "try_trigger_generation": True,
        "voice_settings": None,
        "generation_config": {"chunk_length_schedule": [50]},
    }
    pieces = [text + " " for text in TEXT.split()]
    library = [first, *({"text": piece, "try_trigger_generation": True} for piece in pieces), {"text": ""}]
    got = running(lambda base: converse(base, *library, query="output_format=mp3_44100_128&model_id=eleven_flash_v2_5"))
    assert "".join(char for char, _, _ in joined(got.frames)).split() == TEXT.split()
    assert (got.frames[-1], got.code) == ({"audio": None, "isFinal": True}, 1000)
    words = [{"text": " ", "xi_api_key": "k"}, *({"text": piece, "flush": False} for piece in pieces), {"text": ""}]
    got = running(lambda base: converse(base, *words, query="unknown=1&optimize_streaming_latency=4"))
    assert "".join(char for char, _, _ in joined(got.frames)).split() == TEXT.split()


def test_the_first_message_may_hold_text_and_no_text_is_whole_too() -> None:
    """Some clients speak at once, some close at once."""
    got = running(lambda base: converse(base, {"text": "Hello ", "voice_settings": {}}, {"text": ""}))
    assert "".join(char for char, _, _ in joined(got.frames)) == "Hello "
    got = running(lambda base: converse(base, {"text": ""}))
    assert (got.frames, got.code) == ([{"audio": None, "isFinal": True}], 1000)


@pytest.mark.parametrize(
    "output_format",
    ["pcm_8000", "pcm_16000", "pcm_44100", "mp3_22050_32", "mp3_44100_128", "ulaw_8000", "opus_48000_64"],
)
@pytest.mark.parametrize("voice_rate", [24000, 22050])
def test_every_format_is_timed_by_its_sound(output_format: str, voice_rate: int) -> None:
    """Resampled or encoded and decoded again, over three generations: every word starts where its sound does."""
    text = ["Amber lantern one. ", "Silver button, two! ", "Green switch three?"]
    messages = [{"text": " "}, *({"text": each, "flush": True} for each in text), {"text": ""}]
    query = f"output_format={output_format}&sync_alignment=true"
    got = running(lambda base: converse(base, *messages, query=query), TruthVoice(voice_rate))
    decoder = speech_decoder(output_format)
    sound = b"".join(decoder.feed(base64.b64decode(frame["audio"] or "")) for frame in got.frames) + decoder.finish()
    heard = np.frombuffer(sound, dtype="<i2")
    rows = joined(got.frames, "normalizedAlignment")
    starts = [start for (before, _, _), (char, start, _) in pairwise(rows) if before == " " != char]
    found = onsets(heard, decoder.sample_rate)
    assert len(found) == len(starts)
    # A resampler's filter rounds a burst's edge; what matters is that nothing adds up from one generation to the next.
    assert np.abs(np.array(starts) - found).max() <= 2.5
    assert abs(rows[-1][1] + rows[-1][2] - len(heard) * 1000 / decoder.sample_rate) <= 60


def test_the_speed_is_the_client_s() -> None:
    """Voice settings of the first message reach the voice."""
    fast = Voice("heart", VoiceSettings(speed=1.2))
    chunks = running(lambda base: spoken(base, SpeechRequest(TEXT, fast, "", "en")))
    assert samples(chunks).tobytes() == TruthVoice()(TEXT, "en", "heart", 1.2).pcm


def test_a_silent_lead_in_is_trimmed_and_the_words_move_with_it() -> None:
    """To 20 ms, as short as the service's own."""
    late = bytes(2 * 7200) + TruthVoice()("Hi", "en", "v", 1.0).pcm
    words = (SpokenWord(0, 2, 320, 430),)
    trimmed = trim_lead_in(SpokenText(late, 24000, words))
    assert abs(len(late) - len(trimmed.pcm) - 2 * 7200) <= 2 * 24 * 5
    assert abs(trimmed.words[0].start_ms - 20) <= 5
    silent = SpokenText(bytes(4800), 24000, ())
    assert trim_lead_in(silent) == silent


@pytest.mark.parametrize("count", [0, 1, 11_999, 24_000, 24_001, 240_000])
def test_messages_cover_the_sound_once(count: int) -> None:
    """None is empty but for a silence of no samples, none is longer than two seconds."""
    cuts = list(message_cuts(count, 24000))
    assert (cuts[0], cuts[-1]) == (0, count)
    assert all(first < end <= first + 48_000 for first, end in pairwise(cuts)) or count == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/text-to-speech/heart/stream-input?output_format=pcm_1", 400),
        ("/v1/text-to-speech/heart/stream-input?model_id=eleven_v3", 400),
        ("/v1/text-to-speech/heart/stream-input?model_id=other", 400),
        ("/v1/text-to-speech/heart/stream-input?inactivity_timeout=181", 400),
        ("/v1/text-to-speech/heart", 404),
        ("/", 404),
        ("/v1/text-to-speech/heart/[stream", 404),
        ("/v1/text-to-speech/nobody/stream-input", 403),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_handshake(path: str, status: int) -> None:
    """As the service does: an unknown voice without a word, the rest with one."""

    async def act(base: str) -> Any:
        with pytest.raises(InvalidStatus) as caught:
            await connect(base + path, proxy=None)
        return caught.value.response

    response = running(act, choose_voice=lambda voice, _: None if voice == "nobody" else voice)
    assert response.status_code == status
    if status == 403:
        assert not response.body
    else:
        assert json.loads(response.body)["detail"]["message"]


def test_a_refused_voice_reaches_our_client_as_a_refusal() -> None:
    """With what to check."""
    request = SpeechRequest("Hi", Voice("nobody"), "", "en")
    with pytest.raises(RefusedError, match="403"):
        running(lambda base: spoken(base, request), choose_voice=lambda _voice, _language: None)


def test_a_voice_that_cannot_be_looked_up_is_told() -> None:
    """A part of the machine that is missing is a refusal with its sentence, not a server that is busy."""

    def choose(_voice: str, _language: str) -> str:
        raise EngineError("espeak-ng is not installed")

    request = SpeechRequest("Hi", Voice("espeak:de"), "", "de")
    with pytest.raises(RefusedError, match="espeak-ng is not installed"):
        running(lambda base: spoken(base, request), choose_voice=choose)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://evil.test", False),
        ("null", False),
        ("http://127.0.0.1.evil.test", False),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8766", True),
    ],
)
def test_a_foreign_page_may_not_speak(origin: str, allowed: object) -> None:
    """Any page that a browser shows could otherwise use the server of this machine."""

    async def act(base: str) -> bool:
        try:
            async with connect(f"{base}/v1/text-to-speech/heart/stream-input", origin=Origin(origin), proxy=None):
                return True
        except InvalidStatus as error:
            return error.response.status_code != 403

    assert running(act) is allowed


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (["nonsense"], "no JSON"),
        ([{"voice_settings": None}], "`text`"),
        ([{"text": " "}, {"text": "a ", "voice_settings": {"speed": 1.1}}], "voice_settings field must be provided"),
        ([{"text": " ", "generation_config": {"chunk_length_schedule": [10]}}], "from 50 to 500"),
        ([{"text": " "}, {"text": ""}, {"text": "more "}], "wrong order"),
    ],
)
def test_a_client_s_fault_is_answered_and_closed(messages: list[object], words: str) -> None:
    """With an error frame that names it, then 1008."""
    gate = threading.Event()

    got = running(lambda base: converse(base, *messages), slow_voice(lambda: gate.wait(10)))
    gate.set()
    if messages[1:] and messages[1] == {"text": ""}:
        # Nothing was to be spoken, so the final frame may already have gone out.
        assert got.code in {1000, 1008}
        return
    assert got.frames[-1]["error"] == "invalid_input_message"
    assert words in got.frames[-1]["message"]
    assert got.code == 1008
    assert got.frames[-1]["message"].startswith(got.reason[:50])


def test_a_silent_client_is_told_and_closed() -> None:
    """With the service's own words and name; every message starts the time anew."""
    got = running(lambda base: converse(base, {"text": " "}, query=SYNC + "&inactivity_timeout=1"))
    assert got.frames[-1]["error"] == "input_timeout_exceeded"
    assert "within the timeout of 1 seconds" in got.frames[-1]["message"]
    assert got.code == 1008


def test_a_voice_that_fails_is_told() -> None:
    """A failure of ours as such, and the connection closes."""
    request = SpeechRequest("Hi", Voice("heart"), "", "en")
    with pytest.raises(RefusedError, match="cannot speak"):
        running(lambda base: spoken(base, request), failing_voice(RefusedError("cannot speak", "no_voice")))

    got = running(lambda base: converse(base, {"text": "Hi "}, {"text": ""}), failing_voice(ZeroDivisionError("oops")))
    assert got.code == 1011
    assert "ZeroDivisionError" in got.frames[-1]["message"]


def test_two_clients_are_spoken_to_at_once() -> None:
    """Each call of the voice waits for the other: one at a time would wait for ever."""
    both = threading.Barrier(2, timeout=20)

    async def act(base: str) -> list[list[SpeechChunk]]:
        texts = ("First client.", "Second client.")
        requests = [SpeechRequest(text, Voice("heart"), "", "en") for text in texts]
        return await asyncio.gather(*(spoken(base, request) for request in requests))

    first, second = running(act, slow_voice(both.wait))
    assert "".join(char for chunk in first if chunk.alignment for char in chunk.alignment.chars) == "First client. "
    assert samples(second).tobytes() == TruthVoice()("Second client.", "en", "heart", 1.0).pcm


def test_a_client_is_heard_while_it_is_spoken_to() -> None:
    """The loop stays free while the voice works: a fault is answered before the voice has finished."""
    gate = threading.Event()

    async def act(base: str) -> Conversation:
        try:
            return await converse(base, {"text": " "}, {"text": "Hello there. ", "flush": True}, "nonsense")
        finally:
            gate.set()

    assert running(act, slow_voice(lambda: gate.wait(20))).frames[-1]["error"] == "invalid_input_message"


def test_a_client_that_leaves_frees_the_voice_for_others() -> None:
    """After a cancelled client the next is served, and the server closes without waiting for it."""

    async def act(base: str) -> list[SpeechChunk]:
        request = SpeechRequest("word " * 400, Voice("heart"), "", "en")
        for _ in range(3):
            task = asyncio.create_task(spoken(base, request))
            async with connect(f"{base}/v1/text-to-speech/heart/stream-input", proxy=None):
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await spoken(base, SpeechRequest("Still here.", Voice("heart"), "", "en"))

    assert samples(running(act)).tobytes() == TruthVoice()("Still here.", "en", "heart", 1.0).pcm


def test_a_server_that_is_stopped_is_a_lost_connection() -> None:
    """A client whose server goes away is told so, and does not hang."""
    gate = threading.Event()

    async def run() -> None:
        async with serve(slow_voice(lambda: gate.wait(20)), port=0) as base:
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "", limits=Limits(silence=20))
            request = SpeechRequest("Hi", Voice("heart"), "", "en")
            task = asyncio.create_task(first_chunk(engine, request))
            async with connect(f"{base}/v1/text-to-speech/heart/stream-input", proxy=None):
                pass
        gate.set()
        with pytest.raises(ConnectionLostError):
            await task

    asyncio.run(run())


def test_a_taken_port_is_passed_over() -> None:
    """The second server takes any other, and says which."""

    async def run() -> tuple[int | None, int | None]:
        async with serve(TruthVoice(), port=0) as first:
            port = urlsplit(first).port
            assert port is not None
            async with serve(TruthVoice(), port=port) as second:
                return port, urlsplit(second).port

    first, second = asyncio.run(run())
    assert first != second


def test_the_server_stays_on_this_machine() -> None:
    """It listens on loopback only."""

    async def run() -> None:
        async with serve(TruthVoice(), host="0.0.0.0"):
            pass

    with pytest.raises(UsageError):
        asyncio.run(run())
