"""JSON text of a socket ↔ its fields: what every kind of message is read and written with.

Whatever comes is an object of the record asked for or a RemoteProtocolError, in time that grows with its length only.
"""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from pipeline.errors import RemoteProtocolError
from pipeline.protocol.messages import SentSettings

Number = int | float
# Some clients write 0 and 1 for false and true, and every socket takes null for either.
Flag = bool | int | None
# No number of a message is farther off than this (as milliseconds eleven days); beyond it a float may not hold it.
FARTHEST = 1_000_000_000
_FINITE = frozenset({int, str, bool, type(None)})

_Record = TypeVar("_Record", bound=msgspec.Struct)


class SettingsRecord(msgspec.Struct):
    """Voice settings of any socket."""

    stability: Number | None = None
    similarity_boost: Number | None = None
    style: Number | None = None
    use_speaker_boost: Flag = None
    speed: Number | None = None
    clone_strength: Number | None = None


class LocatorRecord(msgspec.Struct):
    """A pronunciation dictionary."""

    pronunciation_dictionary_id: str
    version_id: str | None = None


class SecretsRecord(msgspec.Struct):
    """Who asks, for clients that send no header: the reference writes the key with hyphens, the guide does not."""

    key_hyphen: str | None = msgspec.field(default=None, name="xi-api-key")
    key_underscore: str | None = msgspec.field(default=None, name="xi_api_key")
    authorization: str | None = None
    single_use_token: str | None = None

    @property
    def key(self) -> str | None:
        """The key, whichever name it came under."""
        return self.key_hyphen or self.key_underscore


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object. Raises RemoteProtocolError for whatever is none."""
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise RemoteProtocolError(f"a message that is no JSON came over the socket ({error})") from None
    if not isinstance(frame, dict):
        raise RemoteProtocolError(f"a message came over the socket that is no JSON object but a {type(frame).__name__}")
    return frame


def read_record(frame: Mapping[str, Any], record: type[_Record]) -> _Record:
    """Read the fields of an object that `record` names. Raises RemoteProtocolError for one of another type."""
    try:
        return msgspec.convert(frame, record)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        raise RemoteProtocolError(f"a message of a wrong shape came over the socket ({error})") from None


def read_settings(record: SettingsRecord | None) -> SentSettings | None:
    """Read voice settings. Raises RemoteProtocolError for a number that is none."""
    if record is None:
        return None
    numbers = (record.stability, record.similarity_boost, record.style, record.speed)
    check_numbers("voice settings", [number for number in numbers if number is not None])
    boost = None if record.use_speaker_boost is None else bool(record.use_speaker_boost)
    return SentSettings(record.stability, record.similarity_boost, record.style, boost, record.speed)


def read_locators(records: Sequence[LocatorRecord] | None) -> tuple[tuple[str, str | None], ...]:
    """Read pronunciation dictionaries as pairs of id and version."""
    return tuple((each.pronunciation_dictionary_id, each.version_id) for each in records or ())


def check_numbers(what: str, numbers: Sequence[Number]) -> None:
    """Raise RemoteProtocolError when one of them is farther off than anything of a speech can be."""
    if numbers and not -FARTHEST <= min(numbers) <= max(numbers) <= FARTHEST:
        raise RemoteProtocolError(f"{what} came over the socket with a number that no speech can have")


def read_audio(text: str) -> bytes:
    """Decode base64 that may be broken into lines, left without its padding, or in the alphabet for addresses.

    Raises RemoteProtocolError for anything else: damage is not passed off as sound.
    """
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError as error:
        raise RemoteProtocolError(f"sound came over the socket that is no base64 ({error})") from None


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_object(fields: Mapping[str, object]) -> str:
    """Write a JSON object as ASCII on one line. Raises ValueError for a number that JSON cannot write."""
    plain = _plainly_written(fields)
    return plain or json.dumps(fields, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _plainly_written(fields: Mapping[str, object]) -> str | None:
    """Write what needs no escape but the usual ones, as a frame of sound does; None for what does, or is none of JSON.

    It takes a sixth of the time, and escapes nothing beyond what JSON must (RFC 8259 7).
    """
    if not all(map(_is_finite, fields.values())):
        return None
    try:
        text = msgspec.json.encode(fields)
    except (TypeError, ValueError, OverflowError):
        return None
    return text.decode("ascii") if text.isascii() and b"\x7f" not in text else None


def _is_finite(value: object) -> bool:
    """Whether no number in it is infinite or none: msgspec would write null for it."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return {*map(type, value)} <= _FINITE or all(map(_is_finite, value))
    return True


def write_audio(audio: bytes) -> str:
    """Write sound as base64."""
    return binascii.b2a_base64(audio, newline=False).decode("ascii")


def settings_fields(settings: SentSettings) -> dict[str, object]:
    """Write those voice settings that are given."""
    names = SentSettings.__dataclass_fields__
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def locator_fields(dictionaries: Sequence[tuple[str, str | None]]) -> list[dict[str, object]]:
    """Write pairs of a pronunciation dictionary's id and version."""
    return [{"pronunciation_dictionary_id": identifier, "version_id": version} for identifier, version in dictionaries]
