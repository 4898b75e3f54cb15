"""Client core and server core in memory: what of a context's text is spoken when it is closed, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedOK

from pipeline.engines.handshake import Terms, terms_of
from pipeline.engines.house import House
from pipeline.engines.multi_serving import ContextConversation
from pipeline.engines.outlet import Outlet
from pipeline.engines.turns import Turns
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SpeechMessage,
)
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiClientMessage, flushed
from pipeline.protocol.multi_session import MultiClientSession
from tests.truth_voice import TruthVoice

PATH = "/v1/text-to-speech/heart/multi-stream-input?output_format=pcm_8000&sync_alignment=true"
CLOSES = {"close_context": [InContext("a", CloseConnection())], "close_socket": []}
# Of 26 characters; five of them are more than the first threshold of 120, two more than one of 50.
SENTENCE = "Nobody has said that yet. "


class Wire:
    """The two ends of a connection without a network: what the client says is there, the answers are kept."""

    def __init__(self, said: Iterable[str]) -> None:
        self._said = list(said)[::-1]
        self._closed = asyncio.Event()
        self.answers: list[str] = []

    async def recv(self) -> str:
        """Give the server the client's next message."""
        if self._said:
            return self._said.pop()
        await self._closed.wait()
        raise ConnectionClosedOK(None, None)

    async def send(self, text: str) -> None:
        """Take an answer."""
        self.answers.append(text)

    async def close(self, code: int, reason: str) -> None:
        """Close: nothing more is said."""
        assert (code, reason) == (1000, "")
        self._closed.set()


@dataclass
class Heard:
    """What came in one context."""

    text: str = ""
    sound: bytes = b""
    finals: int = 0


@dataclass
class Exchange:
    """A client core and what it says, until it closes the socket; then what it hears, context by context."""

    query: str = ""
    client: MultiClientSession = field(default_factory=MultiClientSession)

    def heard(self, messages: Iterable[MultiClientMessage]) -> dict[str | None, Heard]:
        """Let the server's core hear all that the client's lets out, and the other way round."""
        return asyncio.run(self._heard([self.client.send(message) for message in (*messages, CloseSocket())]))

    async def _heard(self, said: list[str]) -> dict[str | None, Heard]:
        wire, terms = Wire(said), terms_of(PATH + self.query)
        with contextlib.closing(Turns(threads=2)) as turns:
            await asyncio.wait_for(conversation(wire, terms, turns).run(), 30)
        found: dict[str | None, Heard] = {}
        for answer in map(self.client.receive, wire.answers):
            heard = found.setdefault(answer.context_id, Heard())
            assert isinstance(answer.message, SpeechMessage | FinalMessage)
            heard.finals += isinstance(answer.message, FinalMessage)
            heard.sound += answer.message.chunk.audio
            if alignment := answer.message.chunk.alignment:
                heard.text += "".join(alignment.chars)
        assert self.client.unfinished_contexts == ()
        return found


def conversation(wire: Wire, terms: Terms, turns: Turns) -> ContextConversation:
    """The server's end."""
    house = House(TruthVoice(), turns)
    outlet = Outlet(cast("Any", wire), house.misfortune.connection())
    return ContextConversation(outlet, terms, partial(house.begin, terms, wire))


def in_context(name: str | None, *messages: ClientMessage) -> Iterator[MultiClientMessage]:
    """Messages of one context."""
    return (InContext(name, message) for message in messages)


def interleaved(data: st.DataObject, lists: Sequence[Sequence[MultiClientMessage]]) -> list[MultiClientMessage]:
    """Shuffle several contexts' messages, each context's in its order."""
    rest = [list(each)[::-1] for each in lists]
    mixed = []
    while waiting := [each for each in rest if each]:
        mixed.append(data.draw(st.sampled_from(waiting)).pop())
    return mixed


TEXTS = st.lists(st.text(alphabet="ab,", min_size=1, max_size=30).map(lambda word: f"a{word} "), min_size=1, max_size=5)
SCHEDULES = st.sampled_from([None, (50.0,), (50.0, 120.0)])


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["", "&auto_mode=true"]), SCHEDULES)
def test_a_client_that_flushes_its_last_text_gets_all(
    data: st.DataObject, query: str, schedule: tuple[float, ...] | None
) -> None:
    """In every context, by any schedule or none, whatever the others say in between, and one final frame each."""
    texts = {name: data.draw(TEXTS, label=str(name)) for name in (None, "a", "b")}
    ends: dict[str | None, list[ClientMessage]] = {
        name: [CloseConnection()] if data.draw(st.booleans()) else [] for name in texts
    }
    spoken = [
        [*in_context(name, InitializeConnection(schedule=schedule), *flushed(texts[name]), *ends[name])]
        for name in texts
    ]
    heard = Exchange(query).heard(interleaved(data, spoken))
    assert {name: each.finals for name, each in heard.items()} == dict.fromkeys(texts, 1)
    assert {name: each.text.split() for name, each in heard.items()} == {
        name: "".join(each).split() for name, each in texts.items()
    }
    assert all(each.sound for each in heard.values())


@pytest.mark.parametrize("end", CLOSES)
@pytest.mark.parametrize("text", ["Nobody said it. ", "Nobody said it."])
def test_a_client_that_does_not_flush_gets_a_final_frame_and_no_sound(end: str, text: str) -> None:
    """What the service does, as was measured there, with a space at the end or none."""
    messages = in_context("a", InitializeConnection(), SendText(text))
    heard = Exchange().heard([*messages, *CLOSES[end]])
    assert heard == {"a": Heard(finals=1)}


@pytest.mark.parametrize("end", CLOSES)
@pytest.mark.parametrize(("schedule", "spoken"), [((50.0, 500.0), 2), (None, 5)])
def test_what_a_threshold_let_out_is_spoken_and_the_rest_is_not(
    end: str, schedule: tuple[float, ...] | None, spoken: int
) -> None:
    """Sentences until the first threshold; those after it never reach the second."""
    said = InitializeConnection(schedule=schedule)
    messages = in_context("a", said, *[SendText(SENTENCE)] * (spoken + 3))
    heard = Exchange().heard([*messages, *CLOSES[end]])["a"]
    assert (heard.text, heard.finals) == (SENTENCE * spoken, 1)
    assert heard.sound


@pytest.mark.parametrize("end", CLOSES)
def test_what_was_flushed_is_spoken_to_its_end(end: str) -> None:
    """By a flush with text or without; text after it is not."""
    flushes: list[ClientMessage] = [SendText("One. "), SendText("", flush=True), SendText("Two. ", flush=True)]
    messages = in_context("a", InitializeConnection(), *flushes, KeepAlive(), SendText("Three. "))
    heard = Exchange().heard([*messages, *CLOSES[end]])
    assert (heard["a"].text, heard["a"].finals) == ("One. Two. ", 1)
    samples = [TruthVoice()(text, "en", "heart", 1.0).pcm for text in ("One.", "Two.")]
    assert len(heard["a"].sound) == sum(map(len, samples)) / 3


@pytest.mark.parametrize("end", CLOSES)
def test_in_auto_mode_every_text_is_flushed(end: str) -> None:
    """The sequence that gave nothing gives all of it."""
    messages = in_context("a", InitializeConnection(), SendText("One. "), SendText("Two."))
    assert Exchange("&auto_mode=true").heard([*messages, *CLOSES[end]])["a"].text == "One. Two. "


def test_a_context_that_is_closed_leaves_the_others_their_text() -> None:
    """What is buffered there waits for its own flush."""
    lost = in_context("a", InitializeConnection(), SendText("Lost. "))
    kept = in_context("b", InitializeConnection(), SendText("Kept. "))
    after = in_context("b", SendText("All of it. ", flush=True))
    heard = Exchange().heard([*lost, *kept, *in_context("a", CloseConnection()), *after])
    assert (heard["a"], heard["b"].text) == (Heard(finals=1), "Kept. All of it. ")
