"""`NAME[=VALUE][,every=N][,chance=P][,seed=S]` → a fault that the server is to make, frozen.

They are the ways in which the service, and the network before it, have been seen to fail, so that the author of a
client can try it against each of them. What they do is told by `TABLE`, which is also their help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from pipeline.engines.clocks import TimeBase
from pipeline.errors import UsageError
from pipeline.protocol.messages import ErrorMessage
from pipeline.settings import nearest

Value = str | int


@dataclass(frozen=True, slots=True)
class Occasions:
    """Which of the occasions of a fault it takes: each `every`-th, and of these each with a `chance`, by a `seed`."""

    every: int = 1
    chance: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its name in `TABLE`, its value, when it is made."""

    name: str
    value: Value = ""
    when: Occasions = Occasions()


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults that a server makes."""

    all: tuple[Fault, ...] = ()

    def named(self, *names: str) -> tuple[Fault, ...]:
        """Those of these names."""
        return tuple(fault for fault in self.all if fault.name in names)


@dataclass(frozen=True, slots=True)
class _Row:
    """A kind of fault: the value it takes (`shape`), what that is when none is given, and what happens."""

    shape: str
    default: Value | None
    read: Callable[[str], Value]
    help: str


# A server that makes none.
NO_FAULTS = Faults()


# ── error frames and answers ───────────────────────────────────────────────────────────────────────────────────────

# Words and close codes of error frames, as users of the service have reported them.
ERRORS: Mapping[str, ErrorMessage] = {
    each.error: each
    for each in (
        ErrorMessage("The system is busy, please try again later.", "system_busy", 1008),
        ErrorMessage("Too many concurrent requests.", "too_many_concurrent_requests", 1008),
        ErrorMessage("Too many concurrent requests.", "concurrent_limit_exceeded", 1008),
        ErrorMessage("Too many requests.", "rate_limit_exceeded", 1008),
        ErrorMessage("This request exceeds your quota.", "quota_exceeded", 1008),
        ErrorMessage("Invalid API key.", "invalid_api_key", 1008),
        ErrorMessage("The voice was not found.", "voice_not_found", 1008),
        ErrorMessage("Invalid message.", "invalid_input_message", 1008),
        ErrorMessage("No input within the timeout.", "input_timeout_exceeded", 1008),
        ErrorMessage(
            "Maximum simultaneous contexts per WebSocket connection exceeded (5)", "max_active_conversations", 1008
        ),
        ErrorMessage("Something went wrong. You were not charged.", "something_went_wrong", 1008),
        ErrorMessage("An internal error occurred.", "internal_server_error", 1011),
    )
}
# Names under which 429 has come: the older documents', then the newer ones'.
BUSY_NAMES = ("too_many_concurrent_requests", "system_busy", "concurrent_limit_exceeded", "rate_limit_exceeded")


def error_of(fault: Fault) -> tuple[ErrorMessage, int]:
    """The error frame of `error` or `busy`, and after how many bytes it comes."""
    name, _, after = str(fault.value).partition("@")
    name = "system_busy" if fault.name == "busy" else name
    after = str(fault.value) if fault.name == "busy" else after
    found = ERRORS.get(name, ErrorMessage(f"The request failed ({name}).", name, 1008))
    return found, int(after or 0)


# ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("takes a whole number")
    return int(text)


def _nothing(_: str) -> str:
    raise ValueError("takes no value")


def _status(text: str) -> int:
    if not (text in {str(int(status)) for status in HTTPStatus} and text.startswith("5")):
        raise ValueError("takes an HTTP status from 500 to 511")
    return int(text)


def _busy_name(text: str) -> str:
    if text not in BUSY_NAMES:
        raise ValueError(f"takes one of {', '.join(BUSY_NAMES)}")
    return text


def _error(text: str) -> str:
    name, at, after = text.partition("@")
    if not name or (at and not (after.isascii() and after.isdigit())):
        raise ValueError("takes a name, or NAME@BYTES")
    return text


def _base(text: str) -> str:
    names = [base.value for base in TimeBase]
    if text not in names:
        raise ValueError(f"takes one of {', '.join(names)}")
    return text


TABLE: Mapping[str, _Row] = {
    "drop-after": _Row("BYTES", None, _count, "the connection breaks once so many bytes of messages were sent"),
    "stall-after": _Row("BYTES", None, _count, "after so many bytes nothing more is sent, but the connection stays"),
    "http-429": _Row(
        "NAME",
        "concurrent_limit_exceeded",
        _busy_name,
        f"the request is answered 429, by one of the names {', '.join(BUSY_NAMES)}",
    ),
    "http-5xx": _Row("STATUS", 503, _status, "the request is answered with this status"),
    "busy": _Row("BYTES", 0, _count, "an error frame `system_busy` after so many bytes, then 1008"),
    "error": _Row("NAME[@BYTES]", None, _error, f"an error frame, then its close code: {', '.join(ERRORS)}, or any"),
    "null-alignments": _Row("", "", _nothing, "messages carry sound and no times"),
    "time-base": _Row(
        "BASE", None, _base, f"times start at another zero: {', '.join(base.value for base in TimeBase)}"
    ),
    "split-words": _Row("", "", _nothing, "a message is sent as two, cut inside a word"),
    "no-final": _Row("", "", _nothing, "the final frame is left out"),
    "truncate-alignment": _Row("", "", _nothing, "the second half of a message's characters is missing"),
    "repeat-alignment": _Row("", "", _nothing, "a message's characters come again before those of the next one"),
    "clock-jump": _Row("MS", 5000, _count, "from a message on, times are so much later"),
    "audio-without-alignment": _Row("", "", _nothing, "a message's times never come"),
    "alignment-without-audio": _Row("", "", _nothing, "a message's times come in a message of their own"),
    "wrong-base64": _Row("", "", _nothing, "the sound of a message cannot be decoded"),
}
MODIFIERS = ("every", "chance", "seed")


def fault_rows() -> list[tuple[str, str]]:
    """How each fault is written, and what it does."""
    return [(_written(name, row), row.help) for name, row in TABLE.items()]


def _written(name: str, row: _Row) -> str:
    if not row.shape:
        return name
    return f"{name}={row.shape}" if row.default is None else f"{name}[={row.shape}]"


def parse_faults(written: Iterable[str]) -> Faults:
    """Read faults as `--fault` takes them. `every`, `chance` and `seed` alone hold for all that do not say their own.

    Raises UsageError with what would be right.
    """
    parsed = [_Parsed.of(text) for text in written]
    common = Occasions()
    for each in parsed:
        if each.fault is None:
            common = _modified(common, each.modifiers)
    return Faults(
        tuple(replace(each.fault, when=_modified(common, each.modifiers)) for each in parsed if each.fault is not None)
    )


@dataclass(frozen=True, slots=True)
class _Parsed:
    fault: Fault | None
    modifiers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> _Parsed:
        parts = [part.strip() for part in text.split(",")]
        modifiers = dict(_pair(part) for part in parts if _pair(part)[0] in MODIFIERS)
        named = [part for part in parts if _pair(part)[0] not in MODIFIERS]
        if len(named) > 1:
            raise UsageError(f"the fault {text!r} names two faults: give each its own --fault")
        return cls(_fault(named[0]) if named else None, modifiers)


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _fault(part: str) -> Fault:
    name, given = _pair(part)
    row = TABLE.get(name)
    if row is None:
        raise UsageError(f"there is no fault {name!r}{nearest(name, TABLE)}; `cueline serve --help` lists them")
    if not given:
        if row.default is None:
            raise UsageError(f"the fault {name} needs a value: {name}={row.shape}")
        return Fault(name, row.default)
    try:
        return Fault(name, row.read(given))
    except ValueError as error:
        raise UsageError(f"the fault {name} {error}, not {given!r}") from None


def _modified(when: Occasions, modifiers: Mapping[str, str]) -> Occasions:
    for name, value in modifiers.items():
        when = replace(when, **{name: _modifier(name, value)})  # type: ignore[arg-type]  # each of its own type
    return when


def _modifier(name: str, text: str) -> float:
    try:
        value = float(text) if name == "chance" else _count(text)
    except ValueError:
        value = -1
    if not {"every": value >= 1, "chance": 0 <= value <= 1, "seed": value >= 0}[name]:
        right = {"every": "a whole number from 1", "chance": "a number from 0 to 1", "seed": "a whole number"}[name]
        raise UsageError(f"{name} of a fault takes {right}, not {text!r}")
    return value
