"""What goes wrong: one clear sentence, the right exit status, no partial file, nothing spoken lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import srt

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
    with pytest.raises(StoreError, match="the disk is full; free some space"):
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
    with pytest.raises(OutputError, match="the disk is full; free some space"):
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


def test_a_result_never_takes_its_footages_place(folder: Path, truth: SpeakingVoice) -> None:
    """A video, or picture, that is named as the result too is told, and neither touched nor spoken over."""
    from dataclasses import replace

    film = folder / "film.mp4"
    film.write_bytes(b"the only copy")
    other_way = folder / "project" / ".." / "film.mp4"
    (folder / "project").mkdir()
    job = job_of(folder, video=str(film))
    for place in (film, other_way):
        with pytest.raises(UsageError, match="is the video that the result is made from"):
            run(replace(job, output=folder, name="film", media=place))
    assert film.read_bytes() == b"the only copy"
    assert truth.texts == []


def test_a_path_that_leaves_the_project_is_told_of_the_file_that_names_it(folder: Path) -> None:
    """Where cueline.toml names it, cueline.toml is to be mended, not the script."""
    (folder / "cueline.toml").write_text('video = "../secret.mp4"\n', encoding="utf-8")
    with pytest.raises(ScriptError, match="leads out of") as caught:
        run(job_of(folder))
    assert caught.value.path == str(folder / "cueline.toml")


def test_a_format_of_sound_that_there_is_not(folder: Path, truth: SpeakingVoice) -> None:
    """A wrong name is the person's to mend: status 2 and the nearest name, before an engine is opened."""
    with pytest.raises(UsageError, match=r"no output format 'pcm_2400'.*'pcm_24000'"):
        run(job_of(folder, output_format="pcm_2400"))
    assert truth.texts == []


@pytest.mark.usefixtures("truth")
def test_what_means_nothing_to_what_is_seen_is_told(folder: Path) -> None:
    """A size for a file of sound alone is remarked, not ignored; who speaks is said where nobody chose."""
    told: list[str] = []
    run(job_of(folder, "Hello.", container="wav"), told.append)
    assert "size means nothing to a file without a picture" in told
    assert any(remark.startswith("the offline voice speaks") for remark in told)
    told.clear()
    run(job_of(folder, "Hello.", container="wav", engine="offline"), told.append)
    assert not any("voice speaks" in remark for remark in told)


@pytest.mark.usefixtures("truth")
def test_sound_alone_has_captions_of_the_rate_that_was_asked_for(folder: Path) -> None:
    """Two frames between two cues: at 50 frames a second they are 40 ms."""
    text = "It works today, and it has always worked so well.\n\nNobody has ever known the reason for it at all."
    run(job_of(folder, text, container="wav", fps=50))
    cues = list(srt.parse((folder / "output" / "tour.srt").read_text(encoding="utf-8")))
    gaps = [(after.start - before.end).total_seconds() for before, after in pairwise(cues)]
    assert 0.04 in [round(gap, 3) for gap in gaps]


def test_a_doctor_survives_what_it_finds() -> None:
    """Whatever is raised by one thing that is tried is its finding, not the end."""
    from pipeline.production.examining import _tried

    def broken() -> str:
        raise RuntimeError("no such device")

    finding = _tried("voice", broken)
    assert (finding.works, finding.detail) == (False, "RuntimeError: no such device")


def test_windows_that_cannot_be_read_are_told_with_their_file(tmp_path: Path) -> None:
    """A damaged job file is named, in one sentence."""
    from pipeline.production import verify

    (tmp_path / "a.wav").write_bytes(b"x")
    damaged = {"version": 1, "asked": "", "files": {"a.wav": ""}, "reference": {"sample_rate": 0}}
    (tmp_path / "a.job.json").write_text(json.dumps(damaged), encoding="utf-8")
    with pytest.raises(MediaError, match="reference windows") as caught:
        verify(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "a.wav"))
