"""What goes wrong: one clear sentence, the right exit status, no partial file, nothing spoken lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import EngineError, MediaError, OutputError, PipelineError, ScriptError, StoreError, UsageError
from pipeline.model import SpokenText
from tests.production.jobs import SCRIPT, job_of, run
from tests.speaking_voice import SpeakingVoice


def left_behind(folder: Path) -> list[str]:
    """Every file under the output folder, and the folder itself where it is there."""
    output = folder / "output"
    return sorted(str(path.relative_to(folder)) for path in (output, *output.rglob("*")) if path.exists())


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "nothing to speak"),
        ("---\ntitle: x\n---\n\n", "nothing to speak"),
        ("— … —", "nothing to speak"),
        ("---\nvioce: x\n---\nHi.", "did you mean 'voice'"),
        ("Hi.\n\n[00:10] Later.", "no effect yet"),
    ],
)
def test_a_script_that_cannot_be_meant(folder: Path, text: str, sentence: str) -> None:
    """A script with nothing to say, or a wrong setting, ends with a sentence and leaves nothing."""
    with pytest.raises(UsageError, match=sentence) as caught:
        run(job_of(folder, text))
    assert caught.value.exit_status == 2
    assert left_behind(folder) == []


def test_files_that_are_not_there(folder: Path, truth: SpeakingVoice) -> None:
    """A missing script, video or picture, and a video that is none, are told before anything is spoken."""
    job = job_of(folder)
    job.script.unlink()
    with pytest.raises(ScriptError, match="no such file"):
        run(job)
    with pytest.raises(MediaError, match="no such file"):
        run(job_of(folder, video=str(folder / "gone.mp4")))
    (folder / "fake.mp4").write_text("I am no video", encoding="utf-8")
    with pytest.raises(MediaError, match="no video"):
        run(job_of(folder, video=str(folder / "fake.mp4")))
    with pytest.raises(MediaError, match="no such picture"):
        run(job_of(folder, picture=str(folder / "gone.png")))
    (folder / "fake.png").write_text("I am no picture", encoding="utf-8")
    with pytest.raises(MediaError, match="no picture"):
        run(job_of(folder, picture=str(folder / "fake.png")))
    assert truth.texts == []
    assert left_behind(folder) == []


def test_a_folder_that_cannot_be_written(folder: Path, truth: SpeakingVoice) -> None:
    """An output folder under a file is told before anything is spoken (root passes over permissions)."""
    (folder / "output").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        run(job_of(folder))
    assert truth.texts == []


def test_a_full_disk_while_storing(folder: Path, truth: SpeakingVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store's disk is full it is said so, no partial file stays, and the rest is spoken when there is room."""
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        run(job_of(folder))
    kept = list((folder / "store").rglob("*.speech"))
    assert len(kept) >= 2
    assert not list((folder / "store").rglob("*.partial"))
    assert left_behind(folder) == []
    monkeypatch.setattr("os.fsync", real)
    truth.texts.clear()
    assert run(job_of(folder)).spoken == 5 - len(kept) == len(truth.texts)


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("name", ["tour.srt", "tour.words.json", "tour.job.json"])
def test_a_full_disk_while_writing(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a side file cannot be written no file appears at all."""
    real = Path.write_text

    def full(self: Path, *args: Any, **kwargs: Any) -> int:
        if self.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run(job_of(folder))
    assert left_behind(folder) == []


@pytest.mark.usefixtures("truth")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
@pytest.mark.parametrize("name", ["narration.m4a", "tour.mp4"])
def test_a_full_disk_while_ffmpeg_writes(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When ffmpeg meets a full disk the sentence says so, and nothing appears."""
    from pipeline import addresses

    real = addresses.file_url

    def full(path: str | Path) -> str:
        return "file:/dev/full" if Path(path).name == name else real(path)

    monkeypatch.setattr("pipeline.encoder.sound.file_url", full)
    monkeypatch.setattr("pipeline.encoder.muxing.file_url", full)
    with pytest.raises(PipelineError, match="disk is full"):
        run(job_of(folder))
    assert left_behind(folder) == []


def test_a_voice_that_fails_half_way(folder: Path, truth: SpeakingVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was whole before the failure is kept; the next run speaks the rest only."""
    from pipeline.engines import offline

    def failing(text: str, language: str, voice: str, speed: float) -> SpokenText:
        if "bell" in text:
            raise EngineError("the voice lost its tongue", "lost_tongue")
        return truth(text, language, voice, speed)

    monkeypatch.setattr(offline, "speak", failing)
    with pytest.raises(EngineError, match="lost its tongue"):
        run(job_of(folder))
    kept = len(list((folder / "store").rglob("*.speech")))
    assert kept >= 3
    assert left_behind(folder) == []
    monkeypatch.setattr(offline, "speak", truth)
    assert run(job_of(folder)).spoken == 5 - kept


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a Windows process cannot be sent a Ctrl-C of its own")
def test_an_interrupt_half_way(folder: Path) -> None:
    """Ctrl-C ends with status 130 and one sentence, no partial file, and everything spoken until then kept."""
    script = folder / "long.md"
    paragraphs = [f"This is paragraph number {n}, and it is one of many that are spoken here." for n in range(400)]
    script.write_text("\n\n".join(paragraphs), encoding="utf-8")
    arguments = [
        "narrate",
        str(script),
        "--engine",
        "offline",
        "-o",
        str(folder / "output"),
        "--store",
        str(folder / "s"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while len(list((folder / "s").rglob("*.speech"))) < 10 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "interrupted" in told.splitlines()[-1]
    assert "Traceback" not in told
    assert left_behind(folder) == []
    assert 10 <= len(list((folder / "s").rglob("*.speech"))) < 400
    assert not list((folder / "s").rglob("*.partial"))


@pytest.mark.usefixtures("truth")
def test_paths_that_leave_the_project(folder: Path) -> None:
    """A script may not name files outside its project, unless the person lets it."""
    inner = folder / "project"
    inner.mkdir()
    script = inner / "tour.md"
    script.write_text(SCRIPT.replace("title:", "video: ../secret.mp4\ntitle:"), encoding="utf-8")
    from dataclasses import replace

    job = replace(job_of(folder), script=script)
    with pytest.raises(ScriptError, match="allow-outside"):
        run(job)
    with pytest.raises(MediaError, match="no such file"):
        run(replace(job, allow_outside=True))
