"""JSON text of a socket with several speeches → messages, each in its context.

As tolerant as `parsing`: the context's id is read in camel case and snake case at both ends, absent and null mean the
default context. Unlike on a socket with one speech, the empty text ends nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import RemoteProtocolError
from pipeline.protocol.messages import (
    ClientMessage,
    CloseConnection,
    ErrorMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    UnknownMessage,
)
from pipeline.protocol.multi_messages import CloseSocket, InContext, MultiClientMessage, MultiServerMessage
from pipeline.protocol.parsing import ClientRecord, read_answer, read_first, read_sound, read_text
from pipeline.protocol.wire import Flag, read_object, read_record

# Characters of a context's id: those that clients make up are a tenth as long, and ids are kept.
MOST_ID_CHARACTERS = 1000


class _MultiRecord(ClientRecord):
    close_context: Flag = None
    close_socket: Flag = None


def parse_multi_client(text: str | bytes, is_new: Callable[[str | None], bool]) -> MultiClientMessage:
    """Read one message of the client; `is_new` tells whether a context has yet to be opened.

    Whatever comes first in a context opens it, even a flush. The empty text without a context opens nothing and is a
    KeepAlive, unless it brings settings or a key. Raises RemoteProtocolError.
    """
    frame = read_object(text)
    record = read_record(frame, _MultiRecord)
    if record.close_socket:
        return CloseSocket()
    context_id = read_context_id(frame)
    if record.close_context:
        return InContext(context_id, CloseConnection())
    if record.text is None and record.flush is None and not is_new(context_id):
        raise RemoteProtocolError("a message came over the socket without `text`, `flush` or `close_context`")
    return InContext(context_id, _first(record, context_id) if is_new(context_id) else _later(record))


def parse_multi_server(text: str | bytes) -> MultiServerMessage:
    """Read one frame of the server. Raises RemoteProtocolError."""
    sound = read_sound(text)
    if sound and len(sound[1] or "") <= MOST_ID_CHARACTERS:
        return InContext(sound[1] or None, sound[0])
    frame = read_object(text)
    message = read_answer(frame)
    try:
        context_id = read_context_id(frame)
    except RemoteProtocolError:
        if not isinstance(message, ErrorMessage | UnknownMessage):
            raise
        context_id = None
    return InContext(context_id, message)


def read_context_id(frame: Mapping[str, Any]) -> str | None:
    """Read the id under either name; None for none, null or an empty one. Raises RemoteProtocolError."""
    found = frame.get("context_id")
    found = frame.get("contextId") if found is None else found
    if found is None or found == "":
        return None
    if not isinstance(found, str) or len(found) > MOST_ID_CHARACTERS:
        raise RemoteProtocolError(f"a context's id came over the socket that is no text of up to {MOST_ID_CHARACTERS}")
    return found


def _first(record: ClientRecord, context_id: str | None) -> ClientMessage:
    message = read_first(record)
    asks_nothing = message in {InitializeConnection(""), InitializeConnection("", flush=True)}
    return KeepAlive() if context_id is None and asks_nothing else message


def _later(record: ClientRecord) -> ClientMessage:
    message = read_text(record)
    return KeepAlive() if message == SendText("") else message
