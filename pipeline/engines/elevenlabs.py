"""The cloud's address, headers and voices → an engine over its `stream-input` sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from pipeline.engines import Access
from pipeline.engines.connecting import Address, is_loopback
from pipeline.engines.recording import Recorder
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import RefusedError, UsageError
from pipeline.model import SpeechRequest

_Answer = TypeVar("_Answer")

HOST = "https://api.elevenlabs.io"
# The same service under its other names, as its own client library lists them: which one is asked shapes no speech.
HOSTS = frozenset(
    {
        "api.elevenlabs.io",
        "api.us.elevenlabs.io",
        "api.eu.residency.elevenlabs.io",
        "api.in.residency.elevenlabs.io",
        "api.sg.residency.elevenlabs.io",
    }
)
# Until an account's limit is known: the least that any plan allows.
MOST_AT_ONCE = 2
# Models that take a language; for the others it is an error or means nothing.
LANGUAGE_MODELS = ("eleven_flash_v2_5", "eleven_turbo_v2_5")
NOT_ON_THIS_SOCKET = ("eleven_v3", "eleven_v4")
# The listing is read in pages of a hundred voices: at most so many, of so many bytes, and all in so many seconds.
MOST_PAGES, PAGE_BYTES, PAGE_SECONDS, LISTING_SECONDS = 20, 2**24, 10.0, 30.0


@contextlib.asynccontextmanager
async def open_elevenlabs(access: Access) -> AsyncIterator[StreamingEngine]:
    """Give the engine. Raises UsageError for a base URL that may not be used, or where the key is missing."""
    address = address_of(access)
    recorder = Recorder(access.record) if access.record else None
    service = served_by(access)
    yield StreamingEngine(
        "elevenlabs", address, query_of, lambda _: service, most_at_once=MOST_AT_ONCE, recorder=recorder
    )


def served_by(access: Access) -> str:
    """Name the service, and its address where it is not the service's own: another one's speech is other speech.

    Needs no key. Raises UsageError for a base URL that may not be used.
    """
    base = base_of(access)
    return "elevenlabs" if urlsplit(base).hostname in HOSTS else f"elevenlabs at {base}"


def address_of(access: Access) -> Address:
    """Return where the engine speaks, with the key. Raises UsageError for either of them."""
    base = base_of(access)
    if not access.key and not is_loopback(urlsplit(base).hostname or ""):
        raise UsageError("there is no key: set ELEVENLABS_API_KEY in the environment or in a .env file")
    _check_key(access.key)
    return Address(base, access.key)


def base_of(access: Access) -> str:
    """Check the base URL and turn it into a socket's. Plain `http` and `ws` go to this machine only.

    Raises UsageError, which does not repeat the URL's name and password, should it hold them.
    """
    try:
        parts = urlsplit(access.base_url or HOST)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("the base URL is no URL: it should be like https://api.elevenlabs.io") from None
    scheme = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}.get(parts.scheme)
    if scheme is None or not host:
        raise UsageError("the base URL should begin with https:// or wss:// and a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(f"the base URL for {host} should hold no name, password, query or fragment")
    if scheme == "ws" and not is_loopback(host):
        raise UsageError(f"the key would go to {host} in plain text: use https:// or wss://")
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    return f"{scheme}://{netloc}{parts.path.rstrip('/')}"


def query_of(request: SpeechRequest) -> dict[str, str]:
    """What a request asks for in the address. Raises RefusedError for a model that this socket does not speak."""
    if request.model.startswith(NOT_ON_THIS_SOCKET):
        raise RefusedError(
            f"the model {request.model} does not speak over this socket: choose eleven_multilingual_v2"
            " or eleven_flash_v2_5",
            "model_not_served",
        )
    query = {"model_id": request.model} if request.model else {}
    if request.model in LANGUAGE_MODELS and request.language:
        query["language_code"] = request.language.partition("-")[0]
    return query | common_query(request)


async def resolve_voice(access: Access, name: str) -> str:
    """Find the id of a voice by its name in the account's listing; an id stays what it is.

    A name matches whole, or before a dash (`Rachel - calm`), upper and lower case alike. When there is no key,
    or the listing cannot be had or does not know the name, it is taken as the id: the service will say if it is none.
    Raises UsageError for a base URL or a key that may not be used.
    """
    if not access.key and not is_loopback(urlsplit(base_of(access)).hostname or ""):
        return name
    address = address_of(access)
    try:
        voices = await _unawaited(lambda: _listed(address))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return name
    return _match(voices, name)


async def _unawaited(ask: Callable[[], _Answer]) -> _Answer:
    """Ask in a thread of its own: who is interrupted does not wait for it, as for one of asyncio's pool."""
    answer: Future[_Answer] = Future()
    answer.set_running_or_notify_cancel()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  # raised again where the answer is awaited
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(answer)


def _match(voices: list[tuple[str, str]], name: str) -> str:
    wanted = name.strip().casefold()
    if any(name == identifier for identifier, _ in voices):
        return name
    for shorten in (str.strip, lambda text: text.partition(" - ")[0].strip()):
        for identifier, listed in voices:
            if shorten(listed).casefold() == wanted:
                return identifier
    return name


def _listed(address: Address) -> list[tuple[str, str]]:
    """Read the listing's pages: pairs of id and name."""
    voices: list[tuple[str, str]] = []
    token, deadline = "", time.monotonic() + LISTING_SECONDS
    for _ in range(MOST_PAGES):
        if time.monotonic() > deadline:
            raise TimeoutError
        page = _page(address, deadline, {"page_size": "100"} | ({"next_page_token": token} if token else {}))
        voices += [(str(voice["voice_id"]), str(voice.get("name") or "")) for voice in page["voices"]]
        token = str(page.get("next_page_token") or "")
        if not (page.get("has_more") and token):
            break
    return voices


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go along."""

    def redirect_request(self, *_: object) -> None:
        """Return nothing, so that the redirect is an error."""


def _page(address: Address, deadline: float, query: dict[str, str]) -> dict[str, Any]:
    scheme, _, rest = address.base.partition("://")
    url = f"{'https' if scheme == 'wss' else 'http'}://{rest}/v2/voices?{urlencode(query)}"
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  # checked above
    if address.key:
        request.add_unredirected_header("xi-api-key", address.key)
    direct = [urllib.request.ProxyHandler({})] if address.is_loopback else []
    opener = urllib.request.build_opener(_Unredirected, *direct)
    with opener.open(request, timeout=PAGE_SECONDS) as answer:
        body = bytearray()
        while piece := answer.read1(2**16):
            body += piece
            if len(body) > PAGE_BYTES or time.monotonic() > deadline:
                raise TimeoutError
    return cast("dict[str, Any]", json.loads(body))


def _check_key(key: str | None) -> None:
    if key is not None and not (key.isascii() and key.isprintable() and key == key.strip()):
        raise UsageError("the key holds characters that no key has, such as a space or a line's end: set it again")
