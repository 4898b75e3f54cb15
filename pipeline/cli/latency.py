"""`cueline latency`: runs of a short text in several ways → how soon sound and words come, as a table."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline import interrupts
from pipeline.cli.options import chosen_setting_options, environment_access, given_settings, schedule_of, store_of
from pipeline.cli.terminal import aside, ends_cleanly, no_progress, plain_progress, remark, show, show_json, silent
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from pipeline.production.latency import Latency, LatencyPlan, Series
    from pipeline.production.timed_runs import FailedRun, Figures, Run

AUTO = "auto"
# Columns of a file or a pipe, where nothing is cut.
WIDE = 160
NONE = "-"


@click.command("latency")
@click.option(
    "--schedule",
    "schedules",
    multiple=True,
    metavar="N,N,…|auto",
    help="After how many characters the first, second… stretch is spoken, each 50-500, or auto: sentence by sentence;"
    " may be repeated.  [default: 50, and 120,160,250,290]",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    type=click.Choice(["stream-input", "multi-stream-input"]),
    help="The socket; may be repeated.  [default: stream-input]",
)
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True, help="How often each is measured.")
@click.option("--text", type=click.Path(path_type=Path), help="A file of what is spoken.  [default: three sentences]")
@chosen_setting_options("engine", "voice", "model", "language", "output_format")
@click.option("--store", type=click.Path(path_type=Path), help="Where the names of voices are remembered.")
@click.option("--base-url", metavar="URL", help="Another address of the service.")
@click.option("--json", "as_json", is_flag=True, help="Print every run's figures as JSON.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(schedules: tuple[str, ...], endpoints: tuple[str, ...], **options: object) -> None:
    """Measure how soon speech comes: the handshake, the first byte, the first sound, the first word, and how fast.

    A short text is spoken several times in each way; nothing is kept. The service is paid for every run: how many
    characters that is stands first. Against a server on this machine it also shows what the client itself adds.

    \b
    cueline latency --engine offline --runs 3
    cueline latency --schedule 50 --schedule auto --endpoint stream-input --endpoint multi-stream-input
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    from pipeline.model import Progress
    from pipeline.production.latency import LatencyJob, measure, plan_latency

    access = environment_access(options)
    quiet = bool(options["quiet"] or options["as_json"])
    say = silent if quiet else remark
    text = options["text"]
    job = LatencyJob(
        engine="elevenlabs" if access.key else "offline",
        store=store_of(options, Path.cwd() / "any.md"),
        options=given_settings(options),
        text=text.absolute() if isinstance(text, Path) else None,
        schedules=tuple(_schedule(written) for written in schedules),
        endpoints=endpoints,
        runs=int(str(options["runs"])),
    )
    plan = plan_latency(job, access, say)
    # Plain lines on a terminal too: a display that draws itself would take time from what is timed.
    with (no_progress if quiet else plain_progress)() as progress:
        measured = measure(plan, access, say, lambda done, total: progress(Progress("speaking", done, total)))
    _tell(plan, measured, as_json=bool(options["as_json"]))
    if measured.is_interrupted:
        aside("cueline: interrupted; this is what was measured until then")
        sys.exit(interrupts.status())
    _refuse_nothing(measured)


def _schedule(written: str) -> tuple[float, ...] | None:
    """Read a schedule; None is `auto`."""
    return None if written.strip() == AUTO else schedule_of(written, f"{AUTO}, or ")


def _refuse_nothing(measured: Latency) -> None:
    """Raise EngineError, with the last reason, where no run came to its end."""
    failed = [run for series in measured.series for run in series.runs if not _is_good(run)]
    if failed and not any(series.good for series in measured.series):
        raise EngineError(f"none of {len(failed)} runs came to its end; the last: {failed[-1].error}")  # type: ignore[union-attr]


def _is_good(run: Run | FailedRun) -> bool:
    from pipeline.production.timed_runs import FailedRun

    return not isinstance(run, FailedRun)


# ── for a person ───────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(plan: LatencyPlan, measured: Latency, *, as_json: bool) -> None:
    if as_json:
        show_json(_as_json(plan, measured))
        return
    if not any(series.good for series in measured.series):
        return
    request = plan.request
    show(
        f"{plan.engine}, voice {request.voice.id}, {request.output_format}, {len(request.text)} characters"
        f"{'' if plan.engine == 'offline' else f', model {request.model}'}"
    )
    for line in _table("Milliseconds from the text being sent: median / 95th percentile", _times(measured.series)):
        show(line)
    if plan.is_loopback:
        title = "Milliseconds that the client takes for a frame, received to handed over: median / 95th percentile"
        for line in _table(title, _overheads(measured.series)):
            show(line)


Rows = Iterator[Sequence[str]]


def _times(all_series: Sequence[Series]) -> Rows:
    """Yield the headings, then a row for each way."""
    yield "Socket", "Schedule", "Runs", "Handshake", "First byte", "First audio", "First word", "Real-time factor"
    for series in all_series:
        yield (
            *_way(series),
            f"{len(series.good)}/{len(series.runs)}",
            _cell(series.figures(lambda run: run.handshake)),
            _cell(series.figures(lambda run: run.first_byte)),
            _cell(series.figures(lambda run: run.first_audio)),
            _cell(series.figures(lambda run: run.first_word)),
            _cell(series.figures(lambda run: run.real_time_factor), 3),
        )


def _overheads(all_series: Sequence[Series]) -> Rows:
    """Yield the headings, then a row for each way."""
    yield "Socket", "Schedule", "Frames", "To its sound", "To a word that it ends", "Bare loop: read and decoded"
    for series in all_series:
        frames = series.pooled(lambda run: run.sound_overhead)
        yield (
            *_way(series),
            str(frames.count if frames else 0),
            _cell(frames, 3),
            _cell(series.pooled(lambda run: run.word_overhead), 3),
            _cell(series.pooled(lambda run: run.bare), 3),
        )


def _way(series: Series) -> tuple[str, str]:
    from pipeline.production.latency import shown_schedule

    return series.way.endpoint, shown_schedule(series.way)


def _cell(figures: Figures | None, digits: int = 1) -> str:
    return f"{figures.median:.{digits}f} / {figures.p95:.{digits}f}" if figures else NONE


def _table(title: str, rows: Rows) -> Iterator[str]:
    """Lay rows out under their headings; on a terminal no line is longer than it is wide."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    headings, *rest = rows
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < 2 else "right")
    for row in rest:
        table.add_row(*row)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    written = io.StringIO()
    Console(file=written, width=width, color_system=None, highlight=False).print(table)
    yield ""
    yield from (line.rstrip() for line in written.getvalue().rstrip().splitlines())


# ── for a program ──────────────────────────────────────────────────────────────────────────────────────────────────


def _as_json(plan: LatencyPlan, measured: Latency) -> Mapping[str, object]:
    request = plan.request
    return {
        "engine": plan.engine,
        "voice": request.voice.id,
        "model": request.model,
        "language": request.language,
        "output_format": request.output_format,
        "text": request.text,
        "characters": plan.characters,
        "loopback": plan.is_loopback,
        "interrupted": measured.is_interrupted,
        "ways": [_series_as_json(series) for series in measured.series],
    }


# What a run is summed up by, and what its frames are.
_OF_RUNS: Mapping[str, Callable[[Run], float | None]] = {
    "handshake_ms": lambda run: run.handshake,
    "first_byte_ms": lambda run: run.first_byte,
    "first_audio_ms": lambda run: run.first_audio,
    "first_word_ms": lambda run: run.first_word,
    "real_time_factor": lambda run: run.real_time_factor,
}
_OF_FRAMES: Mapping[str, Callable[[Run], Sequence[float]]] = {
    "sound_overhead_ms": lambda run: run.sound_overhead,
    "word_overhead_ms": lambda run: run.word_overhead,
    "bare_loop_ms": lambda run: run.bare,
}


def _series_as_json(series: Series) -> dict[str, object]:
    endpoint, schedule = _way(series)
    summary = {name: _figures_as_json(series.figures(of)) for name, of in _OF_RUNS.items()}
    summary |= {name: _figures_as_json(series.pooled(of)) for name, of in _OF_FRAMES.items()}
    return {
        "endpoint": endpoint,
        "schedule": schedule,
        "runs": [_run_as_json(run) for run in series.runs],
        "summary": summary,
    }


def _run_as_json(run: Run | FailedRun) -> dict[str, object]:
    from pipeline.production.timed_runs import FailedRun

    if isinstance(run, FailedRun):
        return {"error": str(run.error), "kind": type(run.error).__name__, "code": getattr(run.error, "code", "")}
    values = {name: of(run) for name, of in _OF_RUNS.items()}
    shown: dict[str, object] = {name: None if value is None else round(value, 4) for name, value in values.items()}
    frames = {name: [round(value, 4) for value in of(run)] for name, of in _OF_FRAMES.items()}
    return {**shown, "audio_ms": round(run.audio, 1), "words": run.words, **frames}


def _figures_as_json(figures: Figures | None) -> dict[str, float] | None:
    if figures is None:
        return None
    return {"median": round(figures.median, 4), "p95": round(figures.p95, 4), "count": figures.count}
