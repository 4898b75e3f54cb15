"""What the two ends of a socket with several speeches say to each other: messages of one speech, each in its context.

In a context a client says InitializeConnection first (whose text may already be words), then SendText (`SendText("",
flush=True)` flushes only), KeepAlive, and CloseConnection, which closes the context and no other. It does not flush:
text that is still buffered then is never spoken. (In a dialogue's context it does.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.protocol.messages import ClientMessage, SendText, ServerMessage

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
    """End every context as CloseConnection ends one, send each its final frame, close.

    The reference says so of this message: contexts that were set to flush are waited for. Its description of all
    messages in one has it that every context is flushed; who flushes beforehand is right by both.
    """


MultiClientMessage = InContext[ClientMessage] | CloseSocket
MultiServerMessage = InContext[ServerMessage]


def flushed(texts: Sequence[str]) -> Iterator[SendText]:
    """Yield texts as the messages of a context that ends after them: the last one has all of it spoken.

    >>> [message.flush for message in flushed(["Hello ", "there. "])]
    [False, True]
    """
    last = len(texts) - 1
    return (SendText(text, flush=number == last) for number, text in enumerate(texts))
