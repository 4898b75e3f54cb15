"""`cueline latency`: a table for people, every figure for programs, and the right end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import latency, main
from pipeline.engines import retries
from pipeline.engines.timing import Way
from pipeline.errors import EngineError
from pipeline.production import latency as measuring
from pipeline.production.latency import Series
from pipeline.production.timed_runs import Figures, Run, timed_run
from tests.background_server import background_server
from tests.speaking_voice import SpeakingVoice


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder of the test's own, with a store; begin the next run at once."""
    (tmp_path / ".cueline").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)


def call(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(main, ["latency", *arguments])


OFFLINE = ("--engine", "offline", "--runs", "2")


@pytest.mark.usefixtures("truth")
def test_a_table_for_people() -> None:
    """What was spoken, a row a way with its runs, and the client's own time; remarks are on stderr."""
    result = call(*OFFLINE, "--schedule", "50", "--schedule", "auto", "--endpoint", "multi-stream-input")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("offline, voice heart, pcm_24000, 165 characters")
    rows = [line.split() for line in lines if line.strip().startswith("multi-stream-input")]
    assert [row[1] for row in rows] == ["50", "auto"] * 2
    assert [row[2] for row in rows[:2]] == ["2/2", "2/2"]
    assert all("-" not in row[2:] for row in rows)
    assert "First word" in result.stdout
    assert "Bare loop" in result.stdout
    assert "not counted" in result.stderr
    assert "speaking: done" in result.stderr


@pytest.mark.usefixtures("truth")
def test_every_figure_for_programs() -> None:
    """One JSON object: what was asked, each run, and their summary; nothing else is said."""
    result = call(*OFFLINE, "--schedule", "50", "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert (told["engine"], told["loopback"], told["interrupted"]) == ("offline", True, False)
    assert told["characters"] == 5 * len(told["text"])
    (way,) = told["ways"]
    assert (way["endpoint"], way["schedule"], len(way["runs"])) == ("stream-input", "50", 2)
    for run in way["runs"]:
        assert run["first_byte_ms"] <= run["first_audio_ms"]
        assert run["words"] == len(told["text"].split())
        assert len(run["bare_loop_ms"]) == len(run["sound_overhead_ms"])
    for name, summed in way["summary"].items():
        values = [run[name] for run in way["runs"]]
        count = sum(map(len, values)) if isinstance(values[0], list) else 2
        assert summed["count"] == count
        assert summed["median"] <= summed["p95"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "ofline"], "--engine"),
        (["--engine", "elevenlabs"], "ELEVENLABS_API_KEY"),
        (["--engine", "offline", "--schedule", "20"], "from 50 to 500"),
        (["--engine", "offline", "--schedule", "fast"], "'fast'"),
        (["--engine", "offline", "--endpoint", "stream"], "multi-stream-input"),
        (["--engine", "offline", "--runs", "0"], "--runs"),
        (["--engine", "offline", "--runs", "101"], "--runs"),
        (["--engine", "offline", "--text", "gone.txt"], "gone.txt: there is no such file"),
        (["--engine", "offline", "--output-format", "mp3"], "output format"),
    ],
)
def test_a_wrong_call_ends_with_status_2(arguments: list[str], sentence: str) -> None:
    """One sentence, nothing measured."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stdout == ""


def test_the_cost_is_said_before_anything_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """In characters, all runs of all ways, before a connection is opened."""
    monkeypatch.setenv("ELEVENLABS_API_KEY", "a-key-of-the-service")

    def refuse(*_: object) -> None:
        raise EngineError("a connection was about to be opened")

    monkeypatch.setattr(measuring, "open_station", refuse)
    result = call("--runs", "3", "--schedule", "50", "--schedule", "auto")
    told, opened = (result.stderr.find(words) for words in ("up to 990 characters", "about to be opened"))
    assert 0 <= told < opened
    assert "3 runs of 2 ways, 165 each" in result.stderr


def test_all_failed_is_a_failure_and_some_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run that failed is told; status 1 only where none came to its end."""
    monkeypatch.setenv("ELEVENLABS_API_KEY", "any")
    asked = ["--engine", "elevenlabs", "--runs", "2", "--schedule", "50"]
    with background_server("error=quota_exceeded") as base:
        result = call(*asked, "--base-url", base)
        told = json.loads(call(*asked, "--base-url", base, "--json").stdout)
    assert result.exit_code == 1
    assert (result.stdout, result.stderr.count("run 1 of stream-input, schedule 50 failed")) == ("", 1)
    assert "none of 1 runs came to its end" in result.stderr.splitlines()[-1]
    assert "quota" in told["ways"][0]["runs"][0]["error"]
    assert told["ways"][0]["summary"]["first_word_ms"] is None
    with background_server("drop-after=60000,every=4") as base:
        result = call(*asked, "--base-url", base)
    assert result.exit_code == 0, result.output
    assert "run 2 of stream-input, schedule 50 failed" in result.stderr
    assert " 1/2 " in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="the signal is sent as a terminal sends it")
def test_ctrl_c_shows_what_was_measured(monkeypatch: pytest.MonkeyPatch, truth: SpeakingVoice) -> None:
    """The table of the runs until then, and status 130."""

    async def interrupted(*arguments: object) -> Run:
        if len(truth.texts) > 4:
            os.kill(os.getpid(), signal.SIGINT)
        return await timed_run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(measuring, "timed_run", interrupted)
    result = call("--engine", "offline", "--runs", "50", "--schedule", "500")
    assert result.exit_code == 130, result.output
    assert " 2/2 " in result.stdout
    assert "interrupted" in result.stderr.splitlines()[-1]


def test_a_table_fits_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than it is wide; where nothing was measured stands a dash."""
    run = Run(10, 100, 110, None, 0.25, 9000, 0, (0.5, 0.7))
    rows = [Series(Way(), [run]), Series(Way(auto_mode=True))]
    assert latency._cell(Figures(1.04, 2.06, 9)) == "1.0 / 2.1"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for columns in (70, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = list(latency._table("title", latency._times(rows)))
        assert max(map(len, lines)) <= columns
    assert "10.0 / 10.0" in "\n".join(lines)
    assert lines[-1].split()[-1] == latency.NONE
