"""JSON text of a speech socket → frozen messages.

Reading is tolerant, because the service, its documents and its relatives disagree about spellings: keys in camel
case and snake case, `charDurationsMs` and `charsDurationsMs`, `isFinal` absent, null or a boolean, audio absent,
null or empty. Whatever comes is a message or a RemoteProtocolError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    ServerMessage,
    SpeechMessage,
    UnknownMessage,
)
from pipeline.protocol.wire import (
    Flag,
    LocatorRecord,
    Number,
    SecretsRecord,
    SettingsRecord,
    check_numbers,
    read_audio,
    read_locators,
    read_object,
    read_record,
    read_settings,
)

# ── records as they stand on the wire: every field optional, every spelling a field ────────────────────────────────


class ScheduleRecord(msgspec.Struct):
    """How much is buffered before each generation."""

    chunk_length_schedule: list[Number] | None = None


class ClientRecord(SecretsRecord):
    """Everything that a client may say on a `stream-input` socket."""

    text: str | None = None
    voice_settings: SettingsRecord | None = None
    generation_config: ScheduleRecord | None = None
    generator_config: ScheduleRecord | None = None
    pronunciation_dictionary_locators: list[LocatorRecord] | None = None
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


class _SoundRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A frame with sound and with nothing that would make it another one; its base64 is whole."""

    audio: bytes
    is_final_camel: Flag = msgspec.field(default=None, name="isFinal")
    is_final: Flag = None
    alignment: _AlignmentRecord | None = None
    normalized_camel: _AlignmentRecord | None = msgspec.field(default=None, name="normalizedAlignment")
    normalized_alignment: _AlignmentRecord | None = None
    context_camel: str | None = msgspec.field(default=None, name="contextId")
    context_id: str | None = None


_SOUND = msgspec.json.Decoder(_SoundRecord)
_SPEECH_KEYS = frozenset({"audio", "isFinal", "is_final", "alignment", "normalizedAlignment", "normalized_alignment"})

# ── text → messages ────────────────────────────────────────────────────────────────────────────────────────────────


def parse_server_message(text: str | bytes) -> ServerMessage:
    """Read one frame of the server. Raises RemoteProtocolError for whatever is no JSON object of a sound shape."""
    sound = read_sound(text)
    return sound[0] if sound else read_answer(read_object(text))


def parse_first_message(text: str | bytes) -> InitializeConnection | CloseConnection:
    """Read the message that opens a socket; the empty text closes it at once. Raises RemoteProtocolError."""
    record = _client_record(text)
    return CloseConnection() if record.text == "" else read_first(record)


def parse_text_message(text: str | bytes) -> SendText | KeepAlive | CloseConnection:
    """Read any later message of the client. Raises RemoteProtocolError."""
    record = _client_record(text)
    if record.text == "":
        return CloseConnection()
    message = read_text(record)
    return KeepAlive() if message == SendText(" ") else message


def read_sound(text: str | bytes) -> tuple[SpeechMessage | FinalMessage, str | None] | None:
    """Read a frame with sound as all services send it, hundreds a minute, in one go: the message and its context's id.

    None for any other frame, of which `read_object` and `read_answer` say what it is; they would say the same of this
    one in three times the time. Raises RemoteProtocolError for character times that are none.
    """
    try:
        record = _SOUND.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError):
        return None
    context_id = record.context_camel if record.context_id is None else record.context_id
    return _speech(record, record.audio), context_id


def read_answer(frame: Mapping[str, Any]) -> ServerMessage:
    """Read a server's fields, in any spelling. Raises RemoteProtocolError for one of a wrong type."""
    if (error := _error_message(frame)) is not None:
        return error
    if not _SPEECH_KEYS & frame.keys():
        return UnknownMessage(tuple(sorted(frame)))
    record = read_record(frame, _SpeechRecord)
    return _speech(record, read_audio(record.audio or ""))


def read_first(record: ClientRecord) -> InitializeConnection:
    """Make a first message of its record. Raises RemoteProtocolError."""
    return InitializeConnection(
        text=record.text or "",
        voice_settings=read_settings(record.voice_settings),
        schedule=_schedule(record),
        dictionaries=read_locators(record.pronunciation_dictionary_locators),
        key=record.key,
        authorization=record.authorization,
        try_trigger_generation=bool(record.try_trigger_generation),
        flush=bool(record.flush),
        single_use_token=record.single_use_token,
    )


def read_text(record: ClientRecord) -> SendText:
    """Make a later message of its record. Raises RemoteProtocolError."""
    return SendText(
        record.text or "",
        bool(record.flush),
        bool(record.try_trigger_generation),
        read_settings(record.voice_settings),
        _schedule(record),
    )


def _speech(record: _SpeechRecord | _SoundRecord, audio: bytes) -> SpeechMessage | FinalMessage:
    normalized = record.normalized_camel or record.normalized_alignment
    chunk = SpeechChunk(audio, _alignment(record.alignment), _alignment(normalized))
    return FinalMessage(chunk) if record.is_final_camel or record.is_final else SpeechMessage(chunk)


def _client_record(text: str | bytes) -> ClientRecord:
    record = read_record(read_object(text), ClientRecord)
    if record.text is None:
        raise RemoteProtocolError("a message came over the socket without the field `text`")
    return record


def _schedule(record: ClientRecord) -> tuple[float, ...] | None:
    """Find the schedule under either name: the reference says `generator_config` after the first message."""
    config = record.generation_config or record.generator_config
    if not config or not config.chunk_length_schedule:
        return None
    check_numbers("a chunk length schedule", config.chunk_length_schedule)
    return tuple(config.chunk_length_schedule)


def _error_message(frame: Mapping[str, Any]) -> ErrorMessage | None:
    """Read an error frame: `{"message", "error", "code"}`, with any of them missing, nested or of another type."""
    detail = next((frame[key] for key in ("detail", "error") if isinstance(frame.get(key), dict)), frame)
    named, words, code = detail.get("error"), detail.get("message"), detail.get("code")
    is_of_another_kind = bool(_SPEECH_KEYS & frame.keys()) or "type" in frame
    if not named and (words is None or (code is None and is_of_another_kind)):
        return None
    name = named if isinstance(named, str) else code if isinstance(code, str) else detail.get("status")
    return ErrorMessage(
        message=_words(words or named),
        error=name if isinstance(name, str) else "",
        code=code if isinstance(code, int) and 0 <= code < 65536 else 0,
    )


def _words(found: object) -> str:
    """Say in words what should have been text; what is nested as deep as the reader goes cannot be said."""
    try:
        return str(found)
    except RecursionError:
        raise RemoteProtocolError("an error came over the socket that is nested too deep to read") from None


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
    check_numbers("character times", starts)
    check_numbers("character times", durations)
    return Alignment(tuple(chars), tuple(starts), tuple(durations))
