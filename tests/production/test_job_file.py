"""The job file: what is damaged, or names other files, never stands, and is told in one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.production import job_file, verify

GOOD: dict[str, Any] = {"script": "a.md", "duration": 1.5, "captions": "none", "remarks": ["one"], "sync": {"x": 1.0}}


def written(folder: Path, **changes: object) -> Path:
    """Write a file and its job file, something in it changed."""
    (folder / "a.m4a").write_bytes(b"sound")
    path = folder / "a.job.json"
    whole = json.loads(job_file.compose(GOOD, "asked", {"a.m4a": folder / "a.m4a"}))
    path.write_text(json.dumps({**whole, **changes}), encoding="utf-8")
    return path


def test_what_was_written_stands(folder: Path) -> None:
    """Its parts come back, and the files that may be replaced are those that it names, and itself."""
    path = written(folder)
    found = job_file.still_stands(path, "asked")
    assert found is not None
    assert (found.remarks, found.sync, found.contents["duration"]) == (("one",), {"x": 1.0}, 1.5)
    assert job_file.made_files(path, Path("elsewhere/a.md")) == {path, folder / "a.m4a"}
    assert job_file.made_files(path, Path("a.txt")) == frozenset()
    assert job_file.made_files(folder / "b.job.json", Path("a.md")) == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"files": [1, 2]},
        {"files": None},
        {"files": {"a.m4a": 1}},
        {"files": {"../a.m4a": "x"}},
        {"files": {"/etc/passwd": "x"}},
        {"files": {"sub/a.m4a": "x"}},
        {"files": {"..": "x"}},
        {"files": {"": "x"}},
        {"files": {"a\0.m4a": "x"}},
        {"asked": 1},
        {"reference": "x"},
        {"reference": [1]},
        {"duration": "abc"},
        {"duration": float("nan")},
        {"duration": float("inf")},
        {"duration": -1},
        {"duration": [1]},
        {"duration": 10**400},
        {"captions": {"a": 1}},
        {"remarks": 5},
        {"sync": [1]},
        {"script": ["a.md"]},
        {"version": 2},
        {"title": "\ud800"},
    ],
)
def test_a_part_that_cannot_be_meant(folder: Path, changes: dict[str, Any]) -> None:
    """Wrong types, numbers that are none, and names that lead elsewhere."""
    path = written(folder, **changes)
    assert job_file.still_stands(path, "asked") is None
    assert job_file.made_files(path, Path("a.md")) == frozenset()
    with pytest.raises(UsageError, match="is not a job file of this version") as caught:
        verify(folder)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b'{"version": 1', b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe{", b'{"version": 1e999}'],
)
def test_a_file_that_is_none_of_ours(folder: Path, content: bytes) -> None:
    """Cut short, nested without end, in another coding."""
    path = folder / "a.job.json"
    path.write_bytes(content)
    assert job_file.still_stands(path, "asked") is None
    with pytest.raises(UsageError, match="is not a job file of this version"):
        verify(folder)


def test_a_folder_of_the_name(folder: Path) -> None:
    """Is told as well."""
    (folder / "a.job.json").mkdir()
    assert job_file.still_stands(folder / "a.job.json", "") is None
    with pytest.raises(UsageError, match="no file"):
        job_file.read(folder / "a.job.json")


@pytest.mark.skipif(os.name == "nt", reason="names of files are text on Windows")
def test_names_that_are_not_utf_8(folder: Path) -> None:
    """What of a name is no text is replaced in the file, which still stands for the file of that name."""
    name = os.fsdecode(b"bad\xff")
    media, script = folder / f"{name}.m4a", Path(f"{name}.md")
    try:
        media.write_bytes(b"sound")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    asked = job_file.asked_for([script.name])
    assert asked != job_file.asked_for([os.fsdecode(b"bad\xfe.md")])
    text = job_file.compose({**GOOD, "script": script.name}, asked, {media.name: media})
    path = folder / f"{name}.job.json"
    path.write_text(text, encoding="utf-8")
    found = job_file.still_stands(path, asked)
    assert found is not None
    assert list(found.files) == ["bad\ufffd.m4a"]
    assert job_file.made_files(path, script) == {path, media}
