"""Whatever the service answers becomes an error that says what to do, and whether trying again can help."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BusyError, ConnectionLostError, EngineError, RefusedError
from pipeline.protocol.messages import ErrorMessage
from pipeline.protocol.refusals import close_error, frame_error, http_error

RECORDINGS = os.environ.get("CUELINE_RECORDINGS")
# RFC 6455 5.5: what a close frame holds besides its code.
MOST_REASON_BYTES = 123
TOO_MANY = (
    "Too many concurrent requests. Your current subscription is associated with a maximum of 2 concurrent requests "
    "(running in parallel). Please upgrade your subscription or contact sales if you want to increase this limit."
)
TRAFFIC = "We are sorry, the system is experiencing heavy traffic, please try again. Higher subscriptions have higher priority."
QUOTA = "This request exceeds your quota of 10000. You have 0 credits remaining, while 91 credits are required for it."
# Sentences of refusals that trying again does not change, with what their advice has to name.
SENTENCES = (
    ("The API key you used is missing the permission voices_read to execute this operation.", "permission voices_read"),
    ("The API key you used is missing a permission.", "permission for text to speech"),
    (
        "Unusual activity detected. Free Tier usage disabled. If you are using a proxy/VPN you might need a Paid Plan.",
        "VPN or proxy, or take a paid plan",
    ),
    ("Your subscription has a failed or incomplete payment. Complete the latest invoice to go on.", "open invoice"),
    ("This request's text has 10500 characters and exceeds the character limit of 10000 characters.", "cut the para"),
    ("Model 'eleven_flash_v2_5' does not support language_code 'fa'.", "set `language` to one that the model speaks"),
    ("Output format 'pcm_44100' is only available on the Pro tier and above", "output_format: mp3_44100_128"),
    ("MP3 with 192 kbps is only available on the Creator tier and above", "output_format: mp3_44100_128"),
    ("Free users cannot use library voices. Please upgrade your subscription to use this voice.", "a plan that"),
    ("A voice with voice_id novoice does not exist.", "check the voice's name or id"),
    ("Invalid API key. Please check your subscription.", "check ELEVENLABS_API_KEY"),
    (QUOTA, "credits"),
    ("MP3 is above the bitrate limit of your tier.", "a plan that"),
    ("Unusual activity detected: too much concurrent use of a free account.", "VPN or proxy"),
    ("This request exceeds your quota. Upgrade for more concurrent requests.", "credits"),
)
# How a refusal may come: its words, and its name where there is room for one.
CHANNELS: dict[str, Callable[[str, str], EngineError | None]] = {
    "close": lambda words, _: close_error(1008, words),
    "frame": lambda words, name: frame_error(ErrorMessage(words, name, 1008)),
    "frame, then close": lambda words, name: close_error(1008, words[:30], ErrorMessage(words, name)),
    "429": lambda words, name: http_error(429, json.dumps({"detail": {"status": name, "message": words}}).encode()),
}
NAMES = ("", "too_many_concurrent_requests", "system_busy", "rate_limited", "limit_hit", "unauthorized")
ALARMS = ("upgrade your plan", "Your subscription", "the API key", "no permission", "voice_id", "Free Tier", "payment")


def cut(words: str, count: int) -> str:
    """Cut a sentence at so many bytes, as a close frame does."""
    return words.encode()[:count].decode("utf-8", "ignore")


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
        (403, b"", RefusedError, "the voice's id, the model, and what the key and the plan allow"),
        (407, b"Proxy Authentication Required", RefusedError, "the proxy's name"),
        (404, detail("voice_not_found", "A voice was not found"), RefusedError, "voice"),
        (422, b'{"detail": [{"loc": ["q"], "msg": "field required", "type": "v"}]}', RefusedError, "settings"),
        (429, detail("too_many_concurrent_requests", "Too many"), BusyError, "fewer sockets"),
        (429, detail("concurrent_limit_exceeded", "Too many"), BusyError, "fewer sockets"),
        (429, detail("system_busy", "We are busy"), BusyError, "again"),
        (429, detail("rate_limit_exceeded", "Slow down"), BusyError, "again"),
        (429, b"", BusyError, "again"),
        (500, b"<html>oops</html>", BusyError, "again"),
        (429, detail("limit_hit", "Please upgrade your plan."), BusyError, "again"),
        (429, detail("limit_hit", QUOTA), RefusedError, "credits"),
        (503, b'{"detail": "upgrade in progress"}', BusyError, "again"),
        (302, b"", RefusedError, "base URL"),
        (402, detail("payment_required", "Upgrade for more credits and higher concurrency."), RefusedError, "plan"),
        (401, detail("quota_exceeded", "Upgrade for more concurrent requests."), RefusedError, "credits"),
        (403, detail("only_for_creator+", "The Creator plan has a higher concurrency."), RefusedError, "plan"),
        (403, b'{"detail": "This service is unavailable in your country"}', RefusedError, "check the voice"),
        (403, detail("output_format_not_allowed", "pcm_44100: the sample rate limit of a plan"), RefusedError, "mp3"),
    ],
)
def test_http_answers_have_types(status: int, body: bytes, kind: type[EngineError], advice: str) -> None:
    """The reason's name decides, then the status; the sentence says what to do."""
    error = http_error(status, body)
    assert type(error) is kind
    assert advice in str(error)


@pytest.mark.parametrize("channel", ["close", "frame", "frame, then close"])
@pytest.mark.parametrize(("words", "advice"), SENTENCES)
def test_a_sentence_alone_tells_what_to_do(words: str, advice: str, channel: str) -> None:
    """Without a name, as far as a close frame holds it, and under a name that only says that it is refused."""
    for name in ("", "unauthorized", "invalid_parameters"):
        error = CHANNELS[channel](cut(words, MOST_REASON_BYTES), name)
        assert type(error) is RefusedError
        assert advice in str(error).rpartition("; ")[2]


@given(
    st.sampled_from([TOO_MANY, TOO_MANY[30:], TRAFFIC]),
    st.integers(40, 250),
    st.sampled_from(NAMES),
    st.sampled_from(sorted(CHANNELS)),
)
def test_too_many_and_too_much_pass_wherever_they_are_cut(words: str, count: int, name: str, channel: str) -> None:
    """Their sentences end in the offer of a better subscription, which is no reason to give up."""
    assert type(CHANNELS[channel](cut(words, count), name)) is BusyError


@given(
    st.sampled_from(["concurrent requests", "Concurrency limit", "heavy traffic", "too many requests"]),
    st.lists(st.sampled_from(ALARMS), max_size=4).map(". ".join),
    st.lists(st.sampled_from(ALARMS), max_size=4).map(". ".join),
    st.sampled_from(NAMES),
    st.sampled_from(sorted(CHANNELS)),
)
def test_words_beside_it_make_no_refusal_of_it(what: str, before: str, after: str, name: str, channel: str) -> None:
    """In whatever order its sentence mentions what else there is."""
    assert type(CHANNELS[channel](f"{before} {what}. {after}", name)) is BusyError


@given(st.text(max_size=60) | st.sampled_from([words for words, _ in SENTENCES]), st.text(max_size=20))
def test_429_passes_unless_the_quota_is_used_up(words: str, name: str) -> None:
    """Whatever its words and its name are; without a known name it is waited out as a refusal for the number."""
    error = CHANNELS["429"](words, name)
    assert type(error) is (RefusedError if words == QUOTA or "quota" in (words + name).lower() else BusyError)
    for code in (1013, 429):
        assert type(frame_error(ErrorMessage(words, name, code))) is type(error)


def test_of_several_names_the_one_that_tells_the_reason_is_kept() -> None:
    """The newer name is often that of a family; 429 under names that tell nothing is 429."""

    def code(answer: int, **names: str) -> str:
        return http_error(answer, json.dumps({"detail": names}).encode()).code

    assert code(400, code="invalid_parameters", status="unsupported_language") == "unsupported_language"
    assert code(429, code="limited", status="too_many_concurrent_requests") == "too_many_concurrent_requests"
    assert code(401, code="unauthorized", message="Who?") == "unauthorized"
    assert code(429, code="limited", message="Please upgrade your plan.") == "429"
    said = http_error(401, detail("unauthorized", "The API key is missing the permission voices_read to do this."))
    assert str(said).endswith("; give the key the permission voices_read")


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
