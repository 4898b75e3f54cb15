"""A client and a server core on a wire in memory: every message arrives, in order, and wrong steps have a culprit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BusyError, ConnectionLostError, LocalProtocolError, RefusedError, RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    ServerMessage,
    SpeechMessage,
)
from pipeline.protocol.session import SETTINGS_CHANGED, ClientSession, ServerSession
from pipeline.protocol.states import TRANSITIONS, Role, State

Message = TypeVar("Message", ClientMessage, ServerMessage)


class SessionPair:
    """Two cores and a wire between them; both must agree about the states after every message."""

    def __init__(self) -> None:
        self.client = ClientSession()
        self.server = ServerSession()

    def ask(self, *messages: ClientMessage) -> list[ClientMessage]:
        """Send from the client; what the server made of it."""
        return [self._agreed(self.server.receive(self.client.send(message))) for message in messages]

    def answer(self, *messages: ServerMessage) -> list[ServerMessage]:
        """Send from the server; what the client made of it."""
        return [self._agreed(self.client.receive(self.server.send(message))) for message in messages]

    def _agreed(self, message: Message) -> Message:
        assert self.client.states == self.server.states
        return message


def speech_of(parts: Sequence[str]) -> list[SpeechMessage]:
    """Messages of one character times list, cut where the parts are."""
    messages, now = [], 0
    for part in parts:
        starts = tuple(range(now, now + 10 * len(part), 10))
        now += 10 * len(part)
        times = Alignment(tuple(part), starts, (10,) * len(part)) if part else None
        messages.append(SpeechMessage(SpeechChunk(part.encode(), times, times)))
    return messages


texts = st.lists(st.text(min_size=1, max_size=12), max_size=6)


@given(texts, texts)
def test_a_whole_conversation_arrives(asked: list[str], answered: list[str]) -> None:
    """However text and speech are cut into messages, both ends read what the other wrote, and end as they should."""
    pair = SessionPair()
    first = InitializeConnection(voice_settings=SentSettings(stability=0.5))
    sent: list[ClientMessage] = [SendText(text) for text in asked if text != " "]
    assert pair.ask(first, *sent, KeepAlive(), CloseConnection()) == [first, *sent, KeepAlive(), CloseConnection()]
    speech = speech_of(answered)
    assert pair.answer(*speech, FinalMessage()) == [*speech, FinalMessage()]
    assert pair.client.is_whole
    ending = pair.client.closed(1000)
    assert (ending.error, ending.ended_without_final) == (None, False)
    assert pair.server.closed(1000).error is None
    assert set(pair.client.states.values()) == {State.CLOSED}


def test_every_state_hears_a_closing() -> None:
    """A connection may break at any moment, so no state is without that row."""
    for role in Role:
        assert set(TRANSITIONS[role]) >= {State.IDLE, State.OPEN, State.DONE, State.MUST_CLOSE, State.CLOSED}
        for moves in TRANSITIONS[role].values():
            assert State.CLOSED in moves.values()


@pytest.mark.parametrize(
    "messages",
    [
        [SendText("a ")],
        [KeepAlive()],
        [InitializeConnection(), InitializeConnection()],
        [InitializeConnection(), CloseConnection(), SendText("a ")],
        [InitializeConnection(), CloseConnection(), CloseConnection()],
    ],
)
def test_our_own_wrong_step_is_ours(messages: list[ClientMessage]) -> None:
    """The last of these messages may not be sent there."""
    client = ClientSession()
    for message in messages[:-1]:
        client.send(message)
    before = client.states
    with pytest.raises(LocalProtocolError):
        client.send(messages[-1])
    assert client.states == before


@pytest.mark.parametrize(
    "messages",
    [
        [SpeechMessage(SpeechChunk(b"a"))],
        [FinalMessage()],
    ],
)
def test_a_server_that_speaks_unasked_is_at_fault(messages: list[ServerMessage]) -> None:
    """Before it was told how to speak a server has nothing to say."""
    client = ClientSession()
    for message in messages[:-1]:
        client.receive(compose(message))
    with pytest.raises(RemoteProtocolError):
        client.receive(compose(messages[-1]))


def test_a_final_frame_before_the_end_of_the_text_is_a_fault() -> None:
    """What was sent after it would be lost."""
    pair = SessionPair()
    pair.ask(InitializeConnection(), SendText("Hello "))
    with pytest.raises(LocalProtocolError):
        pair.server.send(FinalMessage())
    with pytest.raises(RemoteProtocolError):
        pair.client.receive(compose(FinalMessage()))


def test_speech_after_the_final_frame_is_a_fault() -> None:
    """The final frame is the last."""
    pair = SessionPair()
    pair.ask(InitializeConnection(), CloseConnection())
    pair.answer(FinalMessage())
    with pytest.raises(RemoteProtocolError):
        pair.client.receive(compose(SpeechMessage(SpeechChunk(b"a"))))


def test_a_first_message_may_be_the_last() -> None:
    """An empty text at once asks for nothing, and gets the final frame."""
    pair = SessionPair()
    assert pair.ask(CloseConnection()) == [CloseConnection()]
    assert pair.answer(FinalMessage()) == [FinalMessage()]


@pytest.mark.parametrize(
    ("first", "later"),
    [(None, SentSettings(speed=1.1)), (SentSettings(speed=1.0), SentSettings(speed=1.1))],
)
def test_voice_settings_come_first_and_stay(first: SentSettings | None, later: SentSettings) -> None:
    """The service closes with these words when they change, and when the first message had none."""
    server = ServerSession()
    server.receive(compose(InitializeConnection(voice_settings=first)))
    with pytest.raises(RemoteProtocolError, match="voice_settings field must be provided in the first message"):
        server.receive(compose(SendText("a ", voice_settings=later)))
    assert len(SETTINGS_CHANGED.encode()) <= 123


def test_the_same_voice_settings_may_be_repeated() -> None:
    """Unchanged is allowed."""
    server = ServerSession()
    same = SentSettings(stability=0.5)
    server.receive(compose(InitializeConnection(voice_settings=same)))
    assert server.receive(compose(SendText("a ", voice_settings=same))) == SendText("a ", voice_settings=same)


def test_after_a_fault_only_the_closing_is_heard() -> None:
    """A core that was sent nonsense takes no more messages."""
    client = ClientSession()
    with pytest.raises(RemoteProtocolError):
        client.receive(b"nonsense")
    with pytest.raises(RemoteProtocolError):
        client.receive(compose(ErrorMessage("m", "e", 1008)))
    assert client.closed(1006).error is not None


def test_a_missing_final_frame_is_told() -> None:
    """A plain 1000 without it may hide a truncation: the caller decides."""
    pair = SessionPair()
    pair.ask(InitializeConnection(), SendText("Hello "), CloseConnection())
    pair.answer(SpeechMessage(SpeechChunk(b"a")))
    ending = pair.client.closed(1000)
    assert ending.ended_without_final
    assert ending.error is None


def test_a_break_after_the_final_frame_loses_nothing() -> None:
    """What is whole stays whole, however the connection ends."""
    pair = SessionPair()
    pair.ask(InitializeConnection(), CloseConnection())
    pair.answer(FinalMessage())
    assert pair.client.closed(1006).error is None


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1001, "", ConnectionLostError),
        (1006, "", ConnectionLostError),
        (1011, "", ConnectionLostError),
        (1012, "", ConnectionLostError),
        (1013, "", BusyError),
        (1008, "", RefusedError),
        (1008, "This request exceeds your quota.", RefusedError),
        (1008, "Too many concurrent requests", BusyError),
        (1008, "We are sorry, something went wrong. You are not charged for this request.", BusyError),
        (1008, "Have not received a new text input within the timeout of 20 seconds.", ConnectionLostError),
        (1008, SETTINGS_CHANGED, RefusedError),
        (1009, "message too big", RefusedError),
        (1000, "This request exceeds your quota.", RefusedError),
        (4001, "", RefusedError),
    ],
)
def test_close_codes_have_types(code: int, reason: str, kind: type[Exception]) -> None:
    """What may pass is told from what may not, by the words first and the code second; the words are kept."""
    client = ClientSession()
    client.send(InitializeConnection())
    ending = client.closed(code, reason)
    assert type(ending.error) is kind
    assert reason.rstrip(".") in str(ending.error)
    assert ending.error.close_code == code


def test_an_error_frame_explains_the_close_after_it() -> None:
    """Its name and its words go into the error, with the code that it announces."""
    pair = SessionPair()
    pair.ask(InitializeConnection())
    pair.answer(ErrorMessage("Maximum simultaneous contexts exceeded", "max_active_conversations", 1008))
    error = pair.client.closed(1008, "Maximum simul").error
    assert isinstance(error, BusyError)
    assert (error.code, error.close_code) == ("max_active_conversations", 1008)
    assert "Maximum simultaneous contexts exceeded" in str(error)


@given(st.lists(st.binary(max_size=30) | st.sampled_from([compose(FinalMessage()), '{"text":" "}', '{"text":""}'])))
def test_no_sequence_of_frames_breaks_a_core(frames: list[str | bytes]) -> None:
    """Either core takes any frames in any order with a message or a RemoteProtocolError, and then a closing."""
    for session in (ClientSession(), ServerSession()):
        for frame in frames:
            try:
                session.receive(frame)
            except RemoteProtocolError:
                continue
        session.closed(1006)
