"""Two cores that try anything: what one lets out the other takes, both agree, and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import LocalProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.dialogue import DialogueInput, InitializeDialogue, KeepDialogueAlive, SendInputs
from pipeline.protocol.dialogue_session import DialogueClientSession, DialogueServerSession
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    SpeechMessage,
)
from pipeline.protocol.multi_dialogue_session import MultiDialogueClientSession, MultiDialogueServerSession
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_session import MultiClientSession, MultiServerSession
from pipeline.protocol.session import ClientSession, ServerSession

SPEECH = [
    InitializeConnection(),
    InitializeConnection("Words ", SentSettings(speed=1.1)),
    InitializeConnection(schedule=(1,)),
    SendText("more "),
    SendText("other ", voice_settings=SentSettings(speed=1.1)),
    SendText("", flush=True),
    KeepAlive(),
    CloseConnection(),
]
DIALOGUE = [
    InitializeDialogue(("anna",), inputs=(DialogueInput("Hi", "anna"),)),
    InitializeDialogue(("bella",)),
    InitializeDialogue(()),
    SendInputs((DialogueInput("Ho", "bella"),)),
    SendInputs(flush=True),
    KeepDialogueAlive(),
]
ANSWERS = [SpeechMessage(SpeechChunk(b"x")), FinalMessage(), ErrorMessage("m", "e", 1008)]
NAMES = [None, "a", "b", "c", "d", "e", "f"]


def contexts(messages: Sequence[object]) -> list[object]:
    """Each message in every context."""
    return [InContext(name, message) for name in NAMES for message in messages]


SOCKETS: dict[str, tuple[Any, Any, list[object], list[object]]] = {
    "speech": (ClientSession, ServerSession, [*SPEECH], [*ANSWERS]),
    "speeches": (
        MultiClientSession,
        MultiServerSession,
        [*contexts(SPEECH), CloseSocket()],
        contexts(ANSWERS),
    ),
    "dialogue": (DialogueClientSession, DialogueServerSession, [*DIALOGUE, CloseSocket()], [*ANSWERS]),
    "dialogues": (
        MultiDialogueClientSession,
        MultiDialogueServerSession,
        [*contexts([*DIALOGUE, CloseConnection()]), CloseSocket()],
        contexts(ANSWERS),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("socket", SOCKETS)
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_what_one_core_lets_out_the_other_takes(socket: str, data: st.DataObject) -> None:
    """Any messages, of either end, in any order: no RemoteProtocolError ever, and the same states at both ends."""
    make_client, make_server, asked, answers = SOCKETS[socket]
    client, server = make_client(), make_server()
    tries = data.draw(
        st.lists(
            st.tuples(st.just(True), st.sampled_from(asked)) | st.tuples(st.just(False), st.sampled_from(answers)),
            max_size=40,
        )
    )
    for is_asked, message in tries:
        sender, receiver = (client, server) if is_asked else (server, client)
        before = sender.states
        try:
            text = sender.send(message)
        except LocalProtocolError:
            assert sender.states == before
            continue
        receiver.receive(text)
        assert client.states == server.states
