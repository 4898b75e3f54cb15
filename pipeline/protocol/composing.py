"""Frozen messages → JSON text of a speech socket: ASCII on one line, in the spellings that the service itself uses."""

from __future__ import annotations

import binascii
import json

from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    ServerMessage,
    SpeechMessage,
)


def compose(message: ClientMessage | ServerMessage) -> str:
    """Write one message as ASCII JSON on one line. An UnknownMessage cannot be written: TypeError."""
    return json.dumps(_fields(message), ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _fields(message: ClientMessage | ServerMessage) -> dict[str, object]:
    match message:
        case InitializeConnection():
            return _first_fields(message)
        case SendText():
            return _text_fields(message)
        case KeepAlive() | CloseConnection():
            return {"text": " " if isinstance(message, KeepAlive) else ""}
        case _:
            return _answer_fields(message)


def _answer_fields(message: ServerMessage) -> dict[str, object]:
    match message:
        case SpeechMessage(chunk):
            return _speech_fields(chunk)
        case FinalMessage(chunk) if chunk == SpeechChunk():
            return {"audio": None, "isFinal": True}
        case FinalMessage(chunk):
            return _speech_fields(chunk) | {"isFinal": True}
        case ErrorMessage(words, error, code):
            return {"message": words, "error": error, "code": code}
    raise TypeError(f"{type(message).__name__} has no form on the wire")


def _first_fields(message: InitializeConnection) -> dict[str, object]:
    fields: dict[str, object] = {"text": message.text}
    if message.voice_settings is not None:
        fields["voice_settings"] = _settings_fields(message.voice_settings)
    if message.schedule is not None:
        fields["generation_config"] = {"chunk_length_schedule": list(message.schedule)}
    if message.dictionaries:
        fields["pronunciation_dictionary_locators"] = [
            {"pronunciation_dictionary_id": identifier, "version_id": version}
            for identifier, version in message.dictionaries
        ]
    given = {
        "xi-api-key": message.key,
        "authorization": message.authorization,
        "try_trigger_generation": message.try_trigger_generation,
        "flush": message.flush,
    }
    return fields | {name: value for name, value in given.items() if value}


def _text_fields(message: SendText) -> dict[str, object]:
    fields: dict[str, object] = {"text": message.text}
    if message.try_trigger_generation:
        fields["try_trigger_generation"] = True
    if message.flush:
        fields["flush"] = True
    if message.voice_settings is not None:
        fields["voice_settings"] = _settings_fields(message.voice_settings)
    if message.schedule is not None:
        fields["generator_config"] = {"chunk_length_schedule": list(message.schedule)}
    return fields


def _settings_fields(settings: SentSettings) -> dict[str, object]:
    names = SentSettings.__dataclass_fields__
    return {name: value for name in names if (value := getattr(settings, name)) is not None}


def _speech_fields(chunk: SpeechChunk) -> dict[str, object]:
    return {
        "audio": binascii.b2a_base64(chunk.audio, newline=False).decode("ascii"),
        "isFinal": None,
        "normalizedAlignment": _alignment_fields(chunk.normalized),
        "alignment": _alignment_fields(chunk.alignment),
    }


def _alignment_fields(alignment: Alignment | None) -> dict[str, object] | None:
    if alignment is None:
        return None
    return {
        "chars": list(alignment.chars),
        "charStartTimesMs": list(alignment.starts_ms),
        "charDurationsMs": list(alignment.durations_ms),
    }
