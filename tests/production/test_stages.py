"""Progress: each stage that began is told to its end, unless it failed."""

from __future__ import annotations

import pytest

from pipeline.errors import FfmpegError
from pipeline.model import Progress
from pipeline.production.stages import told_to_the_end


def test_every_stage_ends_whole() -> None:
    """One that stayed short, one without a total, and one that was whole already."""
    told: list[Progress] = []
    with told_to_the_end(told.append) as progress:
        progress(Progress("drawing", 9.9, 10, "s"))
        progress(Progress("muxing", 0, 0))
        progress(Progress("speaking", 3, 3))
    assert told[3:] == [Progress("drawing", 10, 10, "s"), Progress("muxing", 1, 1)]


def test_a_stage_that_failed_is_not_told_whole() -> None:
    """What ends by an error stays where it was."""
    told: list[Progress] = []

    def fail() -> None:
        with told_to_the_end(told.append) as progress:
            progress(Progress("drawing", 1, 10, "s"))
            raise FfmpegError("ffmpeg failed")

    with pytest.raises(FfmpegError):
        fail()
    assert len(told) == 1
