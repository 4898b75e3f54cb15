"""Standard input and output → text and bytes, without a stop of the event loop and without a wait at the end.

A read from a terminal or a pipe, or a write to a pipe that nobody reads, may last for ever, and no system can break it
off in the same way. So each runs in a thread of its own that dies with the program; this works on Windows too, where
the event loop cannot wait for a console.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import errno
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import IO, TYPE_CHECKING, TypeVar, cast

from pipeline.errors import OutputError, ScriptError

if TYPE_CHECKING:
    from typing_extensions import Buffer

READ_BYTES = 65536
T = TypeVar("T")


async def unhurried(call: Callable[[], T]) -> T:
    """Run a call that may last for ever; who stops waiting leaves it behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not future.done():
            result()

    def run() -> None:
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            failure = error
            done = lambda: future.set_exception(failure)  # noqa: E731
        else:
            done = lambda: future.set_result(value)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, done)

    threading.Thread(target=run, daemon=True).start()
    return await future


async def text_from(stream: IO[bytes], name: str = "standard input") -> AsyncIterator[str]:
    """Yield UTF-8 text as it arrives, characters cut anywhere put together, a byte order mark left out.

    Raises ScriptError where it is not UTF-8, or cannot be read.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    read = 0
    while True:
        block = await unhurried(lambda: _read(stream, name))
        before = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            where = read - before + error.start
            raise ScriptError(f"{name} is not UTF-8 text (byte {where}): give it as UTF-8") from None
        read += len(block)
        if text:
            yield text
        if not block:
            return


def _read(stream: IO[bytes], name: str) -> bytes:
    """Read what is there, or wait for it; nothing at the end. Raises ScriptError."""
    # The raw stream: it gives what there is, and no lock of it is held when the program ends. A console of Windows
    # gives UTF-8 through it too.
    raw = getattr(stream, "raw", stream)
    try:
        return cast("bytes | None", raw.read(READ_BYTES)) or b""
    except OSError as error:
        if error.errno == errno.EIO:  # a terminal that is gone
            return b""
        raise ScriptError(f"{name} cannot be read: {error.strerror}") from None


def standard_input() -> IO[bytes]:
    """The bytes of standard input. Raises ScriptError where there is none."""
    if sys.stdin is None:
        raise ScriptError("there is no standard input: name a script")
    return sys.stdin.buffer


class Pipe:
    """A stream that another program reads, such as a player."""

    def __init__(self, open_stream: Callable[[], IO[bytes]], name: str) -> None:
        self._open = open_stream
        self._name = name
        self._stream: IO[bytes] | None = None
        self.is_closed = False

    async def write(self, block: bytes) -> None:
        """Write all of it, unbuffered. Raises BrokenPipeError when the reader is gone, OutputError for the rest."""
        await unhurried(lambda: self._write_all(block))

    def close(self, opening: bytes) -> None:
        """Let the reader know that it is over. What was written cannot be changed."""
        _ = opening
        if self._stream is not None and not self.is_closed:
            self.is_closed = True
            with contextlib.suppress(OSError):
                self._stream.close()

    def _write_all(self, block: bytes) -> None:
        if self._stream is None:
            self._stream = self._open()
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if os.name == "nt" and error.errno == errno.EINVAL:  # what Windows says of a pipe without a reader
                raise BrokenPipeError from None
            raise OutputError(f"{self._name} cannot be written: {error.strerror}") from None


def standard_output() -> IO[bytes]:
    """Standard output as a stream of its own, which can be closed while the program goes on."""
    sys.stdout.flush()
    try:
        number = os.dup(sys.stdout.fileno())
        null = os.open(os.devnull, os.O_WRONLY)
        # Only so does the reader see the end when our stream is closed.
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except OSError:  # it is none of the system's
        return cast("IO[bytes]", _Borrowed(sys.stdout.buffer))
    return os.fdopen(number, "wb", buffering=0)


class _Borrowed(io.RawIOBase):
    """A stream that stays open when this is closed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, block: Buffer) -> int:
        """Pass a block on."""
        return self._stream.write(block)
