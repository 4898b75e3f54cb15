"""Messages in their contexts → JSON text of a socket with several speeches.

A client's keys are in snake case. A server's frames carry the context's id in both cases: of the clients in use some
read the one and some the other.
"""

from __future__ import annotations

from pipeline.protocol.composing import answer_fields, first_fields, text_fields
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    ServerMessage,
)
from pipeline.protocol.multi_messages import CloseSocket, InContext
from pipeline.protocol.wire import write_object


def compose_multi(message: InContext[ClientMessage | ServerMessage] | CloseSocket) -> str:
    """Write one message as ASCII JSON on one line. An UnknownMessage cannot be written: TypeError."""
    if isinstance(message, CloseSocket):
        return write_object({"close_socket": True})
    context_id, content = message.context_id, message.message
    if isinstance(content, InitializeConnection | SendText | KeepAlive | CloseConnection):
        return write_object(_client_fields(content) | ({} if context_id is None else {"context_id": context_id}))
    if context_id is None and isinstance(content, ErrorMessage):
        return write_object(answer_fields(content))
    return write_object(answer_fields(content) | {"contextId": context_id, "context_id": context_id})


def _client_fields(message: ClientMessage) -> dict[str, object]:
    match message:
        case InitializeConnection():
            fields = first_fields(message)
            return {"xi_api_key" if name == "xi-api-key" else name: value for name, value in fields.items()}
        case SendText():
            fields = text_fields(message)
            return {"generation_config" if name == "generator_config" else name: fields[name] for name in fields}
        case KeepAlive():
            return {"text": ""}
        case CloseConnection():
            return {"close_context": True}
