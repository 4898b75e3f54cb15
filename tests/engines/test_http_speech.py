"""Requests over HTTP on the speech server's port: speech, speech with times, listings, refusals."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import trustme
from websockets.asyncio.client import connect

from pipeline.codecs import speech_decoder
from pipeline.engines.faults import parse_faults
from pipeline.engines.http_exchange import MOST_BODY_BYTES
from pipeline.engines.listings import ListedVoice
from pipeline.engines.loopback import serve
from pipeline.engines.tls import ServerTls
from pipeline.errors import RefusedError, UsageError
from pipeline.model import SpokenText
from tests.truth_voice import TruthVoice, onsets

TEXT = "Amber lantern. I can see the blue stripe, on the tree! It cost 17?"
PATH = "/v1/text-to-speech/heart"
VOICES = [ListedVoice(f"voice{number}", f"Voice {number}", "en" if number % 2 else "de") for number in range(25)]


@dataclass
class Answer:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def asked(act: Callable[[str], Any], **options: Any) -> Any:
    """Run a blocking act, which gets the address, against a server."""

    async def run() -> Any:
        options.setdefault("catalogue", lambda: VOICES)
        async with serve(options.pop("voice", TruthVoice()), port=0, **options) as base:
            return await asyncio.wait_for(asyncio.to_thread(act, base), 60)

    return asyncio.run(run())


def request(base: str, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """Ask once."""
    connection = http.client.HTTPConnection(str(urlsplit(base).hostname), urlsplit(base).port or 0, timeout=30)
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def post(path: str, body: object, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
    """Post once to a server of its own."""
    found: Answer = asked(lambda base: request(base, "POST", path, body, **(headers or {})), **options)
    return found


def test_speech_with_times_is_the_voice_s() -> None:
    """Whole: characters are the text's, times in seconds end where the sound does."""
    answer = post(f"{PATH}/with-timestamps?output_format=pcm_24000", {"text": TEXT, "seed": 5, "previous_text": "x"})
    assert answer.status == 200
    assert base64.b64decode(answer.json["audio_base64"]) == TruthVoice()(TEXT, "en", "heart", 1.0).pcm
    times = answer.json["alignment"]
    assert "".join(times["characters"]) == TEXT
    assert "".join(answer.json["normalized_alignment"]["characters"]) == f" {TEXT} "
    assert all(
        end == start
        for end, start in zip(
            times["character_end_times_seconds"], times["character_start_times_seconds"][1:], strict=False
        )
    )
    assert answer.headers["request-id"]
    assert int(answer.headers["maximum-concurrent-requests"]) > 0
    assert answer.headers["current-concurrent-requests"] == "0"


@pytest.mark.parametrize("output_format", ["pcm_24000", "mp3_44100_128"])
def test_a_stream_with_times_is_a_line_each(output_format: str) -> None:
    """On the answer's own clock, every word where its sound is."""
    answer = post(f"{PATH}/stream/with-timestamps?output_format={output_format}", {"text": TEXT})
    lines = [json.loads(line) for line in answer.body.decode("ascii").splitlines()]
    assert len(lines) > 3
    decoder = speech_decoder(output_format)
    sound = b"".join(decoder.feed(base64.b64decode(line["audio_base64"])) for line in lines) + decoder.finish()
    timed = [line["normalized_alignment"] for line in lines if line["normalized_alignment"]]
    rows = [
        row for each in timed for row in zip(each["characters"], each["character_start_times_seconds"], strict=True)
    ]
    assert "".join(char for line in lines if line["alignment"] for char in line["alignment"]["characters"]) == TEXT
    starts = [start * 1000 for (before, _), (char, start) in pairwise(rows) if before == " " != char]
    found = onsets(np.frombuffer(sound, dtype="<i2"), decoder.sample_rate)
    assert np.abs(np.array(starts) - found).max() <= 2.5


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (PATH, "audio/mpeg"),
        (f"{PATH}/stream?output_format=mp3_22050_32", "audio/mpeg"),
        (f"{PATH}/stream?output_format=opus_48000_32", "audio/ogg"),
        (f"{PATH}?output_format=ulaw_8000", "audio/basic"),
    ],
)
def test_plain_speech_is_its_bytes(path: str, kind: str) -> None:
    """In the format asked for, MP3 where none is; the speed is heeded."""
    answer = post(path, {"text": TEXT, "voice_settings": {"speed": 1.2}, "model_id": "eleven_flash_v2_5"})
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    name = path.partition("output_format=")[2] or "mp3_44100_128"
    decoder = speech_decoder(name)
    sound = decoder.feed(answer.body) + decoder.finish()
    voice = TruthVoice()(TEXT, "en", "heart", 1.2)
    found = onsets(np.frombuffer(sound, dtype="<i2"), decoder.sample_rate)
    assert np.abs(np.array(found) - [word.start_ms for word in voice.words]).max() <= 2.5


def test_wav_has_its_head() -> None:
    """A RIFF file of the samples."""
    answer = post(f"{PATH}?output_format=wav_24000", {"text": "Hi there."})
    pcm = TruthVoice()("Hi there.", "en", "heart", 1.0).pcm
    assert answer.body[:4] + answer.body[8:12] == b"RIFFWAVE"
    assert int.from_bytes(answer.body[4:8], "little") + 8 == len(answer.body)
    assert answer.body[44:] == pcm


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (PATH, {"text": ""}, 400, "invalid_parameters"),
        (PATH, {"text": "x" * 10_001}, 400, "max_character_limit_exceeded"),
        (PATH, {"text": "x", "model_id": "other"}, 400, "invalid_parameters"),
        (f"{PATH}?output_format=pcm_1", {"text": "x"}, 400, "invalid_parameters"),
        (f"{PATH}/stream?output_format=wav_24000", {"text": "x"}, 400, "invalid_parameters"),
        ("/v1/text-to-speech/nobody", {"text": "x"}, 400, "voice_not_found"),
        ("/v1/elsewhere", {"text": "x"}, 404, "not_found"),
        (PATH, b"x" * (MOST_BODY_BYTES + 1), 413, "body_too_large"),
    ],
)
def test_what_cannot_be_spoken_is_refused(path: str, body: object, status: int, code: str) -> None:
    """By the documented statuses, with the reason's name."""
    answer = post(path, body, choose_voice=lambda voice, _: None if voice == "nobody" else voice)
    assert (answer.status, answer.json["detail"]["code"]) == (status, code)
    assert answer.json["detail"]["message"]


@pytest.mark.parametrize("body", [{}, {"text": 5}, [], b"nonsense", b"", {"text": "x", "voice_settings": 7}])
def test_a_body_of_a_wrong_shape_is_listed(body: object) -> None:
    """422, a list of what is wrong, as the service's framework does it."""
    answer = post(PATH, body)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][0] == "body"


def test_a_voice_that_fails_is_told() -> None:
    """500, whether or not it was to be streamed."""

    def fail(_text: str, _language: str, _voice: str, _speed: float) -> SpokenText:
        raise RefusedError("cannot speak", "no_voice")

    for path in (PATH, f"{PATH}/stream"):
        answer = post(path, {"text": "x"}, voice=fail)
        assert (answer.status, answer.json["detail"]["code"]) == (500, "no_voice")


def test_foreign_pages_are_refused_everywhere() -> None:
    """Posting and listing, as on the sockets; other methods are none."""

    def act(base: str) -> list[int]:
        evil = {"Origin": "https://evil.test"}
        asking = [("POST", PATH, {"text": "x"}, evil), ("GET", "/v1/voices", None, evil), ("OPTIONS", PATH, None, evil)]
        asking += [("PUT", PATH, None, {}), ("GET", "/v1/voices", None, {"Origin": "http://localhost:3000"})]
        return [request(base, method, path, body, **headers).status for method, path, body, headers in asking]

    assert asked(act) == [403, 403, 403, 405, 200]


@pytest.mark.slow
def test_a_request_in_pieces_is_waited_for_and_nonsense_is_not() -> None:
    """Bytes one by one, an expectation of 100, then what is no HTTP."""

    def act(base: str) -> list[bytes]:
        answers = []
        body = b'{"text":"Hi."}'
        head = f"POST {PATH}?output_format=ulaw_8000 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        whole = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        for sent in ([whole[at : at + 1] for at in range(len(whole))], [b"\x16\x03\x01nonsense\r\n\r\n"]):
            with socket.create_connection((urlsplit(base).hostname or "", urlsplit(base).port or 0), 10) as client:
                for piece in sent:
                    client.sendall(piece)
                found = b""
                while piece := client.recv(2**16):
                    found += piece
                answers.append(found)
        return answers

    good, bad = asked(act)
    assert b"HTTP/1.1 200 OK" in good
    assert bad.startswith(b"HTTP/1.1 400")


# ── listings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_voices_are_listed_page_by_page() -> None:
    """All of them once, ten a page, and those that are searched for."""

    def act(base: str) -> tuple[list[str], Any, Any]:
        found: list[str] = []
        token = ""
        for _ in range(5):
            page = request(base, "GET", f"/v2/voices?next_page_token={token}").json
            found += [voice["voice_id"] for voice in page["voices"]]
            assert page["total_count"] == len(VOICES)
            token = page["next_page_token"]
            if not page["has_more"]:
                break
        searched = request(base, "GET", "/v2/voices?search=VOICE%2012&page_size=100").json
        return found, searched, request(base, "GET", "/v1/voices").json

    found, searched, plain = asked(act)
    assert found == [voice.id for voice in VOICES]
    assert [voice["name"] for voice in searched["voices"]] == ["Voice 12"]
    assert [voice["voice_id"] for voice in plain["voices"]] == found


def test_other_listings_are_what_clients_read() -> None:
    """Settings, models, the user and the plan; what is not there is refused."""

    def act(base: str) -> dict[str, Answer]:
        paths = ["/v1/voices/voice3", "/v1/voices/voice3/settings", "/v1/voices/settings/default", "/v1/models"]
        paths += ["/v1/user", "/v1/user/subscription", "/v1/voices/none", "/v2/voices?page_size=0", "/v1/history"]
        return {path: request(base, "GET", path) for path in paths}

    found = asked(act)
    assert found["/v1/voices/voice3"].json["name"] == "Voice 3"
    assert found["/v1/voices/voice3/settings"].json == found["/v1/voices/settings/default"].json
    assert {"eleven_flash_v2_5", "eleven_multilingual_v2"} <= {model["model_id"] for model in found["/v1/models"].json}
    assert found["/v1/user"].json["subscription"].items() <= found["/v1/user/subscription"].json.items()
    assert found["/v1/models"].headers["request-id"]
    statuses = [found[path].status for path in ("/v1/voices/none", "/v2/voices?page_size=0", "/v1/history")]
    assert statuses == [400, 400, 404]
    assert found["/v1/voices/none"].json["detail"]["code"] == "voice_not_found"


# ── faults and TLS ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("http-429=system_busy", 429, "system_busy"),
        ("http-429", 429, "concurrent_limit_exceeded"),
        ("http-5xx=502", 502, "internal_server_error"),
    ],
)
def test_a_request_is_refused_on_purpose(fault: str, status: int, code: str) -> None:
    """By name and status, each second time."""

    def act(base: str) -> list[Answer]:
        return [request(base, "POST", PATH, {"text": "x"}) for _ in range(2)]

    good, bad = asked(act, faults=parse_faults([f"{fault},every=2"]))
    assert (good.status, bad.status, bad.json["detail"]["code"]) == (200, status, code)


def test_a_stream_is_dropped_on_purpose() -> None:
    """In the middle, so that a client sees that it is not whole."""
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        post(f"{PATH}/stream", {"text": TEXT}, faults=parse_faults(["drop-after=20000"]))


def test_with_a_certificate_it_is_wss(tmp_path: Path) -> None:
    """For sockets and requests alike, though a client would rather speak h2."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    both = str(tmp_path / "both.pem")

    def ask(base: str) -> list[int]:
        statuses = []
        for method, path in (("GET", "/v1/voices"), ("POST", PATH)):
            connection = http.client.HTTPSConnection(
                "127.0.0.1", urlsplit(base).port or 0, timeout=20, context=trusting
            )
            connection.request(method, path, json.dumps({"text": TEXT}) if method == "POST" else None)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            connection.close()
        return statuses

    async def run() -> None:
        async with serve(TruthVoice(), port=0, tls=ServerTls(both, both), catalogue=lambda: VOICES) as base:
            assert base.startswith("wss://")
            async with connect(f"{base}{PATH}/stream-input", ssl=trusting, proxy=None) as connection:
                assert connection.response
                assert connection.response.headers["request-id"]
                await connection.send('{"text":""}')
                assert json.loads(await connection.recv())["isFinal"]
            assert await asyncio.to_thread(ask, base) == [200, 200]

    asyncio.run(run())


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Before anything is served."""
    path = tmp_path / "none.pem"
    with pytest.raises(UsageError, match="cannot be used"):
        ServerTls(str(path), str(path)).context()
    path.write_text("nonsense")
    with pytest.raises(UsageError, match="cannot be used"):
        ServerTls(str(path), str(path)).context()
