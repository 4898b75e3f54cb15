"""Whatever the service answers becomes an error that says what to do, and whether trying again can help."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BusyError, ConnectionLostError, EngineError, RefusedError
from pipeline.protocol.messages import ErrorMessage
from pipeline.protocol.refusals import close_error, frame_error, http_error

RECORDINGS = os.environ.get("CUELINE_RECORDINGS")


def detail(code: str, message: str) -> bytes:
    """Compose an error body as the service's error page describes it."""
    return json.dumps({"detail": {"type": "t", "code": code, "message": message, "status": "s"}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "advice"),
    [
        (401, detail("invalid_api_key", "Invalid API key"), RefusedError, "ELEVENLABS_API_KEY"),
        (401, detail("missing_permissions", "The API key is missing a permission"), RefusedError, "permission"),
        (401, detail("quota_exceeded", "This request exceeds your quota"), RefusedError, "credits"),
        (401, b"", RefusedError, "ELEVENLABS_API_KEY"),
        (402, detail("paid_plan_required", "Free users cannot use library voices"), RefusedError, "plan"),
        (403, b"", RefusedError, "voice"),
        (404, detail("voice_not_found", "A voice was not found"), RefusedError, "voice"),
        (422, b'{"detail": [{"loc": ["q"], "msg": "field required", "type": "v"}]}', RefusedError, "settings"),
        (429, detail("too_many_concurrent_requests", "Too many"), BusyError, "fewer sockets"),
        (429, detail("concurrent_limit_exceeded", "Too many"), BusyError, "fewer sockets"),
        (429, detail("system_busy", "We are busy"), BusyError, "again"),
        (429, detail("rate_limit_exceeded", "Slow down"), BusyError, "again"),
        (429, b"", BusyError, "again"),
        (500, b"<html>oops</html>", BusyError, "again"),
        (503, b'{"detail": "upgrade in progress"}', BusyError, "again"),
        (302, b"", RefusedError, "base URL"),
    ],
)
def test_http_answers_have_types(status: int, body: bytes, kind: type[EngineError], advice: str) -> None:
    """The reason's name decides, then the status; the sentence says what to do."""
    error = http_error(status, body)
    assert type(error) is kind
    assert advice in str(error)


def test_the_words_of_the_service_are_kept() -> None:
    """Its own explanation is what a person can act upon."""
    error = http_error(422, b'{"detail": [{"msg": "field required"}, {"msg": "too long"}]}')
    assert "field required, too long" in str(error)
    assert "<" not in str(http_error(502, b"<html>bad gateway</html>"))


def test_the_words_of_the_service_are_one_short_line() -> None:
    """However long they are, and whatever a terminal would take for a command in them."""
    sentence = str(http_error(400, detail("x", "Too \x1b[31mred\x07\nfor words. " * 500)))
    assert sentence.isprintable()
    assert len(sentence) < 600
    assert sentence.startswith("the speech service answered HTTP 400: Too [31mred for words.")
    assert sentence.endswith("; check the voice, the model and the settings")


def test_a_frame_with_only_a_name_is_typed_by_it() -> None:
    """Some error frames name the reason where the close code should be."""
    error = frame_error(ErrorMessage("m", "quota_exceeded"))
    assert isinstance(error, RefusedError)
    assert error.code == "quota_exceeded"


def test_only_a_plain_end_is_no_error() -> None:
    """1000 without a word may still be an end that is whole."""
    assert close_error(1000, "") is None
    assert close_error(1000, "", ErrorMessage("m")) is not None


@given(st.integers(100, 599), st.binary(max_size=60))
def test_any_answer_is_typed(status: int, body: bytes) -> None:
    """No body that a proxy or a server may answer with breaks the reading of it."""
    assert isinstance(http_error(status, body), RefusedError | BusyError | ConnectionLostError)


@pytest.mark.skipif(RECORDINGS is None, reason="CUELINE_RECORDINGS names no folder of recordings")
def test_recorded_reasons_keep_their_words() -> None:
    """Reasons and bodies that were really seen are typed, with their words in the sentence."""
    folder = Path(str(RECORDINGS))
    entries = json.loads(next(folder.glob("12_*")).read_text(encoding="utf-8"))
    reasons = [entry["close"] for entry in entries if entry.get("close", {}).get("reason")]
    assert reasons
    for close in reasons:
        error = close_error(close["code"], close["reason"])
        assert error is not None
        assert close["reason"].rstrip(".") in str(error)
    paid = json.loads(next(folder.glob("10_*")).read_text(encoding="utf-8"))["error_402"]
    assert "library voices" in str(http_error(402, json.dumps(paid).encode()))
