"""Messages in contexts one way, texts the other → two sessions without I/O for a `multi-stream-input` socket.

The three verbs and their errors are those of `session`, each message in its context; see `many_speeches`.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import LocalProtocolError, RemoteProtocolError
from pipeline.protocol.contexts import ContextId, SocketStates
from pipeline.protocol.many_speeches import (
    MOST_CONTEXTS,
    ManySpeechesClientSession,
    ManySpeechesServerSession,
    TooManyContextsError,
)
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
)
from pipeline.protocol.multi_composing import compose_multi
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiClientMessage, MultiServerMessage
from pipeline.protocol.multi_parsing import parse_multi_client
from pipeline.protocol.sending_rules import check_first, check_text, is_given
from pipeline.protocol.session import check_settings_stay, written
from pipeline.protocol.states import Role, State

__all__ = ["MOST_CONTEXTS", "MultiClientSession", "MultiServerSession", "TooManyContextsError"]


class _Inheritance:
    """What contexts leave out they have from the first message of the socket; then settings do not change."""

    def __init__(self) -> None:
        self._first: InitializeConnection | None = None
        self._settings: dict[ContextId, SentSettings | None] = {}

    def opened(self, context_id: ContextId, message: InitializeConnection, live: SocketStates) -> InitializeConnection:
        """Complete a context's first message."""
        first = self._first = self._first or message
        settings = message.voice_settings if is_given(message.voice_settings) else first.voice_settings
        self._settings = {each: kept for each, kept in self._settings.items() if live.is_live(each)}
        self._settings[context_id] = settings
        schedule = first.schedule if message.schedule is None else message.schedule
        return replace(message, voice_settings=settings, schedule=schedule)

    def settings(self, context_id: ContextId) -> SentSettings | None:
        """The voice settings of an open context."""
        return self._settings.get(context_id)


class MultiClientSession(ManySpeechesClientSession[MultiClientMessage]):
    """The end that sends text and gets speech.

    `send` refuses what `ClientSession.send` refuses, in each context; besides a sixth unfinished context, and anything
    but InitializeConnection in a context that is not open (the service would silently open it).
    """

    def __init__(self) -> None:
        super().__init__()
        self._inheritance = _Inheritance()

    def send(self, message: MultiClientMessage) -> str:
        """Return the text to put on the wire. Raises LocalProtocolError."""
        if isinstance(message, CloseSocket):
            self._close_socket()
            return self._write(message)
        context_id, content = message.context_id, message.message
        self._check_context(context_id)
        self._check(context_id, content)
        text = written(self._write, message)
        self._move(context_id, type(content))
        if isinstance(content, InitializeConnection):
            self._inheritance.opened(context_id, content, self._states)
            self._whole.discard(context_id)
        return text

    def _write(self, message: MultiClientMessage) -> str:
        return compose_multi(message)

    def _check(self, context_id: ContextId, content: ClientMessage) -> None:
        if not isinstance(content, InitializeConnection):
            self._check_open(context_id)
        if isinstance(content, SendText):
            check_text(content, self._inheritance.settings(context_id))
        elif isinstance(content, InitializeConnection):
            self._check_new(context_id)
            check_first(content)
            if not content.text:
                raise LocalProtocolError("a context's first text is one space or words, never empty")


class MultiServerSession(ManySpeechesServerSession):
    """The end that gets text and sends speech; `receive` is as tolerant as the clients in use need it."""

    def __init__(self) -> None:
        super().__init__()
        self._inheritance = _Inheritance()

    def receive(self, text: str | bytes) -> MultiClientMessage:
        """Return what the client's frame holds.

        A context's InitializeConnection comes with what it has from the first message of the socket: voice settings
        and schedule. A message that asks for nothing is a KeepAlive, be its context open or not: an empty text in a
        context that is over, or without a context where none is open; a second end; words that crossed the error
        that ended their context.
        Raises RemoteProtocolError, with the words to answer it with, and of that TooManyContextsError.
        """
        self._context_at_fault = None
        try:
            message = parse_multi_client(text, lambda each: not self._states.is_live(each))
            return self._closing_socket() if isinstance(message, CloseSocket) else self._in_context(message)
        except RemoteProtocolError:
            self._states.fail(self.theirs)
            raise

    def _write(self, message: MultiServerMessage) -> str:
        return compose_multi(message)

    def _closing_socket(self) -> MultiClientMessage:
        if self._states.socket[Role.CLIENT] is State.DONE:
            return InContext(None, KeepAlive())
        self._close_socket()
        return CloseSocket()

    def _in_context(self, received: InContext[ClientMessage]) -> InContext[ClientMessage]:
        context_id = self._context_at_fault = received.context_id
        content = KeepAlive() if self._asks_nothing(received) else received.message
        if not isinstance(content, KeepAlive):
            self._check_room(context_id, opens=isinstance(content, InitializeConnection))
        self._received(context_id, type(content))
        if isinstance(content, InitializeConnection):
            content = self._inheritance.opened(context_id, content, self._states)
        elif isinstance(content, SendText):
            check_settings_stay(content, self._inheritance.settings(context_id))
        return InContext(context_id, content)

    def _asks_nothing(self, received: InContext[ClientMessage]) -> bool:
        context_id, content = received.context_id, received.message
        is_late = self._is_late(context_id)
        match content:
            case CloseConnection():
                return is_late or (context_id is None and not self._states.is_live(None))
            case SendText(text):
                return is_late and not text.strip()
            case InitializeConnection(text):
                is_bare = content == InitializeConnection(text, flush=content.flush)
                # Bare words for a context that an error has ended were on their way when it did: nobody waits for them.
                return is_late and is_bare and (not text or (text != " " and self._states.was_cut(context_id)))
        return False
