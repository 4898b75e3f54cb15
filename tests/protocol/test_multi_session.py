"""Two cores with many speeches between them: each context its own text and order, and none disturbs another."""

from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import BusyError, ConnectionLostError, LocalProtocolError, RefusedError, RemoteProtocolError
from pipeline.model import SpeechChunk
from pipeline.protocol.contexts import MOST_REMEMBERED
from pipeline.protocol.many_speeches import MOST_UNFINISHED
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
    UnknownMessage,
)
from pipeline.protocol.multi_composing import compose_multi
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiClientMessage, MultiServerMessage
from pipeline.protocol.multi_session import (
    MOST_CONTEXTS,
    MultiClientSession,
    MultiServerSession,
    TooManyContextsError,
)
from pipeline.protocol.session import SETTINGS_CHANGED
from pipeline.protocol.states import DIALOGUE_TRANSITIONS, SOCKET_TRANSITIONS, TRANSITIONS, Role, State, Table

Message = TypeVar("Message", MultiClientMessage, MultiServerMessage)
NAMES: tuple[str | None, ...] = (None, "a", "b", "c", "d")


class MultiPair:
    """Two cores and a wire between them; both must agree about all states after every message."""

    def __init__(self) -> None:
        self.client = MultiClientSession()
        self.server = MultiServerSession()

    def ask(self, context_id: str | None, message: ClientMessage) -> MultiClientMessage:
        """Send from the client; what the server made of it."""
        return self._agreed(self.server.receive(self.client.send(InContext(context_id, message))))

    def answer(self, context_id: str | None, message: ServerMessage) -> MultiServerMessage:
        """Send from the server; what the client made of it."""
        return self._agreed(self.client.receive(self.server.send(InContext(context_id, message))))

    def close_socket(self) -> MultiClientMessage:
        """Close the socket from the client."""
        return self._agreed(self.server.receive(self.client.send(CloseSocket())))

    def _agreed(self, message: Message) -> Message:
        assert self.client.states == self.server.states
        assert self.client.socket_states == self.server.socket_states
        assert self.client.open_contexts == self.server.open_contexts
        return message


def speech(sound: bytes) -> SpeechMessage:
    """Sound alone."""
    return SpeechMessage(SpeechChunk(sound))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_interleaving_gives_each_context_its_own(data: st.DataObject) -> None:
    """Every context's text arrives whole and in order, its sound too, however the others are cut in between."""
    texts = {each: data.draw(st.lists(st.text(min_size=1, max_size=6), max_size=4), label=str(each)) for each in NAMES}
    sounds = {each: data.draw(st.lists(st.binary(min_size=1, max_size=4), max_size=4)) for each in NAMES}
    pair = MultiPair()
    asked: dict[str | None, list[ClientMessage]] = {
        each: [InitializeConnection(), *map(SendText, texts[each]), CloseConnection()] for each in NAMES
    }
    answers: dict[str | None, list[ServerMessage]] = {
        each: [*map(speech, sounds[each]), FinalMessage()] for each in NAMES
    }
    heard: dict[str | None, str] = dict.fromkeys(NAMES, "")
    got: dict[str | None, list[ServerMessage]] = {each: [] for each in NAMES}
    while any(asked.values()) or any(answers.values()):
        # A context may answer once it is open, and finish once its text has ended.
        ready = [each for each in NAMES if answers[each] and len(asked[each]) < 2 + len(texts[each])]
        ready = [each for each in ready if len(answers[each]) > 1 or not asked[each]]
        moves = [("ask", each) for each in NAMES if asked[each]] + [("answer", each) for each in ready]
        move, context_id = data.draw(st.sampled_from(moves))
        if move == "ask":
            received = pair.ask(context_id, asked[context_id].pop(0))
            assert isinstance(received, InContext)
            assert received.context_id == context_id
            if isinstance(received.message, SendText):
                heard[context_id] += received.message.text
        else:
            message = pair.answer(context_id, answers[context_id].pop(0))
            got[message.context_id].append(message.message)
    assert heard == {each: "".join(texts[each]) for each in NAMES}
    assert got == {each: [*map(speech, sounds[each]), FinalMessage()] for each in NAMES}
    assert all(pair.client.is_whole(each) for each in NAMES)
    assert pair.client.unfinished_contexts == ()
    assert pair.client.closed(1006).error is None


@given(st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from(NAMES), unique=True))
def test_closing_the_socket_ends_every_text(opened: list[str | None], closed: list[str | None]) -> None:
    """Each open context still owes one final frame and no other; then nothing more may be asked for."""
    pair = MultiPair()
    for each in opened:
        pair.ask(each, InitializeConnection())
    for each in set(closed) & set(opened):
        pair.ask(each, CloseConnection())
    assert pair.close_socket() == CloseSocket()
    assert pair.server.open_contexts == ()
    assert pair.server.unfinished_contexts == tuple(opened)
    for each in opened:
        pair.answer(each, FinalMessage())
        with pytest.raises(LocalProtocolError):
            pair.server.send(InContext(each, FinalMessage()))
    with pytest.raises(LocalProtocolError):
        pair.client.send(InContext("new", InitializeConnection()))
    with pytest.raises(LocalProtocolError):
        pair.client.send(CloseSocket())


@pytest.mark.parametrize("table", [TRANSITIONS, DIALOGUE_TRANSITIONS, SOCKET_TRANSITIONS])
def test_every_state_hears_a_closing_and_every_move_leads_somewhere(table: Table) -> None:
    """A connection may break at any moment, and no row leads to a state without one."""
    for role in Role:
        for moves in table[role].values():
            assert State.CLOSED in moves.values()
            assert set(moves.values()) <= set(table[role])
        assert {State.MUST_CLOSE, State.CLOSED, State.ERROR} <= set(table[role])


# ── what clients in use need ───────────────────────────────────────────────────────────────────────────────────────


def test_a_sixth_context_is_refused_as_the_service_does() -> None:
    """With its name for it; the frame about it may still go out, in that context, and only then is it over."""
    server = MultiServerSession()
    for number in range(MOST_CONTEXTS):
        server.receive(compose_multi(InContext(str(number), InitializeConnection())))
    with pytest.raises(TooManyContextsError) as caught:
        server.receive(compose_multi(InContext("six", InitializeConnection())))
    assert caught.value.error == "max_active_conversations"
    assert server.context_at_fault == "six"
    assert server.send(InContext("six", ErrorMessage(str(caught.value), caught.value.error, 1008)))


def test_closing_one_makes_room() -> None:
    """For a server at once, for our own client when the final frame has come: it knows nothing of the service's count."""
    pair = MultiPair()
    for number in range(MOST_CONTEXTS):
        pair.ask(str(number), InitializeConnection())
    pair.ask("0", CloseConnection())
    with pytest.raises(LocalProtocolError, match="5 contexts are unfinished"):
        pair.client.send(InContext("six", InitializeConnection()))
    pair.server.receive(compose_multi(InContext("six", InitializeConnection())))
    other = MultiPair()
    for number in range(3 * MOST_CONTEXTS):
        other.ask(str(number), InitializeConnection())
        other.ask(str(number), CloseConnection())
        other.answer(str(number), FinalMessage())


def test_contexts_that_wait_for_their_end_are_bounded() -> None:
    """A client that opens and closes without listening is stopped."""
    server = MultiServerSession()
    for number in range(MOST_UNFINISHED):
        server.receive(compose_multi(InContext(str(number), CloseConnection())))
    with pytest.raises(TooManyContextsError):
        server.receive(compose_multi(InContext("more", CloseConnection())))


@pytest.mark.parametrize("frame", ['{"text":"","context_id":"a"}', '{"flush":true,"context_id":"a"}'])
def test_a_flush_or_keep_alive_opens_an_unknown_context(frame: str) -> None:
    """Silently, without settings; the real first message with settings is then a change, and refused."""
    server = MultiServerSession()
    message = server.receive(frame)
    assert isinstance(message, InContext)
    assert isinstance(message.message, InitializeConnection)
    assert server.open_contexts == ("a",)
    with pytest.raises(RemoteProtocolError) as caught:
        server.receive('{"text":" ","context_id":"a","voice_settings":{"stability":0.5}}')
    assert str(caught.value) == SETTINGS_CHANGED


@pytest.mark.parametrize(
    "frame",
    [
        '{"text":"","context_id":"a"}',
        '{"text":"","context_id":"a","flush":true}',
        '{"context_id":"a","flush":true}',
        '{"context_id":"a","close_context":true}',
        '{"text":""}',
        '{"text":"","flush":true}',
        '{"close_context":true}',
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_what_asks_for_nothing_opens_nothing(frame: str, ended: bool) -> None:  # noqa: FBT001
    """A late keep-alive, flush or end of a context whose text has ended, before and after its final frame."""
    server = MultiServerSession()
    server.receive(compose_multi(InContext("a", InitializeConnection())))
    server.receive(compose_multi(InContext("a", CloseConnection())))
    if ended:
        server.send(InContext("a", FinalMessage()))
    before = server.states
    message = server.receive(frame)
    assert isinstance(message, InContext)
    assert message.message == KeepAlive()
    assert server.states == before


def test_an_id_may_be_used_again_when_it_is_over() -> None:
    """Its first message is a first message again, and its earlier end counts no more."""
    pair = MultiPair()
    for _ in range(2):
        pair.ask("a", InitializeConnection("Words "))
        assert not pair.client.is_whole("a")
        pair.ask("a", CloseConnection())
        pair.answer("a", FinalMessage())
        assert pair.client.is_whole("a")


def test_text_for_a_context_that_is_closing_is_a_fault() -> None:
    """It would be lost."""
    server = MultiServerSession()
    server.receive(compose_multi(InContext("a", CloseConnection())))
    with pytest.raises(RemoteProtocolError):
        server.receive(compose_multi(InContext("a", SendText("lost "))))


def test_contexts_that_are_over_are_remembered_within_a_bound() -> None:
    """The newest of them."""
    server = MultiServerSession()
    for number in range(MOST_REMEMBERED + 10):
        server.receive(compose_multi(InContext(str(number), CloseConnection())))
        server.send(InContext(str(number), FinalMessage()))
    late = server.receive(compose_multi(InContext(str(MOST_REMEMBERED + 9), KeepAlive())))
    assert late == InContext(str(MOST_REMEMBERED + 9), KeepAlive())
    assert len(server._states._over) == MOST_REMEMBERED


def test_later_contexts_have_what_the_first_message_of_the_socket_said() -> None:
    """Unless they say otherwise themselves; nothing and `{}` are no other."""
    server = MultiServerSession()
    given_settings = SentSettings(stability=0.3, speed=1.1)
    first = InitializeConnection(voice_settings=given_settings, schedule=(60,), key="k")
    assert server.receive(compose_multi(InContext("a", first))) == InContext("a", first)
    for context_id, asked in {"b": None, "c": SentSettings()}.items():
        message = server.receive(compose_multi(InContext(context_id, InitializeConnection(voice_settings=asked))))
        inherited = InitializeConnection(voice_settings=given_settings, schedule=(60,))
        assert message == InContext(context_id, inherited)
        repeated = SendText("x ", voice_settings=given_settings)
        assert server.receive(compose_multi(InContext(context_id, repeated))) == InContext(context_id, repeated)
    own = InitializeConnection(voice_settings=SentSettings(speed=0.9), schedule=(70,))
    assert server.receive(compose_multi(InContext("d", own))) == InContext("d", own)


def test_a_flush_brings_no_final_frame() -> None:
    """It is the end of a context that brings one, and only one."""
    pair = MultiPair()
    pair.ask("a", InitializeConnection("Words "))
    pair.ask("a", SendText("", flush=True))
    with pytest.raises(LocalProtocolError):
        pair.server.send(InContext("a", FinalMessage()))
    pair.ask("a", CloseConnection())
    pair.answer("a", FinalMessage())
    with pytest.raises(LocalProtocolError):
        pair.server.send(InContext("a", FinalMessage()))


# ── our own wrong steps, and the server's ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("message", [SendText("a "), KeepAlive(), CloseConnection(), SendText("", flush=True)])
def test_nothing_is_sent_in_a_context_that_is_not_open(message: ClientMessage) -> None:
    """The service would open it silently, and refuse its settings later."""
    pair = MultiPair()
    with pytest.raises(LocalProtocolError, match="not open"):
        pair.client.send(InContext("a", message))
    pair.ask("a", InitializeConnection())
    pair.ask("a", CloseConnection())
    with pytest.raises(LocalProtocolError, match="not open"):
        pair.client.send(InContext("a", message))
    pair.answer("a", FinalMessage())
    with pytest.raises(LocalProtocolError, match="not open"):
        pair.client.send(InContext("a", message))


@pytest.mark.parametrize("context_id", ["", "x" * 1001, "\ud800"])
def test_an_id_that_cannot_be_sent_is_refused(context_id: str) -> None:
    """Empty means the default context, which is None."""
    with pytest.raises(LocalProtocolError):
        MultiClientSession().send(InContext(context_id, InitializeConnection()))


def test_a_context_is_opened_once() -> None:
    """Settings and dictionaries cannot come later."""
    client = MultiClientSession()
    client.send(InContext("a", InitializeConnection()))
    with pytest.raises(LocalProtocolError, match="context 'a' was opened already"):
        client.send(InContext("a", InitializeConnection(dictionaries=(("id", None),))))


@pytest.mark.parametrize("context_id", [None, "b"])
def test_sound_in_a_context_that_nobody_opened_is_a_fault(context_id: str | None) -> None:
    """It cannot be told whose it is."""
    client = MultiClientSession()
    client.send(InContext("a", InitializeConnection()))
    with pytest.raises(RemoteProtocolError):
        client.receive(compose_multi(InContext(context_id, speech(b"x"))))
    with pytest.raises(RemoteProtocolError):
        client.receive(compose_multi(InContext("a", speech(b"x"))))


def test_what_comes_after_the_end_and_brings_nothing_is_suffered() -> None:
    """A second final frame costs no other context its speech; sound does, for it is somebody's."""
    pair = MultiPair()
    pair.ask("a", InitializeConnection())
    pair.ask("a", CloseConnection())
    pair.answer("a", FinalMessage())
    assert pair.client.receive(compose_multi(InContext("a", FinalMessage()))) == InContext("a", UnknownMessage())
    with pytest.raises(RemoteProtocolError):
        pair.client.receive(compose_multi(InContext("a", speech(b"x"))))


def test_a_final_frame_before_we_close_ends_the_context() -> None:
    """As of a server that takes a flush for the end: nothing more is asked for there, and its id may come again."""
    client = MultiClientSession()
    for context_id in ("a", None, "a"):
        client.send(InContext(context_id, InitializeConnection()))
        client.send(InContext(context_id, SendText("Words ", flush=True)))
        final = compose_multi(InContext(context_id, FinalMessage()))
        assert client.receive(final) == InContext(context_id, FinalMessage())
        assert client.is_whole(context_id)
        assert client.unfinished_contexts == ()
        with pytest.raises(LocalProtocolError, match="not open"):
            client.send(InContext(context_id, CloseConnection()))
    client.send(InContext("b", InitializeConnection()))
    assert client.closed(1006).error is not None
    with pytest.raises(RemoteProtocolError):
        client.receive(compose_multi(InContext("b", FinalMessage())))


def test_unknown_frames_are_suffered_anywhere() -> None:
    """In contexts that are open, over or strange."""
    client = MultiClientSession()
    for context_id in ("a", None):
        message = client.receive(
            f'{{"type":"note","context_id":{"null" if context_id is None else chr(34) + "a" + chr(34)}}}'
        )
        assert isinstance(message.message, UnknownMessage)


def test_a_name_that_the_server_gives_the_default_context_is_ours() -> None:
    """The reference allows that; the name holds until that context is over, and no second one is taken for it."""
    pair = MultiPair()
    pair.ask(None, InitializeConnection())
    assert pair.client.receive(compose_multi(InContext("given", speech(b"x")))) == InContext(None, speech(b"x"))
    pair.client.send(InContext(None, CloseConnection()))
    assert pair.client.receive(compose_multi(InContext("given", FinalMessage()))) == InContext(None, FinalMessage())
    assert pair.client.is_whole(None)
    other = MultiPair()
    other.ask(None, InitializeConnection())
    other.client.receive(compose_multi(InContext("given", speech(b"x"))))
    with pytest.raises(RemoteProtocolError):
        other.client.receive(compose_multi(InContext("second", speech(b"x"))))


def test_text_that_crossed_the_error_of_its_context_opens_no_other() -> None:
    """Its sound would come in a context that is over for the client; a first message opens it again."""
    pair = MultiPair()
    pair.ask("a", InitializeConnection())
    crossing = [pair.client.send(InContext("a", message)) for message in (SendText("late "), CloseConnection())]
    pair.server.send(InContext("a", ErrorMessage("m", "e", 1008)))
    for text in crossing:
        assert pair.server.receive(text) == InContext("a", KeepAlive())
    assert pair.server.unfinished_contexts == ()
    assert pair.server.receive('{"text":" ","context_id":"a"}') == InContext("a", InitializeConnection())


# ── first messages of clients in use, as they send them ────────────────────────────────────────────────────────────

TRANSCRIPTS: dict[str, list[tuple[str, ClientMessage | None]]] = {
    "pipecat": [
        ('{"text":" ","context_id":"a"}', InitializeConnection()),
        ('{"text":"No space at the end.","context_id":"a"}', SendText("No space at the end.")),
        ('{"context_id":"a","flush":true}', SendText("", flush=True)),
        ('{"text":""}', KeepAlive()),
        ('{"text":"","context_id":"a"}', KeepAlive()),
        ('{"context_id":"a","close_context":true}', CloseConnection()),
        ('{"text":"","context_id":"a"}', KeepAlive()),
        ('{"close_socket":true}', None),
    ],
    "livekit": [
        ('{"text":" ","voice_settings":{},"context_id":"a"}', InitializeConnection(voice_settings=SentSettings())),
        ('{"text":"A sentence. ","context_id":"a","flush":true}', SendText("A sentence. ", flush=True)),
        ('{"text":"","context_id":"a","flush":true}', SendText("", flush=True)),
        ('{"context_id":"a","close_context":true}', CloseConnection()),
        (
            '{"text":" ","voice_settings":{},"context_id":"b"}',
            InitializeConnection(voice_settings=SentSettings()),
        ),
    ],
    "bolna": [
        (
            '{"text":" ","xi_api_key":"k","voice_settings":{"speed":1.0}}',
            InitializeConnection(" ", SentSettings(speed=1.0), key="k"),
        ),
        ('{"text":"A sentence. ","context_id":"a"}', InitializeConnection("A sentence. ", SentSettings(speed=1.0))),
        ('{"text":"","context_id":"a","flush":true}', SendText("", flush=True)),
    ],
}


@pytest.mark.parametrize("client", TRANSCRIPTS)
def test_clients_in_use_are_understood(client: str) -> None:
    """Line by line."""
    server = MultiServerSession()
    for text, expected in TRANSCRIPTS[client]:
        message = server.receive(text)
        assert (None if isinstance(message, CloseSocket) else message.message) == expected


# ── endings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_error_in_one_context_leaves_the_others() -> None:
    """Until the connection closes, which then has its reason from that frame."""
    pair = MultiPair()
    pair.ask("a", InitializeConnection())
    pair.ask("b", InitializeConnection())
    pair.answer("a", ErrorMessage("This request exceeds your quota.", "quota_exceeded", 1008))
    assert pair.client.unfinished_contexts == ("b",)
    pair.ask("b", CloseConnection())
    pair.answer("b", speech(b"x"))
    pair.answer("b", FinalMessage())
    assert (pair.client.is_whole("a"), pair.client.is_whole("b")) == (False, True)
    ending = pair.client.closed(1008, "quota")
    assert isinstance(ending.error, RefusedError)
    assert ending.error.code == "quota_exceeded"


def test_an_error_without_a_context_is_of_the_socket() -> None:
    """Nothing more may be said by the server, in no context."""
    pair = MultiPair()
    pair.ask("a", InitializeConnection())
    pair.answer(None, ErrorMessage("Maximum simultaneous contexts exceeded", "max_active_conversations", 1008))
    with pytest.raises(LocalProtocolError):
        pair.server.send(InContext("a", speech(b"x")))
    assert isinstance(pair.client.closed(1008).error, BusyError)


@pytest.mark.parametrize(
    ("code", "kind", "without_final"), [(1000, type(None), True), (1006, ConnectionLostError, False)]
)
def test_a_break_before_the_end_is_told(code: int, kind: type, without_final: bool) -> None:  # noqa: FBT001
    """By what is unfinished, whatever is whole besides."""
    pair = MultiPair()
    for each in ("a", "b"):
        pair.ask(each, InitializeConnection())
        pair.ask(each, CloseConnection())
    pair.answer("a", FinalMessage())
    ending = pair.client.closed(code)
    assert isinstance(ending.error, kind)
    assert ending.ended_without_final is without_final
    assert pair.client.is_whole("a")
    assert pair.server.closed(code).error is None
    with pytest.raises(LocalProtocolError):
        pair.client.send(InContext("c", InitializeConnection()))


def test_a_refusal_before_any_context_is_told() -> None:
    """A bad key closes the socket before anything was asked for."""
    assert isinstance(MultiClientSession().closed(1008, "Invalid API key").error, RefusedError)
