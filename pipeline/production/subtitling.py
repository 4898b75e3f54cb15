"""A script, or word times → caption files, without a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.captions import FORMATS
from pipeline.captions import words as words_format
from pipeline.captions.profiles import profile
from pipeline.captions.segmentation import break_into_cues, forced_starts
from pipeline.captions.words import TimedWords, words_of_narration
from pipeline.engines import Access
from pipeline.errors import ScriptError, UsageError
from pipeline.model import CaptionTrack, Outcome, ProgressCallback, Sayer
from pipeline.production.jobs import Job, assign, read_text
from pipeline.production.planning import make_plan
from pipeline.production.publishing import publish, staging_folder, write_text
from pipeline.production.speaking import speak
from pipeline.production.spoken import narration_of
from pipeline.scripts import refuse_unbuilt
from pipeline.settings import merged, nearest
from pipeline.store import Store


def subtitle(job: Job, outputs: Sequence[Path], access: Access, progress: ProgressCallback, say: Sayer) -> Outcome:
    """Make caption files of `job.script`: a script, which is spoken where the store lacks it, or a words.json.

    The formats go by the files' extensions; all of them appear whole or not at all. Raises as `narrate` does.
    """
    for output in outputs:
        check_format(output)
    if job.script.suffix.lower() == ".json":
        timed, spoken, stored = _read_words(job, say), 0, 0
    else:
        timed, spoken, stored = _speak_words(job, access, progress, say)
    settings = merged(job.options)
    limits = profile(settings.text("captions.profile"), timed.language or settings.text("language"), settings.fps)
    cues = break_into_cues(timed.words, limits, forced_starts(timed.words, timed.spans), end_ms=timed.duration_ms)
    write_formats(outputs, CaptionTrack(cues, limits.language), timed)
    return Outcome(tuple(map(str, outputs)), True, spoken, stored, timed.duration_ms)


def check_format(output: Path) -> None:
    """Raise UsageError when no format has this file's extension."""
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"{output}: no caption format is called {suffix or 'that'}; there are {known}{nearest(suffix, FORMATS)}"
        )


def write_formats(outputs: Sequence[Path], track: CaptionTrack, timed: TimedWords) -> None:
    """Write each file in the format of its extension, aside first. Raises OutputError."""
    by_folder: dict[Path, list[Path]] = {}
    for output in outputs:
        by_folder.setdefault(output.absolute().parent, []).append(output.absolute())
    for folder, places in by_folder.items():
        with staging_folder(folder) as scratch:
            made: Mapping[Path, Path] = {place: scratch / place.name for place in places}
            for place, aside in made.items():
                write_text(aside, FORMATS[place.suffix.lower()](track, timed))
            publish(made)


def _read_words(job: Job, say: Sayer) -> TimedWords:
    timed = words_format.parse(read_text(job.script), str(job.script))
    if not timed.words:
        raise ScriptError("holds no words", str(job.script))
    if timed.language is None:
        language = str(job.options.get("language", "en"))
        say(f"{job.script.name} does not say its language: taken for {language}")
        return replace(timed, language=language)
    return timed


def _speak_words(job: Job, access: Access, progress: ProgressCallback, say: Sayer) -> tuple[TimedWords, int, int]:
    assignment = assign(job)
    refuse_unbuilt(assignment.script, str(job.script))
    for remark in assignment.script.remarks:
        say(f"{job.script.name}:{remark.line}: {remark.text}" if remark.line else remark.text)
    plan = make_plan(assignment, access, say)
    store = Store(job.store)
    missing = plan.missing(store)
    speak(assignment.engine, access, missing, store, progress)
    narration, repairs = narration_of(plan, store)
    for repair in repairs:
        say(f"{job.script.name}: {repair}")
    return words_of_narration(narration), len(missing), len(plan.requests) - len(missing)
