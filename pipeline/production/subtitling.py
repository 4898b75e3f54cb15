"""A script, or word times → caption files, without a video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.captions import FORMATS
from pipeline.captions import words as words_format
from pipeline.captions.words import TimedWords, words_of_narration
from pipeline.engines import Access
from pipeline.errors import ScriptError, UsageError
from pipeline.interrupts import Ending
from pipeline.model import Outcome, ProgressCallback, Sayer
from pipeline.production.captioning import track_of_words
from pipeline.production.collisions import refuse_collisions, refuse_under_a_file
from pipeline.production.jobs import Job, assign, project_settings, read_text
from pipeline.production.places import told_of_place
from pipeline.production.planning import make_plan
from pipeline.production.publishing import check_places, publish, staging_folder, write_text
from pipeline.production.speaking import speak
from pipeline.production.spoken import narration_of
from pipeline.scripts import refuse_unbuilt
from pipeline.settings import Settings, merged, nearest
from pipeline.store import Store

# What shapes captions of words whose times are known.
_HEEDED_OF_WORDS = frozenset({"language", "captions.profile", "fps"})


def subtitle(job: Job, outputs: Sequence[Path], access: Access, progress: ProgressCallback, say: Sayer) -> Outcome:
    """Make caption files of `job.script`: a script, which is spoken where the store lacks it, or a words.json.

    The formats go by the files' extensions; all files appear whole, and none where one cannot be made. Raises as
    `narrate` does: OutputError for a folder that cannot be written before anything is spent.
    """
    for output in outputs:
        check_format(output)
        refuse_under_a_file(output, output.parent)
    refuse_collisions({"source": job.script}, outputs, access.record)
    check_places([output.absolute() for output in outputs])
    remarks: list[str] = []

    def tell(remark: str) -> None:
        remarks.append(remark)
        say(remark)

    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        stack.enter_context(told_of_place(outputs[0].absolute().parent))
        asides = _asides(outputs, stack)
        stack.enter_context(ending.watched())
        if job.script.suffix.lower() == ".json":
            made = _read_words(job, tell)
        else:
            made = _speak_words(job, outputs, access, progress, tell)
        track = track_of_words(made.timed, made.settings, made.settings.fps)
        for place, aside in asides.items():
            write_text(aside, FORMATS[place.suffix.lower()](track, made.timed))
        publish(asides)
    files = tuple(map(str, outputs))
    return Outcome(files, True, made.spoken, made.stored, made.timed.duration_ms, tuple(remarks), repairs=made.repairs)


@dataclass(frozen=True, slots=True)
class _Made:
    """Words with their times, the settings in force, and how many utterances were spoken, and how many were there."""

    timed: TimedWords
    settings: Settings
    spoken: int = 0
    stored: int = 0
    repairs: tuple[str, ...] = ()


def check_format(output: Path) -> None:
    """Raise UsageError when no format has this file's extension."""
    suffix = output.suffix.lower()
    known = ", ".join(FORMATS)
    if str(output) == "-":
        raise UsageError(f"-o -: captions are written to files only, not to standard output; name one of {known}")
    if suffix not in FORMATS:
        raise UsageError(
            f"{output}: no caption format is called {suffix or 'that'}; there are {known}{nearest(suffix, FORMATS)}"
        )


def _asides(outputs: Sequence[Path], stack: ExitStack) -> dict[Path, Path]:
    """Where each file is made: a scratch folder beside each place, gone when the stack ends. Raises OutputError."""
    places = [output.absolute() for output in outputs]
    scratch = {
        folder: stack.enter_context(staging_folder(folder))
        for folder in dict.fromkeys(place.parent for place in places)
    }
    return {place: scratch[place.parent] / place.name for place in places}


def _read_words(job: Job, say: Sayer) -> _Made:
    """Read a words.json. Its language is the one that an option gives, else its own, else the settings'."""
    timed = words_format.parse(read_text(job.script), str(job.script))
    if not timed.words:
        raise ScriptError("holds no words", str(job.script))
    settings = merged(project_settings(job.script), job.options)
    for name in sorted(set(job.options) - _HEEDED_OF_WORDS):
        say(f"{name} means nothing to words that were timed already")
    if "language" in job.options:
        return _Made(replace(timed, language=settings.text("language")), settings)
    if timed.language is None:
        say(f"{job.script.name} does not say its language: taken for {settings.text('language')}")
        return _Made(replace(timed, language=settings.text("language")), settings)
    return _Made(timed, settings)


def _speak_words(job: Job, outputs: Sequence[Path], access: Access, progress: ProgressCallback, say: Sayer) -> _Made:
    assignment = assign(job)
    refuse_collisions(assignment.sources, outputs, access.record)
    refuse_unbuilt(assignment.script, str(job.script))
    for remark in assignment.script.remarks:
        say(f"{job.script.name}:{remark.line}: {remark.text}" if remark.line else remark.text)
    plan = make_plan(assignment, access, say)
    store = Store(job.store)
    missing = plan.missing(store)
    speak(assignment.engine, access, missing, store, progress, say=say)
    narration, repairs = narration_of(plan, store)
    for repair in repairs:
        say(f"{job.script.name}: {repair}")
    timed = words_of_narration(narration)
    return _Made(timed, assignment.settings, len(missing), len(plan.requests) - len(missing), repairs)
