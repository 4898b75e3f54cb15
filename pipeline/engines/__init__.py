"""A speech request → chunks of sound and character times, by whoever speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.model import SpeechChunk, SpeechRequest


@dataclass(frozen=True, slots=True)
class Access:
    """How an engine is reached. The key is shown nowhere, not even in a traceback's locals.

    `record` is the path of a file to which the messages of every connection are appended as JSON lines.
    """

    key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    record: str | None = None


class Engine(Protocol):
    """Speaks requests. Several may be under way at once, up to `most_at_once`."""

    name: str
    most_at_once: int

    def shaped_by(self, request: SpeechRequest) -> str:
        """Tell what of the engine itself (its version, its voice's) shapes this speech: part of the store's key."""

    def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Yield what the messages bring, in order, and end when the speech is whole.

        Raises RefusedError, BusyError or ConnectionLostError (each an EngineError), or RemoteProtocolError.
        """


def _offline(access: Access) -> AbstractAsyncContextManager[Engine]:
    from pipeline.engines.loopback import open_offline

    return open_offline(access)


def _elevenlabs(access: Access) -> AbstractAsyncContextManager[Engine]:
    from pipeline.engines.elevenlabs import open_elevenlabs

    return open_elevenlabs(access)


# Opened with `async with`; each is imported when it is asked for, so that a command that does not speak starts quickly.
ENGINES: Mapping[str, Callable[[Access], AbstractAsyncContextManager[Engine]]] = {
    "offline": _offline,
    "elevenlabs": _elevenlabs,
}
