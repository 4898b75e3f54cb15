"""Messages of a dialogue ↔ JSON text of its socket, with one dialogue on it or with several.

Everything is in snake case here, at both ends, but a server's frames are read in every spelling, as on the other
sockets. A message that says several things at once (lines, and that the socket is to be closed) has no form here and
is refused, rather than half of it being dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.composing import answer_fields
from pipeline.protocol.dialogue import (
    ContextDialogueMessage,
    DialogueClientMessage,
    DialogueInput,
    DialogueServerMessage,
    InitializeDialogue,
    KeepDialogueAlive,
    MultiDialogueClientMessage,
    SendInputs,
)
from pipeline.protocol.messages import CloseConnection, ErrorMessage, FinalMessage, ServerMessage, SpeechMessage
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.multi_parsing import read_context_id
from pipeline.protocol.wire import (
    Flag,
    LocatorRecord,
    SecretsRecord,
    SettingsRecord,
    check_numbers,
    locator_fields,
    read_locators,
    read_object,
    read_record,
    write_audio,
    write_object,
)


class _InputRecord(msgspec.Struct):
    text: str
    voice_id: str
    new_turn: Flag = None


class _DialogueRecord(SecretsRecord):
    voices: list[str] | None = None
    voice_settings: SettingsRecord | None = None
    pronunciation_dictionary_locators: list[LocatorRecord] | None = None
    inputs: list[_InputRecord] | None = None
    flush: Flag = None
    keep_alive: Flag = None
    close_context: Flag = None
    close_socket: Flag = None


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_first_of_dialogue(text: str | bytes) -> InitializeDialogue | CloseSocket:
    """Read the message that opens a dialogue socket, or closes it at once. Raises RemoteProtocolError."""
    record = read_record(read_object(text), _DialogueRecord)
    return _closing_socket(record) or _first(record)


def parse_dialogue_message(text: str | bytes) -> SendInputs | KeepDialogueAlive | CloseSocket:
    """Read any later message of the client. Raises RemoteProtocolError."""
    record = read_record(read_object(text), _DialogueRecord)
    return _closing_socket(record) or _later(record)


def parse_multi_dialogue_client(text: str | bytes, is_new: Callable[[str | None], bool]) -> MultiDialogueClientMessage:
    """Read one message of a client with several dialogues; `is_new` tells whether a context has yet to be opened.

    Raises RemoteProtocolError.
    """
    frame = read_object(text)
    record = read_record(frame, _DialogueRecord)
    if (closing := _closing_socket(record)) is not None:
        return closing
    context_id = read_context_id(frame)
    if record.close_context:
        _refuse_inputs(record, "close_context")
        return InContext(context_id, CloseConnection())
    asks_nothing = record.keep_alive and not record.voices
    return InContext(context_id, _first(record) if is_new(context_id) and not asks_nothing else _later(record))


def _closing_socket(record: _DialogueRecord) -> CloseSocket | None:
    if not record.close_socket:
        return None
    _refuse_inputs(record, "close_socket")
    return CloseSocket()


def _refuse_inputs(record: _DialogueRecord, field: str) -> None:
    if record.inputs:
        raise RemoteProtocolError(f"a message came over the socket with `inputs` and `{field}`; send the inputs first")


def _first(record: _DialogueRecord) -> InitializeDialogue:
    if not record.voices:
        raise RemoteProtocolError("the first message of a dialogue came over the socket without `voices`")
    settings = record.voice_settings or SettingsRecord()
    numbers = [number for number in (settings.stability, settings.clone_strength) if number is not None]
    check_numbers("voice settings", numbers)
    return InitializeDialogue(
        voices=tuple(record.voices),
        stability=settings.stability,
        dictionaries=read_locators(record.pronunciation_dictionary_locators),
        key=record.key,
        authorization=record.authorization,
        single_use_token=record.single_use_token,
        inputs=_inputs(record),
        flush=bool(record.flush),
        clone_strength=settings.clone_strength,
    )


def _later(record: _DialogueRecord) -> SendInputs | KeepDialogueAlive:
    if record.voices is not None or record.voice_settings is not None or record.pronunciation_dictionary_locators:
        raise RemoteProtocolError("`voices`, `voice_settings` and dictionaries belong into the first message only")
    if record.inputs is not None or record.flush:
        return SendInputs(_inputs(record), bool(record.flush))
    if record.keep_alive:
        return KeepDialogueAlive()
    raise RemoteProtocolError("a message came over the socket without `inputs`, `flush`, `keep_alive` or a close")


def _inputs(record: _DialogueRecord) -> tuple[DialogueInput, ...]:
    return tuple(DialogueInput(line.text, line.voice_id, bool(line.new_turn)) for line in record.inputs or ())


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def compose_dialogue(message: DialogueClientMessage | DialogueServerMessage) -> str:
    """Write one message as ASCII JSON on one line. An UnknownMessage cannot be written: TypeError."""
    return write_object(_fields(message))


def compose_multi_dialogue(message: InContext[ContextDialogueMessage | ServerMessage] | CloseSocket) -> str:
    """Write one message in its context as ASCII JSON on one line. An UnknownMessage cannot be written: TypeError."""
    if isinstance(message, CloseSocket):
        return write_object(_fields(message))
    named = {} if message.context_id is None else {"context_id": message.context_id}
    return write_object(_fields(message.message) | named)


def _fields(message: DialogueClientMessage | ContextDialogueMessage | DialogueServerMessage) -> dict[str, object]:
    match message:
        case InitializeDialogue():
            return _first_fields(message)
        case SendInputs(inputs, flush):
            fields: dict[str, object] = {"inputs": _input_fields(inputs)} if inputs or not flush else {}
            return fields | ({"flush": True} if flush else {})
        case KeepDialogueAlive():
            return {"keep_alive": True}
        case CloseConnection():
            return {"close_context": True}
        case CloseSocket():
            return {"close_socket": True}
        case _:
            return _answer_fields(message)


def _answer_fields(message: DialogueServerMessage) -> dict[str, object]:
    match message:
        case SpeechMessage(chunk):
            return _speech_fields(chunk)
        case FinalMessage(chunk):
            return (_speech_fields(chunk) if chunk != SpeechChunk() else {}) | {"is_final": True}
        case ErrorMessage():
            return answer_fields(message)
    raise TypeError(f"{type(message).__name__} has no form on the wire")


def _first_fields(message: InitializeDialogue) -> dict[str, object]:
    settings = {"stability": message.stability, "clone_strength": message.clone_strength}
    given: dict[str, object] = {
        "voice_settings": {name: value for name, value in settings.items() if value is not None},
        "pronunciation_dictionary_locators": locator_fields(message.dictionaries),
        "xi_api_key": message.key,
        "authorization": message.authorization,
        "single_use_token": message.single_use_token,
        "inputs": _input_fields(message.inputs),
        "flush": message.flush,
    }
    return {"voices": list(message.voices)} | {name: value for name, value in given.items() if value}


def _input_fields(inputs: tuple[DialogueInput, ...]) -> list[dict[str, object]]:
    return [
        {"text": line.text, "voice_id": line.voice} | ({"new_turn": True} if line.new_turn else {}) for line in inputs
    ]


def _speech_fields(chunk: SpeechChunk) -> dict[str, object]:
    return {
        "audio": write_audio(chunk.audio),
        "alignment": _alignment_fields(chunk.alignment),
        "normalized_alignment": _alignment_fields(chunk.normalized),
    }


def _alignment_fields(alignment: Alignment | None) -> dict[str, object] | None:
    if alignment is None:
        return None
    return {
        "chars": list(alignment.chars),
        "char_start_times_ms": list(alignment.starts_ms),
        "char_durations_ms": list(alignment.durations_ms),
    }
