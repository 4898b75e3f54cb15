"""What the two ends of a socket with several speeches say to each other: messages of one speech, each in its context.

In a context a client says InitializeConnection first (whose text may already be words), then SendText (`SendText("",
flush=True)` flushes only), KeepAlive, and CloseConnection, which closes the context and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.protocol.messages import ClientMessage, ServerMessage

Content_co = TypeVar("Content_co", covariant=True)


@dataclass(frozen=True, slots=True)
class InContext(Generic[Content_co]):
    """A message of one speech. `context_id` None is the socket's default context.

    An ErrorMessage in None is of the whole socket: the service leaves the context out where it gives up on all.
    """

    context_id: str | None
    message: Content_co


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Speak what is buffered in every context, send each its final frame, close."""


MultiClientMessage = InContext[ClientMessage] | CloseSocket
MultiServerMessage = InContext[ServerMessage]
