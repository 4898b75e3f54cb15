"""Frozen messages → JSON text of a speech socket: ASCII on one line, in the spellings that the service itself uses."""

from __future__ import annotations

from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    ServerMessage,
    SpeechMessage,
)
from pipeline.protocol.wire import locator_fields, settings_fields, write_audio, write_object


def compose(message: ClientMessage | ServerMessage) -> str:
    """Write one message as ASCII JSON on one line. An UnknownMessage cannot be written: TypeError."""
    return write_object(_fields(message))


def _fields(message: ClientMessage | ServerMessage) -> dict[str, object]:
    match message:
        case InitializeConnection():
            return first_fields(message)
        case SendText():
            return text_fields(message)
        case KeepAlive() | CloseConnection():
            return {"text": " " if isinstance(message, KeepAlive) else ""}
        case _:
            return answer_fields(message)


def answer_fields(message: ServerMessage) -> dict[str, object]:
    """Write a message of the server as fields. TypeError for an UnknownMessage."""
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


def first_fields(message: InitializeConnection) -> dict[str, object]:
    """Write a first message as fields, the key under the name of the reference."""
    fields: dict[str, object] = {"text": message.text}
    if message.voice_settings is not None:
        fields["voice_settings"] = settings_fields(message.voice_settings)
    if message.schedule is not None:
        fields["generation_config"] = {"chunk_length_schedule": list(message.schedule)}
    if message.dictionaries:
        fields["pronunciation_dictionary_locators"] = locator_fields(message.dictionaries)
    given = {
        "xi-api-key": message.key,
        "authorization": message.authorization,
        "single_use_token": message.single_use_token,
        "try_trigger_generation": message.try_trigger_generation,
        "flush": message.flush,
    }
    return fields | {name: value for name, value in given.items() if value}


def text_fields(message: SendText) -> dict[str, object]:
    """Write a text as fields, a schedule under the name that the reference gives it after the first message."""
    fields: dict[str, object] = {"text": message.text}
    if message.try_trigger_generation:
        fields["try_trigger_generation"] = True
    if message.flush:
        fields["flush"] = True
    if message.voice_settings is not None:
        fields["voice_settings"] = settings_fields(message.voice_settings)
    if message.schedule is not None:
        fields["generator_config"] = {"chunk_length_schedule": list(message.schedule)}
    return fields


def _speech_fields(chunk: SpeechChunk) -> dict[str, object]:
    return {
        "audio": write_audio(chunk.audio),
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
