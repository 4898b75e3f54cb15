"""Dialogues on a wire in memory, one on a socket or several: every line arrives, and wrong steps have a culprit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConnectionLostError, LocalProtocolError, RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.dialogue import (
    MOST_VOICES,
    ContextDialogueMessage,
    DialogueClientMessage,
    DialogueInput,
    InitializeDialogue,
    KeepDialogueAlive,
    SendInputs,
)
from pipeline.protocol.dialogue_session import DialogueClientSession, DialogueServerSession
from pipeline.protocol.dialogue_wire import (
    compose_dialogue,
    compose_multi_dialogue,
    parse_dialogue_message,
    parse_first_of_dialogue,
    parse_multi_dialogue_client,
)
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    ServerMessage,
    SpeechMessage,
    UnknownMessage,
)
from pipeline.protocol.multi_dialogue_session import MultiDialogueClientSession, MultiDialogueServerSession
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_parsing import parse_multi_server
from pipeline.protocol.parsing import parse_server_message
from tests.protocol.strategies import answers, context_ids, dialogue_firsts, dialogue_laters

ANNA = InitializeDialogue(("anna", "bella"))
HELLO = DialogueInput("Hello! ", "anna")


def first(**fields: Any) -> DialogueClientMessage:
    """Read a first message."""
    return parse_first_of_dialogue(json.dumps(fields))


def later(**fields: Any) -> DialogueClientMessage:
    """Read a later message."""
    return parse_dialogue_message(json.dumps(fields))


@given(dialogue_firsts, st.text(min_size=1, max_size=5))
def test_first_messages_survive_the_wire(message: InitializeDialogue, context_id: str) -> None:
    """What is written of a first message is read back as the same message, in a context too."""
    assert parse_first_of_dialogue(compose_dialogue(message)) == message
    sent = InContext(context_id, message)
    assert parse_multi_dialogue_client(compose_multi_dialogue(sent), lambda _: True) == sent


@given(dialogue_laters, st.text(min_size=1, max_size=5))
def test_later_messages_survive_the_wire(message: SendInputs, context_id: str) -> None:
    """So is what is written of a later one."""
    assert parse_dialogue_message(compose_dialogue(message)) == message
    sent = InContext(context_id, message)
    assert parse_multi_dialogue_client(compose_multi_dialogue(sent), lambda _: False) == sent


@given(answers, context_ids)
def test_answers_survive_the_wire(message: ServerMessage, context_id: str | None) -> None:
    """The server's messages are those of every socket, in snake case."""
    assert parse_server_message(compose_dialogue(message)) == message
    assert parse_multi_server(compose_multi_dialogue(InContext(context_id, message))) == InContext(context_id, message)


def test_the_wire_is_in_snake_case() -> None:
    """At both ends; there is no setting but the stability and the strength of a clone."""
    sent = InitializeDialogue(
        ("anna",), 0.5, key="k", single_use_token="t", inputs=(DialogueInput("Hi", "anna", True),)
    )
    assert json.loads(compose_dialogue(sent)) == {
        "voices": ["anna"],
        "voice_settings": {"stability": 0.5},
        "xi_api_key": "k",
        "single_use_token": "t",
        "inputs": [{"text": "Hi", "voice_id": "anna", "new_turn": True}],
    }
    chunk = SpeechChunk(b"\x01\x02", Alignment(("a",), (0,), (5,)))
    assert json.loads(compose_dialogue(SpeechMessage(chunk))) == {
        "audio": "AQI=",
        "alignment": {"chars": ["a"], "char_start_times_ms": [0], "char_durations_ms": [5]},
        "normalized_alignment": None,
    }
    assert json.loads(compose_dialogue(FinalMessage())) == {"is_final": True}
    assert json.loads(compose_multi_dialogue(InContext("a", FinalMessage()))) == {"is_final": True, "context_id": "a"}


def test_secrets_are_read_in_every_spelling_and_not_shown() -> None:
    """Both names of the key, a bearer token, a token of one use."""
    for name in ("xi-api-key", "xi_api_key"):
        message = first(voices=["v"], authorization="sk_2", single_use_token="sk_3", **{name: "sk_1"})
        assert message == InitializeDialogue(("v",), key="sk_1", authorization="sk_2", single_use_token="sk_3")
        assert "sk_" not in repr(message)


def test_the_end_of_a_turn_asks_for_nothing() -> None:
    """A frame of its own tells of it."""
    assert parse_server_message('{"is_final_audio_for_turn":true}') == UnknownMessage(("is_final_audio_for_turn",))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"inputs": []}, SendInputs()),
        ({"inputs": None, "flush": True}, SendInputs(flush=True)),
        ({"keep_alive": True}, KeepDialogueAlive()),
        ({"keep_alive": True, "flush": True}, SendInputs(flush=True)),
        ({"close_socket": True, "flush": True}, CloseSocket()),
        ({"inputs": [{"text": "a", "voice_id": "v", "new_turn": None}]}, SendInputs((DialogueInput("a", "v"),))),
    ],
)
def test_later_messages_are_told_apart(fields: dict[str, object], expected: DialogueClientMessage) -> None:
    """By the fields that they have."""
    assert later(**fields) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"keep_alive": False},
        {"voices": ["v"]},
        {"voice_settings": {"stability": 0.5}, "flush": True},
        {"inputs": [{"text": "a"}]},
        {"inputs": [{"text": "a", "voice_id": "v"}], "close_socket": True},
    ],
)
def test_what_cannot_be_meant_is_a_fault(fields: dict[str, object]) -> None:
    """What belongs into the first message, what has no voice, and lines that would be dropped."""
    with pytest.raises(RemoteProtocolError):
        later(**fields)
    with pytest.raises(RemoteProtocolError):
        first(**{name: value for name, value in fields.items() if name != "voices"})


class DialoguePair:
    """Two cores and a wire between them; both must agree about the states after every message."""

    def __init__(self) -> None:
        self.client = DialogueClientSession()
        self.server = DialogueServerSession()

    def ask(self, message: DialogueClientMessage) -> DialogueClientMessage:
        """Send from the client; what the server made of it."""
        received = self.server.receive(self.client.send(message))
        assert self.client.states == self.server.states
        return received

    def answer(self, message: ServerMessage) -> ServerMessage:
        """Send from the server; what the client made of it."""
        received = self.client.receive(self.server.send(message))
        assert self.client.states == self.server.states
        return received


@given(dialogue_firsts, st.lists(dialogue_laters, max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_a_whole_dialogue_arrives(opening: InitializeDialogue, asked: list[SendInputs], sounds: list[bytes]) -> None:
    """However it is cut into messages, both ends read what the other wrote."""
    opening = InitializeDialogue(("anna", "bella", "carl"), opening.stability, inputs=opening.inputs)
    pair = DialoguePair()
    said: list[DialogueClientMessage] = [opening, *asked, CloseSocket(), KeepDialogueAlive()]
    for message in said:
        assert pair.ask(message) == message
    for sound in sounds:
        assert pair.answer(SpeechMessage(SpeechChunk(sound))) == SpeechMessage(SpeechChunk(sound))
    assert pair.answer(FinalMessage()) == FinalMessage()
    assert pair.client.is_whole
    assert pair.client.closed(1000).error is None


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([InitializeDialogue(())], "from 1 to 10 voices"),
        ([InitializeDialogue(("v",) * (MOST_VOICES + 1))], "from 1 to 10 voices, not 11"),
        ([InitializeDialogue(("v",), dictionaries=(("a", None),) * 4)], "too many"),
        ([InitializeDialogue(("v",), float("nan"))], "no number"),
        ([InitializeDialogue(("v",), inputs=(HELLO,))], "no voice 'anna'"),
        ([ANNA, SendInputs((DialogueInput("a", "carl"),))], "no voice 'carl'"),
        ([ANNA, SendInputs((DialogueInput("\ud800", "anna"),))], "half a character"),
        ([ANNA, ANNA], "wrong order"),
        ([SendInputs((HELLO,))], "wrong order"),
        ([KeepDialogueAlive()], "wrong order"),
        ([ANNA, CloseSocket(), SendInputs((HELLO,))], "wrong order"),
        ([ANNA, CloseSocket(), CloseSocket()], "wrong order"),
    ],
)
def test_our_own_wrong_step_is_ours(messages: list[DialogueClientMessage], words: str) -> None:
    """The last of these is not sent, and all stays as it was."""
    client = DialogueClientSession()
    for message in messages[:-1]:
        client.send(message)
    before = client.states
    with pytest.raises(LocalProtocolError, match=words):
        client.send(messages[-1])
    assert client.states == before


@pytest.mark.parametrize(
    "message",
    [
        InitializeDialogue(("v",), inputs=(HELLO,)),
        InitializeDialogue(("v",) * (MOST_VOICES + 1)),
        SendInputs((HELLO,)),
    ],
)
def test_a_client_that_names_a_voice_too_late_is_at_fault(message: DialogueClientMessage) -> None:
    """Or too many of them; after that only the closing is heard."""
    server = DialogueServerSession()
    if isinstance(message, SendInputs):
        server.receive(compose_dialogue(InitializeDialogue(("v",))))
    with pytest.raises(RemoteProtocolError, match="voice"):
        server.receive(compose_dialogue(message))
    with pytest.raises(RemoteProtocolError):
        server.receive(compose_dialogue(KeepDialogueAlive()))
    assert server.send(ErrorMessage("m", "e", 1008))
    assert server.closed(1008).error is None


def test_a_break_is_told() -> None:
    """As on the other sockets."""
    pair = DialoguePair()
    pair.ask(ANNA)
    assert isinstance(pair.client.closed(1006).error, ConnectionLostError)


# ── several dialogues on one socket ────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_interleaving_gives_each_dialogue_its_own(data: st.DataObject) -> None:
    """Lines and sound of each arrive whole and in order, however the others are cut in between."""
    client, server = MultiDialogueClientSession(), MultiDialogueServerSession()
    names = ("a", "b", "c")
    asked: dict[str, list[ContextDialogueMessage]] = {
        each: [ANNA, *(SendInputs((DialogueInput(f"{each}{n}", "bella"),)) for n in range(3)), CloseConnection()]
        for each in names
    }
    expected = {each: list(messages) for each, messages in asked.items()}
    heard: dict[str | None, list[ContextDialogueMessage]] = {each: [] for each in names}
    while any(asked.values()):
        name = data.draw(st.sampled_from([each for each in names if asked[each]]))
        received = server.receive(client.send(InContext(name, asked[name].pop(0))))
        assert isinstance(received, InContext)
        heard[received.context_id].append(received.message)
        assert client.states == server.states
    assert heard == expected
    for name in data.draw(st.permutations(names)):
        sound = SpeechMessage(SpeechChunk(name.encode()))
        for answer in (sound, FinalMessage()):
            assert client.receive(server.send(InContext(name, answer))) == InContext(name, answer)
        assert client.is_whole(name)
    assert client.closed(1000).error is None


def test_a_dialogue_among_several_has_a_name() -> None:
    """At both ends; only the closing of the socket has none."""
    with pytest.raises(LocalProtocolError):
        MultiDialogueClientSession().send(InContext(None, ANNA))
    server = MultiDialogueServerSession()
    with pytest.raises(RemoteProtocolError, match="context_id"):
        server.receive(compose_multi_dialogue(InContext(None, ANNA)))
    other = MultiDialogueServerSession()
    other.receive(compose_multi_dialogue(InContext("a", ANNA)))
    assert other.receive('{"close_socket":true}') == CloseSocket()
    assert other.open_contexts == ()
    assert other.unfinished_contexts == ("a",)


def test_what_asks_for_nothing_opens_no_dialogue() -> None:
    """A keep-alive of a context that is not open, and a second end."""
    server = MultiDialogueServerSession()
    assert server.receive('{"keep_alive":true,"context_id":"a"}') == InContext("a", KeepDialogueAlive())
    assert server.unfinished_contexts == ()
    server.receive(compose_multi_dialogue(InContext("a", CloseConnection())))
    server.send(InContext("a", FinalMessage()))
    again = server.receive(compose_multi_dialogue(InContext("a", CloseConnection())))
    assert again == InContext("a", KeepDialogueAlive())


def test_each_dialogue_has_its_own_voices() -> None:
    """A line of another's voice is refused before it is sent, and when it comes."""
    client, server = MultiDialogueClientSession(), MultiDialogueServerSession()
    for name, voice in (("a", "anna"), ("b", "bella")):
        server.receive(client.send(InContext(name, InitializeDialogue((voice,)))))
    wrong = InContext("b", SendInputs((HELLO,)))
    with pytest.raises(LocalProtocolError, match="no voice 'anna'"):
        client.send(wrong)
    with pytest.raises(RemoteProtocolError):
        server.receive(compose_multi_dialogue(wrong))
    assert server.context_at_fault == "b"


@pytest.mark.parametrize("message", [SendInputs((HELLO,)), KeepDialogueAlive(), CloseConnection()])
def test_nothing_is_sent_in_a_dialogue_that_is_not_open(message: ContextDialogueMessage) -> None:
    """The first message opens it."""
    with pytest.raises(LocalProtocolError, match="not open"):
        MultiDialogueClientSession().send(InContext("a", message))
