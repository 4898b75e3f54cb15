"""Error frames, close codes, HTTP answers → typed errors with the service's own words and what to do.

Names of reasons are those of the service's error pages and of frames that its users have reported. A reason is
looked for by its name first, then by words of its sentence, then by the close code or the HTTP status: the same
reason comes under several names, and often under none.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pipeline.errors import BusyError, ConnectionLostError, EngineError, RefusedError
from pipeline.protocol.messages import ErrorMessage

_LATER = "try again in a while, or with fewer sockets at once"
_AGAIN = "try again"
_KEY = "check ELEVENLABS_API_KEY"
_QUOTA = "wait for the quota to renew, or get more credits"
_PLAN = "choose another voice, model or output format, or a plan that allows it"
_VOICE = "check the voice's name or id"
_REQUEST = "check the voice, the model and the settings"

# Characters of the service's own words that are repeated: its sentences are shorter, a page of an error is not.
MOST_WORDS = 400
# Characters of them that a reason is looked for in: patterns over a message of megabytes would take minutes.
MOST_READ = 4000

# (pattern of a reason's name or words, the error it is, what to do): the first that is found holds.
REASONS: tuple[tuple[str, type[EngineError], str], ...] = (
    (r"quota|not_enough_credits|credits? (remain|left)|insufficient_credits", RefusedError, _QUOTA),
    (r"invalid_api_key|api[ _-]?key|unauthorized|authenticat|needs_authorization", RefusedError, _KEY),
    (r"missing_permissions|permission", RefusedError, "give the key the permission for text to speech"),
    (r"voice_not_found|voice_id|no such voice|voice .{0,40}(not exist|not found)", RefusedError, _VOICE),
    (r"paid_plan_required|payment_required|only_for_creator|subscription|upgrade|\b(plan|tier)\b", RefusedError, _PLAN),
    (r"max_character_limit|text_too_long|too many characters", RefusedError, "cut the paragraph into shorter ones"),
    (
        r"too_many_concurrent|concurrent_limit|concurren|max_active_conversations|simultaneous contexts",
        BusyError,
        _LATER,
    ),
    (r"rate_limit|too_many_requests|system_busy|service_unavailable|heavy traffic|overloaded", BusyError, _LATER),
    # This comes as a refusal (1008) but tells of an accident: the same text goes through the next time.
    (r"something went wrong|internal_server_error|internal error", BusyError, _AGAIN),
    (r"input_timeout_exceeded|within the timeout", ConnectionLostError, _AGAIN),
    (r"voice_settings", RefusedError, "send voice settings in the first message only"),
)

# RFC 6455 7.4.1 and the IANA registry of close codes.
CLOSE_CODES: dict[int, tuple[type[EngineError], str]] = {
    1000: (ConnectionLostError, _AGAIN),
    1001: (ConnectionLostError, _AGAIN),
    1002: (RefusedError, _REQUEST),
    1003: (RefusedError, _REQUEST),
    1005: (ConnectionLostError, _AGAIN),
    1006: (ConnectionLostError, "check the network and try again"),
    1007: (RefusedError, _REQUEST),
    1008: (RefusedError, _REQUEST),
    1009: (RefusedError, "choose a model that goes with the voice, or cut the paragraph into shorter ones"),
    1010: (RefusedError, _REQUEST),
    1011: (ConnectionLostError, _AGAIN),
    1012: (ConnectionLostError, _AGAIN),
    1013: (BusyError, _LATER),
    1014: (ConnectionLostError, _AGAIN),
    1015: (ConnectionLostError, "check the network and try again"),
}

STATUSES: dict[int, tuple[type[EngineError], str]] = {
    401: (RefusedError, _KEY),
    402: (RefusedError, _PLAN),
    # An unknown voice is refused with 403 and an empty body.
    403: (RefusedError, "check the voice's id, and what the key and the plan allow"),
    404: (RefusedError, "check the voice's id and the base URL"),
    407: (RefusedError, "check the proxy's name and password"),
    408: (ConnectionLostError, _AGAIN),
    425: (BusyError, _LATER),
    429: (BusyError, _LATER),
}


def frame_error(frame: ErrorMessage) -> EngineError:
    """Type an error frame: RefusedError, BusyError or ConnectionLostError."""
    return _error("the speech service refused", frame.message, frame.error, frame.code)


def close_error(code: int, reason: str, frame: ErrorMessage | None = None) -> EngineError | None:
    """Type the end of a connection before its speech was whole; None for 1000 without any word of an error.

    `frame` is the error frame that came before, if one did: it says more than the close reason, which is cut at
    123 bytes (RFC 6455 5.5).
    """
    if frame is not None:
        words = frame.message if len(frame.message) >= len(reason) else reason
        return _error("the speech service refused", words, frame.error, code if frame.code == 0 else frame.code)
    if code == 1000 and not reason:
        return None
    what = "the connection broke" if code in {1005, 1006, 1015} else "the speech service closed the connection"
    return _error(what, reason, "", code)


def http_error(status: int, body: bytes = b"") -> EngineError:
    """Type an answer other than the handshake's: its status, and `{"detail": …}` where the body holds it."""
    name, words = _detail(body)
    if 300 <= status < 400:
        return RefusedError(
            f"the speech service redirects elsewhere (HTTP {status}), where the key is not sent; check the base URL",
            name or str(status),
        )
    fallback = STATUSES.get(status, (BusyError, _LATER) if status >= 500 else (RefusedError, _REQUEST))
    # What may pass is told by the status, what may not by the reason: a full quota also comes as 401.
    kind, advice = _reason(name, words) or fallback
    if status >= 500 and kind is RefusedError:
        kind, advice = fallback
    return kind(_sentence(f"the speech service answered HTTP {status}", words, advice), name)


def _error(what: str, words: str, name: str, code: int) -> EngineError:
    fallback = CLOSE_CODES.get(code, (RefusedError, _REQUEST))
    kind, advice = _reason(name, words) or fallback
    said = words or (f"close code {code}" if code else name)
    return kind(_sentence(what, said, advice), name, code)


def _reason(name: str, words: str) -> tuple[type[EngineError], str] | None:
    for text in (name, words):
        for pattern, kind, advice in REASONS:
            if text and re.search(pattern, text[:MOST_READ], re.IGNORECASE):
                return kind, advice
    return None


def _sentence(what: str, words: str, advice: str) -> str:
    line = "".join(char for char in " ".join(words[:MOST_READ].split()) if char.isprintable())
    said = (line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS].rstrip()}…").rstrip(".")
    return f"{what}: {said}; {advice}" if said else f"{what}; {advice}"


def _detail(body: bytes) -> tuple[str, str]:
    """Find the name and the words in an error body: an object, a list of them (422), a string, or plain text."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        text = body[:300].decode("utf-8", "replace")
        return "", "" if "<" in text else text
    if isinstance(found, dict):
        found = found.get("detail", found)
    if isinstance(found, list):
        messages = [str(item.get("msg") or item.get("message") or "") for item in found if isinstance(item, dict)]
        return "", ", ".join(filter(None, messages))
    if not isinstance(found, dict):
        return "", str(found)
    name = found.get("code") or found.get("status") or found.get("error") or ""
    return str(name), str(found.get("message") or "")
