"""A text and ways to speak it → how long its first sound and first word take, over several runs of each way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.engines import Access
from pipeline.engines.bare_loop import bare_times
from pipeline.engines.connecting import Limits
from pipeline.engines.retries import pause_before
from pipeline.engines.timing import DIALOGUE, SINGLE, Clock, Station, Way, open_station
from pipeline.errors import BusyError, PipelineError, RefusedError, UsageError
from pipeline.model import Sayer, SpeechRequest
from pipeline.production.jobs import project_settings, read_text
from pipeline.production.live_jobs import LiveJob, plan_live
from pipeline.production.timed_runs import FailedRun, Figures, Run, figures, timed_run, warm_up
from pipeline.production.voice_lines import line_in
from pipeline.scripts.source import is_spoken

# Long enough that a first stretch of 120 characters is less than all of it, short enough to cost next to nothing.
TEXT = (
    "The tide turned before dawn. By the time the first ferry left the harbour, the fog had lifted, and everyone on "
    "deck could see the old lighthouse. Nobody said a word."
)
# A text to take times by, not a script: more is a mistake, and could be a dear one.
MOST_CHARACTERS = 2000
MOST_RUNS = 100
# The shortest first stretch that the service takes, and its own schedule by its documents.
SCHEDULES: tuple[tuple[float, ...] | None, ...] = ((50,), (120, 160, 250, 290))
# Samples as they are: no decoder holds any back, and every plan allows them.
FORMAT = "pcm_24000"


@dataclass(frozen=True, slots=True)
class LatencyJob:
    """What was asked. No `schedules` are the usual ones, one of None is `auto`; no `endpoints`, the usual one."""

    engine: str
    store: Path
    options: Mapping[str, object] = field(default_factory=dict)
    text: Path | None = None
    schedules: tuple[tuple[float, ...] | None, ...] = ()
    endpoints: tuple[str, ...] = ()
    runs: int = 5


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """Who speaks what, in which ways, how often.

    `is_loopback` says that it is this machine that speaks: then it is spoken once before all, and a bare loop speaks
    after every run.
    """

    engine: str
    request: SpeechRequest
    ways: tuple[Way, ...]
    runs: int
    is_loopback: bool

    @property
    def characters(self) -> int:
        """How many characters are spoken in all."""
        speeches = self.runs * len(self.ways)
        return len(self.request.text) * (2 * speeches + 1 if self.is_loopback else speeches)


@dataclass(slots=True)
class Series:
    """The runs of one way."""

    way: Way
    runs: list[Run | FailedRun] = field(default_factory=list)

    @property
    def good(self) -> list[Run]:
        """Those that came to their end."""
        return [run for run in self.runs if isinstance(run, Run)]

    @property
    def is_refused(self) -> bool:
        """Whether the service refuses this way, for a reason that another run cannot change."""
        return any(isinstance(run, FailedRun) and isinstance(run.error, RefusedError) for run in self.runs)

    def figures(self, of: Callable[[Run], float | None]) -> Figures | None:
        """Sum up one figure of each run; None where no run has it."""
        return figures(value for run in self.good if (value := of(run)) is not None)

    def pooled(self, of: Callable[[Run], Iterable[float]]) -> Figures | None:
        """Sum up the figures of all frames of all runs; None where there are none."""
        return figures(value for run in self.good for value in of(run))


@dataclass(frozen=True, slots=True)
class Latency:
    """All that was measured, and whether the person interrupted."""

    series: tuple[Series, ...]
    is_interrupted: bool = False


# ── planning ───────────────────────────────────────────────────────────────────────────────────────────────────────


def plan_latency(job: LatencyJob, access: Access, say: Sayer) -> LatencyPlan:
    """Settle who speaks what, before anything is spent, and say how much that will be.

    Raises UsageError, SettingError and ScriptError for what cannot be asked for.
    """
    chosen = {**project_settings(Path.cwd() / "any.md"), **job.options}
    own = {} if "output_format" in chosen else {"output_format": FORMAT}
    live = plan_live(LiveJob(None, None, job.engine, job.store, {**job.options, **own}), access, say)
    request = replace(live.request, text=_text(job.text, live.request.language))
    plan = LatencyPlan(
        live.engine, request, _ways(job, request.model), job.runs, live.engine == "offline" or _is_loopback(access)
    )
    if live.engine != "offline":
        _tell_cost(plan, say)
    return plan


def _text(path: Path | None, language: str) -> str:
    if path is None:
        return TEXT if language.lower().partition("-")[0] == "en" else line_in(language)
    text = " ".join(read_text(path).removeprefix("\ufeff").split())
    if not is_spoken(text):
        raise UsageError(f"--text {path}: there is nothing to say in it; give it a word")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"--text {path}: has {len(text)} characters, and {MOST_CHARACTERS} are enough to take times by"
        )
    return text


def _ways(job: LatencyJob, model: str) -> tuple[Way, ...]:
    """Every endpoint with every schedule, each once. Raises UsageError for a model that knows neither."""
    from pipeline.engines.models import is_of_dialogues

    if is_of_dialogues(model):
        if job.schedules or job.endpoints:
            raise UsageError(f"the model {model} speaks at {DIALOGUE} only, which has no schedule: leave both out")
        return (Way(DIALOGUE),)
    endpoints, schedules = job.endpoints or (SINGLE,), job.schedules or SCHEDULES
    ways = [Way(endpoint, schedule, schedule is None) for endpoint in endpoints for schedule in schedules]
    return tuple(dict.fromkeys(ways))


def _is_loopback(access: Access) -> bool:
    from pipeline.engines.elevenlabs import address_of

    return address_of(access).is_loopback


def _tell_cost(plan: LatencyPlan, say: Sayer) -> None:
    runs, ways, length = plan.runs, len(plan.ways), len(plan.request.text)
    each = f"{runs} {'run' if runs == 1 else 'runs'} of {ways} {'way' if ways == 1 else 'ways'}, {length} each"
    more = "; once before, and again by the bare loop after each run" if plan.is_loopback else ""
    say(f"up to {plan.characters:,} characters are spoken by the service: {each}{more}")


# ── measuring ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure(
    plan: LatencyPlan,
    access: Access,
    say: Sayer,
    told: Callable[[int, int], None] = lambda _done, _total: None,
    clock: Clock = time.perf_counter,
    limits: Limits | None = None,
) -> Latency:
    """Speak, run by run, all ways in turn so that what changes meanwhile befalls them alike.

    A run that fails is told and the others go on; a way that is refused is not tried again. An interruption (Ctrl-C)
    gives what there is. `told` gets how many runs are done, of how many.
    """
    return asyncio.run(_measure(plan, access, _Measuring(plan, say, told, clock), limits))


async def _measure(plan: LatencyPlan, access: Access, measuring: _Measuring, limits: Limits | None) -> Latency:
    try:
        async with open_station(plan.engine, access, limits) as station:
            await measuring.run(station)
    except asyncio.CancelledError:
        return Latency(measuring.series, is_interrupted=True)
    return Latency(measuring.series)


@dataclass(slots=True)
class _Measuring:
    """One measurement under way."""

    plan: LatencyPlan
    say: Sayer
    told: Callable[[int, int], None]
    clock: Clock
    series: tuple[Series, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.series = tuple(Series(way) for way in self.plan.ways)

    async def run(self, station: Station) -> None:
        """Speak all runs."""
        warm_up(self.plan.request.output_format)
        if self.plan.is_loopback:
            self.say("one speech before all is not counted: the voice is loaded meanwhile")
            with contextlib.suppress(PipelineError):
                await timed_run(station, self.plan.request, self.plan.ways[0], self.clock)
        total = self.plan.runs * len(self.series)
        for number in range(1, self.plan.runs + 1):
            for place, series in enumerate(self.series, 1):
                if not series.is_refused:
                    await self._one(station, series, number)
                self.told((number - 1) * len(self.series) + place, total)

    async def _one(self, station: Station, series: Series, number: int) -> None:
        request = self.plan.request
        try:
            run = await timed_run(station, request, series.way, self.clock)
        except PipelineError as error:
            series.runs.append(FailedRun(error))
            again = "; it is not tried again" if series.is_refused and number < self.plan.runs else ""
            self.say(f"run {number} of {named(series.way)} failed: {error}{again}")
            if isinstance(error, BusyError):
                await asyncio.sleep(pause_before(1, error))
            return
        series.runs.append(run)
        if self.plan.is_loopback:
            bare = await bare_times(station, request, series.way, self.clock)
            series.runs[-1] = replace(run, bare=tuple(1000 * seconds for seconds in bare))
            if len(bare) < len(run.sound_overhead):
                self.say(f"the bare loop broke off after run {number} of {named(series.way)}")


def named(way: Way) -> str:
    """Name a way for a person: `stream-input, schedule 50`."""
    if way.schedule is None and not way.auto_mode:
        return way.endpoint
    return f"{way.endpoint}, {'' if way.auto_mode else 'schedule '}{shown_schedule(way)}"


def shown_schedule(way: Way) -> str:
    """Write a way's schedule as it is asked for."""
    if way.auto_mode:
        return "auto"
    return ",".join(f"{number:g}" for number in way.schedule) if way.schedule else "-"
