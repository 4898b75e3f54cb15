"""JSON text of a speech socket → frozen messages.

Reading is tolerant, because the service, its documents and its relatives disagree about spellings: keys in camel
case and snake case, `charDurationsMs` and `charsDurationsMs`, `isFinal` absent, null or a boolean, audio absent,
null or empty. Whatever comes is a message or a RemoteProtocolError.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    ServerMessage,
    SpeechMessage,
    UnknownMessage,
)

# No time of a message is farther off than eleven days: beyond it a number is damage, and may not fit a float.
FARTHEST_MS = 1_000_000_000

# ── records as they stand on the wire: every field optional, every spelling a field ────────────────────────────────

Number = int | float
Flag = bool | int | None


class _SettingsRecord(msgspec.Struct):
    stability: Number | None = None
    similarity_boost: Number | None = None
    style: Number | None = None
    use_speaker_boost: Flag = None
    speed: Number | None = None


class _ScheduleRecord(msgspec.Struct):
    chunk_length_schedule: list[Number] | None = None


class _LocatorRecord(msgspec.Struct):
    pronunciation_dictionary_id: str
    version_id: str | None = None


class _ClientRecord(msgspec.Struct):
    text: str | None = None
    voice_settings: _SettingsRecord | None = None
    generation_config: _ScheduleRecord | None = None
    generator_config: _ScheduleRecord | None = None
    pronunciation_dictionary_locators: list[_LocatorRecord] | None = None
    key_hyphen: str | None = msgspec.field(default=None, name="xi-api-key")
    key_underscore: str | None = msgspec.field(default=None, name="xi_api_key")
    authorization: str | None = None
    try_trigger_generation: Flag = None
    flush: Flag = None


class _AlignmentRecord(msgspec.Struct):
    chars: list[str] | None = None
    characters: list[str] | None = None
    starts_camel: list[Number] | None = msgspec.field(default=None, name="charStartTimesMs")
    starts_plural: list[Number] | None = msgspec.field(default=None, name="charsStartTimesMs")
    char_start_times_ms: list[Number] | None = None
    chars_start_times_ms: list[Number] | None = None
    durations_camel: list[Number] | None = msgspec.field(default=None, name="charDurationsMs")
    durations_plural: list[Number] | None = msgspec.field(default=None, name="charsDurationsMs")
    char_durations_ms: list[Number] | None = None
    chars_durations_ms: list[Number] | None = None


class _SpeechRecord(msgspec.Struct):
    audio: str | None = None
    is_final_camel: Flag = msgspec.field(default=None, name="isFinal")
    is_final: Flag = None
    alignment: _AlignmentRecord | None = None
    normalized_camel: _AlignmentRecord | None = msgspec.field(default=None, name="normalizedAlignment")
    normalized_alignment: _AlignmentRecord | None = None


_SPEECH_KEYS = frozenset({"audio", "isFinal", "is_final", "alignment", "normalizedAlignment", "normalized_alignment"})
_Record = TypeVar("_Record", bound=msgspec.Struct)

# ── text → messages ────────────────────────────────────────────────────────────────────────────────────────────────


def parse_server_message(text: str | bytes) -> ServerMessage:
    """Read one frame of the server. Raises RemoteProtocolError for whatever is no JSON object of a sound shape."""
    frame = _object(text)
    if (error := _error_message(frame)) is not None:
        return error
    if not _SPEECH_KEYS & frame.keys():
        return UnknownMessage(tuple(sorted(frame)))
    record = _typed(frame, _SpeechRecord)
    chunk = SpeechChunk(
        _audio(record.audio or ""),
        _alignment(record.alignment),
        _alignment(record.normalized_camel or record.normalized_alignment),
    )
    is_final = record.is_final_camel or record.is_final
    return FinalMessage(chunk) if is_final else SpeechMessage(chunk)


def parse_first_message(text: str | bytes) -> InitializeConnection | CloseConnection:
    """Read the message that opens a socket; the empty text closes it at once. Raises RemoteProtocolError."""
    record = _client_record(text)
    if record.text == "":
        return CloseConnection()
    locators = record.pronunciation_dictionary_locators or []
    return InitializeConnection(
        text=cast("str", record.text),
        voice_settings=_settings(record.voice_settings),
        schedule=_schedule(record),
        dictionaries=tuple((each.pronunciation_dictionary_id, each.version_id) for each in locators),
        key=record.key_hyphen or record.key_underscore,
        authorization=record.authorization,
        try_trigger_generation=bool(record.try_trigger_generation),
        flush=bool(record.flush),
    )


def parse_text_message(text: str | bytes) -> SendText | KeepAlive | CloseConnection:
    """Read any later message of the client. Raises RemoteProtocolError."""
    record = _client_record(text)
    if record.text == "":
        return CloseConnection()
    message = SendText(
        cast("str", record.text),
        bool(record.flush),
        bool(record.try_trigger_generation),
        _settings(record.voice_settings),
        _schedule(record),
    )
    return KeepAlive() if message == SendText(" ") else message


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise RemoteProtocolError(f"a message that is no JSON came over the socket ({error})") from None
    if not isinstance(frame, dict):
        raise RemoteProtocolError(f"a message came over the socket that is no JSON object but a {type(frame).__name__}")
    return frame


def _typed(frame: Mapping[str, Any], record: type[_Record]) -> _Record:
    try:
        return msgspec.convert(frame, record)
    except (msgspec.ValidationError, OverflowError) as error:
        raise RemoteProtocolError(f"a message of a wrong shape came over the socket ({error})") from None


def _client_record(text: str | bytes) -> _ClientRecord:
    record = _typed(_object(text), _ClientRecord)
    if record.text is None:
        raise RemoteProtocolError("a message came over the socket without the field `text`")
    return record


def _settings(record: _SettingsRecord | None) -> SentSettings | None:
    if record is None:
        return None
    boost = None if record.use_speaker_boost is None else bool(record.use_speaker_boost)
    return SentSettings(record.stability, record.similarity_boost, record.style, boost, record.speed)


def _schedule(record: _ClientRecord) -> tuple[float, ...] | None:
    """Find the schedule under either name: the reference says `generator_config` after the first message."""
    config = record.generation_config or record.generator_config
    return tuple(config.chunk_length_schedule) if config and config.chunk_length_schedule else None


def _error_message(frame: Mapping[str, Any]) -> ErrorMessage | None:
    """Read an error frame: `{"message", "error", "code"}`, with any of them missing, nested or of another type."""
    detail = next((frame[key] for key in ("detail", "error") if isinstance(frame.get(key), dict)), frame)
    named, words, code = detail.get("error"), detail.get("message"), detail.get("code")
    is_of_another_kind = bool(_SPEECH_KEYS & frame.keys()) or "type" in frame
    if not named and (words is None or (code is None and is_of_another_kind)):
        return None
    name = named if isinstance(named, str) else code if isinstance(code, str) else detail.get("status")
    return ErrorMessage(
        message=str(words or named),
        error=name if isinstance(name, str) else "",
        code=code if isinstance(code, int) and 0 <= code < 65536 else 0,
    )


def _audio(text: str) -> bytes:
    """Decode base64 that may be broken into lines, left without its padding, or in the alphabet for addresses."""
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError as error:
        raise RemoteProtocolError(f"sound came over the socket that is no base64 ({error})") from None


def _alignment(record: _AlignmentRecord | None) -> Alignment | None:
    """Read three lists of one length; durations that are missing reach to the next start. None for no characters."""
    if record is None:
        return None
    chars = record.chars or record.characters
    if not chars:
        return None
    starts = (
        record.starts_camel or record.starts_plural or record.char_start_times_ms or record.chars_start_times_ms or []
    )
    durations = (
        record.durations_camel or record.durations_plural or record.char_durations_ms or record.chars_durations_ms
    )
    if durations is None:
        durations = [after - start for start, after in zip(starts, [*starts[1:], *starts[-1:]], strict=True)]
    if not len(chars) == len(starts) == len(durations):
        lengths = f"{len(chars)} characters, {len(starts)} starts and {len(durations)} durations"
        raise RemoteProtocolError(f"character times of different lengths came over the socket: {lengths}")
    if any(abs(time) > FARTHEST_MS for time in (*starts, *durations)):
        raise RemoteProtocolError("a character time came over the socket that no speech can have")
    return Alignment(tuple(chars), tuple(starts), tuple(durations))
