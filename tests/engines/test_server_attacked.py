"""What pages, lost and hostile clients do to the local server: it refuses, stays small, and ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from pipeline.engines.dialogue_serving import Lines
from pipeline.engines.generation import Speaker
from pipeline.engines.handshake import Terms
from pipeline.engines.http_exchange import MOST_BODY_BYTES
from pipeline.engines.loopback import LEAVE_SECONDS, MOST_UNREAD, serve
from pipeline.engines.serving import begin_dictation
from pipeline.engines.speaking import MOST_CHARACTERS, Generation, Speaking
from pipeline.engines.turns import Turns
from pipeline.model import SpokenText
from pipeline.protocol.dialogue import DialogueInput, SendInputs
from pipeline.protocol.messages import InitializeConnection
from tests.truth_voice import TruthVoice

SOCKET = "/v1/text-to-speech/heart/stream-input"
SPEECH = "/v1/text-to-speech/heart"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
)


def attacked(act: Callable[[int], Any], voice: Any = None, **options: Any) -> Any:
    """Run a blocking act, which gets the port, against a server; what escapes a task of the server's fails the test."""
    escaped: list[dict[str, Any]] = []

    async def run() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: escaped.append(context))
        async with serve(voice or TruthVoice(), port=0, catalogue=list, **options) as base:
            return await asyncio.wait_for(asyncio.to_thread(act, urlsplit(base).port or 0), 60)

    found = asyncio.run(run())
    assert not escaped
    return found


def asked(request: str, body: str = "") -> bytes:
    """What the server answers to a request, to its end, or to the beginning of a socket."""

    def act(port: int) -> bytes:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        with socket.create_connection(("127.0.0.1", port), timeout=3) as client:
            client.sendall(f"{request}{length}\r\n{body}".encode())
            found = b""
            with contextlib.suppress(TimeoutError):
                while not found.startswith(b"HTTP/1.1 101") and (piece := client.recv(4000)):
                    found += piece
            return found

    found: bytes = attacked(act)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("evil.test", False),
        ("evil.test:8765", False),
        ("127.0.0.1.evil.test", False),
        ("[", False),
        ("", False),
        ("localhost:8765", True),
        ("127.0.0.1", True),
        ("[::1]:8765", True),
    ],
)
@pytest.mark.parametrize(
    ("line", "rest", "body"),
    [
        ("GET /v1/models", "", ""),
        (f"GET {SOCKET}", UPGRADE, ""),
        (f"POST {SPEECH}", "", '{"text": "Hi."}'),
    ],
)
def test_a_name_that_was_made_to_point_here_opens_nothing(
    line: str, rest: str, body: str, host: str, allowed: object
) -> None:
    """A page whose own name resolves to this machine (DNS rebinding) sends no foreign `Origin` with a GET."""
    status = asked(f"{line} HTTP/1.1\r\nHost: {host}\r\n{rest}", body).split()[1]
    assert (status in {b"200", b"101"}) is allowed
    assert allowed or status == b"403"


@pytest.mark.slow
@pytest.mark.parametrize("origins", [["http://["], ["http://localhost", "https://evil.test"]])
@pytest.mark.parametrize(
    ("line", "rest", "body"), [(f"GET {SOCKET}", UPGRADE, ""), (f"POST {SPEECH}", "", '{"text": "Hi."}')]
)
def test_an_origin_that_is_none_or_one_of_two_is_foreign(line: str, rest: str, body: str, origins: list[str]) -> None:
    """With the refusal's words, and not with a failure."""
    written = "".join(f"Origin: {origin}\r\n" for origin in origins)
    answer = asked(f"{line} HTTP/1.1\r\nHost: localhost\r\n{written}{rest}", body)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"foreign_origin" in answer


def test_a_key_that_comes_twice_is_no_failure() -> None:
    """The socket speaks all the same."""

    async def run() -> str:
        async with serve(TruthVoice(), port=0) as base:
            keys = [("xi-api-key", "one"), ("xi-api-key", "two")]
            async with connect(base + SOCKET, additional_headers=keys, proxy=None) as connection:
                await connection.send('{"text": "Hi. "}')
                await connection.send('{"text": ""}')
                return str(await connection.recv())

    assert json.loads(asyncio.run(run()))["audio"]


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0.0001, 0, -1, 5])
def test_no_speech_takes_for_ever(speed: float) -> None:
    """A speed that no voice has is refused, by either door: at a ten-thousandth a word would take an hour."""
    answer = asked(
        f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\n",
        json.dumps({"text": "Hi.", "voice_settings": {"speed": speed}}),
    )
    assert answer.startswith(b"HTTP/1.1 400")

    async def run() -> dict[str, Any]:
        async with serve(TruthVoice(), port=0) as base, connect(base + SOCKET, proxy=None) as connection:
            await connection.send(json.dumps({"text": "Hi. ", "voice_settings": {"speed": speed}}))
            found: dict[str, Any] = json.loads(await asyncio.wait_for(connection.recv(), 10))
            return found

    frame = asyncio.run(run())
    assert (frame["error"], frame["code"]) == ("invalid_input_message", 1008)


def test_a_voice_that_breaks_is_told_over_http() -> None:
    """With 500 and what it was, as over a socket."""

    def broken(_text: str, _language: str, _voice: str, _speed: float) -> SpokenText:
        raise ZeroDivisionError("oops")

    def act(port: int) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("POST", SPEECH, b'{"text": "Hi."}')
        answer = client.getresponse()
        found = answer.status, answer.read()
        client.close()
        return found

    status, body = attacked(act, broken)
    assert status == 500
    assert b"ZeroDivisionError" in body


def test_a_body_that_is_too_large_is_refused_where_the_client_hears_it() -> None:
    """Who sends all of it before he reads gets the answer, and no broken connection."""

    def act(port: int) -> int:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("POST", SPEECH, bytes(16 * MOST_BODY_BYTES))
        status = client.getresponse().status
        client.close()
        return status

    assert attacked(act) == 413


def test_nothing_is_spoken_for_a_client_that_has_left() -> None:
    """A text of many generations ends with the one that was under way."""
    said: list[str] = []
    begun, goes_on = threading.Event(), threading.Event()

    def voice(text: str, language: str, name: str, speed: float) -> SpokenText:
        said.append(text)
        begun.set()
        goes_on.wait(10)
        return TruthVoice()("Hi.", language, name, speed)

    def act(port: int) -> None:
        body = json.dumps({"text": "word " * 7990, "model_id": "eleven_flash_v2_5"})
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            client.sendall(body.encode())
            assert begun.wait(10)
        goes_on.set()
        # Between two generations none is under way, for a moment.
        until, idle = time.monotonic() + 10, 0
        while idle < 50 and time.monotonic() < until:
            idle = 0 if under_way(port) else idle + 1
        assert idle == 50

    attacked(act, voice)
    assert len(said) <= 2


def under_way(port: int) -> int:
    """How many generations the server says are under way."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", "/v1/models")
    answer = client.getresponse()
    answer.read()
    client.close()
    return int(answer.headers["current-concurrent-requests"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["word " * 7990, "word. " * 6000, "a" * 12_000, "  Word " + "\n\n two, three. " * 2000]
)
def test_a_long_text_over_http_keeps_its_characters(text: str) -> None:
    """In however many generations it is spoken, every character has a time and they go on."""

    def act(port: int) -> Any:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=50)
        body = json.dumps({"text": text, "model_id": "eleven_flash_v2_5"})
        client.request("POST", f"{SPEECH}/with-timestamps?output_format=ulaw_8000", body)
        found = json.loads(client.getresponse().read())
        client.close()
        return found

    times = attacked(act)["alignment"]
    assert "".join(times["characters"]) == text
    assert times["character_start_times_seconds"] == sorted(times["character_start_times_seconds"])


# ── what is held of one client ─────────────────────────────────────────────────────────────────────────────────────


class Noted(Speaking):
    """Notes the generations that it is to speak."""

    def __init__(self) -> None:
        speaker = Speaker(lambda text, voice: TruthVoice()(text, "en", voice, 1.0), "v", "pcm_24000", in_sync=True)
        super().__init__(speaker, Turns(1), "client")
        self.noted: list[Generation] = []

    def add(self, generation: Generation) -> None:
        """Note it."""
        self.noted.append(generation)

    def lengths(self) -> list[int]:
        """How long the text of each is."""
        return [sum(len(piece.text) for piece in generation) for generation in self.noted]


@pytest.mark.parametrize(
    "text", ["word " * 40_000, "<a" * 50_000, '<break time="3s"/>' * 5000, "Hi <b>you</b>. " * 9000]
)
def test_a_long_text_with_tags_is_several_generations(text: str) -> None:
    """As one without: else the sound of a whole day would be held at once, and others wait for it."""
    speaking = Noted()
    begin_dictation(Terms("v", reads_tags=True), speaking, InitializeConnection(text, flush=True))
    assert max(speaking.lengths()) <= MOST_CHARACTERS
    wanted = "".join(text.split())
    assert "".join("".join(piece.text for piece in each) for each in speaking.noted).replace(" ", "") == wanted


def test_lines_of_a_dialogue_without_an_end_are_cut() -> None:
    """Be it one that is very long, letters without a space between them, or white space in turn: none takes long."""
    speaking = Noted()
    lines = Lines(speaking)
    lines.take(SendInputs((DialogueInput("word " * 40_000, "x"),), flush=True))
    assert max(speaking.lengths()) <= MOST_CHARACTERS
    begun = time.process_time()
    lines.take(SendInputs((DialogueInput("a", "x"),) * 60_000))
    lines.take(SendInputs((DialogueInput(" ", "x"), DialogueInput(" ", "y")) * 30_000))
    lines.end()
    assert max(speaking.lengths()) <= MOST_CHARACTERS + 1
    assert sum(speaking.lengths()) >= 255_000
    assert time.process_time() - begun < 20


@pytest.mark.slow
def test_pings_of_a_client_that_reads_nothing_are_not_answered_for_ever() -> None:
    """What waits for it has an end: then the connection is broken."""
    ping = b"\x89\xfd" + bytes(4) + bytes(125)

    def act(port: int) -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(f"GET {SOCKET} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n".encode())
            client.recv(1000)
            try:
                for _ in range(3 * MOST_UNREAD // (1000 * len(ping))):
                    client.sendall(ping * 1000)
            except ConnectionError:
                return True
        return False

    assert attacked(act)


# ── the end of the server ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GE",
        b"GET /v1",
        b"POST / HT",
        f"GET {SOCKET} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n".encode(),
    ],
)
def test_a_client_that_does_not_answer_does_not_hold_up_the_end(sent: bytes) -> None:
    """Wherever it stopped: in the middle of a request, or before the answer to the closing of its socket."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            async with serve(TruthVoice(), port=0) as base:
                await loop.sock_connect(client, ("127.0.0.1", urlsplit(base).port))
                await loop.sock_sendall(client, sent)
                if sent.endswith(b"\r\n\r\n"):
                    await loop.sock_recv(client, 1000)
                async with connect(base + SOCKET, proxy=None):
                    pass
                begun = loop.time()
            return loop.time() - begun

    assert asyncio.run(run()) < 3 * LEAVE_SECONDS
