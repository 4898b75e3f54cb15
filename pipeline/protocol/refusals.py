"""Error frames, close codes, HTTP answers → typed errors with the service's own words and what to do.

Names of reasons are those of the service's error pages and of answers that its users have reported. The same reason
comes under several names, under one that names only a family of them (`unauthorized`), and often under none: so it is
looked for in the names and the words together, and where neither tells it, the close code or the HTTP status does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Reason:
    """A pattern of its names and its words, the error it is, and what to do, with the pattern's groups by name."""

    pattern: str
    kind: type[EngineError]
    advice: str


# A refusal for the number of what is under way. Its sentence ends in the offer of a better subscription.
TOO_MANY_AT_ONCE = r"concurren|subscription is associated|max_active_conversations|simultaneous contexts"

# The first that is found holds. What is particular stands before what is general: nearly every sentence may speak of
# a plan, a subscription or more at once as the way out, and many of the key.
REASONS: tuple[Reason, ...] = (
    Reason(
        r"quota_exceeded|exceeds your quota|not_enough_credits|credits? (remain|left)|insufficient_credits",
        RefusedError,
        _QUOTA,
    ),
    Reason(
        r"unusual[_ ]activity|free tier usage disabled|abuse detect",
        RefusedError,
        "turn off a VPN or proxy, or take a paid plan",
    ),
    Reason(r"payment_issue|(failed|incomplete) payment|latest invoice", RefusedError, "pay the account's open invoice"),
    Reason(r"paid_plan_required|payment_required|only_for_creator", RefusedError, _PLAN),
    Reason(TOO_MANY_AT_ONCE, BusyError, _LATER),
    Reason(
        r"(?<![a-z])(?<!bit[_ ])(?<!sample[_ ])rate[_ ]limit|too[_ ]many[_ ]requests|system(_| is )busy|overloaded"
        r"|service[_ ](is )?(temporarily )?unavailable(?! in )|heavy traffic|system is experiencing",
        BusyError,
        _LATER,
    ),
    Reason(r"quota", RefusedError, _QUOTA),
    Reason(
        r"permissions?[ :'\"`]{1,3}(?P<permission>[a-z]+(_[a-z]+)+)",
        RefusedError,
        "give the key the permission {permission}",
    ),
    Reason(r"permission", RefusedError, "give the key the permission for text to speech"),
    Reason(r"invalid[_ ]api[_ ]key", RefusedError, _KEY),
    Reason(
        r"unsupported_language|language_not_supported|not support (the )?language|language_code",
        RefusedError,
        "set `language` to one that the model speaks, or choose another model",
    ),
    Reason(
        r"output[_ ]format|\b(pcm|mp3|wav|opus|ulaw|alaw)_\d|192 ?kb|44[.,]1 ?khz",
        RefusedError,
        "set `output_format: mp3_44100_128`, which is open to every plan",
    ),
    Reason(
        r"max_character_limit|text_too_long|too many characters|character limit|text has \d+ characters",
        RefusedError,
        "cut the paragraph into shorter ones",
    ),
    Reason(r"voice_not_found|voice_id|no such voice|voice .{0,40}(not exist|not found)", RefusedError, _VOICE),
    Reason(
        r"subscription|upgrade|library voices|only available (on|to)|\b(plan|tier)\b",
        RefusedError,
        _PLAN,
    ),
    # This comes as a refusal (1008) but tells of an accident: the same text goes through the next time.
    Reason(r"something[_ ]went[_ ]wrong|internal_server_error|internal error", BusyError, _AGAIN),
    Reason(r"input_timeout_exceeded|within the timeout", ConnectionLostError, _AGAIN),
    Reason(r"voice_settings", RefusedError, "send voice settings in the first message only"),
    # A name of this kind comes with a missing permission too, and nearly every sentence may mention the key.
    Reason(r"api[ _-]?key|unauthorized|authenticat|needs_authorization", RefusedError, _KEY),
)

# What is answered with "later" passes, whatever the words offer as the way out; only a quota that is used up does not.
_PASSING = frozenset({425, 429, 1013})
_REASONS_OF_PASSING = tuple(row for row in REASONS if row.kind is BusyError or row.advice == _QUOTA)
_REASONS_OF_FAULTS = tuple(row for row in REASONS if row.kind is not RefusedError)
# What one of these answers is not for now but for good, whatever its words promise beyond it.
_LASTING = frozenset({401, 402, 403, 404, 422})
_REASONS_OF_REFUSALS = tuple(row for row in REASONS if row.kind is RefusedError)

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
    # With an empty body: an unknown voice, a model that is not spoken there, or what the key or the plan lacks.
    403: (RefusedError, "check the voice's id, the model, and what the key and the plan allow"),
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
    """Type an answer other than the handshake's: its status, and `{"detail": …}` where the body holds it.

    Where the body gives several names, `code` is the one that tells the reason; it is `429` for that status where
    none does.
    """
    names, words = _detail(body)
    name = next(iter(names), "")
    if 300 <= status < 400:
        return RefusedError(
            f"the speech service redirects elsewhere (HTTP {status}), where the key is not sent; check the base URL",
            name or str(status),
        )
    kind, advice = STATUSES.get(status, (BusyError, _LATER) if status >= 500 else (RefusedError, _REQUEST))
    if reason := _find((words, *names), _reasons_of_status(status)):
        kind, advice = reason.kind, reason.advice
        name = next((each for each in names if re.search(reason.pattern, each, re.IGNORECASE)), name)
    elif status == 429:
        name = "429"
    return kind(_sentence(f"the speech service answered HTTP {status}", words or next(iter(names), ""), advice), name)


def _reasons_of_status(status: int) -> Sequence[Reason]:
    """What may pass is told by the status, what may not by the reason: a full quota also comes as 401."""
    if status == 407:  # the words are the proxy's
        return ()
    if status in _LASTING:
        return _REASONS_OF_REFUSALS
    return _REASONS_OF_FAULTS if status >= 500 else _REASONS_OF_PASSING if status in _PASSING else REASONS


def _error(what: str, words: str, name: str, code: int) -> EngineError:
    kind, advice = CLOSE_CODES.get(code) or STATUSES.get(code) or (RefusedError, _REQUEST)
    if reason := _find((words, name), _REASONS_OF_PASSING if code in _PASSING else REASONS):
        kind, advice = reason.kind, reason.advice
    said = words or (f"close code {code}" if code else name)
    return kind(_sentence(what, said, advice), name, code)


def _find(texts: Sequence[str], reasons: Sequence[Reason]) -> Reason | None:
    """Find the first reason that any of the texts tells, with what to do in full."""
    text = "\n".join(text[:MOST_READ] for text in texts)
    for reason in reasons:
        if found := re.search(reason.pattern, text, re.IGNORECASE):
            return replace(reason, advice=reason.advice.format_map(found.groupdict()))
    return None


def _sentence(what: str, words: str, advice: str) -> str:
    line = "".join(char for char in " ".join(words[:MOST_READ].split()) if char.isprintable())
    said = (line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS].rstrip()}…").rstrip(".")
    return f"{what}: {said}; {advice}" if said else f"{what}; {advice}"


def _detail(body: bytes) -> tuple[Sequence[str], str]:
    """Find the names and the words in an error body: an object, a list of them (422), a string, or plain text."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        text = body[:300].decode("utf-8", "replace")
        return (), "" if "<" in text else text
    if isinstance(found, dict):
        found = found.get("detail", found)
    if isinstance(found, list):
        messages = [str(item.get("msg") or item.get("message") or "") for item in found if isinstance(item, dict)]
        return (), ", ".join(filter(None, messages))
    if not isinstance(found, dict):
        return (), str(found)
    # `status` is the older of the names, and often the more particular one.
    names = (found.get(key) for key in ("code", "status", "error"))
    return tuple(str(name) for name in names if name), str(found.get("message") or "")
