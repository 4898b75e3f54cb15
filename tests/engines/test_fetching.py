"""Further voices are fetched only as published: whole, by their SHA-256, over TLS, without a key, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hibari.voices
import pytest

from pipeline.engines import fetching
from pipeline.engines.fetching import Published, fetch, published
from pipeline.errors import ConnectionLostError, EngineError, OutputError, PipelineError, RefusedError, UsageError
from pipeline.model import Progress

MODEL = bytes(range(256)) * 1000
KEY = "sk_0123456789abcdef_secret"


class Shelf(ThreadingHTTPServer):
    """Stands in for where the voices are published: gives `body`, or leads to `elsewhere`."""

    body: bytes = MODEL
    said_length: int | None = None
    status = 200
    elsewhere = ""
    asked: list[tuple[str, dict[str, str]]]


class Answering(BaseHTTPRequestHandler):
    """Answers for a Shelf."""

    server: Shelf

    def do_GET(self) -> None:
        """Give the model, the redirect or the refusal."""
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(302 if self.server.elsewhere else self.server.status)
        if self.server.elsewhere:
            self.send_header("Location", self.server.elsewhere + self.path)
        length = len(self.server.body) if self.server.said_length is None else self.server.said_length
        self.send_header("Content-Length", "0" if self.server.elsewhere else str(length))
        self.end_headers()
        if not self.server.elsewhere:
            self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def shelf() -> Iterator[tuple[Shelf, str]]:
    """A server on loopback and its address."""
    server = Shelf(("127.0.0.1", 0), Answering)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Where hibari publishes is a server on loopback, its cache a folder that is not there yet; a key is set."""
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "cache" / "hibari"))
    monkeypatch.setenv("ELEVENLABS_API_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    row = Published("emma.onnx", hashlib.sha256(MODEL).hexdigest(), "en-GB", bytes=len(MODEL))
    monkeypatch.setattr(fetching, "published", lambda: {"heart": row, "emma": row})
    with shelf() as (server, base):
        monkeypatch.setattr(hibari.voices, "BASE_URL", f"{base}/voices/")
        yield server


def quiet(progress: Progress) -> None:
    """Take progress in silence."""
    assert progress.total == len(MODEL)


def test_the_list_is_that_of_the_installed_package() -> None:
    """Every further voice has a file name of its own, a size and a SHA-256."""
    further = {name: voice for name, voice in published().items() if name != "heart"}
    assert {"emma", "fable", "fenrir", "kore"} <= set(further)
    for name, voice in further.items():
        assert voice.sha256 == hibari.voices.VOICES[name]["sha256"]
        assert len(bytes.fromhex(voice.sha256)) == 32
        assert voice.bytes > 2**20
    assert hibari.voices.BASE_URL.startswith("https://")


def test_a_voice_comes_to_lie_where_hibari_looks(source: Shelf, tmp_path: Path) -> None:
    """Whole, once, with its progress, and asked for without a key; a second call asks nobody."""
    told: list[Progress] = []
    place = fetch("emma", told.append)
    assert place == tmp_path / "cache" / "hibari" / "emma.onnx"
    assert place.read_bytes() == MODEL
    assert [path.name for path in place.parent.iterdir()] == ["emma.onnx"]
    assert (told[0].done, told[-1].done, told[-1].total) == (0, len(MODEL), len(MODEL))
    assert fetch("emma", quiet) == place
    ((path, headers),) = source.asked
    assert path == "/voices/emma.onnx"
    assert not {"xi-api-key", "authorization", "cookie"} & set(headers)
    assert KEY not in str(headers)


def test_a_damaged_model_is_fetched_again(source: Shelf, tmp_path: Path) -> None:
    """What lies there is judged by its SHA-256, not by its name."""
    place = tmp_path / "cache" / "hibari" / "emma.onnx"
    place.parent.mkdir(parents=True)
    place.write_bytes(MODEL[:-1] + b"x")
    assert fetch("emma", quiet).read_bytes() == MODEL
    assert len(source.asked) == 1


def _wrong(server: Shelf) -> None:
    server.body = MODEL[:-1] + b"x"


def _longer(server: Shelf) -> None:
    server.body = MODEL + b"x"


def _shorter(server: Shelf) -> None:
    server.body = MODEL[:-1000]


def _broken_off(server: Shelf) -> None:
    server.body, server.said_length = MODEL[:-1000], len(MODEL)


def _gone(server: Shelf) -> None:
    server.status = 404


def _in_plain_text(server: Shelf) -> None:
    server.elsewhere = "http://example.com"


def _by_file(server: Shelf) -> None:
    server.elsewhere = "file:///etc/hosts?"


@pytest.mark.parametrize(
    ("spoil", "kind", "sentence"),
    [
        (_wrong, EngineError, "SHA-256 differs"),
        (_longer, EngineError, "SHA-256 differs"),
        (_shorter, ConnectionLostError, "255000 of 256000 bytes"),
        (_broken_off, ConnectionLostError, "255000 of 256000 bytes"),
        (_gone, RefusedError, "HTTP 404"),
        (_in_plain_text, RefusedError, r"example\.com without https"),
        (_by_file, PipelineError, "HTTP 302|without https"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_not_the_published_model_leaves_nothing(
    source: Shelf,
    tmp_path: Path,
    spoil: object,
    kind: type[PipelineError],
    sentence: str,
    is_there: bool,  # noqa: FBT001
) -> None:
    """No file, no folder; what was there before stays as it was."""
    assert callable(spoil)
    spoil(source)
    place = tmp_path / "cache" / "hibari" / "emma.onnx"
    if is_there:
        place.parent.mkdir(parents=True)
        place.write_bytes(b"older")
    with pytest.raises(kind, match=sentence):
        fetch("emma", quiet)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ([place] if is_there else [])
    assert (tmp_path / "cache").exists() == is_there
    if is_there:
        assert place.read_bytes() == b"older"


def test_a_redirect_to_another_host_is_followed_without_a_key(source: Shelf) -> None:
    """As the publisher's own storage is reached; nothing secret goes there."""
    with shelf() as (other, address):
        source.elsewhere = address
        assert fetch("emma", quiet).read_bytes() == MODEL
        ((path, headers),) = other.asked
    assert path == "/voices/emma.onnx"
    assert KEY not in str(headers)
    assert "xi-api-key" not in headers


def test_redirects_that_go_round_end(source: Shelf) -> None:
    """After as many as the library allows."""
    source.elsewhere = hibari.voices.BASE_URL.rstrip("/").removesuffix("/voices")
    with pytest.raises(RefusedError, match="HTTP 302"):
        fetch("emma", quiet)
    assert len(source.asked) < 20


@pytest.mark.parametrize(
    ("url", "asked", "goes"),
    [
        ("https://cdn.test/a", "https://host.test/a", True),
        ("http://cdn.test/a", "https://host.test/a", False),
        ("http://127.0.0.1/a", "https://host.test/a", False),
        ("http://127.0.0.1/a", "http://127.0.0.1:1/a", True),
        ("ftp://cdn.test/a", "https://host.test/a", False),
        ("http://host.test/a", "http://host.test/a", False),
    ],
)
def test_only_tls_leaves_this_machine(url: str, asked: str, goes: bool) -> None:  # noqa: FBT001
    """To whichever host; plain text only from this machine to itself."""
    if goes:
        fetching._check(url, asked)
        return
    with pytest.raises(RefusedError, match="without https"):
        fetching._check(url, asked)


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("name", "sentence"), [("heart", "nothing to fetch"), ("ema", "did you mean 'emma'"), ("", "emma")]
)
def test_a_name_that_cannot_be_fetched(name: str, sentence: str) -> None:
    """Is told before anyone is asked."""
    with pytest.raises(UsageError, match=sentence):
        fetch(name, quiet)


def test_without_the_package_there_is_nothing_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the sentence says what to install."""
    monkeypatch.setattr(fetching, "published", dict)
    with pytest.raises(EngineError, match="pip install hibari-tts"):
        fetch("emma", quiet)


@pytest.mark.parametrize("file", ["../emma.onnx", "/etc/emma", "a\\b", "..", ""])
def test_a_list_cannot_lead_out_of_the_folder(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's name is only that."""
    monkeypatch.setattr(fetching, "published", lambda: {"emma": Published(file, "00")})
    with pytest.raises(EngineError, match="names no file"):
        fetch("emma", quiet)


@pytest.mark.usefixtures("source")
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence with the path."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"emma\.onnx cannot be written"):
        fetch("emma", quiet)


def test_an_interruption_leaves_nothing(source: Shelf, tmp_path: Path) -> None:
    """Ctrl-C in the middle passes through."""

    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("emma", interrupt)
    assert source.asked
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_told(source: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the host's name."""
    monkeypatch.setattr(hibari.voices, "BASE_URL", "http://127.0.0.1:9/")
    with pytest.raises(ConnectionLostError, match=r"127\.0\.0\.1 cannot be reached"):
        fetch("emma", quiet)
    assert source.asked == []
