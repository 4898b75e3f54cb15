"""The name of one of hibari's further voices → its published model, fetched and checked, where hibari itself looks.

Only called when the person asked for it. What is asked for carries no key, and what comes is not kept unless it has the
SHA-256 that the installed package's own list says.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import msgspec

from pipeline.engines.connecting import is_loopback
from pipeline.engines.neural_voices import BUNDLED
from pipeline.errors import ConnectionLostError, EngineError, OutputError, PipelineError, RefusedError, UsageError
from pipeline.model import Progress, ProgressCallback

STEP_SECONDS, WHOLE_SECONDS = 30.0, 900.0
STEP_BYTES = 2**16
MOST_BYTES = 2**26
"""Of a voice whose size the list does not say; a model is an eighth of that."""


class Published(msgspec.Struct, frozen=True):
    """What hibari's list of voices says of one."""

    file: str
    sha256: str
    language: str = "en"
    accent: str = ""
    gender: str = ""
    bytes: int = 0


@cache
def published() -> Mapping[str, Published]:
    """Voices by name, as `assets/voices.json` of the installed hibari lists them; none where it has no such list."""
    spec = find_spec("hibari")
    if spec is None or not spec.submodule_search_locations:
        return {}
    try:
        text = (Path(spec.submodule_search_locations[0]) / "assets" / "voices.json").read_bytes()
        return msgspec.json.decode(text, type=dict[str, Published])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}


def fetch(name: str, progress: ProgressCallback) -> Path:
    """Fetch a voice unless the published model is here already. Returns where it lies.

    Raises UsageError when there is no such voice, EngineError when it cannot be had or is not the published one,
    OutputError when it cannot be written. Whatever goes wrong, nothing is left behind and what was there stays.
    """
    voice, (base, folder) = _listed(name), _hibari()
    place = folder / voice.file
    if _digest(place) == voice.sha256:
        return place
    with _beside(place) as (partial, file):
        for piece in _checked(name, base + voice.file, voice, progress):
            with _writing(place):
                file.write(piece)
        with _writing(place):
            file.flush()
            os.fsync(file.fileno())
            file.close()  # an open file is not moved on Windows
            partial.replace(place)
    return place


def _listed(name: str) -> Published:
    from pipeline.settings import nearest

    voices = published()
    further = [voice for voice in voices if voice != BUNDLED]
    if not further:
        raise EngineError("the neural voice is not installed, or lists no further voices: pip install hibari-tts")
    if name == BUNDLED:
        raise UsageError(f"{name} lies in its package: there is nothing to fetch")
    if name not in voices:
        raise UsageError(f"there is no voice {name!r} to fetch; there are {', '.join(further)}{nearest(name, further)}")
    voice = voices[name]
    if voice.file in {"", ".", ".."} or set(voice.file) & set("/\\:?#"):
        raise EngineError(f"hibari's list names no file for the voice {name}; reinstall hibari-tts")
    return voice


def _hibari() -> tuple[str, Path]:
    """Where hibari publishes its voices, and where it looks for them on this machine."""
    try:
        from hibari.voices import BASE_URL, cache_dir
    except ImportError as error:
        raise EngineError(f"the neural voice cannot be loaded ({error}); reinstall hibari-tts") from error
    return str(BASE_URL), Path(cache_dir())


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{place} cannot be written: {error.strerror or error}") from error


@contextmanager
def _beside(place: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file beside its place to be; unless it is moved there it is gone afterwards, with the folders made for it."""
    made = [folder for folder in place.parents if not folder.exists()]
    with _writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix=f"{place.name}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield Path(path), file
    finally:
        Path(path).unlink(missing_ok=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only when nothing came to lie in it


def _checked(name: str, url: str, voice: Published, progress: ProgressCallback) -> Iterator[bytes]:
    """Yield what is at the address. Raises EngineError, at the end, unless it was the published model, whole."""
    stage, most, host = f"fetching {name}", voice.bytes or MOST_BYTES, urlsplit(url).hostname or ""
    digest, done = hashlib.sha256(), 0
    progress(Progress(stage, 0, voice.bytes, "bytes"))
    for piece in _pieces(url, host):
        done += len(piece)
        if done > most:
            break
        digest.update(piece)
        yield piece
        progress(Progress(stage, done, voice.bytes, "bytes"))
    if done < voice.bytes:
        raise ConnectionLostError(f"{host} sent {done} of {voice.bytes} bytes of the voice {name}; try again")
    if done > most or digest.hexdigest() != voice.sha256:
        raise EngineError(
            f"what {host} sent for the voice {name} is not the published model (its SHA-256 differs):"
            " nothing was kept; try again later, or use heart"
        )


def _pieces(url: str, host: str) -> Iterator[bytes]:
    """Yield what an address gives. Raises EngineError, in a sentence that says what to do."""
    deadline = time.monotonic() + WHOLE_SECONDS
    _check(url, url)
    try:
        with _opener(host).open(url, timeout=STEP_SECONDS) as answer:
            while piece := answer.read1(STEP_BYTES):
                if time.monotonic() > deadline:
                    raise TimeoutError
                yield piece
    except urllib.error.HTTPError as error:
        error.close()
        raise RefusedError(f"{host} answered HTTP {error.code} for {url}; try again later, or use heart") from None
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(host, error) from None


def _unreachable(host: str, error: Exception) -> PipelineError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return ConnectionLostError(f"{host} did not send the voice in time; check the network and try again")
    said = getattr(reason, "verify_message", None) or getattr(reason, "strerror", None) or type(reason).__name__
    return ConnectionLostError(f"{host} cannot be reached ({said}); check the network and try again")


def _opener(host: str) -> urllib.request.OpenerDirector:
    """Follow redirects as `_Checked` does; this machine is never asked through a proxy."""
    return urllib.request.build_opener(_Checked, *([urllib.request.ProxyHandler({})] if is_loopback(host) else []))


class _Checked(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to any host, over TLS: nothing secret is sent, and what comes is known by its SHA-256."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Give the next request. Raises RefusedError for one in plain text."""
        _check(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(url: str, asked: str) -> None:
    """Raise RefusedError for an address without TLS, unless it and who led there are both on this machine."""
    local = all(is_loopback(urlsplit(one).hostname or "") for one in (url, asked))
    scheme = urlsplit(url).scheme
    if scheme != "https" and not (scheme == "http" and local):
        host = urlsplit(url).hostname or "an address"
        raise RefusedError(
            f"the voice is said to lie at {host} without https: it was not fetched; reinstall hibari-tts"
        )
