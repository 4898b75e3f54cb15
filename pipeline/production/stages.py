"""The progress of one part of a job → the same, and the end of every stage that began in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pipeline.model import Progress, ProgressCallback


@contextmanager
def told_to_the_end(progress: ProgressCallback) -> Iterator[ProgressCallback]:
    """Pass progress on; when the body ends well, tell each of its stages whole that was not.

    What an encoder reports last is the start of its last frame, so a stage would stay a little short of its total.
    """
    stages: dict[str, Progress] = {}

    def tell(one: Progress) -> None:
        stages[one.stage] = one
        progress(one)

    yield tell
    for last in stages.values():
        if not last.total or last.done < last.total:
            total = last.total or 1
            progress(replace(last, done=total, total=total))
