"""The quick ways of reading and writing frames, held against the careful ones."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RemoteProtocolError
from pipeline.protocol.messages import ErrorMessage, FinalMessage, SpeechMessage, UnknownMessage
from pipeline.protocol.multi_parsing import MOST_ID_CHARACTERS, parse_multi_server, read_context_id
from pipeline.protocol.parsing import parse_server_message, read_answer, read_sound
from pipeline.protocol.wire import FARTHEST, check_numbers, read_object, write_object

words = st.text(st.characters(), max_size=12)
whole = st.integers(-(2**70), 2**70)
values = st.recursive(
    st.none() | st.booleans() | whole | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
times = st.lists(st.integers(-5, 2000) | st.floats(-5, 2000) | st.sampled_from([2e9, 10**12, "1", None]), max_size=4)
alignments = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "chars": st.lists(st.text(max_size=2), max_size=4) | st.just(["a", "b"]),
        "charStartTimesMs": times | st.just([0, 10]),
        "charDurationsMs": times | st.just([10, 20.5]),
        "char_durations_ms": times,
        "more": values,
    },
)
sound = st.binary(max_size=12).map(lambda audio: base64.b64encode(audio).decode())
audio = sound | sound.map(lambda text: text.rstrip("=")) | st.text("ABab01+/=-_ \n\\é", max_size=9) | st.none()
flags = st.sampled_from([None, True, False, 0, 1, "true"])
names = st.none() | st.sampled_from(["", "one", "x" * (MOST_ID_CHARACTERS + 1)]) | st.integers(0, 3)
frames = st.fixed_dictionaries(
    {},
    optional={
        "audio": audio,
        "isFinal": flags,
        "is_final": flags,
        "alignment": alignments,
        "normalizedAlignment": alignments,
        "normalized_alignment": alignments,
        "contextId": names,
        "context_id": names,
        "message": words,
        "error": words,
        "code": st.integers(0, 2000),
        "type": words,
    },
)


@pytest.mark.slow
@settings(max_examples=300)
@given(frames, st.booleans())
def test_a_frame_read_quickly_is_what_it_is_read_carefully(frame: dict[str, object], escapes: bool) -> None:  # noqa: FBT001
    """Both ways give the same message, the same context, or both a fault."""
    text = json.dumps(frame)
    text = text.replace("/", "\\/") if escapes else text
    try:
        careful = read_answer(read_object(text))
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            parse_server_message(text)
        return
    assert parse_server_message(text) == careful
    try:
        context_id = read_context_id(frame)
    except RemoteProtocolError:
        if isinstance(careful, SpeechMessage | FinalMessage):
            with pytest.raises(RemoteProtocolError):
                parse_multi_server(text)
        return
    received = parse_multi_server(text)
    assert received.message == careful
    assert received.context_id == context_id


def test_the_frames_of_the_service_are_read_quickly() -> None:
    """A frame with sound and times is; one that says anything else is left to the careful way."""
    times_of_one = {"chars": ["A"], "charStartTimesMs": [0], "charDurationsMs": [40]}
    plain = {"audio": "QUI=", "isFinal": None, "normalizedAlignment": None, "alignment": times_of_one}
    assert read_sound(json.dumps(plain)) is not None
    assert read_sound(json.dumps(plain | {"contextId": "1", "context_id": "1"})) is not None
    for more, kind in (({"message": "no", "code": 1008}, ErrorMessage), ({"type": "other"}, SpeechMessage)):
        text = json.dumps(plain | more)
        assert read_sound(text) is None
        assert isinstance(parse_server_message(text), kind)
    assert isinstance(parse_server_message('{"contextId": "1"}'), UnknownMessage)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.dictionaries(words, values, max_size=5))
def test_writing_quickly_writes_the_same_text(fields: dict[str, object]) -> None:
    """Escapes, lone surrogates and great integers are written as the standard library does, in ASCII."""
    text = write_object(fields)
    assert text == json.dumps(fields, separators=(",", ":"), allow_nan=False)
    assert text.isascii()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(number: float) -> None:
    """However it is spelt, what is read is what was written."""
    read = json.loads(write_object({"speed": number, "times": [1, number]}))
    assert read == {"speed": number, "times": [1, number]}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_written(number: float) -> None:
    """Neither by itself nor deep inside; null would be another message."""
    for fields in ({"speed": number}, {"a": {"times": [1, 2.5, number]}}, {"a": [{"b": (number,)}]}):
        with pytest.raises(ValueError, match="JSON"):
            write_object(fields)


@pytest.mark.parametrize("numbers", [[], [0], [-FARTHEST, FARTHEST], [0.5, 3]])
def test_numbers_of_a_speech_pass(numbers: list[float]) -> None:
    """Up to the farthest."""
    check_numbers("times", numbers)


@pytest.mark.parametrize("numbers", [[FARTHEST + 1], [0, -FARTHEST - 1], [1, 2e9, 3]])
def test_numbers_that_no_speech_has_are_refused(numbers: list[float]) -> None:
    """On either side."""
    with pytest.raises(RemoteProtocolError, match="no speech can have"):
        check_numbers("times", numbers)
