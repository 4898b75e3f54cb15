"""Messages one way, texts the other → two sessions without I/O, one for each end of a `stream-input` socket.

The surface is three verbs: `send` a message and get the text to put on the wire, `receive` a text and get the
message it holds, and tell the session that the connection was `closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.errors import EngineError, LocalProtocolError, RemoteProtocolError
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import (
    ClientMessage,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    SendText,
    SentSettings,
    ServerMessage,
)
from pipeline.protocol.parsing import parse_first_message, parse_server_message, parse_text_message
from pipeline.protocol.refusals import close_error
from pipeline.protocol.states import Closed, Role, SpeechState, State, StateError

_Sent = TypeVar("_Sent", ClientMessage, ServerMessage)

# The service's own words for the change that it does not allow, as its close reason reports them.
SETTINGS_CHANGED = (
    "voice_settings field must be provided in the first message and then either be not provided or not change."
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended. `error` is None when it ended as it should, or only the final frame is missing.

    `ended_without_final` tells of the latter: the server closed with 1000 but never said that the speech was whole.
    """

    code: int
    reason: str = ""
    ended_without_final: bool = False
    error: EngineError | None = None


class _Session(Generic[_Sent]):
    """What both ends do alike: keep the table of states, and say whose fault a wrong step is."""

    ours: Role
    theirs: Role

    def __init__(self) -> None:
        self._speech = SpeechState()

    @property
    def states(self) -> dict[Role, State]:
        """The states of both ends."""
        return dict(self._speech.of)

    def send(self, message: _Sent) -> str:
        """Return the text to put on the wire. Raises LocalProtocolError when the state does not allow the message."""
        try:
            self._speech.move(self.ours, type(message))
        except StateError as error:
            raise LocalProtocolError(f"wrong order of messages: {error}") from None
        return compose(message)

    def _received(self, message: ClientMessage | ServerMessage) -> None:
        try:
            self._speech.move(self.theirs, type(message))
        except StateError as error:
            self._speech.fail(self.theirs)
            raise RemoteProtocolError(f"wrong order of messages: {error}") from None

    def _hear_closing(self) -> None:
        for role in Role:
            self._speech.move(role, Closed)


class ClientSession(_Session[ClientMessage]):
    """The end that sends text and gets speech."""

    ours, theirs = Role.CLIENT, Role.SERVER

    def __init__(self) -> None:
        super().__init__()
        self._error: ErrorMessage | None = None
        self._whole = False

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the speech is whole."""
        return self._whole

    def receive(self, text: str | bytes) -> ServerMessage:
        """Return what the server's frame holds. Raises RemoteProtocolError; after that only `closed` has a meaning."""
        try:
            message = parse_server_message(text)
        except RemoteProtocolError:
            self._speech.fail(self.theirs)
            raise
        self._received(message)
        if isinstance(message, ErrorMessage):
            self._error = message
        self._whole = self._whole or isinstance(message, FinalMessage)
        return message

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge the end of the connection by its close code (1006: none came, RFC 6455 7.1.5) and what came before."""
        self._hear_closing()
        if self._whole:
            return Ending(code, reason)
        error = close_error(code, reason, self._error)
        return Ending(code, reason, ended_without_final=error is None, error=error)


class ServerSession(_Session[ServerMessage]):
    """The end that gets text and sends speech."""

    ours, theirs = Role.SERVER, Role.CLIENT

    def __init__(self) -> None:
        super().__init__()
        self._settings: SentSettings | None = None

    def receive(self, text: str | bytes) -> ClientMessage:
        """Return what the client's frame holds. Raises RemoteProtocolError, with the words to answer it with."""
        is_first = self._speech.of[Role.CLIENT] is State.IDLE
        try:
            message: ClientMessage = parse_first_message(text) if is_first else parse_text_message(text)
        except RemoteProtocolError:
            self._speech.fail(self.theirs)
            raise
        self._received(message)
        self._check_settings(message)
        return message

    def closed(self, code: int, reason: str = "") -> Ending:
        """Note that the connection is closed; a client may leave whenever it likes."""
        self._hear_closing()
        return Ending(code, reason)

    def _check_settings(self, message: ClientMessage) -> None:
        """Voice settings come with the first message or never, and do not change: the service closes with 1008."""
        if isinstance(message, InitializeConnection):
            self._settings = message.voice_settings
        elif isinstance(message, SendText) and message.voice_settings not in {None, self._settings}:
            self._speech.fail(self.theirs)
            raise RemoteProtocolError(SETTINGS_CHANGED)
