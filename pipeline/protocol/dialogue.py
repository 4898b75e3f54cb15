"""What the two ends of a dialogue socket say to each other: several voices, each line with its own.

The server's messages are those of `messages`; a turn that ended is an UnknownMessage, for it asks for nothing.
Where a dialogue socket carries several dialogues, each message stands in its context (`multi_messages.InContext`)
and CloseConnection ends one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.protocol.messages import CloseConnection, ServerMessage
from pipeline.protocol.multi_messages import CloseSocket, InContext

# What a dialogue takes at most, by the service's reference of this socket.
MOST_VOICES = 10


@dataclass(frozen=True, slots=True)
class DialogueInput:
    """Text for one voice, buffered until the service has enough. A new turn first ends what is pending."""

    text: str
    voice: str
    new_turn: bool = False


@dataclass(frozen=True, slots=True)
class InitializeDialogue:
    """The first message: who speaks, and how. It may already bring lines. The secrets appear in no `repr`.

    `dictionaries` are pairs of a pronunciation dictionary's id and version. Of the voice settings there are only
    `stability` and, for cloned voices of some models, `clone_strength`.
    """

    voices: tuple[str, ...]
    stability: float | None = None
    dictionaries: tuple[tuple[str, str | None], ...] = ()
    key: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    single_use_token: str | None = field(default=None, repr=False)
    inputs: tuple[DialogueInput, ...] = ()
    flush: bool = False
    clone_strength: float | None = None


@dataclass(frozen=True, slots=True)
class SendInputs:
    """More lines to speak. `flush` generates what is buffered."""

    inputs: tuple[DialogueInput, ...] = ()
    flush: bool = False


@dataclass(frozen=True, slots=True)
class KeepDialogueAlive:
    """The client is still there."""


DialogueClientMessage = InitializeDialogue | SendInputs | KeepDialogueAlive | CloseSocket
DialogueServerMessage = ServerMessage
ContextDialogueMessage = InitializeDialogue | SendInputs | KeepDialogueAlive | CloseConnection
MultiDialogueClientMessage = InContext[ContextDialogueMessage] | CloseSocket
