"""What is known to close a socket is refused before it is sent, in one sentence, and the session goes on."""

from __future__ import annotations

import pickle

import pytest

from pipeline.errors import LocalProtocolError
from pipeline.protocol.many_speeches import TooManyContextsError
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    UnknownMessage,
)
from pipeline.protocol.multi_messages import InContext
from pipeline.protocol.multi_session import MultiClientSession
from pipeline.protocol.session import ClientSession, ServerSession

FIRSTS: list[tuple[InitializeConnection, str]] = [
    (InitializeConnection(schedule=(49,)), "schedule 49 is not possible"),
    (InitializeConnection(schedule=(120, 501)), "schedule 120, 501 is not possible"),
    (InitializeConnection(schedule=()), "schedule without a number"),
    (InitializeConnection(schedule=(float("nan"),)), "schedule nan"),
    (InitializeConnection(dictionaries=(("a", None),) * 4), "4 pronunciation dictionaries are too many"),
    (InitializeConnection(voice_settings=SentSettings(speed=float("inf"))), "no number"),
    (InitializeConnection("half \ud83d"), "half a character \\(U\\+D83D\\)"),
    (InitializeConnection(""), "empty"),
]
LATERS: list[tuple[SendText, str]] = [
    (SendText("a ", schedule=(0,)), "schedule 0 is not possible"),
    (SendText("a ", voice_settings=SentSettings(speed=1.1)), "may not change later"),
    (SendText("\udc00"), "half a character"),
]


@pytest.mark.parametrize(("message", "words"), FIRSTS)
def test_first_messages_are_checked(message: InitializeConnection, words: str) -> None:
    """On a socket of one speech and in a context alike; afterwards a right one still goes."""
    single, multi = ClientSession(), MultiClientSession()
    with pytest.raises(LocalProtocolError, match=words):
        single.send(message)
    with pytest.raises(LocalProtocolError, match=words):
        multi.send(InContext("a", message))
    assert single.send(InitializeConnection())
    assert multi.send(InContext("a", InitializeConnection()))


@pytest.mark.parametrize(("message", "words"), LATERS)
@pytest.mark.parametrize("settings", [None, SentSettings(speed=1.0)])
def test_later_messages_are_checked(message: SendText, words: str, settings: SentSettings | None) -> None:
    """Adding voice settings is as fatal as changing them."""
    single, multi = ClientSession(), MultiClientSession()
    single.send(InitializeConnection(voice_settings=settings))
    multi.send(InContext("a", InitializeConnection(voice_settings=settings)))
    with pytest.raises(LocalProtocolError, match=words):
        single.send(message)
    with pytest.raises(LocalProtocolError, match=words):
        multi.send(InContext("a", message))
    assert single.send(SendText("a ", voice_settings=settings))
    assert multi.send(InContext("a", SendText("a ", voice_settings=settings)))


@pytest.mark.parametrize("speed", [0.25, 0.7, 1.2, 4.0])
def test_no_speed_is_refused(speed: float) -> None:
    """The service's documents disagree about its range."""
    assert ClientSession().send(InitializeConnection(voice_settings=SentSettings(speed=speed)))


@pytest.mark.parametrize("message", [SendText(""), SendText("", flush=True)])
def test_an_empty_text_is_refused_where_it_would_end_the_speech(message: SendText) -> None:
    """In a context it ends nothing, so there a flush needs no text."""
    single, multi = ClientSession(), MultiClientSession()
    single.send(InitializeConnection())
    multi.send(InContext("a", InitializeConnection()))
    with pytest.raises(LocalProtocolError, match="ends the speech"):
        single.send(message)
    assert multi.send(InContext("a", message))


@pytest.mark.parametrize("message", [SendText("a "), InitializeConnection(), CloseConnection()])
def test_nothing_follows_the_end(message: ClientMessage) -> None:
    """But a keep-alive that a timer sends, which a socket of one speech suffers."""
    client = ClientSession()
    client.send(InitializeConnection())
    client.send(CloseConnection())
    with pytest.raises(LocalProtocolError):
        client.send(message)
    assert client.send(KeepAlive())


def test_what_cannot_be_written_is_refused() -> None:
    """An unknown frame has no form, so it is not sent."""
    with pytest.raises(LocalProtocolError):
        ServerSession().send(UnknownMessage())


def test_the_error_of_too_many_contexts_is_the_services() -> None:
    """It crosses processes with its name."""
    error = pickle.loads(pickle.dumps(TooManyContextsError("m")))
    assert (str(error), error.error) == ("m", "max_active_conversations")
