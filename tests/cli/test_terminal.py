"""Progress as a person sees it: columns with names, every stage to its end."""

from __future__ import annotations

import pytest

from pipeline.cli.terminal import ends_cleanly, ends_resumably, live_progress, plain_progress
from pipeline.errors import BusyError, RefusedError, RemoteProtocolError, UsageError
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


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (BusyError("no room"), 1, "no room"),
        (RemoteProtocolError("no sound"), 1, "no sound"),
        (RefusedError("no voice"), 1, "no voice"),
        (UsageError("no"), 2, "no"),
    ],
)
def test_only_who_stores_speech_says_that_it_is_kept(
    error: BaseException, status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And only where something may have been spoken; to go on as before helps where nothing was refused."""

    def failing() -> None:
        raise error

    ends = []
    for decorated in (ends_cleanly(failing), ends_resumably(failing)):
        with pytest.raises(SystemExit) as ended:
            decorated()
        assert ended.value.code == status
        ends.append(capsys.readouterr().err)
    assert ends[0] == f"cueline: {sentence}\n"
    assert ("what was spoken until then is kept" in ends[1]) == (status != 2)
    assert ("run the same command again to go on" in ends[1]) == (status != 2 and not isinstance(error, RefusedError))
    assert ends[1].startswith(ends[0].rstrip())
