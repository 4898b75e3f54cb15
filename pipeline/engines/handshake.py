"""The path and query of a handshake or of a request → what it asks for, or the answer that refuses it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from pipeline.codecs import parse_output_format
from pipeline.engines.clocks import TimeBase
from pipeline.engines.models import is_of_dialogues
from pipeline.errors import SettingError


class Socket(Enum):
    """The sockets of the service, by the end of their path."""

    SPEECH = "text-to-speech/stream-input"
    CONTEXTS = "text-to-speech/multi-stream-input"
    DIALOGUE = "text-to-dialogue/stream-input"
    DIALOGUES = "text-to-dialogue/multi-stream-input"


_PATH = re.compile(
    r"(?:/[^/]+)*?/v1/(?:text-to-speech/(?P<voice>[^/]+)|text-to-dialogue)/(?P<socket>(?:multi-)?stream-input)"
)
# Models that no socket speaks.
NOT_SERVED = ("eleven_multilingual_v1", "eleven_monolingual_v1")
# What a client gets that does not say.
DEFAULT_FORMAT = "mp3_44100_128"
MOST_INACTIVITY = 180
# Of a dialogue's socket it is fixed, in seconds.
DIALOGUE_INACTIVITY = 20
MOST_SEED = 4294967295
# The widest range of speeds that has been documented for the service: beyond it a sentence has no end, or no sound.
SLOWEST, FASTEST = 0.25, 4.0

# What booleans are in a query, by the service's framework (pydantic's rules for text).
TRUE, FALSE = frozenset({"true", "1", "yes", "on", "t", "y"}), frozenset({"false", "0", "no", "off", "f", "n", ""})
FLAGS = (
    "enable_logging",
    "enable_ssml_parsing",
    "sync_alignment",
    "auto_mode",
    "apply_language_text_normalization",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client's handshake asks for. `voice` is the id in the path, `inactivity_timeout` is in seconds."""

    voice: str
    language: str = "en"
    output_format: str = DEFAULT_FORMAT
    in_sync: bool = False
    auto_mode: bool = False
    inactivity_timeout: float = 20
    reads_tags: bool = False
    socket: Socket = Socket.SPEECH

    @property
    def is_dialogue(self) -> bool:
        """Whether its lines name their voices."""
        return self.socket in {Socket.DIALOGUE, Socket.DIALOGUES}

    @property
    def base(self) -> TimeBase:
        """The clock of its times."""
        if self.is_dialogue:
            return TimeBase.MESSAGE
        return TimeBase.SESSION if self.in_sync else TimeBase.GENERATION


class RefusedHandshakeError(Exception):
    """The handshake is answered with this status and body instead."""

    def __init__(self, status: HTTPStatus, body: str = "") -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def terms_of(target: str) -> Terms:
    """Read the path and query of a handshake. Unknown parameters mean nothing. Raises RefusedHandshakeError."""
    path, _, asked = target.partition("?")
    found = _PATH.fullmatch(path)
    if found is None:
        raise RefusedHandshakeError(HTTPStatus.NOT_FOUND, detail("not_found", "there is no such address here"))
    kind = "text-to-dialogue" if found["voice"] is None else "text-to-speech"
    socket = Socket(f"{kind}/{found['socket']}")
    query = query_of(asked)
    is_dialogue = found["voice"] is None
    _check_model(query.get("model_id", ""), is_dialogue)
    return Terms(
        voice=unquote(found["voice"] or ""),
        language=query.get("language_code") or "en",
        output_format=output_format_of(query),
        in_sync=flag(query, "sync_alignment"),
        auto_mode=flag(query, "auto_mode") and not is_dialogue,
        inactivity_timeout=DIALOGUE_INACTIVITY if is_dialogue else _inactivity_timeout(query),
        reads_tags=flag(query, "enable_ssml_parsing") and not is_dialogue,
        socket=socket,
    )


def query_of(asked: str) -> dict[str, str]:
    """Read a query and check what every request may say in it. Raises RefusedHandshakeError."""
    query = dict(parse_qsl(asked, keep_blank_values=True))
    for name in FLAGS:
        flag(query, name)
    _check_number(query, "seed", MOST_SEED)
    _check_number(query, "optimize_streaming_latency", 4)
    if query.get("apply_text_normalization", "auto") not in {"auto", "on", "off", ""}:
        raise invalid("apply_text_normalization", "apply_text_normalization takes auto, on or off")
    return query


def flag(query: Mapping[str, str], name: str) -> bool:
    """Read a boolean, false where it is not given. Raises RefusedHandshakeError."""
    given = query.get(name, "").lower()
    if given not in TRUE | FALSE:
        raise invalid(name, f"{name} takes true or false")
    return given in TRUE


def is_speed(speed: float) -> bool:
    """Whether one can speak at this speed."""
    return SLOWEST <= speed <= FASTEST


def output_format_of(query: Mapping[str, str]) -> str:
    """Name the format that is asked for. Raises RefusedHandshakeError."""
    name = query.get("output_format") or DEFAULT_FORMAT
    try:
        return parse_output_format(name).name
    except SettingError as error:
        raise invalid("output_format", str(error)) from None


def _check_model(model: str, is_dialogue: bool) -> None:  # noqa: FBT001  # a fact of the socket
    is_served = is_of_dialogues(model) == is_dialogue and not model.startswith(NOT_SERVED)
    if model and not (is_served and model.startswith("eleven_")):
        raise invalid("model_id", f"The model {model!r} is not served by this endpoint")


def _inactivity_timeout(query: Mapping[str, str]) -> float:
    given = query.get("inactivity_timeout") or "20"
    if not (given.isascii() and given.isdigit() and 0 < int(given[:9]) <= MOST_INACTIVITY):
        raise invalid("inactivity_timeout", f"inactivity_timeout takes seconds from 1 to {MOST_INACTIVITY}")
    return int(given)


def _check_number(query: Mapping[str, str], name: str, most: int) -> None:
    given = query.get(name) or "0"
    if not (given.isascii() and given.isdigit() and int(given[:12]) <= most):
        raise invalid(name, f"{name} takes a whole number from 0 to {most}")


def invalid(parameter: str, message: str) -> RefusedHandshakeError:
    """Refuse a parameter."""
    return RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("invalid_parameters", message, parameter))


def detail(code: str, message: str, parameter: str | None = None, kind: str = "validation_error") -> str:
    """Compose the body of a refusal as the service does: JSON that names the reason and says it in words."""
    reason = {"type": kind, "code": code, "message": message, "status": code, "param": parameter}
    return json.dumps({"detail": reason})
