"""Running ffmpeg: progress, time, failures in a sentence, no child left behind."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import pytest

from pipeline.encoder import run
from pipeline.encoder.process import FfmpegProcess, failure
from pipeline.encoder.sound import SoundEncoder
from pipeline.errors import FfmpegError, OutputError
from pipeline.model import Progress

ENDLESS = ["-re", "-f", "lavfi", "-i", "anullsrc", "-f", "null", "-"]


def fed(path: Path, blocks: int) -> None:
    """Encode so many seconds of silence."""
    with SoundEncoder(str(path), 24000, "wav") as encoder:
        for _ in range(blocks):
            encoder.feed(bytes(48000))
        encoder.finish()


def abandoned(path: Path) -> None:
    """Begin to encode, and fail."""
    with SoundEncoder(str(path), 24000) as encoder:
        encoder.feed(bytes(480000))
        raise ZeroDivisionError


def fed_in_vain() -> None:
    """Feed an ffmpeg that reads nothing: a pipe holds 64 KiB, so the second block waits."""
    with FfmpegProcess(ENDLESS, None, 60) as process:
        for _ in range(100):
            process.write(bytes(65536), 0.5)


def running() -> list[str]:
    """Command lines of the ffmpegs that this process has started and that still run."""
    listed = Path("/proc/self/task").glob("*/children")
    children = {pid for path in listed for pid in path.read_text().split()}
    lines = [
        subprocess.run(["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, check=False)
        for pid in children
    ]
    return [line.stdout for line in lines if "ffmpeg" in line.stdout]


def test_progress_goes_up_to_the_end() -> None:
    """Progress is told in seconds of the whole, never more than it."""
    told: list[Progress] = []
    source = ["-f", "lavfi", "-i", "testsrc2=s=320x180:d=4", "-f", "null", "-"]
    run(source, duration_ms=4000, progress=told.append, stage="draw", time_limit_s=60)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert told[-1] == Progress("draw", told[-1].done, 4.0, "s")
    assert 3.9 <= done[-1] <= 4.0


def test_a_failure_says_what_ffmpeg_said(tmp_path: Path) -> None:
    """One sentence, with the command line and the log beside it; the error can be pickled."""
    with pytest.raises(FfmpegError, match=r"ffmpeg failed: .*No such file") as caught:
        run(["-i", f"file:{tmp_path / 'no.mp4'}", "-f", "null", "-"], time_limit_s=60)
    assert "-nostdin" in caught.value.arguments
    assert "No such file" in caught.value.log
    assert pickle.loads(pickle.dumps(caught.value)).log == caught.value.log
    assert "\n" not in str(caught.value)


def test_a_run_that_takes_too_long_is_ended() -> None:
    """The time limit ends ffmpeg and says so."""
    with pytest.raises(FfmpegError, match="within its time"):
        run(ENDLESS, time_limit_s=0.5)
    assert running() == []


def test_ctrl_c_ends_the_child() -> None:
    """Whatever a progress callback raises ends the run and the child."""

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ENDLESS, progress=interrupt, time_limit_s=60)
    assert running() == []


def test_a_full_disk_is_told() -> None:
    """What the operating system says about the place of a result is an error of the result's."""
    error = failure(("ffmpeg", "file:/x/a.mp4"), "[out#0/mp4] [error] Error: No space left on device", "")
    assert isinstance(error, OutputError)
    assert str(error) == "/x/a.mp4 could not be written: the disk is full: free some space, or write elsewhere with -o"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """Ffmpeg's own words about a full disk are understood, at the end of a run and while feeding."""
    with pytest.raises(OutputError, match="disk is full"):
        run(["-f", "lavfi", "-i", "anullsrc=d=20", "-f", "wav", "file:/dev/full"], time_limit_s=60)
    place = tmp_path / "n.wav"
    place.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="disk is full"):
        fed(place, 400)
    assert not place.is_symlink()
    assert running() == []


def test_an_abandoned_sound_leaves_nothing(tmp_path: Path) -> None:
    """Leaving without `finish` ends ffmpeg and removes what it wrote."""
    path = tmp_path / "n.m4a"
    with pytest.raises(ZeroDivisionError):
        abandoned(path)
    assert not path.exists()
    assert running() == []


def test_a_write_that_nobody_reads_ends() -> None:
    """An ffmpeg that does not take its input is ended after the time limit of the write."""
    with pytest.raises(FfmpegError, match="within its time"):
        fed_in_vain()
    assert running() == []


def test_no_project_chooses_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` beside the script does not say which ffmpeg is run."""
    (tmp_path / ".env").write_text("IMAGEIO_FFMPEG_EXE=/bin/false\n")
    monkeypatch.chdir(tmp_path)
    run(["-f", "lavfi", "-i", "anullsrc=d=0.1", "-f", "null", "-"], time_limit_s=60)
