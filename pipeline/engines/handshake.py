"""The path and query of a speech socket's handshake → what it asks for, or the answer that refuses it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from pipeline.codecs import parse_output_format
from pipeline.engines.generation import DEFAULT_FORMAT, Terms
from pipeline.errors import SettingError

_PATH = re.compile(r"(?:/[^/]+)*?/v1/text-to-speech/(?P<voice>[^/]+)/stream-input")
# The dialogue socket speaks these; this one does not.
NOT_SERVED = ("eleven_v3", "eleven_v4", "eleven_multilingual_v1", "eleven_monolingual_v1")
MOST_INACTIVITY = 180


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
    query = dict(parse_qsl(asked, keep_blank_values=True))
    _check_model(query.get("model_id", ""))
    return Terms(
        voice=unquote(found["voice"]),
        language=query.get("language_code") or "en",
        output_format=_output_format(query),
        in_sync=_flag(query, "sync_alignment"),
        auto_mode=_flag(query, "auto_mode"),
        inactivity_timeout=_inactivity_timeout(query),
    )


def _check_model(model: str) -> None:
    if model.startswith(NOT_SERVED) or (model and not model.startswith("eleven_")):
        raise _invalid("model_id", f"The model {model!r} is not served by this endpoint")


def _output_format(query: Mapping[str, str]) -> str:
    name = query.get("output_format") or DEFAULT_FORMAT
    try:
        return parse_output_format(name).name
    except SettingError as error:
        raise _invalid("output_format", str(error)) from None


def _inactivity_timeout(query: Mapping[str, str]) -> float:
    given = query.get("inactivity_timeout") or "20"
    if not (given.isascii() and given.isdigit() and 0 < int(given[:9]) <= MOST_INACTIVITY):
        raise _invalid("inactivity_timeout", f"inactivity_timeout takes seconds from 1 to {MOST_INACTIVITY}")
    return int(given)


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in {"true", "1"}


def _invalid(parameter: str, message: str) -> RefusedHandshakeError:
    return RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("invalid_parameters", message, parameter))


def detail(code: str, message: str, parameter: str | None = None) -> str:
    """Compose the body of a refusal as the service does: JSON that names the reason and says it in words."""
    reason = {"type": "validation_error", "code": code, "message": message, "status": code, "param": parameter}
    return json.dumps({"detail": reason})
