"""Messages in contexts are read in every spelling that has been seen, and written so that every client reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from pipeline.errors import RemoteProtocolError
from pipeline.model import SpeechChunk
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
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiClientMessage
from pipeline.protocol.multi_parsing import MOST_ID_CHARACTERS, parse_multi_client, parse_multi_server
from tests.protocol.strategies import answers, context_ids, first_messages, later_messages


def first(**fields: Any) -> MultiClientMessage:
    """Read a message of a client in a context that nobody has opened."""
    return parse_multi_client(json.dumps(fields), lambda _: True)


def later(**fields: Any) -> MultiClientMessage:
    """Read a message of a client in an open context."""
    return parse_multi_client(json.dumps(fields), lambda _: False)


@given(context_ids, first_messages)
def test_first_messages_survive_the_wire(context_id: str | None, message: InitializeConnection) -> None:
    """What is written of a context's first message is read back as the same message."""
    sent = InContext(context_id, message)
    assert parse_multi_client(compose_multi(sent), lambda _: True) == sent


@given(context_ids, later_messages)
def test_later_messages_survive_the_wire(context_id: str | None, message: ClientMessage) -> None:
    """What is written of a later message is read back as itself; a text that asks for nothing is a keep-alive."""
    sent = InContext(context_id, message)
    expected = InContext(context_id, KeepAlive()) if message == SendText("") else sent
    assert parse_multi_client(compose_multi(sent), lambda _: False) == expected


@given(context_ids, answers)
def test_answers_survive_the_wire(context_id: str | None, message: ServerMessage) -> None:
    """What a server writes in a context is read back in that context."""
    sent = InContext(context_id, message)
    assert parse_multi_server(compose_multi(sent)) == sent


def test_closing_the_socket_survives_the_wire() -> None:
    """Text and context beside it are ignored."""
    assert first(**json.loads(compose_multi(CloseSocket()))) == CloseSocket()
    assert later(close_socket=True, text="x", context_id="a") == CloseSocket()


def test_a_client_writes_snake_case() -> None:
    """The context's id, and the key as all examples of this socket spell it."""
    sent = InContext("a", InitializeConnection(" ", SentSettings(0.5), (50.0,), key="k", single_use_token="t"))
    assert json.loads(compose_multi(sent)) == {
        "text": " ",
        "voice_settings": {"stability": 0.5},
        "generation_config": {"chunk_length_schedule": [50]},
        "xi_api_key": "k",
        "single_use_token": "t",
        "context_id": "a",
    }
    assert json.loads(compose_multi(InContext("a", KeepAlive()))) == {"text": "", "context_id": "a"}
    assert json.loads(compose_multi(InContext("a", CloseConnection()))) == {"close_context": True, "context_id": "a"}
    flush = {"text": "", "flush": True, "context_id": "a"}
    assert json.loads(compose_multi(InContext("a", SendText("", flush=True)))) == flush


def test_every_frame_of_a_server_has_the_context_in_both_cases() -> None:
    """Some clients in use read the one and some the other; the final frame has an audio key, and null in it."""
    assert json.loads(compose_multi(InContext("a", FinalMessage()))) == {
        "audio": None,
        "isFinal": True,
        "contextId": "a",
        "context_id": "a",
    }
    speech = json.loads(compose_multi(InContext("a", SpeechMessage(SpeechChunk(b"x")))))
    assert (speech["contextId"], speech["context_id"], speech["isFinal"]) == ("a", "a", None)
    error = json.loads(compose_multi(InContext("a", ErrorMessage("m", "e", 1008))))
    assert error == {"message": "m", "error": "e", "code": 1008, "contextId": "a", "context_id": "a"}
    assert "context_id" not in json.loads(compose_multi(InContext(None, ErrorMessage("m", "e", 1008))))


@pytest.mark.parametrize("final", ["isFinal", "is_final"])
@pytest.mark.parametrize("name", ["contextId", "context_id"])
def test_both_ends_read_both_cases(name: str, final: str) -> None:
    """Schema and observation disagree, and so do the examples and the schema about the final flag."""
    assert parse_multi_server(json.dumps({name: "a", final: True})) == InContext("a", FinalMessage())
    assert parse_multi_server(json.dumps({name: "a", "audio": ""})) == InContext("a", SpeechMessage(SpeechChunk()))
    assert later(**{name: "a"}, text="b ") == InContext("a", SendText("b "))


@pytest.mark.parametrize("absent", [{}, {"context_id": None}, {"contextId": ""}])
def test_no_id_is_the_default_context(absent: dict[str, object]) -> None:
    """Absent, null and empty are the same."""
    assert first(text=" ", **absent) == InContext(None, InitializeConnection(" "))
    assert parse_multi_server(json.dumps({"isFinal": True} | absent)) == InContext(None, FinalMessage())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": " "}, InitializeConnection(" ")),
        ({"text": "Real words "}, InitializeConnection("Real words ")),
        ({"text": " ", "voice_settings": {}}, InitializeConnection(" ", SentSettings())),
        ({"text": " ", "voice_settings": None}, InitializeConnection(" ")),
        ({"flush": True}, InitializeConnection("", flush=True)),
        ({"text": ""}, InitializeConnection("")),
        ({"text": None, "xi-api-key": "k"}, InitializeConnection("", key="k")),
        ({"text": "x", "close_context": True}, CloseConnection()),
    ],
)
def test_whatever_comes_first_in_a_context_opens_it(fields: dict[str, object], expected: ClientMessage) -> None:
    """With real text, without settings, even a flush or a keep-alive does."""
    assert first(context_id="a", **fields) == InContext("a", expected)


@pytest.mark.parametrize("fields", [{"text": ""}, {"text": "", "flush": True}, {"text": None, "flush": False}, {}])
def test_an_empty_text_without_a_context_opens_nothing(fields: dict[str, object]) -> None:
    """A client in use sends it every ten seconds; but a key in it is not lost."""
    assert first(**fields) == InContext(None, KeepAlive())
    assert first(text="", xi_api_key="k") == InContext(None, InitializeConnection("", key="k"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": ""}, KeepAlive()),
        ({"text": "", "flush": False}, KeepAlive()),
        ({"text": " "}, SendText(" ")),
        ({"flush": True}, SendText("", flush=True)),
        ({"text": None, "flush": True}, SendText("", flush=True)),
        ({"text": "a ", "flush": True}, SendText("a ", flush=True)),
        ({"close_context": True}, CloseConnection()),
        ({"text": "ignored", "close_context": True}, CloseConnection()),
        ({"text": "a", "generator_config": {"chunk_length_schedule": [60]}}, SendText("a", schedule=(60,))),
    ],
)
def test_later_messages_are_told_apart(fields: dict[str, object], expected: ClientMessage) -> None:
    """The empty text never closes; a space is text, for it ends a word."""
    assert later(context_id="a", **fields) == InContext("a", expected)


def test_a_later_message_must_say_something() -> None:
    """A context alone is no message."""
    with pytest.raises(RemoteProtocolError):
        later(context_id="a")


@pytest.mark.parametrize("found", [5, ["a"], {"a": 1}, "x" * (MOST_ID_CHARACTERS + 1)])
def test_an_id_that_is_none_is_a_fault(found: object) -> None:
    """But an error is heard however it is addressed."""
    with pytest.raises(RemoteProtocolError):
        first(text=" ", context_id=found)
    with pytest.raises(RemoteProtocolError):
        parse_multi_server(json.dumps({"audio": "", "contextId": found}))
    error = parse_multi_server(json.dumps({"message": "m", "code": 1008, "contextId": found}))
    assert error == InContext(None, ErrorMessage("m", "", 1008))


def test_a_flush_that_is_done_means_nothing() -> None:
    """An undocumented frame that has been seen."""
    frame = {"type": "flush_done", "context_id": "a", "status_code": 206, "done": False, "data": "", "flush_done": True}
    assert parse_multi_server(json.dumps(frame)) == InContext("a", UnknownMessage(tuple(sorted(frame))))


def test_secrets_are_in_no_representation() -> None:
    """Neither the key nor a token, whatever carries them."""
    message = first(text=" ", context_id="a", xi_api_key="sk_1", authorization="sk_2", single_use_token="sk_3")
    assert isinstance(message, InContext)
    assert message.message == InitializeConnection(" ", key="sk_1", authorization="sk_2", single_use_token="sk_3")
    assert "sk_" not in repr(message)
