"""Messages one way, texts the other → two sessions without I/O, one for each end of a `stream-input` socket.

The surface is three verbs: `send` a message and get the text to put on the wire, `receive` a text and get the
message it holds, and tell the session that the connection was `closed`.

`send` raises LocalProtocolError and nothing else, and then all stays as it was; `receive` raises RemoteProtocolError
and nothing else, and from then on it only does that: what is left is to say so to the other side and to close.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
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
from pipeline.protocol.sending_rules import check_first, check_text, is_given
from pipeline.protocol.states import TRANSITIONS, Closed, Event, Role, SpeechState, State, StateError, Table

_Sent = TypeVar("_Sent")
_Message = TypeVar("_Message")

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


class OneSpeechSession(ABC, Generic[_Sent]):
    """What all sessions of one speech do alike: keep the table of states, and say whose fault a wrong step is."""

    ours: Role
    theirs: Role
    table: Table = TRANSITIONS

    def __init__(self) -> None:
        self._speech = SpeechState(self.table)

    @property
    def states(self) -> dict[Role, State]:
        """The states of both ends."""
        return dict(self._speech.of)

    def send(self, message: _Sent) -> str:
        """Return the text to put on the wire.

        Raises LocalProtocolError when the state does not allow the message, or the service is known not to take it.
        """
        after = self._after(type(message))
        self._check(message)
        text = written(self._write, message)
        self._speech = after
        return text

    def _after(self, event: Event) -> SpeechState:
        after = self._speech.copy()
        try:
            after.move(self.ours, event)
        except StateError as error:
            raise LocalProtocolError(f"wrong order of messages: {error}") from None
        return after

    def _check(self, message: _Sent) -> None:
        """Raise LocalProtocolError for what the service would close the socket for."""

    @abstractmethod
    def _write(self, message: _Sent) -> str:
        """Write the message as JSON text."""

    def _received(self, event: Event) -> None:
        try:
            self._speech.move(self.theirs, event)
        except StateError as error:
            raise RemoteProtocolError(f"wrong order of messages: {error}") from None

    def _hear_closing(self) -> None:
        for role in Role:
            self._speech.move(role, Closed)


class OneSpeechClientSession(OneSpeechSession[_Sent]):
    """The end that sends text and gets speech, whatever its messages."""

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
            self._received(type(message))
        except RemoteProtocolError:
            self._speech.fail(self.theirs)
            raise
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


class ClientSession(OneSpeechClientSession[ClientMessage]):
    """The end that sends text and gets speech.

    Besides wrong steps `send` refuses what closes the socket: settings that change after the first message, more than
    three dictionaries, a schedule that is not possible. An empty text would end the speech and is refused too: it is
    CloseConnection that ends it, and `SendText(" ", flush=True)` that flushes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._settings: SentSettings | None = None

    def _check(self, message: ClientMessage) -> None:
        if isinstance(message, InitializeConnection | SendText) and not message.text:
            raise LocalProtocolError("an empty text ends the speech; send CloseConnection for that, else a space")
        if isinstance(message, InitializeConnection):
            check_first(message)
            self._settings = message.voice_settings
        elif isinstance(message, SendText):
            check_text(message, self._settings)

    def _write(self, message: ClientMessage) -> str:
        return compose(message)


class OneSpeechServerSession(OneSpeechSession[_Sent], Generic[_Sent, _Message]):
    """The end that gets text and sends speech, whatever its messages."""

    ours, theirs = Role.SERVER, Role.CLIENT

    def receive(self, text: str | bytes) -> _Message:
        """Return what the client's frame holds. Raises RemoteProtocolError, with the words to answer it with."""
        try:
            message = self._read_first(text) if self._speech.of[Role.CLIENT] is State.IDLE else self._read_later(text)
            self._received(type(message))
            self._check_received(message)
        except RemoteProtocolError:
            self._speech.fail(self.theirs)
            raise
        return message

    def closed(self, code: int, reason: str = "") -> Ending:
        """Note that the connection is closed; a client may leave whenever it likes."""
        self._hear_closing()
        return Ending(code, reason)

    @abstractmethod
    def _read_first(self, text: str | bytes) -> _Message:
        """Read the message that opens the socket. Raises RemoteProtocolError."""

    @abstractmethod
    def _read_later(self, text: str | bytes) -> _Message:
        """Read any other message. Raises RemoteProtocolError."""

    @abstractmethod
    def _check_received(self, message: _Message) -> None:
        """Note how the first message says to speak, and hold the others to it. Raises RemoteProtocolError."""


class ServerSession(OneSpeechServerSession[ServerMessage, ClientMessage]):
    """The end that gets text and sends speech."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: SentSettings | None = None

    def _read_first(self, text: str | bytes) -> ClientMessage:
        return parse_first_message(text)

    def _read_later(self, text: str | bytes) -> ClientMessage:
        return parse_text_message(text)

    def _check_received(self, message: ClientMessage) -> None:
        if isinstance(message, InitializeConnection):
            self._settings = message.voice_settings
        elif isinstance(message, SendText):
            check_settings_stay(message, self._settings)

    def _write(self, message: ServerMessage) -> str:
        return compose(message)


def check_settings_stay(message: SendText, first: SentSettings | None) -> None:
    """Voice settings come with the first message or never, and do not change: the service closes with 1008.

    Raises RemoteProtocolError with the service's own words.
    """
    if is_given(message.voice_settings) and message.voice_settings != first:
        raise RemoteProtocolError(SETTINGS_CHANGED)


def written(write: Callable[[_Message], str], message: _Message) -> str:
    """Write a message. Raises LocalProtocolError for one that has no form on the wire."""
    try:
        return write(message)
    except (TypeError, ValueError) as error:
        raise LocalProtocolError(f"a message cannot be written: {error}") from None
