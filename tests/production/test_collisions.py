"""No result takes the place of what it is made from: every source against every place that is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engines import Access
from pipeline.errors import UsageError
from pipeline.production import Job, narrate, subtitle
from tests.production.jobs import ignore, ignore_remark, job_of
from tests.speaking_voice import SpeakingVoice


def refused(job: Job, sentence: str, access: Access | None = None) -> None:
    """Narrate a job that is to be refused."""
    with pytest.raises(UsageError, match=sentence) as caught:
        narrate(job, access or Access(), ignore, ignore_remark)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("suffix", [".mp4", ".srt", ".vtt", ".words.json", ".job.json"])
def test_every_file_that_is_made_spares_the_picture(folder: Path, truth: SpeakingVoice, suffix: str) -> None:
    """Media, captions, words and job file: each may have the picture's name, by a link too."""
    picture = folder / f"film{suffix}"
    picture.write_bytes(b"mine")
    (folder / "other").symlink_to(folder)
    job = job_of(folder, picture=str(folder / "other" / picture.name))
    refused(replace(job, output=folder, name="film"), "is the picture that the result is made from")
    assert picture.read_bytes() == b"mine"
    assert truth.texts == []


def test_a_script_that_is_a_link_to_a_result_stays(folder: Path, truth: SpeakingVoice) -> None:
    """What counts is where a path leads."""
    job = job_of(folder, "Hello.")
    (folder / "output").mkdir()
    job.script.rename(folder / "output" / "tour.srt")
    job.script.symlink_to(folder / "output" / "tour.srt")
    refused(job, "is the script that the result is made from")
    assert job.script.read_text(encoding="utf-8") == "Hello."
    assert truth.texts == []


def test_a_record_is_written_into_nothing_that_is_read_or_made(folder: Path, truth: SpeakingVoice) -> None:
    """`--record` would append to the script, the project's settings, or a caption file."""
    (folder / "cueline.toml").write_text("fps = 25\n", encoding="utf-8")
    job = job_of(folder, "Hello.")
    for path, name in (
        (job.script, "is the script"),
        (folder / "cueline.toml", "is the project's settings file"),
        (folder / "output" / "tour.srt", "is the place of a result"),
    ):
        refused(job, name, Access(record=str(path)))
    assert job.script.read_text(encoding="utf-8") == "Hello."
    assert not (folder / "output").exists()
    assert truth.texts == []


def test_captions_take_no_sources_place(folder: Path, truth: SpeakingVoice) -> None:
    """`subtitle` spares its words, its script and what they name; a video that is not made is no place."""
    words = folder / "a.json"
    words.write_text('[{"text": "Hi", "start": 0, "end": 1}]', encoding="utf-8")
    before = words.read_bytes()
    job = replace(job_of(folder, "Hello."), script=words, output=folder, name="a")
    with pytest.raises(UsageError, match="is the source"):
        subtitle(job, [folder / "output" / ".." / "a.json"], Access(), ignore, ignore_remark)
    assert words.read_bytes() == before
    named = job_of(folder, "Hello.", video=str(folder / "tour.mp4"))
    for record, name in ((named.script, "is the source"), (folder / "tour.mp4", "is the video")):
        with pytest.raises(UsageError, match=name):
            subtitle(named, [folder / "a.srt"], Access(record=str(record)), ignore, ignore_remark)
    assert truth.texts == []
    subtitle(replace(named, output=folder), [folder / "a.srt"], Access(), ignore, ignore_remark)
    assert (folder / "a.srt").is_file()


def test_a_picture_named_as_a_video_is_told(folder: Path, truth: SpeakingVoice) -> None:
    """The way out is the other option."""
    refused(job_of(folder, "Hello.", video=str(folder / "slide.PNG")), "--picture")
    assert truth.texts == []
