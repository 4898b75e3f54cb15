"""The cloud's address, headers and voices → an engine over its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import http.client
import re
import time
import urllib.error
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.engines import Access
from pipeline.engines.account import FAILURES, ask, learn_plan, unawaited
from pipeline.engines.connecting import Address, is_loopback
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.dialogue import Dialogue, is_spoken_here
from pipeline.engines.exchange import Service
from pipeline.engines.models import language_code
from pipeline.engines.recording import Recorder
from pipeline.engines.slots import slots_of
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.streaming import SocketEngine
from pipeline.engines.wording import Endpoint
from pipeline.errors import EngineError, RefusedError, UsageError
from pipeline.model import Sayer, SpeechRequest
from pipeline.protocol.refusals import http_error

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
# Requests that are worth having under way; how many of them speak, the account's slots say.
MOST_AT_ONCE = 30
# The listing is read in pages of a hundred voices: at most so many, and all in so many seconds.
MOST_PAGES, LISTING_SECONDS = 20, 30.0
# Of an answer that refuses the listing, as much as its reason may take; the statuses that say who may read it.
MOST_ERROR_BYTES, FORBIDDEN = 2**16, (401, 403)
# What the service's ids look like, and what an id may look like anywhere: a name with spaces or accents is none.
CLOUD_ID = re.compile(r"[A-Za-z0-9]{20}")
_ID = re.compile(r"[A-Za-z0-9_.:+~-]+")
MOST_NAMED = 3


@contextlib.asynccontextmanager
async def open_elevenlabs(access: Access) -> AsyncIterator[SocketEngine]:
    """Give the engine; every model is spoken at the endpoint that it needs.

    Raises UsageError for a base URL that may not be used, or where the key is missing.
    """
    async with _served(access) as service:
        name = served_by(access)
        yield SocketEngine("elevenlabs", service, endpoint_of, lambda _: name, most_at_once=MOST_AT_ONCE)


@contextlib.asynccontextmanager
async def open_contexts(access: Access) -> AsyncIterator[ContextsEngine]:
    """Give an engine that speaks several requests over one socket. Raises UsageError, as `open_elevenlabs` does."""
    async with _served(access) as service:
        name = served_by(access)
        async with ContextsEngine("elevenlabs", service, query_of, lambda _: name) as engine:
            yield engine


@contextlib.asynccontextmanager
async def _served(access: Access) -> AsyncIterator[Service]:
    """Give the service, with the slots that all of this process share who speak with this account there."""
    address = address_of(access)
    slots = slots_of(" ".join((address.base, *address.secrets)))
    asking = asyncio.create_task(learn_plan(address, slots)) if address.key or address.bearer else None
    try:
        yield Service(address, recorder=Recorder(access.record) if access.record else None, slots=slots)
    finally:
        if asking:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


def endpoint_of(request: SpeechRequest) -> Endpoint:
    """Choose the kind of socket that speaks a request's model."""
    return Dialogue() if is_spoken_here(request.model) else StreamInput(query_of)


def served_by(access: Access) -> str:
    """Name the service, and its address where it is not the service's own: another one's speech is other speech.

    Needs no key. Raises UsageError for a base URL that may not be used.
    """
    base = base_of(access)
    shaping = [f"{name}={value}" for name, value in sorted(access.parameters) if name != "enable_logging"]
    return " ".join(["elevenlabs" if urlsplit(base).hostname in HOSTS else f"elevenlabs at {base}", *shaping])


def address_of(access: Access) -> Address:
    """Return where the engine speaks, with the key. Raises UsageError for either of them."""
    base = base_of(access)
    address = Address(
        base, access.key, access.bearer, access.single_use_token, access.credentials_in, access.parameters
    )
    if not address.secrets and not address.is_loopback:
        raise UsageError("there is no key: set ELEVENLABS_API_KEY in the environment or in a .env file")
    for secret in address.secrets:
        _check_key(secret)
    return address


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
    """What a request asks for in a socket's address. Raises RefusedError for a model that these sockets do not speak."""
    if is_spoken_here(request.model):
        raise RefusedError(
            f"the model {request.model} does not speak over this socket: choose eleven_multilingual_v2"
            " or eleven_flash_v2_5",
            "model_not_served",
        )
    query = {"model_id": request.model} if request.model else {}
    if (code := language_code(request.model, request.language)) is not None:
        query["language_code"] = code
    return query | common_query(request)


def _unsaid(_remark: str) -> None:
    """Say nothing: nobody listens."""


async def resolve_voice(access: Access, name: str, say: Sayer = _unsaid) -> str:
    """Find the id of a voice by its name in the account's listing; an id stays what it is, and is not looked up.

    A name matches whole, or before a dash (`Rachel - calm`), upper and lower case alike. One that the listing does not
    know is taken for an id where it may be one, and so is any name without a key to look it up with, or where the
    listing cannot be had; `say` hears of it. On this machine, whose servers have ids of every kind, any name may be one,
    and a listing that is refused is no reason to stop where it is not the service that refuses.

    Raises UsageError for a base URL or a key that may not be used, a key that may not list voices, or a name that no
    voice has; RefusedError, in the service's words, where the listing is refused for another reason.
    """
    if looks_like_an_id(name) or (not access.key and not is_loopback(urlsplit(base_of(access)).hostname or "")):
        return name
    address = address_of(access)
    found: list[tuple[str, str]] | _Forbidden | None = None
    with contextlib.suppress(*FAILURES):
        found = await unawaited(lambda: _listed_or_forbidden(address), LISTING_SECONDS)
    if isinstance(found, _Forbidden) and CLOUD_ID.fullmatch(name):
        return name
    if isinstance(found, _Forbidden) and urlsplit(address.base).hostname in HOSTS:
        raise found.told_of(name)
    if not isinstance(found, list):
        say(f"the voices cannot be listed, so {name!r} is taken for a voice's id")
        return name
    return _match(found, name) or (name if address.is_loopback else _unlisted(found, name, say))


def looks_like_an_id(name: str) -> bool:
    """Whether a name is as good as surely one of the service's ids: twenty letters and digits, and not a long word."""
    return CLOUD_ID.fullmatch(name) is not None and not name.isalpha()


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """The listing may not be read: the status that says so, and the service's answer, typed."""

    status: int
    reason: EngineError

    def told_of(self, name: str) -> UsageError | EngineError:
        """Tell what it means for a voice's name: the id would do, unless the key itself is refused."""
        is_explained = str(self.reason) != str(http_error(self.status))
        if is_explained and "permission" not in f"{self.reason.code} {self.reason}".lower():
            return self.reason
        return UsageError(
            f"the key may not list voices (HTTP {self.status}), so the voice {name!r} cannot be looked up: write the "
            "voice's id instead of its name, or give the key the permission voices_read"
        )


def _match(voices: list[tuple[str, str]], name: str) -> str | None:
    wanted = name.strip().casefold()
    if any(name == identifier for identifier, _ in voices):
        return name
    for shorten in (str.strip, _short):
        for identifier, listed in voices:
            if shorten(listed).casefold() == wanted:
                return identifier
    return None


def _short(listed: str) -> str:
    return listed.partition(" - ")[0].strip()


def _unlisted(voices: list[tuple[str, str]], name: str, say: Sayer) -> str:
    """Take a name that the listing does not have for an id, aloud. Raises UsageError where it can be none."""
    if CLOUD_ID.fullmatch(name):  # a voice need not be listed to be spoken with
        return name
    near = _nearest(name, (shown for _, listed in voices for shown in (listed.strip(), _short(listed))))
    if _ID.fullmatch(name):
        say(f"the account lists no voice {name!r}{f' (did you mean {near}?)' if near else ''}: it is taken for an id")
        return name
    raise UsageError(
        f"the account lists no voice {name!r}; {f'did you mean {near}?' if near else 'cueline voices lists them'}"
    )


def _nearest(name: str, listed: Iterable[str]) -> str:
    """Return the listed names nearest to one, `'A' or 'B'`; "" where none is near."""
    known = {shown.casefold(): shown for shown in listed if shown}
    found = difflib.get_close_matches(name.casefold(), list(known), n=MOST_NAMED)
    return " or ".join(repr(known[each]) for each in found)


def _listed_or_forbidden(address: Address) -> list[tuple[str, str]] | _Forbidden:
    """Read the listing, or why it may not be read; what is raised here would have frames with the key hang on it."""
    try:
        return _listed(address)
    except urllib.error.HTTPError as error:
        if error.code not in FORBIDDEN:
            raise
        with error, contextlib.suppress(OSError, http.client.HTTPException):
            body = address.blotted(error.read(MOST_ERROR_BYTES).decode("utf-8", "replace")).encode()
            return _Forbidden(error.code, http_error(error.code, body))
        return _Forbidden(error.code, http_error(error.code))


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


def _page(address: Address, deadline: float, query: dict[str, str]) -> dict[str, Any]:
    return ask(address, "/v2/voices", deadline, query)


def _check_key(key: str) -> None:
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError("the key holds characters that no key has, such as a space or a line's end: set it again")
