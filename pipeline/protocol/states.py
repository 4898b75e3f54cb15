"""Who sent which message, and when → the next state, or an error: the table that both ends share.

Rule 1: what decides whether a message may be sent or received stands in this file, as a row of a table wherever it
can. Rule 2: this file does not know which side is ours, so that one rule holds for both; the sessions turn a
StateError into the fault of whoever sent the message.

One `SpeechState` is one speech: a client that opens, sends text and closes it, and a server that speaks and then
says that it has finished. A socket that carries several speeches holds one `SpeechState` for each of them.

An event of the client also moves the server where the second table says so: it may speak only once it was told how,
and may finish only once the text has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pipeline.protocol.dialogue import InitializeDialogue, KeepDialogueAlive, SendInputs
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SpeechMessage,
    UnknownMessage,
)
from pipeline.protocol.multi_messages import CloseSocket, InContext


class Role(Enum):
    """The two ends of a socket."""

    CLIENT = "client"
    SERVER = "server"


class State(Enum):
    """Where an end stands. A server goes from OPEN to FINISHING when it knows that no more text comes."""

    IDLE = "idle"
    OPEN = "open"
    FINISHING = "finishing"
    DONE = "done"
    MUST_CLOSE = "must close"
    CLOSED = "closed"
    ERROR = "error"


class Closed:
    """The event that an end has closed the connection, or that it broke."""


class StateError(Exception):
    """An end sent what it may not send in its state; the session says whose fault that is."""


Event = type
Moves = Mapping[Event, State]
Table = Mapping[Role, Mapping[State, Moves]]

_CLOSING_ONLY: Moves = {Closed: State.CLOSED}

_SERVER: Mapping[State, Moves] = {
    State.IDLE: {UnknownMessage: State.IDLE, ErrorMessage: State.MUST_CLOSE, Closed: State.CLOSED},
    State.OPEN: {
        SpeechMessage: State.OPEN,
        UnknownMessage: State.OPEN,
        ErrorMessage: State.MUST_CLOSE,
        Closed: State.CLOSED,
    },
    State.FINISHING: {
        SpeechMessage: State.FINISHING,
        UnknownMessage: State.FINISHING,
        FinalMessage: State.DONE,
        ErrorMessage: State.MUST_CLOSE,
        Closed: State.CLOSED,
    },
    State.DONE: {UnknownMessage: State.DONE, ErrorMessage: State.MUST_CLOSE, Closed: State.CLOSED},
    State.MUST_CLOSE: {UnknownMessage: State.MUST_CLOSE, Closed: State.CLOSED},
    State.CLOSED: _CLOSING_ONLY,
    State.ERROR: _CLOSING_ONLY,
}

# One speech of `stream-input`, or of one context of `multi-stream-input`.
TRANSITIONS: Table = {
    Role.CLIENT: {
        State.IDLE: {InitializeConnection: State.OPEN, CloseConnection: State.DONE, Closed: State.CLOSED},
        State.OPEN: {
            SendText: State.OPEN,
            KeepAlive: State.OPEN,
            CloseConnection: State.DONE,
            Closed: State.CLOSED,
        },
        # A keep-alive that a timer sends may cross the end of the text; it asks for nothing.
        State.DONE: {KeepAlive: State.DONE, Closed: State.CLOSED},
        State.MUST_CLOSE: _CLOSING_ONLY,
        State.CLOSED: _CLOSING_ONLY,
        State.ERROR: _CLOSING_ONLY,
    },
    Role.SERVER: _SERVER,
}

# One dialogue: of a socket of its own it is the socket that is closed, of a context the context.
DIALOGUE_TRANSITIONS: Table = {
    Role.CLIENT: {
        State.IDLE: {
            InitializeDialogue: State.OPEN,
            CloseSocket: State.DONE,
            CloseConnection: State.DONE,
            Closed: State.CLOSED,
        },
        State.OPEN: {
            SendInputs: State.OPEN,
            KeepDialogueAlive: State.OPEN,
            CloseSocket: State.DONE,
            CloseConnection: State.DONE,
            Closed: State.CLOSED,
        },
        State.DONE: {KeepDialogueAlive: State.DONE, Closed: State.CLOSED},
        State.MUST_CLOSE: _CLOSING_ONLY,
        State.CLOSED: _CLOSING_ONLY,
        State.ERROR: _CLOSING_ONLY,
    },
    Role.SERVER: _SERVER,
}

# A socket with several speeches, of each of which one of the tables above tells. KeepAlive is one in any context.
SOCKET_TRANSITIONS: Table = {
    Role.CLIENT: {
        State.OPEN: {
            InContext: State.OPEN,
            KeepAlive: State.OPEN,
            CloseSocket: State.DONE,
            Closed: State.CLOSED,
        },
        State.DONE: {KeepAlive: State.DONE, Closed: State.CLOSED},
        State.MUST_CLOSE: _CLOSING_ONLY,
        State.CLOSED: _CLOSING_ONLY,
        State.ERROR: _CLOSING_ONLY,
    },
    Role.SERVER: {
        State.OPEN: {
            InContext: State.OPEN,
            UnknownMessage: State.OPEN,
            ErrorMessage: State.MUST_CLOSE,
            Closed: State.CLOSED,
        },
        State.MUST_CLOSE: {UnknownMessage: State.MUST_CLOSE, Closed: State.CLOSED},
        State.CLOSED: _CLOSING_ONLY,
        State.ERROR: _CLOSING_ONLY,
    },
}

# What an event of the client does to the server, by the server's state. No entry: nothing.
SERVER_SEES: Mapping[State, Moves] = {
    State.IDLE: {
        InitializeConnection: State.OPEN,
        InitializeDialogue: State.OPEN,
        CloseConnection: State.FINISHING,
        CloseSocket: State.FINISHING,
    },
    State.OPEN: {CloseConnection: State.FINISHING, CloseSocket: State.FINISHING},
}


class SpeechState:
    """The states of both ends of one speech, by one of the tables."""

    def __init__(self, table: Table = TRANSITIONS) -> None:
        self._table = table
        self.of = {Role.CLIENT: State.IDLE, Role.SERVER: State.IDLE}

    def copy(self) -> SpeechState:
        """Make another of the same states, to try a step on."""
        other = SpeechState(self._table)
        other.of = dict(self.of)
        return other

    def move(self, role: Role, event: Event) -> None:
        """Take one step for an event that `role` brought about. Raises StateError, and then stays as it was."""
        state = self.of[role]
        try:
            after = self._table[role][state][event]
        except KeyError:
            raise StateError(f"a {role.value} that is {state.value} may not send {event.__name__}") from None
        self.of[role] = after
        if role is Role.CLIENT:
            server = self.of[Role.SERVER]
            self.of[Role.SERVER] = SERVER_SEES.get(server, {}).get(event, server)

    def fail(self, role: Role) -> None:
        """Note that an end broke the rules: from now on only its closing is heard."""
        self.of[role] = State.ERROR
