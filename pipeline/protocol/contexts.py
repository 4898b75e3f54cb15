"""Who said what in which context → states of every speech on one socket: what both ends of it keep alike.

Each context is a `SpeechState` of its own, from the client's first message in it until the server has ended it (final
frame or error). The socket has a state besides. As in `states`, nothing here knows which side is ours.
"""

from __future__ import annotations

from pipeline.protocol.dialogue import KeepDialogueAlive
from pipeline.protocol.messages import CloseConnection, ErrorMessage, KeepAlive, UnknownMessage
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.states import (
    SOCKET_TRANSITIONS,
    TRANSITIONS,
    Closed,
    Event,
    Role,
    SpeechState,
    State,
    StateError,
    Table,
)

ContextId = str | None
# Ids of contexts that are over are kept, the newest of them, so that a late keep-alive does not open them again.
MOST_REMEMBERED = 1000
_KEEPS_ALIVE = frozenset({KeepAlive, KeepDialogueAlive})
_ENDED = frozenset({State.DONE, State.MUST_CLOSE})


class SocketStates:
    """The states of both ends in every context, and of the socket as a whole."""

    def __init__(self, table: Table = TRANSITIONS) -> None:
        self._table = table
        self._socket = {Role.CLIENT: State.OPEN, Role.SERVER: State.OPEN}
        self._speeches: dict[ContextId, SpeechState] = {}
        # Whether each was cut: the server ended it while the client still had text for it.
        self._over: dict[ContextId, bool] = {}

    @property
    def socket(self) -> dict[Role, State]:
        """The states of both ends as to the socket."""
        return dict(self._socket)

    @property
    def contexts(self) -> dict[ContextId, dict[Role, State]]:
        """The states of both ends in every context that is not over, in the order in which they were opened."""
        return {context_id: dict(speech.of) for context_id, speech in self._speeches.items()}

    @property
    def open(self) -> tuple[ContextId, ...]:
        """The contexts whose text has not ended."""
        return tuple(each for each, speech in self._speeches.items() if speech.of[Role.CLIENT] is State.OPEN)

    @property
    def unfinished(self) -> tuple[ContextId, ...]:
        """The contexts that the server has not ended: the open ones, and those whose text ended."""
        return tuple(self._speeches)

    def is_live(self, context_id: ContextId) -> bool:
        """Whether it was opened and is not over."""
        return context_id in self._speeches

    def was_ended(self, context_id: ContextId) -> bool:
        """Whether its text has ended, or it is over (of the newest thousand)."""
        speech = self._speeches.get(context_id)
        return speech.of[Role.CLIENT] is not State.OPEN if speech else context_id in self._over

    def was_cut(self, context_id: ContextId) -> bool:
        """Whether the server ended it by an error that the client's text may have crossed."""
        return self._over.get(context_id, False)

    def move(self, role: Role, context_id: ContextId, event: Event) -> None:
        """Take one step in a context. Raises StateError, and then all stays as it was."""
        if role is Role.SERVER and context_id is None and event is ErrorMessage:
            self._move_socket(role, ErrorMessage)
            return
        keeps_alive = event in _KEEPS_ALIVE
        self._move_socket(role, KeepAlive if keeps_alive else UnknownMessage if event is UnknownMessage else InContext)
        speech = self._speeches.get(context_id)
        if speech is None:
            if keeps_alive or event is UnknownMessage:
                return
            speech = SpeechState(self._table)
        try:
            speech.move(role, event)
        except StateError as error:
            raise StateError(f"{error} in {shown(context_id)}") from None
        self._place(context_id, speech)

    def close_socket(self) -> None:
        """The client closes the socket: the text of every context has ended. Raises StateError."""
        self._move_socket(Role.CLIENT, CloseSocket)
        for speech in self._speeches.values():
            if speech.of[Role.CLIENT] is State.OPEN:
                speech.move(Role.CLIENT, CloseConnection)

    def hear_closing(self) -> None:
        """Note that the connection is closed."""
        for role in Role:
            self._move_socket(role, Closed)

    def fail(self, role: Role) -> None:
        """Note that an end broke the rules: from now on only its closing is heard."""
        self._socket[role] = State.ERROR

    def _move_socket(self, role: Role, event: Event) -> None:
        state = self._socket[role]
        try:
            self._socket[role] = SOCKET_TRANSITIONS[role][state][event]
        except KeyError:
            what = "more messages" if event is InContext else event.__name__
            raise StateError(f"a {role.value} whose socket is {state.value} may not send {what}") from None

    def _place(self, context_id: ContextId, speech: SpeechState) -> None:
        self._over.pop(context_id, None)
        if speech.of[Role.SERVER] not in _ENDED:
            self._speeches[context_id] = speech
            return
        self._speeches.pop(context_id, None)
        self._over[context_id] = speech.of[Role.CLIENT] is State.OPEN
        if len(self._over) > MOST_REMEMBERED:
            self._over.pop(next(iter(self._over)))


def shown(context_id: ContextId) -> str:
    """Name a context in a sentence; an id that the other side made up may be long."""
    if context_id is None:
        return "the default context"
    return f"context {context_id if len(context_id) <= 40 else context_id[:40] + '…'!r}"
