"""The cloud's address and headers → an engine over its sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from pipeline.engines import Access
from pipeline.engines.account import learn_plan
from pipeline.engines.connecting import Address, is_loopback
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.dialogue import Dialogue
from pipeline.engines.exchange import Service
from pipeline.engines.models import is_of_dialogues, language_code
from pipeline.engines.recording import Recorder
from pipeline.engines.slots import slots_of
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.streaming import SocketEngine
from pipeline.engines.wording import Endpoint
from pipeline.errors import RefusedError, UsageError
from pipeline.model import SpeechRequest

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
    return Dialogue() if is_of_dialogues(request.model) else StreamInput(query_of)


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
    if is_of_dialogues(request.model):
        raise RefusedError(
            f"the model {request.model} does not speak over this socket: choose eleven_multilingual_v2"
            " or eleven_flash_v2_5",
            "model_not_served",
        )
    query = {"model_id": request.model} if request.model else {}
    if (code := language_code(request.model, request.language)) is not None:
        query["language_code"] = code
    return query | common_query(request)


def _check_key(key: str) -> None:
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError("the key holds characters that no key has, such as a space or a line's end: set it again")
