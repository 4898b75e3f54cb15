"""Progress, remarks, errors → what a person sees: results on stdout, everything else on stderr."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec

import click

from pipeline import interrupts
from pipeline.cli.wording import let_go, mended, of_exception, of_os_error, one_line, plain
from pipeline.errors import EngineError, OutputError, PipelineError, RefusedError, RemoteProtocolError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from pipeline.model import Progress, ProgressCallback

P = ParamSpec("P")
# What an interruption and a failure of the engine's end with where speech is stored as soon as it is whole; what is
# refused is refused again until something is changed.
KEPT, AGAIN = "what was spoken until then is kept", "run the same command again to go on"
# Between two plain lines of one stage, so that a log is not flooded.
PLAIN_LINE_SECONDS = 5.0


def remark(text: str) -> None:
    """Tell something that a person should know, on stderr."""
    aside(f"note: {one_line(text)}")


def aside(line: str) -> None:
    """Write a line on stderr. Where nothing can be written there, the work goes on without."""
    if sys.stderr is None:
        return
    try:
        click.echo(mended(line, sys.stderr), err=True)
    except (OSError, ValueError):
        let_go(sys.stderr)


def show(line: str) -> None:
    """Print a line of a result on stdout. Raises OutputError where it cannot be written, BrokenPipeError as it comes."""
    try:
        click.echo(mended(line, sys.stdout))
    except BrokenPipeError:
        raise
    except OSError as error:
        let_go(sys.stdout)
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def silent(text: str) -> None:
    """Keep a remark to oneself: it still stands in the JSON result, and in the job file."""


def show_json(value: object) -> None:
    """Print a result for a program, on stdout: in letters where they can be written, else as JSON escapes them."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        written.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        written = json.dumps(value, indent=2)
    show(written)


@contextmanager
def no_progress() -> Iterator[ProgressCallback]:
    """Show nothing."""
    yield lambda _: None


@contextmanager
def plain_progress() -> Iterator[ProgressCallback]:
    """Write a line when a stage is done, and every few seconds while it lasts."""
    yield _PlainLines().show


@dataclass(slots=True)
class _PlainLines:
    """When each stage began and was last told of; stages may run beside each other."""

    began: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def show(self, progress: Progress) -> None:
        now, stage = time.monotonic(), progress.stage
        if stage not in self.began:
            self.began[stage] = self.told[stage] = now
        if progress.total and progress.done >= progress.total:
            self.finish(stage)
        elif progress.total and now - self.told[stage] >= PLAIN_LINE_SECONDS:
            self.told[stage] = now
            aside(f"{stage}: {100 * progress.done / progress.total:.0f} %")

    def finish(self, stage: str) -> None:
        if stage not in self.done:
            self.done.add(stage)
            aside(f"{stage}: done in {time.monotonic() - self.began[stage]:.1f} s")


@contextmanager
def live_progress() -> Iterator[ProgressCallback]:
    """Draw a bar a stage, with the time left, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bars = RichProgress(*columns, console=Console(stderr=True))
    with _undisturbed():
        bars.start()
    try:
        yield _Bars(bars).show
    finally:
        with _undisturbed():
            bars.stop()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Go on where a terminal can no longer be written: it was closed, or its connection is gone."""
    try:
        yield
    except OSError:
        let_go(sys.stderr)


@dataclass(slots=True)
class _Bars:
    bars: RichProgress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def show(self, progress: Progress) -> None:
        total = progress.total or None
        with _undisturbed():
            if progress.stage not in self.tasks:
                self.tasks[progress.stage] = self.bars.add_task(progress.stage, total=total)
            self.bars.update(self.tasks[progress.stage], completed=progress.done, total=total)


def progress_display(*, quiet: bool) -> Callable[[], AbstractContextManager[ProgressCallback]]:
    """Choose the display: none when quiet, live on a terminal, else plain lines."""
    if quiet:
        return no_progress
    return live_progress if sys.stderr is not None and sys.stderr.isatty() else plain_progress


def ends_cleanly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors into one sentence on stderr and the exit status that belongs to them; `debug` shows the traceback."""
    return _ending(command, "")


def ends_resumably(command: Callable[P, None]) -> Callable[P, None]:
    """Do so for a command that stores what is spoken: who has to run it again is told that it goes on."""
    return _ending(command, KEPT)


def _ending(command: Callable[P, None], kept: str) -> Callable[P, None]:
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with ending_cleanly(debug=bool(kwargs.get("debug")), kept=kept):
            command(*args, **kwargs)

    return run


@contextmanager
def ending_cleanly(*, debug: bool, kept: str = "") -> Iterator[None]:
    """Do so for whatever the body raises; what click raises for itself passes through. `kept` says what is not lost."""
    more, again = (f"; {kept}", f"; {kept}, {AGAIN}") if kept else ("", "")
    with interrupts.Ending() as ending:
        try:
            with ending.watched():
                yield
        except RefusedError as error:
            _end(error, f"{error}{more}", error.exit_status, debug=debug)
        except (EngineError, RemoteProtocolError) as error:
            _end(error, f"{error}{again}", error.exit_status, debug=debug)
        except PipelineError as error:
            _end(error, str(error), error.exit_status, debug=debug)
        except KeyboardInterrupt as error:
            _end(error, f"interrupted{again}", interrupts.status(), debug=debug)
        except BrokenPipeError:
            let_go(sys.stdout)
            sys.exit(1)
        except OSError as error:
            _end(error, of_os_error(error), 1, debug=debug)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # the last one: whatever it is, a person gets a sentence
            _end(error, of_exception(error), 1, debug=debug)


def _end(error: BaseException, sentence: str, status: int, *, debug: bool) -> None:
    if debug:
        import traceback

        aside("".join(traceback.format_exception(error)).rstrip("\n"))
    aside(f"cueline: {one_line(sentence)}")
    sys.exit(status)


def listed(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print pairs under a title, on stdout."""
    show(title)
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        show(f"  {name:<{width}}  {plain(text)}")
