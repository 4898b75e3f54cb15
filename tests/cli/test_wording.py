"""Texts from outside, made fit for a terminal; errors that nobody foresaw."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.cli import verify as verify_command
from pipeline.cli.terminal import ending_cleanly, remark
from pipeline.cli.wording import MOST_CHARACTERS, one_line, plain
from pipeline.errors import EngineError


@given(st.text(st.characters()))
def test_nothing_unseen_is_shown(text: str) -> None:
    """No control, no turning of direction, no half character, whatever the text."""
    line = one_line(text)
    assert len(line) <= MOST_CHARACTERS
    line.encode("utf-8")
    assert plain(line) == line
    assert not any(ord(letter) < 32 or letter in "\x7f\u202e\u2028" for letter in line)


def test_a_long_sentence_keeps_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said of whom, and what to do, stay; megabytes cost nothing."""
    remark(f"the service refused: {'x ' * 2_000_000}\x1b[31m; try again")
    told = capsys.readouterr().err
    assert told.startswith("note: the service refused: x x")
    assert told.endswith("\\x1b[31m; try again\n")
    assert len(told) <= MOST_CHARACTERS + len("note: \n")


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    """Call a command that raises."""

    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr("pipeline.production.verify", fail)
    assert verify_command.command.name == "verify"
    return CliRunner().invoke(main, ["verify", "x", *options])


def test_what_nobody_foresaw_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of the system by its reason, a fault of ours as one; the traceback is shown when it is asked for."""
    result = failing(OSError(errno.EIO, "Input/output error", "a/b.mp4"), monkeypatch)
    assert (result.exit_code, result.stderr) == (1, "cueline: a/b.mp4: Input/output error\n")
    result = failing(ZeroDivisionError("division by zero\n" * 100), monkeypatch)
    assert result.exit_code == 1
    assert result.stderr.startswith("cueline: this is a fault of Cueline itself (ZeroDivisionError: division by zero")
    assert result.stderr.count("\n") == 1
    assert "Traceback" in failing(ZeroDivisionError(), monkeypatch, "--debug").stderr
    told = failing(EngineError("said\x1b[31m: " + "y" * 5000), monkeypatch).stderr
    assert "\x1b" not in told
    assert len(told) < 420


def test_what_click_says_is_left_to_it() -> None:
    """Its own errors and ends pass through."""
    for error in (click.UsageError("x"), click.exceptions.Exit(3), SystemExit(4)):
        with pytest.raises(type(error)), ending_cleanly(debug=False):
            raise error


def test_no_stderr_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under pythonw: nothing is said, nothing fails."""
    monkeypatch.setattr(sys, "stderr", None)
    remark("unheard")
