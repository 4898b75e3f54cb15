"""The words of a live speech → captions on stderr: on a terminal word by word with the sound, elsewhere a line a cue."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from pipeline.cli.wording import let_go, mended, plain
from pipeline.production.live_speech import AudioEvent, WordEvent

# The most that one cue shows: two lines of a caption.
CUE_WIDTH = 84
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_CLOSERS = "\"'”’»)]」』）"
Write = Callable[[str], None]


def on_stderr(text: str) -> None:
    """Write at once, without a line's end of its own. Where nothing can be written, the work goes on without."""
    if sys.stderr is None:
        return
    shown = "\n".join(map(plain, text.split("\n")))
    try:
        click.echo(mended(shown, sys.stderr), nl=False, err=True)
    except (OSError, ValueError):
        let_go(sys.stderr)


@dataclass(slots=True)
class PlayingClock:
    """When what is written sounds, for a listener who plays it as it comes: seconds on the clock `now`.

    Sound that comes while other sound still plays waits for it; after a gap, all that follows is later.
    """

    now: Callable[[], float] = time.monotonic
    lag: float | None = None
    written_ms: int = 0

    def write(self, event: AudioEvent) -> None:
        """Note that sound was written now."""
        lag = self.now() - event.start_ms / 1000
        self.lag = lag if self.lag is None else max(self.lag, lag)
        self.written_ms = event.end_ms

    def wait_until(self, ms: int) -> float | None:
        """In how many seconds this moment of the sound is heard; None while it is not written."""
        if self.lag is None or ms > self.written_ms:
            return None
        return max(0.0, self.lag + ms / 1000 - self.now())


@dataclass(slots=True)
class Cues:
    """Where cues begin while nobody knows what follows."""

    width: int = CUE_WIDTH
    shown: str = ""
    _last: WordEvent | None = None

    def add(self, word: WordEvent) -> str:
        """Take a word, and tell what it adds to the cue that is `shown`; a line feed first where it begins a new one."""
        last, self._last = self._last, word
        added = " " * (word.space_before and bool(self.shown)) + word.text
        if last is not None and (
            word.segment != last.segment
            or len(self.shown) + len(added) > self.width
            or last.text.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS)
        ):
            self.shown = word.text
            return f"\n{word.text}"
        self.shown += added
        return added


class CueLines:
    """A line for each cue, with the time at which it begins, as soon as the cue is known."""

    def __init__(self, write: Write = on_stderr) -> None:
        self._cues = Cues()
        self._write = write
        self._start_ms = 0

    def hear(self, event: AudioEvent) -> None:
        """Sound tells nothing here."""

    def read(self, event: WordEvent) -> None:
        """Take a word; where it begins a cue, the one before is known."""
        before = self._cues.shown
        if self._cues.add(event).startswith("\n") and before:
            self._line(before)
            self._start_ms = event.start_ms
        elif not before:
            self._start_ms = event.start_ms

    async def finish(self) -> None:
        """Write the last one."""
        self.stop()

    def stop(self) -> None:
        """Write what there is of the last one."""
        shown, self._cues.shown = self._cues.shown, ""
        if shown:
            self._line(shown)

    def _line(self, shown: str) -> None:
        minutes, milliseconds = divmod(self._start_ms, 60_000)
        self._write(f"[{minutes}:{milliseconds / 1000:06.3f}] {shown}\n")


@dataclass
class GrowingCues:
    """Cues that grow word by word, each word when it is heard; a new cue is a new line."""

    write: Write = on_stderr
    clock: PlayingClock = field(default_factory=PlayingClock)
    width: int = CUE_WIDTH

    def __post_init__(self) -> None:
        self._cues = Cues(self.width)
        self._words: list[WordEvent] = []
        self._changed = asyncio.Event()
        self._showing: asyncio.Task[None] | None = None
        self._is_whole = False

    def hear(self, event: AudioEvent) -> None:
        """Sound was written: its words are due with it."""
        self.clock.write(event)
        self._changed.set()
        if self._showing is None:
            self._showing = asyncio.get_running_loop().create_task(self._show())

    def read(self, event: WordEvent) -> None:
        """Take a word."""
        self._words.append(event)
        self._changed.set()

    async def finish(self) -> None:
        """Show the rest, as it is heard."""
        self._is_whole = True
        self._changed.set()
        if self._showing:
            await self._showing
        self.stop()

    def stop(self) -> None:
        """End the line, and show nothing more."""
        if self._showing:
            self._showing.cancel()
        if self._cues.shown:
            self._cues.shown = ""
            self.write("\n")

    async def _show(self) -> None:
        shown = 0
        while True:
            wait = self.clock.wait_until(self._words[shown].start_ms) if shown < len(self._words) else None
            if wait == 0 or (wait is None and self._is_whole and shown < len(self._words)):
                self.write(self._cues.add(self._words[shown]))
                shown += 1
                continue
            if wait is None and self._is_whole:
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()


class Silent:
    """Shows nothing."""

    def hear(self, event: AudioEvent) -> None:
        """Nothing."""

    def read(self, event: WordEvent) -> None:
        """Nothing."""

    async def finish(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


def audience(*, quiet: bool) -> Silent | CueLines | GrowingCues:
    """Choose how captions are shown: not at all when quiet, word by word on a terminal, else a line a cue."""
    if quiet:
        return Silent()
    if sys.stderr is None or not sys.stderr.isatty():
        return CueLines()
    columns = shutil.get_terminal_size().columns
    return GrowingCues(width=max(20, min(CUE_WIDTH, columns - 1)))
