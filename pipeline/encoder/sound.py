"""Blocks of samples → an encoded sound file, encoded while the next block is still being spoken."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline import pcm
from pipeline.addresses import file_url
from pipeline.encoder.process import FfmpegProcess
from pipeline.filtergraph import SoundContainer, sound_arguments

# A write to a pipe costs the same for 2 bytes as for 64 KiB, which is what a pipe of Linux holds.
BLOCK_BYTES = 65536
# AAC is encoded at more than 100 times real time, so a block of a second that takes a minute means ffmpeg hangs.
STALL_S = 60.0
DAY_S = 24 * 3600.0


class SoundEncoder:
    """Encodes 16-bit mono samples into a file whose first sample is heard at time 0 exactly.

    As a context: leaving it without `finish` ends ffmpeg and removes the unfinished file. `feed`, `finish` and
    leaving may raise OutputError (the disk is full) or FfmpegError.
    """

    def __init__(self, path: str, sample_rate: int, container: SoundContainer = "m4a") -> None:
        self.path = path
        self.sample_rate = sample_rate
        self.sample_count = 0
        self._pending = bytearray()
        self._finished = False
        self._process = FfmpegProcess(sound_arguments(sample_rate, container, file_url(path)), None, DAY_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not self._finished:
            self.abort()

    @property
    def duration_ms(self) -> int:
        """Milliseconds of what was fed so far."""
        return pcm.samples_to_ms(self.sample_count, self.sample_rate)

    def feed(self, block: bytes) -> None:
        """Take whole samples, 16-bit little endian, mono; they are encoded beside."""
        self.sample_count += pcm.sample_count(block)
        self._pending += block
        if len(self._pending) >= BLOCK_BYTES:
            self._write()

    def finish(self) -> None:
        """Wait until everything is encoded and the file is whole."""
        try:
            self._write()
            self._process.finish(STALL_S)
        except BaseException:
            self.abort()
            raise
        self._process.end()
        self._finished = True

    def abort(self) -> None:
        """End ffmpeg and remove what it wrote."""
        self._finished = True
        self._process.end()
        Path(self.path).unlink(missing_ok=True)

    def _write(self) -> None:
        block = bytes(self._pending)
        self._pending.clear()
        self._process.write(block, STALL_S)
