"""Where results are wanted: names that can be none, wishes that exclude each other, places without room."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import OutputError, ScriptError, StoreError, UsageError
from pipeline.production import Job, named_output
from pipeline.production.jobs import LARGEST_SCRIPT, read_text
from pipeline.production.places import told_of_place
from tests.production.jobs import job_of, run
from tests.speaking_voice import SpeakingVoice


@pytest.mark.parametrize(("script", "output"), [("..txt", "out"), ("...md", "out"), ("a.txt", "..mp4"), (". .md", "o")])
def test_a_name_that_is_none(script: str, output: str) -> None:
    """Without its ending it would be this folder, or the one above."""
    with pytest.raises(UsageError, match="rename it") as caught:
        named_output(Path(script), Path(output))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("output", ["a.txt/x", "a.txt/x/y", "a.txt/x.mp4", "a.txt"])
def test_no_folder_is_made_under_a_file(folder: Path, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by what was written, and by the file that is in the way."""
    monkeypatch.chdir(folder)
    (folder / "a.txt").touch()
    with pytest.raises(UsageError, match=rf"^-o {output}: .*is a file") as caught:
        named_output(Path("b.md"), Path(output))
    assert "b" not in str(caught.value).removeprefix(f"-o {output}").partition("is a file")[0].rpartition("/")[2]
    assert named_output(Path("b.md"), Path("new/folder")) == (Path("new/folder/b"), "b", None)


def test_two_kinds_of_media_file(folder: Path, truth: SpeakingVoice) -> None:
    """`-o a.m4a --container wav`; what a file says gives way to the option, as ever."""
    named = replace(job_of(folder, "Hello.", container="wav"), media=folder / "output" / "a.m4a", name="a")
    with pytest.raises(UsageError, match=r"-o a\.m4a and --container wav"):
        run(named)
    assert truth.texts == []
    told = job_of(folder, "---\ncontainer: wav\n---\nHello.")
    assert run(replace(told, media=folder / "output" / "a.m4a", name="a")).made


def test_scripts_of_endless_size(folder: Path) -> None:
    """No more is read than a script may have, whatever the system says of a file's size."""
    with (folder / "a.txt").open("wb") as file:
        file.truncate(LARGEST_SCRIPT + 1)
    with pytest.raises(ScriptError, match="16 MiB"):
        read_text(folder / "a.txt")
    if os.name == "posix":
        os.mkfifo(folder / "b.txt")
        with pytest.raises(ScriptError, match="no regular file"):
            read_text(folder / "b.txt")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OutputError("/o/.making-x1/a.srt cannot be written: No space left on device"), OutputError),
        (OutputError("/o/.making-x1/n.m4a could not be written: the disk is full: free some space"), OutputError),
        (StoreError(f"what was spoken cannot be stored in /o: {os.strerror(errno.ENOSPC)}"), StoreError),
    ],
)
def test_a_full_disk_is_told_in_the_same_words(error: Exception, told: type[Exception]) -> None:
    """By the place that a person named, whatever could not be written there."""
    sentence = r"/o.*: the disk is full; free some space, or name another place with -"
    with pytest.raises(told, match=sentence) as caught, told_of_place(Path("/o")):
        raise error
    assert ".making" not in str(caught.value)
    assert str(caught.value).count("disk") == 1


def test_other_errors_stay_what_they_are() -> None:
    """But for the scratch folder, which is gone when they are read."""
    sentence = r"^/a b/n\.mp4 cannot be written: Input"
    with pytest.raises(OutputError, match=sentence) as caught, told_of_place(Path("/a b")):
        raise OutputError("/a b/.making-x1/n.mp4 cannot be written: Input/output error")
    assert caught.value.__cause__ is not None
    with pytest.raises(StoreError, match=r"^gone$"), told_of_place(Path("/o")):
        raise StoreError("gone")


@pytest.mark.parametrize(
    ("model", "most"),
    [("eleven_multilingual_v2", 10_000), ("eleven_v3", 5_000), ("eleven_v4_turbo", 5_000), ("new", 10_000)],
)
def test_a_paragraph_that_no_model_takes(folder: Path, model: str, most: int) -> None:
    """It is refused with its line before anything is spent; one letter less is planned."""
    plan(job_of(folder, f"Hi.\n\n{'x' * (most - 1)}.", model=model))
    with pytest.raises(ScriptError, match=f"tour.md:3: .*{most + 1:,} characters.*{most:,}.*empty lines"):
        plan(job_of(folder, f"Hi.\n\n{'x' * most}.", model=model))


def test_a_paragraph_that_the_offline_voice_does_not_take(folder: Path, truth: SpeakingVoice) -> None:
    """As an error with the line, too."""
    with pytest.raises(ScriptError, match=r"tour\.md:1: .*offline voice takes 40,000"):
        run(job_of(folder, "word " * 9000))
    assert truth.texts == []


def plan(job: Job) -> None:
    """Plan a job for the service."""
    from pipeline.engines import Access
    from pipeline.production.jobs import assign
    from pipeline.production.planning import make_plan

    make_plan(assign(replace(job, engine="elevenlabs")), Access(key="any"), lambda _: None)


def test_mended_times_are_told(folder: Path, truth: SpeakingVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, with the line, and among the results; again when nothing is to be done."""
    from pipeline.production.spoken import spoken_segment

    monkeypatch.setattr(
        "pipeline.production.sounding.spoken_segment",
        lambda *given: (spoken_segment(*given)[0], [f"line {given[0].line}: times were lost"]),
    )
    said: list[str] = []
    outcome = run(job_of(folder, "Hello there.", container="m4a"), said.append)
    assert outcome.repairs == ("line 1: times were lost",)
    assert said.count("tour.md: line 1: times were lost") == 1
    assert "tour.md: line 1: times were lost" in outcome.remarks
    again = run(job_of(folder, "Hello there.", container="m4a"))
    assert (again.made, again.repairs) == (False, outcome.repairs)
    assert len(truth.texts) == 1
