"""The `stream-input` endpoint: a speech request → its address and its wording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from pipeline.engines import LiveOptions
from pipeline.engines.connecting import Address
from pipeline.engines.wording import Wording
from pipeline.model import SpeechRequest
from pipeline.protocol.messages import (
    CloseConnection,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    ServerMessage,
)
from pipeline.protocol.session import ClientSession, Ending


@dataclass(frozen=True, slots=True)
class StreamInput:
    """One request, or one live speech, a socket. `query` gives what a request asks for in the address."""

    query: Callable[[SpeechRequest], Mapping[str, str]]

    def target(self, address: Address, request: SpeechRequest, options: LiveOptions) -> str:
        """Compose the path and query of a handshake. Raises RefusedError for a model that it does not speak."""
        voice = quote(request.voice.id, safe="")
        auto = {"auto_mode": "true"} if options.auto_mode else {}
        return target(address, f"text-to-speech/{voice}/stream-input", {**self.query(request), **auto})

    def wording(self, address: Address, request: SpeechRequest, options: LiveOptions) -> Wording:
        """Begin what is said on one socket."""
        return StreamWording(address, request, options)


def target(address: Address, endpoint: str, query: Mapping[str, str]) -> str:
    """Compose the path and query of a handshake, without any secret."""
    return f"{urlsplit(address.base).path.rstrip('/')}/v1/{endpoint}?{urlencode({**query, **dict(address.parameters)})}"


def common_query(request: SpeechRequest) -> dict[str, str]:
    """What every request asks for in the address, whoever speaks; a default of the service is left out."""
    query = {"output_format": request.output_format, "sync_alignment": "true", "inactivity_timeout": "180"}
    if request.normalization != "auto":
        query["apply_text_normalization"] = request.normalization
    if request.seed is not None:
        query["seed"] = str(request.seed)
    if request.ssml:
        query["enable_ssml_parsing"] = "true"
    return query


class StreamWording:
    """The wording of `stream-input`.

    The settings and the dictionaries go with the first message only, or the service closes. A keep-alive is one
    space there, and the end the empty text.
    """

    def __init__(self, address: Address, request: SpeechRequest, options: LiveOptions) -> None:
        self._address = address
        self._request = request
        self._options = options
        self._session = ClientSession()

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the speech is whole."""
        return self._session.is_whole

    def opening(self) -> str:
        """All five voice settings, the schedule where one was asked for, the dictionaries."""
        return self._session.send(self._address.signed(first_message(self._request, self._options)))

    def text(self, text: str) -> str:
        """More text."""
        return self._session.send(SendText(text, try_trigger_generation=self._options.try_trigger))

    def flush(self, text: str) -> str:
        """More text, all to be spoken now; an empty one would end the speech."""
        return self._session.send(SendText(text or " ", flush=True))

    def keep_alive(self) -> str:
        """One space."""
        return self._session.send(KeepAlive())

    def end(self) -> str:
        """The empty text."""
        return self._session.send(CloseConnection())

    def receive(self, text: str) -> ServerMessage:
        """Return what a frame holds. Raises RemoteProtocolError."""
        return self._session.receive(text)

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge the end of the connection."""
        return self._session.closed(code, reason)


def first_message(request: SpeechRequest, options: LiveOptions) -> InitializeConnection:
    """How to speak a request."""
    return InitializeConnection(
        voice_settings=SentSettings.whole(request.voice.settings),
        schedule=options.schedule,
        dictionaries=request.dictionaries,
    )
