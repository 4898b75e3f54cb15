"""Any bytes at either end give a message or a RemoteProtocolError, never another error, and never much work."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import EngineError, RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.composing import compose
from pipeline.protocol.dialogue import DialogueInput, InitializeDialogue, KeepDialogueAlive, SendInputs
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
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    SpeechMessage,
)
from pipeline.protocol.multi_composing import compose_multi
from pipeline.protocol.multi_dialogue_session import MultiDialogueClientSession, MultiDialogueServerSession
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_parsing import parse_multi_client, parse_multi_server
from pipeline.protocol.multi_session import MultiClientSession, MultiServerSession
from pipeline.protocol.parsing import parse_first_message, parse_server_message, parse_text_message
from pipeline.protocol.refusals import http_error
from pipeline.protocol.session import ClientSession, ServerSession


class Session(Protocol):
    """What every session can be told."""

    def receive(self, text: str | bytes) -> object:
        """Take a frame."""

    def closed(self, code: int, reason: str = "") -> object:
        """Take the end of the connection."""


PARSERS: tuple[Callable[[str | bytes], object], ...] = (
    parse_server_message,
    parse_first_message,
    parse_text_message,
    parse_multi_server,
    lambda text: parse_multi_client(text, lambda _: True),
    lambda text: parse_multi_client(text, lambda _: False),
    parse_first_of_dialogue,
    parse_dialogue_message,
    lambda text: parse_multi_dialogue_client(text, lambda _: True),
    lambda text: parse_multi_dialogue_client(text, lambda _: False),
)

_TIMES = Alignment(("a", "b "), (0, 10), (10, 5.5))
_CHUNK = SpeechChunk(b"sound", _TIMES, _TIMES)
_FIRST = InitializeConnection(
    "Words ", SentSettings(0.5, 0.7, 0.1, True, 1.1), (50, 120), (("d", "v"),), "k", "a", True, True, "t"
)
_TEXT = SendText("more ", True, True, SentSettings(0.5, 0.7, 0.1, True, 1.1), (60,))
_DIALOGUE = InitializeDialogue(
    ("v", "w"), 0.5, (("d", None),), "k", "a", "t", (DialogueInput("Hi", "v", True),), True, 0.3
)
_ANSWERS = (SpeechMessage(_CHUNK), FinalMessage(), FinalMessage(_CHUNK), ErrorMessage("m", "e", 1008))
_LINES = SendInputs((DialogueInput("Ho", "w"),), flush=True)
REAL: tuple[str, ...] = (
    *(compose(message) for message in (_FIRST, _TEXT, KeepAlive(), CloseConnection(), *_ANSWERS)),
    *(
        compose_multi(InContext(context_id, message))
        for context_id in (None, "a", "b")
        for message in (_FIRST, _TEXT, SendText("", flush=True), KeepAlive(), CloseConnection(), *_ANSWERS)
    ),
    *(compose_dialogue(message) for message in (_DIALOGUE, _LINES, KeepDialogueAlive(), CloseSocket(), *_ANSWERS)),
    *(
        compose_multi_dialogue(InContext("a", message))
        for message in (_DIALOGUE, _LINES, KeepDialogueAlive(), CloseConnection(), *_ANSWERS)
    ),
    '{"type":"flush_done","context_id":"a","status_code":206,"done":false,"data":"","flush_done":true}',
    '{"detail":{"message":"m","status":"busy"}}',
    '{"is_final_audio_for_turn":true}',
)


def sessions() -> Iterator[Session]:
    """Every session, the clients' with something to be answered."""
    yield from (ServerSession(), MultiServerSession(), DialogueServerSession(), MultiDialogueServerSession())
    single = ClientSession()
    single.send(InitializeConnection())
    multi = MultiClientSession()
    for context_id in (None, "a"):
        multi.send(InContext(context_id, InitializeConnection()))
    dialogue = DialogueClientSession()
    dialogue.send(InitializeDialogue(("v",)))
    dialogues = MultiDialogueClientSession()
    dialogues.send(InContext("a", InitializeDialogue(("v",))))
    yield from (single, multi, dialogue, dialogues)


def read_everywhere(frame: str | bytes) -> None:
    """Let every parser read it."""
    for parse in PARSERS:
        try:
            message = parse(frame)
        except RemoteProtocolError:
            continue
        assert type(message).__module__.startswith("pipeline.protocol.")


def hear_everywhere(frames: list[str | bytes]) -> None:
    """Let every session hear them; one that was at fault stays so."""
    for session in sessions():
        at_fault = False
        for frame in frames:
            try:
                session.receive(frame)
            except RemoteProtocolError:
                at_fault = True
            else:
                assert not at_fault
        session.closed(1006, "gone")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Make a real message with bytes lost, doubled, changed, or pieces of another put into it."""
    frame = bytearray(draw(st.sampled_from(REAL)).encode())
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(frame)))
        end = draw(st.integers(first, min(first + 12, len(frame))))
        other = draw(st.sampled_from(REAL)).encode()
        at = draw(st.integers(0, len(other)))
        piece = draw(st.binary(max_size=4) | st.sampled_from([b"null", b"1e999", b"-0", b"[]", b'"', b"\\u"]))
        frame[first:end] = draw(st.sampled_from([b"", bytes(frame[first:end]) * 2, piece, other[at : at + 12]]))
    return bytes(frame)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["", " ", "a", "AQI="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({name for frame in REAL for name in json.loads(frame)})
INNER = ["chars", "charStartTimesMs", "charDurationsMs", "char_start_times_ms", "stability", "chunk_length_schedule"]
objects = st.dictionaries(
    st.sampled_from(NAMES), json_values | st.dictionaries(st.sampled_from(INNER), json_values, max_size=3), max_size=5
)


def exchanged(frame: str, name: str, value: object) -> str:
    """Put another value under a name of a real message, or add it."""
    return json.dumps(json.loads(frame) | {name: value})


misused = st.builds(exchanged, st.sampled_from(REAL), st.sampled_from(NAMES), json_values)
frames = st.binary(max_size=60) | st.text(max_size=60) | damaged() | misused | objects.map(json.dumps)


@settings(max_examples=400, deadline=None)
@given(frames)
def test_any_frame_is_a_message_or_a_fault(frame: str | bytes) -> None:
    """In every parser, and in the reader of an HTTP answer, which is an error in any case."""
    read_everywhere(frame)
    assert isinstance(
        http_error(500, frame if isinstance(frame, bytes) else frame.encode(errors="replace")), EngineError
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(REAL) | frames, max_size=8))
def test_any_frames_in_any_order_are_messages_or_faults(heard: list[str | bytes]) -> None:
    """In every session, whatever came before."""
    hear_everywhere(heard)


@pytest.mark.slow
def test_real_messages_with_any_byte_lost_or_changed() -> None:
    """Every byte of every real message once: lost, and changed to what JSON knows."""
    for frame in REAL:
        whole = frame.encode()
        for at in range(len(whole)):
            read_everywhere(whole[:at])
            for piece in (b"", b'"', b"}", b"[", b"9", b"\xff"):
                read_everywhere(whole[:at] + piece + whole[at + 1 :])


def big_frames() -> dict[str, bytes]:
    """Frames that ask for much work: deep, long, and with numbers of ten million digits."""
    many = 10**7
    number = b"9" * many
    big = {
        "brackets": b"[" * many,
        "braces": b'{"a":' * (many // 5),
        "spaces": b" " * many,
        "no text": b"\xff" * many,
        "a long number": number,
        "a long id": b'{"text":" ","audio":"","context_id":"' + number + b'"}',
        "many names": b"{" + b",".join(b'"%d":1' % n for n in range(10**5)) + b"}",
        "escapes": b'{"text":"' + b"\\u0000" * (many // 6) + b'"}',
        "line breaks": b'{"audio":"' + b"\\n" * (many // 2) + b'"}',
        "a long error": b'{"code":1008,"error":"' + number + b'","message":"' + number + b'"}',
        "times": b'{"alignment":{"chars":["a"],"charStartTimesMs":[' + number + b'],"charDurationsMs":[1]}}',
    }
    for name in ("text", "code", "message", "isFinal", "flush", "context_id", "voices", "stability"):
        for sort, value in (("", number), ("negative ", b"-" + number), ("exponent ", b"1e" + number[:1000])):
            big[f"{sort}number as {name}"] = b'{"%s":%s,"x":0.%s}' % (name.encode(), value, number[:1000])
    return big


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_big_frames_are_bounded_work() -> None:
    """Ten megabytes take a moment, whatever is in them: work that grows faster than they would outlast the timeout."""
    for frame in big_frames().values():
        read_everywhere(frame)
        hear_everywhere([frame])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["message", "error", "detail", "text", "alignment", "context_id", "inputs", "x"])
def test_deep_frames_are_messages_or_faults(name: str) -> None:
    """At every depth about that at which the reader gives up, where what it has read may be too deep for others."""
    for depth in (*range(900, 1010), 5000, 10**5):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            nested = opening * depth + b"1" + closing * depth
            read_everywhere(b'{"%s":%s}' % (name.encode(), nested))


def test_many_frames_leave_little_behind() -> None:
    """A hundred thousand ids of a client, or of a server, and no session keeps them all."""
    server, client = MultiServerSession(), MultiClientSession()
    chance = random.Random(1)
    for number in range(20_000):
        server.receive(compose_multi(InContext(f"{chance.random()}", CloseConnection())))
        server.send(InContext(server.unfinished_contexts[0], FinalMessage()))
        client.receive(compose_multi(InContext(str(number), ErrorMessage("m", "e", 1008))))
    assert len(server._states._over) + len(client._states._over) <= 2000
