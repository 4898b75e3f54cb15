"""Messages in contexts one way, texts the other → what the sessions of every socket with several speeches do alike.

A context is open from its first message until its text ends (its end, or the socket's), and unfinished until the
server has ended it (final frame, or error).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from pipeline.errors import LocalProtocolError, RemoteProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.contexts import ContextId, SocketStates, shown
from pipeline.protocol.messages import CloseConnection, ErrorMessage, FinalMessage, SpeechMessage, UnknownMessage
from pipeline.protocol.multi_messages import InContext, MultiServerMessage
from pipeline.protocol.multi_parsing import MOST_ID_CHARACTERS, parse_multi_server
from pipeline.protocol.refusals import close_error
from pipeline.protocol.sending_rules import check_words
from pipeline.protocol.session import Ending, written
from pipeline.protocol.states import TRANSITIONS, Event, Role, State, StateError, Table

# Contexts that may be open at once on one socket; the service answers the next with the error below and closes.
MOST_CONTEXTS = 5
# Contexts that a client has closed may wait for their end, but not without a bound.
MOST_UNFINISHED = 100

_Sent = TypeVar("_Sent")


class TooManyContextsError(RemoteProtocolError):
    """The other side opened more contexts than a socket may have. `error` is the service's name for it."""

    error = "max_active_conversations"


class ManySpeechesSession(ABC, Generic[_Sent]):
    """What all sessions of several speeches do alike."""

    ours: Role
    theirs: Role
    table: Table = TRANSITIONS

    def __init__(self) -> None:
        self._states = SocketStates(self.table)

    @property
    def states(self) -> dict[ContextId, dict[Role, State]]:
        """The states of both ends in every unfinished context."""
        return self._states.contexts

    @property
    def socket_states(self) -> dict[Role, State]:
        """The states of both ends as to the socket."""
        return self._states.socket

    @property
    def open_contexts(self) -> tuple[ContextId, ...]:
        """The contexts whose text has not ended, oldest first."""
        return self._states.open

    @property
    def unfinished_contexts(self) -> tuple[ContextId, ...]:
        """The contexts that the server still owes an end, oldest first."""
        return self._states.unfinished

    @abstractmethod
    def _write(self, message: _Sent) -> str:
        """Write the message as JSON text."""

    def _move(self, context_id: ContextId, event: Event) -> None:
        try:
            self._states.move(self.ours, context_id, event)
        except StateError as error:
            raise LocalProtocolError(f"wrong order of messages: {error}") from None

    def _received(self, context_id: ContextId, event: Event) -> None:
        try:
            self._states.move(self.theirs, context_id, event)
        except StateError as error:
            raise RemoteProtocolError(f"wrong order of messages: {error}") from None


class ManySpeechesClientSession(ManySpeechesSession[_Sent]):
    """The end that sends text and gets speech, whatever its messages."""

    ours, theirs = Role.CLIENT, Role.SERVER

    def __init__(self) -> None:
        super().__init__()
        self._error: ErrorMessage | None = None
        self._whole: set[ContextId] = set()
        self._default_name: str | None = None

    def is_whole(self, context_id: ContextId) -> bool:
        """Whether the server has said that this context's speech is whole."""
        return context_id in self._whole

    def receive(self, text: str | bytes) -> MultiServerMessage:
        """Return what the server's frame holds. Raises RemoteProtocolError; after that only `closed` has a meaning.

        A frame in a context that is over is an UnknownMessage when it brings nothing, and a fault when it brings sound.
        A name that the server itself gave the default context is read as None. A final frame ends a context that we
        have not closed yet, too: a server may take a flush for the end.
        """
        try:
            message = self._placed(parse_multi_server(text))
            if isinstance(message.message, FinalMessage) and message.context_id in self._states.open:
                # Where even that may not be any more, the frame may not either, and it is the frame's fault.
                with contextlib.suppress(StateError):
                    self._states.move(self.ours, message.context_id, CloseConnection)
            self._received(message.context_id, type(message.message))
        except RemoteProtocolError:
            self._states.fail(self.theirs)
            raise
        self._note(message)
        return message

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge the end of the connection; nothing is lost when every context is whole, `is_whole` tells of each."""
        unfinished = self._states.unfinished
        self._states.hear_closing()
        if self._whole and not unfinished and self._error is None:
            return Ending(code, reason)
        error = close_error(code, reason, self._error)
        return Ending(code, reason, ended_without_final=error is None and bool(unfinished), error=error)

    def _note(self, received: MultiServerMessage) -> None:
        match received:
            case InContext(_, ErrorMessage() as error):
                self._error = error
            case InContext(context_id, FinalMessage()):
                self._whole.add(context_id)
                if context_id is None:
                    self._default_name = None

    def _placed(self, received: MultiServerMessage) -> MultiServerMessage:
        """Give a message the context that it belongs to, as we know it."""
        context_id, content = received.context_id, received.message
        if self._states.is_live(context_id) or not isinstance(content, SpeechMessage | FinalMessage):
            return received
        if self._states.was_ended(context_id):
            return received if content.chunk != SpeechChunk() else InContext(context_id, UnknownMessage())
        if self._states.is_live(None) and self._default_name in {None, context_id}:
            self._default_name = context_id
            return InContext(None, content)
        return received

    def _check_context(self, context_id: ContextId) -> None:
        if context_id is not None:
            check_words([context_id])
            if not 1 <= len(context_id) <= MOST_ID_CHARACTERS:
                raise LocalProtocolError(f"a context's id has from 1 to {MOST_ID_CHARACTERS} characters")

    def _check_new(self, context_id: ContextId) -> None:
        if self._states.is_live(context_id):
            raise LocalProtocolError(
                f"{shown(context_id)} was opened already: settings and dictionaries go with its first message only"
            )
        if len(self._states.unfinished) >= MOST_CONTEXTS:
            raise LocalProtocolError(
                f"{MOST_CONTEXTS} contexts are unfinished on this socket, which is the most that the service takes; "
                "close one and wait for its end, or open another socket"
            )

    def _check_open(self, context_id: ContextId) -> None:
        if context_id not in self._states.open:
            raise LocalProtocolError(
                f"{shown(context_id)} is not open; it is its first message that opens it, and none follows its end"
            )

    def _close_socket(self) -> None:
        try:
            self._states.close_socket()
        except StateError as error:
            raise LocalProtocolError(f"wrong order of messages: {error}") from None


class ManySpeechesServerSession(ManySpeechesSession[MultiServerMessage]):
    """The end that gets text and sends speech, whatever its messages."""

    ours, theirs = Role.SERVER, Role.CLIENT

    def __init__(self) -> None:
        super().__init__()
        self._context_at_fault: ContextId = None

    def send(self, message: MultiServerMessage) -> str:
        """Return the text to put on the wire. Raises LocalProtocolError."""
        text = written(self._write, message)
        self._move(message.context_id, type(message.message))
        return text

    @property
    def context_at_fault(self) -> ContextId:
        """The context of the message for which `receive` raised, for the error frame; None when it named none."""
        return self._context_at_fault

    def closed(self, code: int, reason: str = "") -> Ending:
        """Note that the connection is closed; a client may leave whenever it likes."""
        self._states.hear_closing()
        return Ending(code, reason)

    def _is_late(self, context_id: ContextId) -> bool:
        """Whether nothing more can be asked for in this context, or on the whole socket."""
        return self._states.was_ended(context_id) or self._states.socket[Role.CLIENT] is State.DONE

    def _close_socket(self) -> None:
        try:
            self._states.close_socket()
        except StateError as error:
            raise RemoteProtocolError(f"wrong order of messages: {error}") from None

    def _check_room(self, context_id: ContextId, *, opens: bool) -> None:
        """Raise TooManyContextsError when there is no room for one more; `opens` when text may follow in it."""
        if self._states.is_live(context_id):
            return
        is_full = opens and len(self._states.open) >= MOST_CONTEXTS
        if is_full or len(self._states.unfinished) >= MOST_UNFINISHED:
            raise TooManyContextsError(
                f"Maximum simultaneous contexts per WebSocket connection exceeded ({MOST_CONTEXTS})"
            )
