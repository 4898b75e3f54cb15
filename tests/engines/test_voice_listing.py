"""What voices there are: this machine's own, and the cloud's page by page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.engines import Access, offline, voice_pages
from pipeline.engines.voice_listing import Listing, cloud_voices, offline_voices
from pipeline.errors import ConnectionLostError, PipelineError, RefusedError, RemoteProtocolError

KEY = "sk_0123456789abcdef_secret"
FIRST = {
    "voice_id": "id1",
    "name": "Rachel - calm\x1b[2J",
    "category": "premade",
    "description": "Matter-of-fact,\nfor news.",
    "labels": {
        "accent": "american",
        "gender": "female",
        "age": "young",
        "use_case": "news",
        "language": "en",
        "x": None,
    },
    "verified_languages": [{"language": "en", "locale": "en-US"}, {"language": "de", "locale": None}],
}
PAGES = {
    "": {"voices": [FIRST, {"voice_id": "id2", "name": None}], "has_more": True, "next_page_token": "t"},
    "t": {"voices": [{"voice_id": "id3", "name": "Bella", "labels": None}], "has_more": False, "next_page_token": None},
}


class Service(ThreadingHTTPServer):
    """Stands in for the service's listing; gives `answer` instead of the pages where there is one."""

    answer: tuple[int, str] | None = None
    is_endless = False
    keys: list[str | None]


class Answering(BaseHTTPRequestHandler):
    """Answers for a Service."""

    server: Service

    def do_GET(self) -> None:
        """Give a page."""
        self.server.keys.append(self.headers.get("xi-api-key"))
        address = urlsplit(self.path)
        assert address.path == "/v2/voices"
        token = parse_qs(address.query).get("next_page_token", [""])[0]
        page = PAGES[""] if self.server.is_endless else PAGES[token]
        status, body = self.server.answer or (200, json.dumps(page))
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def service() -> Iterator[tuple[Service, Access]]:
    """A listing on loopback, and the way to it."""
    server = Service(("127.0.0.1", 0), Answering)
    server.keys = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server, Access(KEY, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_cloud_s_voices_are_read_over_all_pages() -> None:
    """With their labels and languages; what is missing is left out, and nothing in a name moves a terminal's cursor."""
    with service() as (server, access):
        listing = cloud_voices(access)
    first, second, third = listing.voices
    assert (first.id, first.name) == ("id1", "Rachel - calm[2J")
    assert first.languages == ("en", "en-US", "de")
    assert first.labels == {
        "accent": "american",
        "gender": "female",
        "age": "young",
        "use case": "news",
        "category": "premade",
        "description": "Matter-of-fact, for news.",
    }
    assert (second.name, second.languages, dict(second.labels)) == ("id2", (), {})
    assert (third.id, third.name) == ("id3", "Bella")
    assert not any(voice.is_here or voice.bytes for voice in listing.voices)
    assert listing.remarks == ()
    assert server.keys == [KEY, KEY]


def test_a_listing_without_end_ends() -> None:
    """And it is said that there are more."""
    with service() as (server, access):
        server.is_endless = True
        listing = cloud_voices(access)
    assert len(server.keys) == voice_pages.MOST_PAGES
    assert "more voices" in listing.remarks[0]


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        ((401, json.dumps({"detail": {"status": "invalid_api_key", "message": f"Bad {KEY}"}})), RefusedError, "Bad"),
        ((302, ""), RefusedError, "redirects elsewhere"),
        ((404, "no"), PipelineError, "HTTP 404"),
        ((200, "<html>"), RemoteProtocolError, "no listing"),
        ((200, "[]"), RemoteProtocolError, "no listing"),
        ((200, '{"voices": [{"name": "x"}]}'), RemoteProtocolError, "no listing"),
        ((200, '{"voices": [{"voice_id": "x", "labels": 3}]}'), RemoteProtocolError, "no listing"),
        ((200, '{"voices": 1}'), RemoteProtocolError, "no listing"),
    ],
)
def test_what_is_no_listing_is_told_without_the_key(
    answer: tuple[int, str], kind: type[PipelineError], sentence: str
) -> None:
    """In the service's own words where it has some; the key is in none, nor in what hangs on the error."""
    with service() as (server, access):
        server.answer = answer
        with pytest.raises(kind, match=sentence) as caught:
            cloud_voices(access)
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None
    assert server.keys == [KEY]


def test_nobody_there_is_told() -> None:
    """With what to check."""
    with pytest.raises(ConnectionLostError, match="base URL"):
        cloud_voices(Access(KEY, "http://127.0.0.1:9"))


def _by_id(listing: Listing) -> dict[str, tuple[str, ...]]:
    return {voice.id: voice.languages for voice in listing.voices}


def test_every_offline_voice_that_is_here_can_speak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own id, in the first of its languages; ids are listed once; those to be fetched are not here."""
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    listing = offline_voices()
    assert len(_by_id(listing)) == len(listing.voices) > 100
    assert [voice.id for voice in listing.voices[: len(offline.VARIANTS)]] == list(offline.VARIANTS)
    for voice in listing.voices:
        assert offline.known_voice(voice.id) == voice.is_here, voice
        assert (voice.bytes > 0) == (not voice.is_here)
        if voice.is_here:
            assert offline.explicit(voice.languages[0], voice.id) == voice.id
    assert {voice.id for voice in listing.voices if not voice.is_here} == {"emma", "fable", "fenrir", "kore"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("language", "identifier"), [("de", "espeak:de"), ("zh", "espeak:cmn"), ("fr", "espeak:fr-fr")]
)
def test_a_language_leads_to_the_voice_that_speaks_it(language: str, identifier: str) -> None:
    """The one that would narrate it, under its name in English."""
    voice = next(voice for voice in offline_voices().voices if voice.id == identifier)
    assert language in voice.languages
    assert offline.explicit(language, "heart") == identifier
    assert voice.name.startswith({"de": "German", "zh": "Chinese", "fr": "French"}[language])


def test_a_fetched_voice_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as its file is."""
    import hibari.voices

    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    (tmp_path / hibari.voices.VOICES["emma"]["file"]).write_bytes(b"model")
    here = {voice.id for voice in offline_voices().voices if voice.is_here}
    assert "emma" in here
    assert "fable" not in here


def test_without_the_neural_voice_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And espeak-ng's English is what there is."""
    from pipeline.engines import neural

    monkeypatch.setattr(neural, "is_here", lambda: False)
    listing = offline_voices()
    assert "hibari-tts" in listing.remarks[0]
    assert all(voice.id.startswith("espeak:") for voice in listing.voices)
