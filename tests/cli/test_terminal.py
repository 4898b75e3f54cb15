"""Progress as a person sees it: columns with names, every stage to its end."""

from __future__ import annotations

import pytest

from pipeline.cli.terminal import live_progress, plain_progress
from pipeline.model import Progress


def test_the_columns_of_time_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Both times of a bar say which they are, and a whole stage is at 100 %."""
    with live_progress() as show:
        show(Progress("drawing", 1, 2))
        show(Progress("drawing", 2, 2))
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert shown.index("elapsed 0:00:0") < shown.index("left 0:00:00")


def test_a_stage_is_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A plain line says when a stage is whole, and how long it took."""
    with plain_progress() as show:
        show(Progress("drawing", 1, 2))
        show(Progress("drawing", 2, 2))
        show(Progress("drawing", 2, 2))
    assert capsys.readouterr().err == "drawing: done in 0.0 s\n"
