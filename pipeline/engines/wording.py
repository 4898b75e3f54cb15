"""A speech request → what a client says for it on an endpoint's sockets, message by message.

Endpoints say the same in other messages: whoever speaks whole requests, or text as it arrives, asks a wording and need
not know which.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.engines import LiveOptions
from pipeline.engines.connecting import Address
from pipeline.model import SpeechRequest
from pipeline.protocol.messages import ServerMessage
from pipeline.protocol.session import Ending


class Wording(Protocol):
    """One socket's speech in its endpoint's messages. What is composed must be sent, in order."""

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the speech is whole."""

    def opening(self) -> str:
        """How to speak: the first message, with the secrets that belong there."""

    def text(self, text: str) -> str:
        """More text, whole words with a space after them."""

    def flush(self, text: str) -> str:
        """The same (`` for none), and what is gathered is to be spoken now."""

    def keep_alive(self) -> str:
        """A message that says nothing."""

    def end(self) -> str:
        """The end of the text."""

    def receive(self, text: str) -> ServerMessage:
        """Return what a frame holds. Raises RemoteProtocolError."""

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge the end of the connection."""


class Endpoint(Protocol):
    """A kind of socket that a service has."""

    def target(self, address: Address, request: SpeechRequest, options: LiveOptions) -> str:
        """Compose the path and query of its handshake, without any secret. Raises RefusedError for what it cannot."""

    def wording(self, address: Address, request: SpeechRequest, options: LiveOptions) -> Wording:
        """Begin what is said on one socket."""
