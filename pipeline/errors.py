"""Everything that can go wrong → one tree of errors, each with its evidence.

Every error can be pickled (a worker process hands it back) and its text is the one sentence that a person reads:
what is wrong, where, and what to do. No error ever holds a key.
"""

from __future__ import annotations


class PipelineError(Exception):
    """The root: whatever Cueline raises on purpose. `exit_status` is what the command ends with."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class UsageError(PipelineError):
    """The call or its input is wrong: nothing was tried."""

    exit_status = 2


class ScriptError(UsageError):
    """A script, or a settings file, says something that cannot be meant. `line` counts from 1; 0 is the whole file."""

    def __init__(self, message: str, path: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.path = path
        self.line = line

    def __reduce__(self) -> tuple[type[ScriptError], tuple[str, str, int]]:
        return type(self), (self.message, self.path, self.line)

    def __str__(self) -> str:
        where = ":".join([part for part in (self.path, str(self.line) if self.line else "") if part])
        return f"{where}: {self.message}" if where else self.message


class SettingError(UsageError):
    """A setting has no such name, may not stand here, or has no such value."""


class LocalProtocolError(PipelineError):
    """We tried to send what the protocol does not allow in this state."""


class RemoteProtocolError(PipelineError):
    """The other side sent what the protocol does not allow."""


class EngineError(PipelineError):
    """Speech could not be had. `code` is the service's own name for the reason, where it gave one.

    `retry_after` is in how many seconds the service asks to be tried again; 0 where it does not say.
    """

    def __init__(self, message: str, code: str = "", close_code: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.close_code = close_code
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, int, float]]:
        return type(self), (self.message, self.code, self.close_code, self.retry_after)


class RefusedError(EngineError):
    """The service refuses for a reason that trying again cannot change: key, voice, plan, quota, request."""


class BusyError(EngineError):
    """The service is busy, or too many sockets are open: later it may go."""


class ConnectionLostError(EngineError):
    """The connection failed or ended before the speech was whole."""


class AlignmentError(PipelineError):
    """The times that came back cannot be those of the text that was sent. `segment` counts from 0."""

    def __init__(self, message: str, segment: int = -1) -> None:
        super().__init__(message)
        self.segment = segment

    def __reduce__(self) -> tuple[type[AlignmentError], tuple[str, int]]:
        return type(self), (self.message, self.segment)


class MediaError(UsageError):
    """A media file that was named cannot be used: it is missing, or not what it should be."""


class FfmpegError(PipelineError):
    """Ffmpeg failed. `arguments` is its command line, `log` the last lines that it wrote."""

    def __init__(self, message: str, arguments: tuple[str, ...] = (), log: str = "") -> None:
        super().__init__(message)
        self.arguments = arguments
        self.log = log

    def __reduce__(self) -> tuple[type[FfmpegError], tuple[str, tuple[str, ...], str]]:
        return type(self), (self.message, self.arguments, self.log)


class StoreError(PipelineError):
    """What was spoken could not be kept, or not be read back."""


class OutputError(PipelineError):
    """A result could not be written where it was asked for."""


class CancelledError(PipelineError):
    """The person interrupted."""

    exit_status = 130
