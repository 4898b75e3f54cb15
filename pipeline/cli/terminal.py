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

from pipeline.errors import PipelineError
from pipeline.model import Progress, ProgressCallback

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

P = ParamSpec("P")
INTERRUPTED = 130
WRONG_CALL = 2
# Between two plain lines of one stage, so that a log is not flooded.
PLAIN_LINE_SECONDS = 5.0


def remark(text: str) -> None:
    """Tell something that a person should know, on stderr."""
    click.echo(f"note: {text}", err=True)


def silent(text: str) -> None:
    """Keep a remark to oneself: it still stands in the JSON result, and in the job file."""


def show_json(value: object) -> None:
    """Print a result for a program, on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


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
            click.echo(f"{stage}: {100 * progress.done / progress.total:.0f} %", err=True)

    def finish(self, stage: str) -> None:
        if stage not in self.done:
            self.done.add(stage)
            click.echo(f"{stage}: done in {time.monotonic() - self.began[stage]:.1f} s", err=True)


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
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        yield _Bars(bars).show


@dataclass(slots=True)
class _Bars:
    bars: RichProgress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def show(self, progress: Progress) -> None:
        total = progress.total or None
        if progress.stage not in self.tasks:
            self.tasks[progress.stage] = self.bars.add_task(progress.stage, total=total)
        self.bars.update(self.tasks[progress.stage], completed=progress.done, total=total)


def progress_display(*, quiet: bool) -> Callable[[], AbstractContextManager[ProgressCallback]]:
    """Choose the display: none when quiet, live on a terminal, else plain lines."""
    if quiet:
        return no_progress
    return live_progress if sys.stderr.isatty() else plain_progress


def ends_cleanly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors into one sentence on stderr and the exit status that belongs to them; `debug` shows the traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PipelineError as error:
            _end(error, str(error), error.exit_status, debug=bool(kwargs.get("debug")))
        except KeyboardInterrupt as error:
            sentence = "interrupted; what was spoken is kept, run the same command again to go on"
            _end(error, sentence, INTERRUPTED, debug=bool(kwargs.get("debug")))
        except BrokenPipeError:
            sys.exit(1)

    return run


def _end(error: BaseException, sentence: str, status: int, *, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    click.echo(f"cueline: {sentence}", err=True)
    sys.exit(status)


def listed(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print pairs under a title, on stdout."""
    click.echo(title)
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        click.echo(f"  {name:<{width}}  {text}")
