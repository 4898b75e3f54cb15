"""Files appear all or none, take no other's place, and a run that was killed leaves nothing for good."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import OutputError, UsageError
from pipeline.production.publishing import check_places, is_untouched, publish, staging_folder

KILLED = """
import os, sys
from pathlib import Path
from pipeline.production.publishing import staging_folder
with staging_folder(Path(sys.argv[1])) as scratch:
    (scratch / "half.mp4").write_bytes(b"x")
    print(scratch.name, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_is_removed_by_the_next(folder: Path) -> None:
    """The scratch folder of a run that lives is spared, that of one that was killed goes."""
    output = folder / "output"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(output)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        scratch = output / process.stdout.readline().strip()
        with staging_folder(output) as own:
            assert own != scratch
            assert (scratch / "half.mp4").is_file()
        process.kill()
    assert (scratch / "half.mp4").is_file()
    with staging_folder(output):
        assert not scratch.exists()
    assert list(output.iterdir()) == []


def test_a_folder_that_only_looks_like_a_scratch_folder_stays(folder: Path) -> None:
    """One without our lock in it, and what a link leads to; an empty one was never used."""
    (folder / ".making-bread").mkdir()
    (folder / ".making-bread" / "recipe.txt").write_text("flour", encoding="utf-8")
    (folder / ".making-empty").mkdir()
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").touch()
    (folder / ".making-link").symlink_to(elsewhere)
    with staging_folder(folder):
        pass
    assert sorted(path.name for path in folder.iterdir()) == [".making-bread", ".making-link", "elsewhere"]
    assert (elsewhere / ".lock").is_file()


def test_a_scratch_folder_without_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has none, files are made all the same, and no other run's are removed."""
    (folder / ".making-other").mkdir()
    (folder / ".making-other" / ".lock").touch()

    def refused(path: Path) -> None:
        raise OSError(errno.ENOLCK, "No locks available", str(path))

    monkeypatch.setattr("pipeline.production.publishing.try_lock", refused)
    with staging_folder(folder) as scratch:
        (scratch / "a").touch()
    assert [path.name for path in folder.iterdir()] == [".making-other"]


def test_a_name_that_is_too_long_is_told(folder: Path) -> None:
    """Of the folder when it is made, of a file before anything is spent."""
    with pytest.raises(OutputError, match="cannot be written"), staging_folder(folder / ("x" * 300)):
        pass
    with pytest.raises(OutputError, match="cannot be written"):
        check_places([folder / f"{'x' * 300}.mp4"])
    assert list(folder.iterdir()) == []


def made(folder: Path, *names: str) -> dict[Path, Path]:
    """Files that were made aside: place → made file."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    for name in names:
        (scratch / name).write_text(f"new {name}", encoding="utf-8")
    return {folder / name: scratch / name for name in names}


def test_a_users_own_file_is_never_replaced(folder: Path) -> None:
    """Files of ours may be, a link that leads nowhere is a file of somebody's too."""
    files = made(folder, "a.srt", "a.mp4")
    (folder / "a.srt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.srt: is there already .* -o") as caught:
        check_places(files, ())
    assert caught.value.exit_status == 2
    with pytest.raises(UsageError, match="is there already"):
        publish(files, [folder / "a.mp4"])
    assert (folder / "a.srt").read_text(encoding="utf-8") == "mine"
    assert not (folder / "a.mp4").exists()
    (folder / "a.mp4").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"a\.mp4: is there already"):
        check_places(files, [folder / "a.srt"])
    publish(files, files.keys())
    assert [place.read_text(encoding="utf-8") for place in files] == ["new a.srt", "new a.mp4"]


def test_places_that_cannot_be_written(folder: Path) -> None:
    """A folder of the name, a file where the folder should be: told first, and nothing is moved."""
    files = made(folder, "a.srt", "a.mp4")
    (folder / "a.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        publish(files)
    assert not (folder / "a.srt").exists()
    (folder / "file").touch()
    with pytest.raises(OutputError, match="is no folder"):
        check_places([folder / "file" / "a.srt"])


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("failing", ["a.job.json", "a.srt", "a.mp4"])
def test_whichever_file_fails_all_is_as_it_was(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    has_links: bool,  # noqa: FBT001
) -> None:
    """Files that were replaced come back, files that were not there go."""
    files = made(folder, "a.srt", "a.mp4", "a.job.json")
    (folder / "a.srt").write_text("old", encoding="utf-8")
    (folder / "a.job.json").write_text("old job", encoding="utf-8")
    real = Path.replace

    def failing_replace(self: Path, target: Path) -> Path:
        if self == folder / "scratch" / failing:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", failing_replace)
    with pytest.raises(OutputError, match=f"{failing} cannot be written: Input/output error"):
        publish(files)
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}
    assert there == {"a.srt": "old", "a.job.json": "old job"}
    monkeypatch.setattr(Path, "replace", real)
    publish(files)
    assert {place.read_text(encoding="utf-8") for place in files} == {"new a.srt", "new a.mp4", "new a.job.json"}


def test_the_job_file_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed between two files leaves none that the next one would take for the user's own."""
    order: list[str] = []
    real = Path.replace

    def noted(self: Path, target: Path) -> Path:
        order.append(Path(target).name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    publish(made(folder, "a.mp4", "a.srt", "a.job.json"))
    assert order == ["a.job.json", "a.mp4", "a.srt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_untouched(folder: Path) -> None:
    """A pipe, which nobody writes to, is not waited for; nor is a name read that can be none."""
    os.mkfifo(folder / "a.mp4")
    assert not is_untouched(folder / "a.mp4", "")
    assert not is_untouched(folder / "a\0.mp4", "")
    assert not is_untouched(folder / ("x" * 300), "")
