"""How soon speech comes: figures by a clock that is given, never by the real one; and what fails is told."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline.engines import Access, retries
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.timing import CONTEXTS, DIALOGUE, SINGLE, Station, Way
from pipeline.errors import BusyError, ConnectionLostError, PipelineError, RefusedError, RemoteProtocolError, UsageError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.production.latency import (
    MOST_CHARACTERS,
    TEXT,
    Latency,
    LatencyJob,
    LatencyPlan,
    measure,
    named,
    plan_latency,
)
from pipeline.production.timed_runs import FailedRun, Run, figures, timed_run
from pipeline.protocol.composing import compose
from pipeline.protocol.messages import FinalMessage, SpeechMessage
from tests.background_server import background_server
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, TruthVoice

ACCESS_KEY = "any"
QUICK = Limits(opening=5, silence=0.3, closing=0.3)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder of the test's own; begin the next run at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)


def ticking() -> Callable[[], float]:
    """A clock that is a millisecond later at each look."""
    ticks = itertools.count()
    return lambda: next(ticks) / 1000


def job(engine: str = "offline", **changes: object) -> LatencyJob:
    """What is asked, few runs of it."""
    return LatencyJob(engine, Path("store").absolute(), **{"runs": 2, **changes})  # type: ignore[arg-type]


def planned(base: str, say: Callable[[str], None] = lambda _: None, **changes: object) -> tuple[LatencyPlan, Access]:
    """A plan for a server of this machine, and the way in."""
    access = Access(ACCESS_KEY, base)
    return plan_latency(job("elevenlabs", **{"options": {"engine": "elevenlabs"}, **changes}), access, say), access


def measured(*faults: str, said: list[str] | None = None, **changes: object) -> Latency:
    """Measure a server with faults."""
    told = [] if said is None else said
    with background_server(*faults) as base:
        plan, access = planned(base, told.append, **changes)
        return measure(plan, access, told.append, limits=QUICK, clock=ticking())


# ── one run ────────────────────────────────────────────────────────────────────────────────────────────────────────


def speech_of(text: str) -> SpeechMessage:
    """Ten milliseconds a character, and as many samples."""
    times = Alignment(tuple(text), tuple(range(0, 10 * len(text), 10)), (10,) * len(text))
    return SpeechMessage(SpeechChunk(bytes(2 * 240 * len(text)), times, None))


def test_the_figures_of_a_run_are_the_moments_between() -> None:
    """With a server that answers when it has heard all, every look at the clock is known, and so is every figure."""

    async def answer(connection: ServerConnection) -> None:
        async for frame in connection:
            if json.loads(frame)["text"] == "":
                break
        await connection.send("{}")
        for message in (speech_of("Hello "), speech_of("you. "), FinalMessage()):
            await connection.send(compose(message))

    async def run() -> Run:
        async with listen(answer, "127.0.0.1", 0, compression=None) as server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            station = Station(Address(base), lambda _: StreamInput(common_query), common_query, QUICK)
            request = SpeechRequest("Hello you.", Voice("v"), "m", "en")
            return await timed_run(station, request, Way(), ticking())

    found = asyncio.run(run())
    # Looks: 0 begin, 1 opening, 2 text, 3 end, 4 {}, 5 frame, 6 word, 7 sound, 8 frame, 9 word, 10 sound.
    assert (found.handshake, found.first_byte) == pytest.approx((1, 2))
    assert (found.first_word, found.first_audio) == pytest.approx((4, 5))
    assert found.sound_overhead == pytest.approx((2, 2))
    assert found.word_overhead == pytest.approx((1, 1))
    assert found.audio == pytest.approx(110)
    assert found.real_time_factor == pytest.approx(8 / 110)
    assert (found.words, found.bare) == (2, ())


@given(st.lists(st.floats(-1e6, 1e6), max_size=50))
@settings(max_examples=80, deadline=None)
def test_figures_are_of_what_was_measured(values: list[float]) -> None:
    """95 in a hundred are not above the second figure, which is one of them, and no smaller one would do."""
    found = figures(values)
    assert (found is None) == (not values)
    if found:
        assert found.count == len(values)
        assert found.p95 in values
        least = math.ceil(0.95 * len(values))
        assert sum(value <= found.p95 for value in values) >= least
        assert sum(value < found.p95 for value in values) < least
        assert min(values) <= found.median <= max(values)


# ── all runs ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["pcm_24000", "mp3_44100_128", "ulaw_8000"])
def test_every_way_is_measured(output_format: str) -> None:
    """Both sockets, a schedule and whole sentences: all words, all sound, and the bare loop beside."""
    options = {"engine": "elevenlabs", "output_format": output_format}
    found = measured(options=options, schedules=((50.0,), None), endpoints=(SINGLE, CONTEXTS))
    assert not found.is_interrupted
    assert [named(series.way) for series in found.series] == [
        f"{endpoint}, {schedule}" for endpoint in (SINGLE, CONTEXTS) for schedule in ("schedule 50", "auto")
    ]
    for series in found.series:
        assert len(series.good) == 2
        for run in series.good:
            assert run.words == len(TEXT.split())
            assert run.audio > 1000 * len(TruthVoice()(TEXT, "en", "v", 1).pcm) / 2 / SAMPLE_RATE - 1000
            assert run.handshake > 0
            assert 0 < run.first_byte < run.first_audio
            assert run.first_word is not None
            assert run.first_byte < run.first_word
            assert 0 < len(run.word_overhead) <= run.words
            assert min(run.sound_overhead + run.word_overhead) > 0
            assert run.bare == pytest.approx([1.0] * len(run.bare))
            assert len(run.bare) >= len(run.sound_overhead) > 1
        pooled = series.pooled(lambda run: run.bare)
        assert pooled is not None
        assert pooled.count == sum(len(run.bare) for run in series.good)


def test_the_offline_voice_is_measured_over_its_own_server(truth: SpeakingVoice) -> None:
    """Once before all, which is said and not counted; then each run twice, once by the bare loop."""
    said: list[str] = []
    plan = plan_latency(job(schedules=((500.0,),), runs=3), Access(), said.append)
    found = measure(plan, Access(), said.append, clock=ticking())
    assert len(found.series[0].good) == 3
    assert truth.texts == [TEXT] * 7
    assert plan.characters == 7 * len(TEXT)
    assert sum("not counted" in sentence for sentence in said) == 1
    assert not any("characters" in sentence for sentence in said)


def test_ways_take_turns_and_progress_is_told(truth: SpeakingVoice) -> None:
    """Each way once, then each again."""
    steps: list[tuple[int, int, list[int]]] = []
    plan = plan_latency(job(schedules=((50.0,), (500.0,))), Access(), lambda _: None)

    from pipeline.production import latency

    measuring: list[latency._Measuring] = []
    original = latency._Measuring.run

    async def watched(self: latency._Measuring, station: Station) -> None:
        measuring.append(self)
        await original(self, station)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(latency._Measuring, "run", watched)
        measure(
            plan,
            Access(),
            lambda _: None,
            lambda done, total: steps.append((done, total, [len(one.runs) for one in measuring[0].series])),
        )
    assert steps == [(1, 4, [1, 0]), (2, 4, [1, 1]), (3, 4, [2, 1]), (4, 4, [2, 2])]
    assert truth.texts


# ── what fails ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("stall-after=60000", ConnectionLostError),
        ("drop-after=60000", ConnectionLostError),
        ("http-429", BusyError),
        ("http-5xx", BusyError),
        ("busy", BusyError),
        ("wrong-base64", RemoteProtocolError),
    ],
)
@pytest.mark.parametrize("endpoint", [SINGLE, CONTEXTS])
def test_runs_that_fail_are_told(fault: str, kind: type[PipelineError], endpoint: str) -> None:
    """Each with its reason, and every one is tried once."""
    said: list[str] = []
    found = measured(fault, said=said, endpoints=(endpoint,), schedules=((50.0,),))
    failed = [run for run in found.series[0].runs if isinstance(run, FailedRun)]
    assert len(failed) == len(found.series[0].runs) == 2
    assert all(isinstance(run.error, kind) for run in failed), failed
    assert [sentence.partition(" failed: ")[0] for sentence in said if " failed: " in sentence] == [
        f"run 1 of {endpoint}, schedule 50",
        f"run 2 of {endpoint}, schedule 50",
    ]


def test_one_failure_leaves_the_others() -> None:
    """The fourth connection stalls, after the one before all, that of a run, and its bare loop's."""
    found = measured("stall-after=60000,every=4", schedules=((50.0,),), runs=3)
    assert [type(run) for run in found.series[0].runs] == [Run, FailedRun, Run]
    summed = found.series[0].figures(lambda run: run.first_audio)
    assert summed is not None
    assert summed.count == 2


def test_a_bare_loop_that_breaks_off_is_told() -> None:
    """The run before it counts all the same, with the figures that there are."""
    said: list[str] = []
    found = measured("drop-after=60000,every=3", said=said, schedules=((50.0,),), runs=1)
    (run,) = found.series[0].good
    assert len(run.bare) < len(run.sound_overhead)
    assert said[-1] == "the bare loop broke off after run 1 of stream-input, schedule 50"


def test_what_is_refused_is_not_tried_again() -> None:
    """A quota is spent for the next run too; another way is tried once."""
    said: list[str] = []
    found = measured("error=quota_exceeded", said=said, schedules=((50.0,), None), runs=5)
    assert [len(series.runs) for series in found.series] == [1, 1]
    assert all(
        isinstance(run, FailedRun) and isinstance(run.error, RefusedError) for one in found.series for run in one.runs
    )
    assert sum("not tried again" in sentence for sentence in said) == 2


def test_words_without_times_are_known_at_the_end() -> None:
    """The first word comes after the last sound, and no frame has completed it."""
    for run in measured("null-alignments", schedules=((50.0,),)).series[0].good:
        assert run.first_word is not None
        assert run.first_word > run.first_audio
        assert run.word_overhead == ()
        assert len(run.sound_overhead) > 1


def test_a_missing_final_frame_is_no_failure() -> None:
    """All is there."""
    assert len(measured("no-final", schedules=((500.0,),)).series[0].good) == 2


def test_nobody_there_is_a_failure_of_each_run() -> None:
    """Told as often as it was tried."""
    with background_server() as base:
        plan, access = planned(base, schedules=((50.0,),))
    found = measure(plan, access, lambda _: None, limits=QUICK)
    assert [type(run) for run in found.series[0].runs] == [FailedRun, FailedRun]


def test_an_interruption_gives_what_there_is(truth: SpeakingVoice) -> None:
    """The runs until then."""

    def interrupt(done: int, _total: int) -> None:
        task = asyncio.current_task()
        if done == 2 and task:
            task.cancel()

    plan = plan_latency(job(schedules=((50.0,), (500.0,)), runs=9), Access(), lambda _: None)
    found = measure(plan, Access(), lambda _: None, interrupt)
    assert found.is_interrupted
    assert [len(series.good) for series in found.series] == [1, 1]
    assert truth.texts


# ── plans ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_tells_what_it_costs(tmp_path: Path) -> None:
    """Every way once, the characters of all runs; the service's own is spoken once a run, and no loop beside."""
    said: list[str] = []
    text = tmp_path / "text.txt"
    text.write_text("\ufeffHello  there,\n\nyou. ", encoding="utf-8")
    wanted = job("elevenlabs", options={"engine": "elevenlabs"}, text=text, schedules=((50.0,), (50.0,), None), runs=4)
    plan = plan_latency(wanted, Access("a-key-of-the-service"), said.append)
    assert plan.request.text == "Hello there, you."
    assert plan.ways == (Way(SINGLE, (50.0,)), Way(SINGLE, None, auto_mode=True))
    assert (plan.is_loopback, plan.characters) == (False, 4 * 2 * 17)
    assert plan.request.output_format == "pcm_24000"
    assert any("up to 136 characters" in sentence and "4 runs of 2 ways, 17 each" in sentence for sentence in said)


def test_a_model_of_the_dialogue_socket_is_measured_there() -> None:
    """It has no schedule, and asking for one is refused."""
    options = {"engine": "elevenlabs", "model": "eleven_v3"}
    found = measured(options=options)
    assert [series.way for series in found.series] == [Way(DIALOGUE)]
    assert len(found.series[0].good) == 2
    assert found.series[0].good[0].bare
    with pytest.raises(UsageError, match="no schedule"):
        plan_latency(job("elevenlabs", options=options, schedules=((50.0,),)), Access("a-key"), lambda _: None)


@pytest.mark.parametrize(("text", "sentence"), [("?! …", "nothing to say"), ("word " * MOST_CHARACTERS, "are enough")])
def test_a_text_that_is_no_measure_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """Before anything is spent."""
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=sentence):
        plan_latency(job(text=path), Access(), lambda _: None)


def test_the_format_that_the_project_asks_for_is_kept(tmp_path: Path) -> None:
    """Samples are asked for only where nobody says."""
    (tmp_path / "cueline.toml").write_text('output_format = "ulaw_8000"\n', encoding="utf-8")
    assert plan_latency(job(), Access(), lambda _: None).request.output_format == "ulaw_8000"
