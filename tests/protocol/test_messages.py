"""Frames of both ends are read in every spelling that has been seen, and written in the service's own."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk, VoiceSettings
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    SpeechMessage,
    UnknownMessage,
)
from pipeline.protocol.parsing import parse_first_message, parse_server_message, parse_text_message

RECORDINGS = os.environ.get("CUELINE_RECORDINGS")
recorded = pytest.mark.skipif(RECORDINGS is None, reason="CUELINE_RECORDINGS names no folder of recordings")

times = st.integers(-1000, 10_000_000)
letters = st.text(min_size=1, max_size=3)
alignments = st.lists(st.tuples(letters, times, times), min_size=1, max_size=8).map(
    lambda rows: Alignment(*(tuple(column) for column in zip(*rows, strict=True)))
)
chunks = st.builds(SpeechChunk, st.binary(max_size=64), st.none() | alignments, st.none() | alignments)
numbers = st.none() | st.floats(0, 4, allow_nan=False)
sent_settings = st.builds(SentSettings, numbers, numbers, numbers, st.none() | st.booleans(), numbers)
schedules = st.none() | st.lists(st.integers(50, 500), min_size=1, max_size=4).map(tuple)
words = st.text(max_size=40)


def read(**fields: Any) -> Any:
    """Read a server's frame of these fields."""
    return parse_server_message(json.dumps(fields))


@given(st.builds(SpeechMessage, chunks) | st.builds(FinalMessage, chunks))
def test_speech_survives_the_wire(message: SpeechMessage | FinalMessage) -> None:
    """What is written of a message with sound or times is read back as the same message."""
    assert parse_server_message(compose(message)) == message


secrets = st.none() | st.text("abc", min_size=1)
dictionaries = st.lists(st.tuples(words, st.none() | words), max_size=3).map(tuple)


@given(
    st.builds(
        InitializeConnection,
        words.filter(bool),
        st.none() | sent_settings,
        schedules,
        dictionaries,
        secrets,
        secrets,
        st.booleans(),
        st.booleans(),
        secrets,
    )
)
def test_first_messages_survive_the_wire(message: InitializeConnection) -> None:
    """What is written of a first message is read back as the same message."""
    assert parse_first_message(compose(message)) == message


@given(st.builds(SendText, words, st.booleans(), st.booleans(), st.none() | sent_settings, schedules))
def test_later_messages_survive_the_wire(message: SendText) -> None:
    """What is written of a text is read back as itself; a lone space is a keep-alive, no text at all is the end."""
    back = parse_text_message(compose(message))
    if message.text == "":
        assert back == CloseConnection()
    else:
        assert back == (KeepAlive() if message == SendText(" ") else message)


def test_the_wire_is_ascii_and_spelled_as_the_service_spells() -> None:
    """Other people's clients split lines at U+2028 and know one name for the durations."""
    text = compose(SpeechMessage(SpeechChunk(b"\x01\x02", Alignment(("é\u2028",), (0,), (5,)))))
    assert text.isascii()
    assert json.loads(text) == {
        "audio": "AQI=",
        "isFinal": None,
        "normalizedAlignment": None,
        "alignment": {"chars": ["é\u2028"], "charStartTimesMs": [0], "charDurationsMs": [5]},
    }


def test_the_final_frame_has_an_audio_key() -> None:
    """A client in the field fails where the key is missing."""
    assert json.loads(compose(FinalMessage())) == {"audio": None, "isFinal": True}


@pytest.mark.parametrize(
    ("starts", "durations"),
    [
        ("charStartTimesMs", "charDurationsMs"),
        ("charStartTimesMs", "charsDurationsMs"),
        ("charsStartTimesMs", "charsDurationsMs"),
        ("char_start_times_ms", "char_durations_ms"),
        ("char_start_times_ms", "chars_durations_ms"),
        ("chars_start_times_ms", "chars_durations_ms"),
    ],
)
def test_every_spelling_of_times_is_read(starts: str, durations: str) -> None:
    """Camel case, snake case and the misspelt plural mean the same."""
    times = {"chars": ["a", "bc"], starts: [0, 10.5], durations: [10.5, 4]}
    expected = Alignment(("a", "bc"), (0, 10.5), (10.5, 4))
    assert read(audio="", alignment=times).chunk == SpeechChunk(b"", expected)
    assert read(audio="", normalized_alignment=times).chunk == SpeechChunk(b"", None, expected)


@pytest.mark.parametrize("final", [None, False, 0])
@pytest.mark.parametrize("audio", [None, ""])
def test_null_is_as_good_as_absent(final: object, audio: object) -> None:
    """The service sends null where its documents leave a field out."""
    assert read(audio=audio, isFinal=final, alignment=None, normalizedAlignment=None) == SpeechMessage(SpeechChunk())


@pytest.mark.parametrize("name", ["isFinal", "is_final"])
def test_the_final_flag_is_read_in_both_cases(name: str) -> None:
    """Documents and relatives of the socket disagree about its case; a frame may bring sound besides."""
    assert read(**{name: True}) == FinalMessage()
    assert read(**{name: True, "audio": "AQI="}) == FinalMessage(SpeechChunk(b"\x01\x02"))


@pytest.mark.parametrize("audio", ["AQIDBA==", "AQIDBA", "AQID\r\nBA==", " AQIDBA="])
def test_base64_may_lack_padding_and_hold_line_breaks(audio: str) -> None:
    """Sound is read as other decoders read it, but damage is not passed off as sound."""
    assert read(audio=audio).chunk.audio == b"\x01\x02\x03\x04"


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff\xfe",
        b'{"audio": 5}',
        b'{"audio": "A"}',
        b'{"audio": "AQ*I"}',
        b'{"isFinal": "yes"}',
        b'{"alignment": {"chars": ["a"], "charStartTimesMs": [0, 1], "charDurationsMs": [1]}}',
        b'{"alignment": {"chars": ["a"], "charStartTimesMs": ["0"], "charDurationsMs": [1]}}',
        b'{"alignment": {"chars": ["a"], "charStartTimesMs": [1e300], "charDurationsMs": [1]}}',
    ],
)
def test_damage_is_a_protocol_error(frame: bytes) -> None:
    """What cannot be meant is refused, and never anything but a RemoteProtocolError."""
    with pytest.raises(RemoteProtocolError):
        parse_server_message(frame)


def test_durations_that_were_not_sent_reach_to_the_next_start() -> None:
    """Starts alone still time the characters."""
    times = {"chars": ["a", "b"], "charStartTimesMs": [0, 7]}
    assert read(alignment=times).chunk.alignment == Alignment(("a", "b"), (0, 7), (7, 0))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"message": "m", "error": "e", "code": 1008}, ErrorMessage("m", "e", 1008)),
        ({"message": "m", "code": "quota_exceeded"}, ErrorMessage("m", "quota_exceeded", 0)),
        ({"message": "m", "code": 1008, "audio": None, "isFinal": None}, ErrorMessage("m", "", 1008)),
        ({"message": "m", "audio": None}, SpeechMessage(SpeechChunk())),
        ({"error": "e", "audio": None}, ErrorMessage("e", "e", 0)),
        ({"error": {"message": "m", "code": 1008, "error": "e"}}, ErrorMessage("m", "e", 1008)),
        ({"detail": {"message": "m", "status": "busy"}}, ErrorMessage("m", "busy", 0)),
        ({"message": "only words"}, ErrorMessage("only words")),
        ({"type": "flush_done", "data": "", "done": False}, UnknownMessage(("data", "done", "type"))),
        ({"type": "note", "message": "hello"}, UnknownMessage(("message", "type"))),
        ({"audio": "", "message": None, "error": None}, SpeechMessage(SpeechChunk())),
        ({}, UnknownMessage(())),
    ],
)
def test_frames_are_told_apart(frame: dict[str, object], expected: object) -> None:
    """Error frames come with any of their fields missing; what nobody knows is no fault."""
    assert read(**frame) == expected


@pytest.mark.parametrize("name", ["xi-api-key", "xi_api_key"])
def test_the_key_in_a_message_has_two_names_and_is_not_shown(name: str) -> None:
    """The reference and the guide disagree; neither spelling gets into a representation."""
    others = {"authorization": "sk_secret_2", "single_use_token": "sk_secret_3"}
    message = parse_first_message(json.dumps({"text": " ", name: "sk_secret", "voice_settings": {}} | others))
    assert isinstance(message, InitializeConnection)
    assert message.key == "sk_secret"
    assert (message.authorization, message.single_use_token) == ("sk_secret_2", "sk_secret_3")
    assert message.voice_settings == SentSettings()
    assert "sk_secret" not in repr(message)


def test_a_schedule_is_read_under_both_names() -> None:
    """The reference calls it `generator_config` after the first message, the guide `generation_config`."""
    for name in ("generation_config", "generator_config"):
        message = parse_text_message(json.dumps({"text": "a ", name: {"chunk_length_schedule": [50, 120.0]}}))
        assert message == SendText("a ", schedule=(50, 120.0))


def test_voice_settings_go_whole() -> None:
    """A setting that is left out would mean whatever the voice has stored."""
    fields = json.loads(compose(InitializeConnection(voice_settings=SentSettings.whole(VoiceSettings()))))
    assert set(fields["voice_settings"]) == {"stability", "similarity_boost", "style", "use_speaker_boost", "speed"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "audio",
        "isFinal",
        "is_final",
        "alignment",
        "normalizedAlignment",
        "message",
        "error",
        "code",
        "detail",
        "type",
        "text",
        "voice_settings",
        "generation_config",
        "pronunciation_dictionary_locators",
        "flush",
        "xi_api_key",
    ]
)
inner_names = st.sampled_from(["chars", "charStartTimesMs", "charDurationsMs", "stability", "chunk_length_schedule"])
likely = st.dictionaries(names, json_values | st.dictionaries(inner_names, json_values, max_size=3), max_size=5)


@settings(max_examples=400)
@given(st.binary(max_size=80) | st.text(max_size=80) | likely.map(json.dumps) | json_values.map(json.dumps))
def test_anything_is_a_message_or_a_protocol_error(frame: str | bytes) -> None:
    """No bytes that a peer may send bring about any other error."""
    for parse in (parse_server_message, parse_first_message, parse_text_message):
        try:
            message = parse(frame)
        except RemoteProtocolError:
            continue
        assert type(message).__module__ == "pipeline.protocol.messages"


@recorded
def test_recorded_messages_are_read() -> None:
    """Eleven consecutive messages of the real service keep their characters and times, and join without a gap."""
    folder = Path(str(RECORDINGS))
    recording = json.loads(next(folder.glob("01_*")).read_text(encoding="utf-8"))
    end, text = 0.0, ""
    for chunk in recording["chunks"]:
        frame = {"audio": base64.b64encode(bytes(2 * chunk["sample_count"])).decode(), "isFinal": None}
        message = read(**frame, alignment=chunk["alignment"], normalizedAlignment=chunk["normalizedAlignment"])
        alignment = message.chunk.alignment
        assert alignment.starts_ms[0] == end
        end = alignment.starts_ms[-1] + alignment.durations_ms[-1]
        text += "".join(alignment.chars)
        assert len(message.chunk.audio) == 2 * chunk["sample_count"]
    assert text == recording["text"] + " "
    assert end == 11053


@recorded
def test_recorded_error_frames_are_told_from_others() -> None:
    """Frames that users of the service reported are errors, but for the one that tells of a flush."""
    entries = json.loads(next(Path(str(RECORDINGS)).glob("12_*")).read_text(encoding="utf-8"))
    frames = [entry["frame"] for entry in entries if "frame" in entry]
    assert frames
    for frame in frames:
        message = read(**frame)
        if frame.get("type") == "flush_done":
            assert isinstance(message, UnknownMessage)
        else:
            assert message == ErrorMessage(frame["message"], frame["error"], frame["code"])
