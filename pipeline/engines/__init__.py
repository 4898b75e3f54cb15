"""A speech request → chunks of sound and character times, by whoever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pipeline.model import SpeechChunk, SpeechRequest

# Where a secret travels to the service.
Place = Literal["header", "query", "message"]


@dataclass(frozen=True, slots=True)
class Access:
    """How an engine is reached. The secrets are shown nowhere, not even in a traceback's locals.

    `record` is the path of a file to which the messages of every connection are appended as JSON lines. `bearer` (an
    OAuth token) or `single_use_token` (good for one connection) may stand in for a key. `credentials_in` says whether
    they travel in the handshake's headers, in its query or in the first message; see `connecting.Address`.
    `parameters` are further ones of the sockets' addresses by the service's names, such as `enable_logging`.
    """

    key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    record: str | None = None
    bearer: str | None = field(default=None, repr=False)
    single_use_token: str | None = field(default=None, repr=False)
    credentials_in: Place = "header"
    parameters: tuple[tuple[str, str], ...] = ()


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


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How text is sent that comes while it is spoken.

    `schedule` holds how many characters the service gathers before the first, second… generation (None: its own).
    `auto_mode` has it speak each whole sentence by itself, `try_trigger` has it speak early when it can. After so long
    without text, what is gathered is flushed; after so long without any message, one keeps the socket open. `most_tries`
    is how often a speech is begun before its error is raised (None: as often as is usual).
    """

    schedule: tuple[float, ...] | None = None
    auto_mode: bool = False
    try_trigger: bool = False
    keep_alive_seconds: float = 15.0
    flush_after_seconds: float = 1.0
    most_tries: int | None = None


LIVE = LiveOptions()


class LiveEngine(Engine, Protocol):
    """An engine that also speaks text as it arrives."""

    def speak_live(
        self, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions = LIVE
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Send whole words as they arrive, and yield what the messages bring; end when all that came is spoken.

        `request` says how to speak; its text is not spoken. A connection that drops when nothing is owed but text of
        which nothing was heard is opened again, and the chunks' `connection` counts on. Any other drop raises
        ConnectionLostError. What `texts` raises passes through, and the rest is as for `speak`.
        """


def _offline(access: Access) -> AbstractAsyncContextManager[LiveEngine]:
    from pipeline.engines.loopback import open_offline

    return open_offline(access)


def _elevenlabs(access: Access) -> AbstractAsyncContextManager[LiveEngine]:
    from pipeline.engines.elevenlabs import open_elevenlabs

    return open_elevenlabs(access)


# Opened with `async with`; each is imported when it is asked for, so that a command that does not speak starts quickly.
ENGINES: Mapping[str, Callable[[Access], AbstractAsyncContextManager[LiveEngine]]] = {
    "offline": _offline,
    "elevenlabs": _elevenlabs,
}
