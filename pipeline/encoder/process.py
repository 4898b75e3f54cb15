"""One run of ffmpeg: started, listened to, ended in time, its failure told in a sentence."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, Self

from pipeline.errors import FfmpegError, OutputError, PipelineError

LOG_LINES = 40
# What ffmpeg's log says when the place of the output is at fault, and what a person is told.
PLACE_FAULTS = (
    ("No space left on device", "the disk is full: free some space, or write elsewhere with -o"),
    ("Disk quota exceeded", "the disk quota is used up: free some space, or write elsewhere with -o"),
    ("File too large", "the file system takes no file of this size: write elsewhere with -o"),
    ("Read-only file system", "the file system is read-only: write elsewhere with -o"),
)


def ffmpeg_path() -> str:
    """Path of the packaged ffmpeg. Raises FfmpegError where there is none for this machine."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FfmpegError("there is no ffmpeg for this machine: pip install --force-reinstall imageio-ffmpeg") from None


class FfmpegProcess:
    """A running ffmpeg, as a context: whatever happens inside, it has ended when the context is left."""

    def __init__(self, arguments: Sequence[str], folder: str | None, time_limit_s: float) -> None:
        self.arguments = ("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "level+warning", "-y", *arguments)
        self._overdue = False
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        try:
            # A group of its own: Ctrl-C reaches this program first, which then ends ffmpeg.
            self._process = subprocess.Popen(
                [ffmpeg_path(), *self.arguments[1:]],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise FfmpegError(f"ffmpeg cannot be started: {error.strerror}", self.arguments) from None
        # The log is drained beside: a full pipe would stop ffmpeg.
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()
        self._watch = self._started_watch(time_limit_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.end()

    @property
    def log(self) -> str:
        """The last lines that ffmpeg wrote."""
        return "\n".join(self._lines)

    def lines(self) -> Iterator[str]:
        """Yield the lines of standard output until it is closed."""
        for line in _pipe(self._process.stdout):
            yield line.decode("utf-8", "replace").strip()

    def write(self, block: bytes, time_limit_s: float) -> None:
        """Give ffmpeg so many bytes on standard input. Raises as `finish` does when it takes no more."""
        rest = memoryview(block)
        try:
            with self._in_time(time_limit_s):
                while rest:
                    rest = rest[_pipe(self._process.stdin).write(rest) :]
        except OSError:  # a broken pipe: its reason is in ffmpeg's log
            self.finish(time_limit_s)
            raise self._failure("it stopped reading") from None

    def finish(self, time_limit_s: float) -> None:
        """Close standard input and wait for the end. Raises FfmpegError, or OutputError when the place is at fault."""
        with self._in_time(time_limit_s):
            with suppress(OSError):  # closed already, by an ffmpeg that has ended
                _pipe(self._process.stdin).close()
            self._process.wait()
        self._watch.cancel()
        self._drain.join()
        if self._overdue:
            raise FfmpegError("ffmpeg did not get on within its time and was ended", self.arguments, self.log)
        if self._process.returncode:
            raise self._failure(f"exit status {self._process.returncode}")

    def end(self) -> None:
        """End ffmpeg, now, if it still runs."""
        self._watch.cancel()
        self._process.kill()
        self._process.wait()
        self._drain.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                _pipe(pipe).close()

    @contextmanager
    def _in_time(self, time_limit_s: float) -> Iterator[None]:
        watch = self._started_watch(time_limit_s)
        try:
            yield
        finally:
            watch.cancel()

    def _started_watch(self, time_limit_s: float) -> threading.Timer:
        watch = threading.Timer(time_limit_s, self._end_overdue)
        watch.daemon = True
        watch.start()
        return watch

    def _read_log(self) -> None:
        for line in _pipe(self._process.stderr):
            self._lines.append(line.decode("utf-8", "replace").rstrip())

    def _end_overdue(self) -> None:
        self._overdue = True
        self._process.kill()

    def _failure(self, otherwise: str) -> PipelineError:
        return failure(self.arguments, self.log, otherwise)


def failure(arguments: tuple[str, ...], log: str, otherwise: str) -> PipelineError:
    """Make the error that a failed run is told by, from the log's tail: OutputError where the place is at fault."""
    for sign, sentence in PLACE_FAULTS:
        if sign in log:
            return OutputError(f"{_plain(arguments[-1])} could not be written: {sentence}")
    faults = [line for line in log.splitlines() if re.search(r"\[(error|fatal|panic)\]", line)]
    reason = re.sub(r"\[[^\]]*\]\s*", "", faults[0]).strip() if faults else otherwise
    return FfmpegError(f"ffmpeg failed: {reason}", arguments, log)


def _plain(url: str) -> str:
    return url.removeprefix("file:")


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe that was asked for when the process was started, so it is there."""
    assert stream is not None
    return stream
