"""An address and a request's path → an open websocket, or the error that says why not; the key is shown nowhere."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidProxy, InvalidStatus, ProxyError, WebSocketException

from pipeline.engines import Place
from pipeline.engines.recording import ConnectionRecord, blotted
from pipeline.errors import ConnectionLostError, PipelineError, RefusedError, RemoteProtocolError
from pipeline.protocol.dialogue import InitializeDialogue
from pipeline.protocol.messages import InitializeConnection
from pipeline.protocol.refusals import http_error

# Messages hold a second or so of sound; 16 MiB leaves room for ones of minutes, and none for an endless one.
MOST_MESSAGE_BYTES = 2**24

# Messages that wait to be read: enough for minutes of speech, so that a consumer as slow as the speech itself (a player
# at the end of a pipe) does not stop the socket, on which its pings and pongs travel too.
MOST_WAITING = 256
_Opening = TypeVar("_Opening", InitializeConnection, InitializeDialogue)

# The library's log at DEBUG prints headers and addresses, the key with them: this one never does, whatever the root
# logger is set to, and what goes wrong is raised instead.
SILENT = logging.getLogger("pipeline.engines.websocket")
SILENT.setLevel(logging.CRITICAL)
SILENT.propagate = False
SILENT.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds: for the handshake, between two messages, for a closing, for the whole."""

    opening: float = 10.0
    silence: float = 30.0
    closing: float = 1.0
    whole: float = 900.0


PATIENT = Limits()


class Unshown(str):
    """A text that a traceback's locals do not show: it may hold a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Unshown(…)"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine speaks: a base such as `wss://api.elevenlabs.io`, and what it is let in by, shown nowhere.

    `bearer` and `single_use_token` stand in for a key. `credentials_in` says where they travel: in headers, in the
    query, or in a socket's first message. A key has no name in the query, and a single-use token none in the headers:
    there they take the other of the two. `parameters` stand in every socket's address besides its own.
    """

    base: str
    key: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    single_use_token: str | None = field(default=None, repr=False)
    credentials_in: Place = "header"
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: no proxy, no compression, plain text allowed."""
        return is_loopback(urlsplit(self.base).hostname or "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that may be seen nowhere."""
        return tuple(secret for secret in (self.key, self.bearer, self.single_use_token) if secret)

    @property
    def headers(self) -> Headers:
        """What goes into the handshake's headers."""
        if self.credentials_in == "message":
            return Headers(None)
        return Headers(self.key, self.bearer if self.credentials_in == "header" else None)

    @property
    def query(self) -> Unshown:
        """What goes into the query, with an ampersand before it; nothing, most of the time."""
        if self.credentials_in == "message":
            return Unshown()
        bearer = self.bearer if self.credentials_in == "query" else None
        given = {"authorization": bearer, "single_use_token": self.single_use_token}
        query = urlencode({name: value for name, value in given.items() if value})
        return Unshown(query and f"&{query}")

    def signed(self, message: _Opening) -> _Opening:
        """Put into a socket's first message what belongs there."""
        if self.credentials_in != "message":
            return message
        return replace(message, key=self.key, authorization=self.bearer, single_use_token=self.single_use_token)

    def blotted(self, text: str) -> str:
        """Return a text without the secrets, should the service have repeated one."""
        return blotted(text, self.secrets, "(key)")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Headers(Mapping[str, str]):
    """Handshake headers that a traceback's locals or a log do not show."""

    def __init__(self, key: str | None, bearer: str | None = None) -> None:
        self._values = {"xi-api-key": key} if key else {}
        if bearer:
            self._values["Authorization"] = bearer if " " in bearer else f"Bearer {bearer}"

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "Headers(…)"


class Unredirected(connect):
    """A connect that follows no redirect: the library would hand the key to wherever it leads."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the redirect's answer as the error that it is."""
        return exc


async def open_connection(
    address: Address, target: str, limits: Limits, record: ConnectionRecord | None
) -> ClientConnection:
    """Open a websocket to `target`, a path with its query. Raises what `Engine.speak` does."""
    parts = urlsplit(address.base)
    try:
        return await Unredirected(
            f"{parts.scheme}://{parts.netloc}{target}{address.query}",
            additional_headers=address.headers,
            proxy=None if address.is_loopback else True,
            # Base64 of samples shrinks by a quarter, which a network is worth and loopback is not.
            compression=None if address.is_loopback else "deflate",
            open_timeout=limits.opening,
            close_timeout=limits.closing,
            max_size=MOST_MESSAGE_BYTES,
            max_queue=MOST_WAITING,
            # Who is slow to read is slow to hear a pong: stalls are noticed by messages that do not come.
            ping_timeout=None,
            logger=SILENT,
        )
    except (OSError, WebSocketException, EOFError, ImportError) as error:
        if record and isinstance(error, InvalidStatus):
            record.refused(error.response.status_code, bytes(error.response.body or b""))
        failure = _handshake_error(error, parts.netloc, address)
    # Raised here, outside, so that no frame which held the headers hangs on the error as its context.
    raise failure


async def close_connection(connection: ClientConnection, patience: float) -> None:
    """Close, politely but not for longer than `patience` seconds, also when the speaking was cancelled."""
    try:
        async with asyncio.timeout(patience):
            await connection.close()
    except TimeoutError:
        pass
    finally:
        connection.transport.abort()


# What a handshake fails with, the first that matches: its error and its sentence. The library's own words may repeat
# a header, so none of them are kept.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], type[PipelineError], str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        RefusedError,
        "{} shows no certificate that this machine trusts; check the base URL and this machine's clock",
    ),
    (
        (ImportError,),
        RefusedError,
        "the SOCKS proxy on the way to {} needs a package that is not installed: pip install python-socks",
    ),
    ((TimeoutError,), ConnectionLostError, "{} did not answer in time; check the network and try again"),
    (
        (InvalidProxy, ProxyError),
        ConnectionLostError,
        "the proxy on the way to {} could not be used; check the proxy settings",
    ),
    ((InvalidMessage, EOFError), ConnectionLostError, "{} broke off while the connection was being opened; try again"),
    ((WebSocketException,), RemoteProtocolError, "{} does not speak websockets there; check the base URL"),
    ((OSError,), ConnectionLostError, "{} cannot be reached; check the network and the base URL"),
)


def _handshake_error(error: Exception, host: str, address: Address) -> PipelineError:
    """Type what a handshake failed with."""
    if isinstance(error, InvalidStatus):
        body = bytes(error.response.body or b"").decode("utf-8", "replace")
        failure = http_error(error.response.status_code, address.blotted(body).encode())
        failure.code = failure.code or str(error.response.status_code)
        failure.retry_after = _seconds(next(iter(error.response.headers.get_all("Retry-After")), None))
        return failure
    kind, sentence = next((kind, sentence) for types, kind, sentence in _FAILURES if isinstance(error, types))
    return kind(sentence.format(host))


def _seconds(retry_after: str | None) -> float:
    """Read `Retry-After` (RFC 9110 10.2.3): so many seconds, or a date; 0 where it says nothing."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
