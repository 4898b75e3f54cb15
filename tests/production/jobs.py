"""Scripts and jobs for tests that go the whole road, spoken by the truth voice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.engines import Access
from pipeline.model import Outcome, Progress
from pipeline.production import Job, narrate

SCRIPT = """---
title: Wörter & Zeit
voices: {Anna: one, Ben: two}
say: {HMS: H M S}
---
# One

The harbour opened in [1887]{say="eighteen eighty-seven"}, and HMS Aurora came. It still works today.
<break time="1.2s"/> Nobody knows why; nobody asks.

**Anna:** Look at that — there it is!

**Ben:** Where? I see only water, and a bird on it.

# Two

At the end of the pier there is a bell, which you may ring if you like. Everybody does, sooner or later.
"""


def job_of(folder: Path, text: str = SCRIPT, name: str = "tour.md", **options: object) -> Job:
    """Write a script and make its job: everything lies under `folder`. Small pictures, so that tests are quick."""
    script = folder / name
    script.write_text(text, encoding="utf-8")
    settings: dict[str, object] = {"size": (320, 180), **options}
    return Job(script, folder / "output", script.stem, "offline", folder / "store", settings)


def run(job: Job, say: Callable[[str], None] | None = None) -> Outcome:
    """Narrate a job without a word to anyone."""
    return narrate(job, Access(), ignore, say or ignore_remark)


def ignore(progress: Progress) -> None:
    """Take progress in silence."""
    assert progress.stage


def ignore_remark(remark: str) -> None:
    """Take a remark in silence."""
    assert remark
