"""Where the cloud's engine speaks, what it asks for, and whose names it knows."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline import __version__
from pipeline.engines import ENGINES, LIVE, Access, account, voice_resolving
from pipeline.engines.connecting import Address
from pipeline.engines.elevenlabs import address_of, endpoint_of, query_of, served_by
from pipeline.engines.loopback import serve
from pipeline.engines.voice_resolving import resolve_voice
from pipeline.errors import RefusedError, UsageError
from pipeline.model import SpeechChunk, SpeechRequest, Voice
from tests.truth_voice import TruthVoice

KEY = "sk_0123456789abcdef_secret"


@pytest.mark.parametrize(
    ("given", "base"),
    [
        (None, "wss://api.elevenlabs.io"),
        ("https://api.eu.residency.elevenlabs.io/", "wss://api.eu.residency.elevenlabs.io"),
        ("wss://host.test:8443/prefix/", "wss://host.test:8443/prefix"),
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765"),
        ("ws://localhost:1", "ws://localhost:1"),
        ("http://[::1]:8765", "ws://[::1]:8765"),
    ],
)
def test_base_urls_become_sockets(given: str | None, base: str) -> None:
    """With their path and port, whichever of the two schemes they have."""
    assert address_of(Access(KEY, given)).base == base


@pytest.mark.parametrize(
    "given",
    [
        "http://api.elevenlabs.io",
        "ws://127.0.0.1.evil.test",
        "ftp://127.0.0.1",
        "api.elevenlabs.io",
        "https://",
        "https://user:hunter2@host.test",
        "https://host.test/?key=hunter2",
        "https://[::1",
        "https://host.test:port",
    ],
)
def test_base_urls_that_would_give_the_key_away_are_refused(given: str) -> None:
    """Plain text beyond this machine, and what is no URL; a password in it is not repeated."""
    with pytest.raises(UsageError) as caught:
        address_of(Access(KEY, given))
    assert "hunter2" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_is_needed_beyond_this_machine_and_must_fit_a_header() -> None:
    """The local server asks for none."""
    with pytest.raises(UsageError, match="ELEVENLABS_API_KEY"):
        address_of(Access())
    assert address_of(Access(base_url="http://127.0.0.1:1")).key is None
    with pytest.raises(UsageError, match="characters") as caught:
        address_of(Access(KEY + "\r\nX: y"))
    assert KEY not in str(caught.value)
    assert KEY not in repr(address_of(Access(KEY)))


def test_who_speaks_is_told_by_the_address_and_needs_no_key() -> None:
    """All of the service's own hosts are one; speech of any other is kept apart."""
    assert served_by(Access()) == served_by(Access(None, "https://api.us.elevenlabs.io")) == "elevenlabs"
    assert served_by(Access(None, "http://127.0.0.1:1")) != served_by(Access(None, "http://127.0.0.1:2"))


@pytest.mark.parametrize(
    ("model", "language", "code"),
    [
        ("eleven_multilingual_v2", "de", None),
        ("eleven_flash_v2_5", "pt-BR", "pt"),
        ("eleven_flash_v2_5", "nb", "no"),
        ("eleven_flash_v2_5", "fa", None),
        ("eleven_turbo_v2_5", "de", "de"),
        ("eleven_flash_v2", "en", None),
    ],
)
def test_a_language_goes_only_to_models_that_take_one(model: str, language: str, code: str | None) -> None:
    """As ISO 639-1, without a region; the others refuse or ignore it."""
    query = query_of(SpeechRequest("Hi", Voice("v"), model, language))
    assert query["model_id"] == model
    assert query.get("language_code") == code


@pytest.mark.parametrize("model", ["eleven_v3", "eleven_v3_conversational"])
def test_a_model_of_another_socket_is_refused_before_anything_is_sent(model: str) -> None:
    """With the models that would do."""
    with pytest.raises(RefusedError, match="eleven_multilingual_v2"):
        query_of(SpeechRequest("Hi", Voice("v"), model, "en"))


def test_the_engine_speaks_with_a_local_server() -> None:
    """The registry's engine, a base URL on loopback, no key; whoever answers there shapes the speech."""

    async def run() -> tuple[list[SpeechChunk], str]:
        async with serve(TruthVoice(), port=0) as base, ENGINES["elevenlabs"](Access(base_url=base)) as engine:
            request = SpeechRequest("Hello there.", Voice("v"), "eleven_multilingual_v2", "en", "auto")
            assert engine.name == "elevenlabs"
            return [chunk async for chunk in engine.speak(request)], engine.shaped_by(request)

    chunks, shaped = asyncio.run(run())
    assert b"".join(chunk.audio for chunk in chunks) == TruthVoice()("Hello there.", "en", "v", 1.0).pcm
    assert "127.0.0.1" in shaped


def test_further_parameters_stand_in_every_address() -> None:
    """What may shape the speech is part of who speaks; what is only kept or not is none."""
    access = Access(KEY, parameters=(("enable_logging", "false"), ("optimize_streaming_latency", "2")))
    for model in ("eleven_flash_v2_5", "eleven_v3"):
        request = SpeechRequest("Hi", Voice("v"), model, "en")
        path = endpoint_of(request).target(address_of(access), request, LIVE)
        assert path.endswith("&enable_logging=false&optimize_streaming_latency=2")
    assert served_by(access) == "elevenlabs optimize_streaming_latency=2"


class Listing(ThreadingHTTPServer):
    """A voices listing of two pages; `redirect` sends the question elsewhere, a `refusal` answers it instead."""

    redirect = ""
    refusal: tuple[int, bytes] | None = None
    keys: list[str | None]
    agents: list[str | None]


class Answering(BaseHTTPRequestHandler):
    """Answers for a Listing."""

    server: Listing

    def do_GET(self) -> None:
        """Give a page, or the redirect."""
        self.server.keys.append(self.headers.get("xi-api-key"))
        self.server.agents.append(self.headers.get("User-Agent"))
        query = parse_qs(urlsplit(self.path).query)
        first = {"voices": [{"voice_id": "id1", "name": "Rachel - calm"}], "has_more": True, "next_page_token": "t"}
        second = {"voices": [{"voice_id": "id2", "name": "Bella"}, {"voice_id": "id3"}], "has_more": False}
        body = json.dumps(second if query.get("next_page_token") == ["t"] else first).encode()
        status, body = self.server.refusal or (302 if self.server.redirect else 200, body)
        self.send_response(status)
        self.send_header("Location", self.server.redirect)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def listing() -> Iterator[tuple[Listing, str]]:
    """A listing on loopback and its address."""
    server = Listing(("127.0.0.1", 0), Answering)
    server.keys, server.agents = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("bella", "id2"), ("Rachel", "id1"), ("rachel - CALM", "id1"), ("id3", "id3"), ("Nobody", "Nobody")],
)
def test_names_are_resolved_by_the_listing(name: str, identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over its pages, whatever the case; past every proxy; what it does not know is taken for an id."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with listing() as (server, base):
        assert asyncio.run(resolve_voice(Access(KEY, base), name)) == identifier
        assert server.keys == [KEY, KEY]
        assert server.agents == [f"cueline/{__version__}"] * 2


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the server of a test for the service, which is not on this machine, though no proxy is on the way."""
    monkeypatch.setattr(Address, "is_loopback", False)
    monkeypatch.setattr(voice_resolving, "HOSTS", frozenset({"127.0.0.1"}))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


ID = "Xb7hH8MSUJpSbSDYk0k2"
FORBIDDEN = (
    b'{"detail": {"type": "authentication_error", "code": "missing_permissions", "status": "missing_permissions", '
    b'"message": "The API key you used is missing the permission voices_read to execute this operation."}}'
)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("refusal", [(401, FORBIDDEN), (403, FORBIDDEN), (403, b""), (401, b"<html>no</html>")])
def test_a_key_that_may_not_list_voices(refusal: tuple[int, bytes]) -> None:
    """Is told of, and that an id would do, before anything is spent; an id is not even looked up."""
    with listing() as (server, base):
        server.refusal = refusal
        assert asyncio.run(resolve_voice(Access(KEY, base), ID)) == ID
        assert server.keys == []
        with pytest.raises(UsageError, match=r"'Rachel'.*the voice's id.*voices_read") as caught:
            asyncio.run(resolve_voice(Access(KEY, base), "Rachel"))
        assert KEY not in str(caught.value)
        assert server.keys == [KEY]
        # One id in thirty has no digit.
        assert asyncio.run(resolve_voice(Access(KEY, base), "QwErTyUiOpAsDfGhJkLz")) == "QwErTyUiOpAsDfGhJkLz"


@pytest.mark.usefixtures("elsewhere")
def test_another_service_may_have_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its refusal of one says nothing of the voice."""
    monkeypatch.setattr(voice_resolving, "HOSTS", frozenset())
    said: list[str] = []
    with listing() as (server, base):
        server.refusal = (401, b"")
        assert asyncio.run(resolve_voice(Access(KEY, base), "heart", said.append)) == "heart"
    assert len(said) == 1


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": {"status": "invalid_api_key", "message": "Invalid API key %s"}}',
        b'{"detail": "Invalid API key %s"}',
    ],
)
def test_a_key_that_is_none_is_told_as_such(body: bytes) -> None:
    """No permission would help."""
    with listing() as (server, base):
        server.refusal = (401, body % KEY.encode())
        with pytest.raises(RefusedError, match="Invalid API key") as caught:
            asyncio.run(resolve_voice(Access(KEY, base), "Rachel"))
        assert KEY not in str(caught.value)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Rachel Bright", "no voice 'Rachel Bright'; did you mean 'Rachel"),
        ("Béla", "no voice 'Béla'; did you mean 'Bella'"),
        ("my own voice", "no voice 'my own voice'; cueline voices lists them"),
    ],
)
def test_a_name_that_no_voice_has_and_that_is_no_id(name: str, error: str) -> None:
    """The names that are near are told with it."""
    with listing() as (_, base), pytest.raises(UsageError, match=error):
        asyncio.run(resolve_voice(Access(KEY, base), name))


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("name", "remarks"),
    [
        ("Bela", ["the account lists no voice 'Bela' (did you mean 'Bella'?): it is taken for an id"]),
        ("custom-voice_1", ["the account lists no voice 'custom-voice_1': it is taken for an id"]),
        ("ProfessionalNarrator", []),
        ("id3", []),
    ],
)
def test_a_name_that_may_be_an_id_passes(name: str, remarks: list[str]) -> None:
    """Aloud, unless it has the form of the service's own."""
    said: list[str] = []
    with listing() as (_, base):
        assert asyncio.run(resolve_voice(Access(KEY, base), name, said.append)) == name
    assert said == remarks


def test_servers_of_this_machine_have_ids_of_every_kind() -> None:
    """So a name passes that is not listed, or where nothing is; the latter is told."""
    said: list[str] = []
    with listing() as (server, base):
        assert asyncio.run(resolve_voice(Access(KEY, base), "my own voice", said.append)) == "my own voice"
        assert said == []
        server.refusal = 401, FORBIDDEN
        assert asyncio.run(resolve_voice(Access(KEY, base), "heart", said.append)) == "heart"
    assert said == ["the voices cannot be listed, so 'heart' is taken for a voice's id"]


@pytest.mark.usefixtures("elsewhere")
def test_a_listing_that_fails_otherwise_leaves_the_name() -> None:
    """Another status, or nobody there; the person hears of it."""
    said: list[str] = []
    with listing() as (server, base):
        server.refusal = 500, b""
        assert asyncio.run(resolve_voice(Access(KEY, base), "Rachel", said.append)) == "Rachel"
    assert asyncio.run(resolve_voice(Access(KEY, "http://127.0.0.1:9"), "Bella", said.append)) == "Bella"
    assert said == [
        f"the voices cannot be listed, so {name!r} is taken for a voice's id" for name in ("Rachel", "Bella")
    ]


def test_the_listing_s_redirect_is_not_followed() -> None:
    """The key stays here, and the name is taken for an id."""
    with listing() as (elsewhere, other), listing() as (server, base):
        server.redirect = other
        assert asyncio.run(resolve_voice(Access(KEY, base), "Bella")) == "Bella"
        assert server.keys == [KEY]
        assert elsewhere.keys == []


def test_a_listing_that_is_no_http_leaves_the_name() -> None:
    """Something else that answers at that address ends nothing."""

    async def run() -> str:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"nonsense\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await resolve_voice(Access(KEY, f"http://127.0.0.1:{port}"), "Bella")

    assert asyncio.run(run()) == "Bella"


def test_nobody_waits_for_a_listing_that_does_not_come() -> None:
    """Who interrupts is gone at once, though the question still stands."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async def run() -> None:
            task = asyncio.create_task(resolve_voice(Access(KEY, base), "Bella"))
            asked, _ = await asyncio.to_thread(silent.accept)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            ended.append(time.monotonic())
            held.append(asked)

        ended: list[float] = []
        held: list[socket.socket] = []
        asyncio.run(run())
        # What asyncio waits for when it ends are the threads of its own pool.
        assert time.monotonic() - ended[0] < account.STEP_SECONDS / 2
        held[0].close()


def test_a_listing_that_cannot_be_had_leaves_the_name() -> None:
    """The local speech server has none, and nobody may be there at all."""

    async def run() -> str:
        async with serve(TruthVoice(), port=0) as base:
            return await resolve_voice(Access(KEY, base), "heart")

    assert asyncio.run(run()) == "heart"
    assert asyncio.run(resolve_voice(Access(), "Bella")) == "Bella"
    assert asyncio.run(resolve_voice(Access(KEY, "http://127.0.0.1:9"), "Bella")) == "Bella"
