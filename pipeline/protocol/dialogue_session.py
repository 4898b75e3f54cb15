"""Messages of a dialogue one way, texts the other → two sessions without I/O, one for each end of its socket.

The three verbs and their errors are those of `session`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import RemoteProtocolError
from pipeline.protocol.dialogue import (
    MOST_VOICES,
    DialogueClientMessage,
    DialogueInput,
    DialogueServerMessage,
    InitializeDialogue,
    SendInputs,
)
from pipeline.protocol.dialogue_wire import compose_dialogue, parse_dialogue_message, parse_first_of_dialogue
from pipeline.protocol.sending_rules import check_first_of_dialogue, check_inputs, strange_voice
from pipeline.protocol.session import OneSpeechClientSession, OneSpeechServerSession
from pipeline.protocol.states import DIALOGUE_TRANSITIONS


class DialogueClientSession(OneSpeechClientSession[DialogueClientMessage]):
    """The end that sends lines and gets speech.

    Besides wrong steps `send` refuses a dialogue without voices or with too many, a line of a voice that the first
    message did not name, and more than three dictionaries.
    """

    table = DIALOGUE_TRANSITIONS

    def __init__(self) -> None:
        super().__init__()
        self._voices: tuple[str, ...] = ()

    def _check(self, message: DialogueClientMessage) -> None:
        if isinstance(message, InitializeDialogue):
            check_first_of_dialogue(message)
            self._voices = message.voices
        elif isinstance(message, SendInputs):
            check_inputs(message, self._voices)

    def _write(self, message: DialogueClientMessage) -> str:
        return compose_dialogue(message)


class DialogueServerSession(OneSpeechServerSession[DialogueServerMessage, DialogueClientMessage]):
    """The end that gets lines and sends speech."""

    table = DIALOGUE_TRANSITIONS

    def __init__(self) -> None:
        super().__init__()
        self._voices: tuple[str, ...] = ()

    def _read_first(self, text: str | bytes) -> DialogueClientMessage:
        return parse_first_of_dialogue(text)

    def _read_later(self, text: str | bytes) -> DialogueClientMessage:
        return parse_dialogue_message(text)

    def _check_received(self, message: DialogueClientMessage) -> None:
        if isinstance(message, InitializeDialogue):
            self._voices = message.voices
        if isinstance(message, InitializeDialogue | SendInputs):
            check_voices(message.inputs, self._voices)

    def _write(self, message: DialogueServerMessage) -> str:
        return compose_dialogue(message)


def check_voices(inputs: Sequence[DialogueInput], voices: Sequence[str]) -> None:
    """Raise RemoteProtocolError for a line of a voice that the first message did not name, or for too many voices."""
    if len(voices) > MOST_VOICES:
        raise RemoteProtocolError(f"voices: a dialogue takes {MOST_VOICES} at most")
    if (stranger := strange_voice(inputs, voices)) is not None:
        raise RemoteProtocolError(f"voice_id {stranger[:100]!r} is none of the voices of the first message")
