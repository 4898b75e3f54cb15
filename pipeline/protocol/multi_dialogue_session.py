"""Dialogues in contexts one way, texts the other → two sessions without I/O for a socket with several dialogues.

The three verbs and their errors are those of `session`, each message in its context; see `many_speeches`. Here every
context has an id: the reference knows no default one.
"""

from __future__ import annotations

from pipeline.errors import LocalProtocolError, RemoteProtocolError
from pipeline.protocol.contexts import ContextId, SocketStates
from pipeline.protocol.dialogue import (
    ContextDialogueMessage,
    InitializeDialogue,
    KeepDialogueAlive,
    MultiDialogueClientMessage,
    SendInputs,
)
from pipeline.protocol.dialogue_session import check_voices
from pipeline.protocol.dialogue_wire import compose_multi_dialogue, parse_multi_dialogue_client
from pipeline.protocol.many_speeches import ManySpeechesClientSession, ManySpeechesServerSession
from pipeline.protocol.messages import CloseConnection
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiServerMessage
from pipeline.protocol.sending_rules import check_first_of_dialogue, check_inputs
from pipeline.protocol.session import written
from pipeline.protocol.states import DIALOGUE_TRANSITIONS


class _Casts:
    """The voices of every context."""

    def __init__(self) -> None:
        self._voices: dict[ContextId, tuple[str, ...]] = {}

    def opened(self, context_id: ContextId, voices: tuple[str, ...], states: SocketStates) -> None:
        """Note a context's voices; those of contexts that are over are forgotten."""
        self._voices = {each: kept for each, kept in self._voices.items() if states.is_live(each)}
        self._voices[context_id] = voices

    def of(self, context_id: ContextId) -> tuple[str, ...]:
        """The voices of an open context."""
        return self._voices.get(context_id, ())


class MultiDialogueClientSession(ManySpeechesClientSession[MultiDialogueClientMessage]):
    """The end that sends lines and gets speech. `send` refuses in each context what `DialogueClientSession` does."""

    table = DIALOGUE_TRANSITIONS

    def __init__(self) -> None:
        super().__init__()
        self._casts = _Casts()

    def send(self, message: MultiDialogueClientMessage) -> str:
        """Return the text to put on the wire. Raises LocalProtocolError."""
        if isinstance(message, CloseSocket):
            self._close_socket()
            return self._write(message)
        context_id, content = message.context_id, message.message
        self._check_context(context_id)
        self._check(context_id, content)
        text = written(self._write, message)
        self._move(context_id, type(content))
        if isinstance(content, InitializeDialogue):
            self._casts.opened(context_id, content.voices, self._states)
            self._whole.discard(context_id)
        return text

    def _write(self, message: MultiDialogueClientMessage) -> str:
        return compose_multi_dialogue(message)

    def _check(self, context_id: ContextId, content: ContextDialogueMessage) -> None:
        if context_id is None:
            raise LocalProtocolError("a dialogue among several has a context's id")
        if not isinstance(content, InitializeDialogue):
            self._check_open(context_id)
        if isinstance(content, SendInputs):
            check_inputs(content, self._casts.of(context_id))
        elif isinstance(content, InitializeDialogue):
            self._check_new(context_id)
            check_first_of_dialogue(content)


class MultiDialogueServerSession(ManySpeechesServerSession):
    """The end that gets lines and sends speech."""

    table = DIALOGUE_TRANSITIONS

    def __init__(self) -> None:
        super().__init__()
        self._casts = _Casts()

    def receive(self, text: str | bytes) -> MultiDialogueClientMessage:
        """Return what the client's frame holds. A second end of a context is a KeepDialogueAlive.

        Raises RemoteProtocolError, with the words to answer it with, and of that TooManyContextsError.
        """
        self._context_at_fault = None
        try:
            message = parse_multi_dialogue_client(text, lambda each: not self._states.is_live(each))
            if isinstance(message, CloseSocket):
                self._close_socket()
                return message
            return self._in_context(message)
        except RemoteProtocolError:
            self._states.fail(self.theirs)
            raise

    def _write(self, message: MultiServerMessage) -> str:
        return compose_multi_dialogue(message)

    def _in_context(self, received: InContext[ContextDialogueMessage]) -> InContext[ContextDialogueMessage]:
        context_id, content = received.context_id, received.message
        self._context_at_fault = context_id
        if context_id is None:
            raise RemoteProtocolError("`context_id` is missing")
        if isinstance(content, CloseConnection) and self._is_late(context_id):
            content = KeepDialogueAlive()
        if not isinstance(content, KeepDialogueAlive):
            self._check_room(context_id, opens=isinstance(content, InitializeDialogue))
        self._received(context_id, type(content))
        if isinstance(content, InitializeDialogue):
            self._casts.opened(context_id, content.voices, self._states)
        if isinstance(content, InitializeDialogue | SendInputs):
            check_voices(content.inputs, self._casts.of(context_id))
        return InContext(context_id, content)
