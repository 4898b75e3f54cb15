"""A job → a narrated, captioned video and its side files: the main road through everything else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.captions import FORMATS
from pipeline.captions.words import words_of_narration
from pipeline.encoder.muxing import mux
from pipeline.engines import Access
from pipeline.interrupts import Ending
from pipeline.measurement import FileSync, ReferenceRecorder, ReferenceWindows, figures, what_is_wrong
from pipeline.model import CaptionTrack, Narration, Outcome, Progress, ProgressCallback, Sayer
from pipeline.production import job_file
from pipeline.production.captioning import caption_track
from pipeline.production.collisions import refuse_collisions
from pipeline.production.job_contents import Spoken, job_contents
from pipeline.production.jobs import SIDE_SUFFIXES, SOUND_CONTAINERS, Assignment, Job, assign
from pipeline.production.picturing import Sight, look, media_plan, sight_facts
from pipeline.production.places import told_of_place
from pipeline.production.planning import Plan, make_plan
from pipeline.production.publishing import check_places, publish, staging_folder, write_text
from pipeline.production.sounding import SoundTrack, encoding_beside
from pipeline.production.speaking import speak
from pipeline.production.spoken import blocks
from pipeline.production.stages import told_to_the_end
from pipeline.production.verifying import measure
from pipeline.scripts import refuse_unbuilt
from pipeline.store import Store


@dataclass(slots=True)
class _Remarks:
    """Tells each remark at once, and keeps it for the job file."""

    say: Sayer
    told: list[str] = field(default_factory=list)

    def __call__(self, remark: str) -> None:
        if remark not in self.told:
            self.told.append(remark)
            self.say(remark)


def narrate(job: Job, access: Access, progress: ProgressCallback, say: Sayer) -> Outcome:
    """Make everything that a script asks for, or find that it is there already.

    Raises ScriptError, UsageError, MediaError before anything is spent; EngineError, StoreError, FfmpegError,
    OutputError later, when what was spoken until then is kept in the store and no file was touched.
    """
    remarks = _Remarks(say)
    assignment = assign(job)
    refuse_unbuilt(assignment.script, str(job.script))
    job_path = assignment.file(job_file.SUFFIX)
    results = [assignment.media_file, *map(assignment.file, SIDE_SUFFIXES), job_path]
    refuse_collisions(assignment.sources, results, access.record)
    for remark in assignment.script.remarks:
        remarks(f"{job.script.name}:{remark.line}: {remark.text}" if remark.line else remark.text)
    ours = job_file.made_files(job_path, job.script)
    check_places(results, ours)
    sight = look(assignment, remarks)
    plan = make_plan(assignment, access, remarks)
    asked = job_file.asked_for(_everything_asked(plan, sight))
    standing = job_file.still_stands(job_path, asked)
    if standing is not None:
        return _nothing_to_do(plan, standing, job_path, remarks.told)
    with Ending() as ending, told_of_place(job.output), staging_folder(job.output) as scratch, ending.watched():
        return _make(_Making(plan, sight, asked, scratch, progress, remarks, ending, ours), access)


@dataclass(frozen=True, slots=True)
class _Making:
    """What every stage needs to know."""

    plan: Plan
    sight: Sight
    asked: str
    scratch: Path
    progress: ProgressCallback
    remarks: _Remarks
    ending: Ending
    ours: Collection[Path]

    @property
    def assignment(self) -> Assignment:
        return self.plan.assignment

    def aside(self, place: Path) -> Path:
        """Where the file of this place is made."""
        return self.scratch / place.name


def _make(making: _Making, access: Access) -> Outcome:
    store = Store(making.assignment.job.store)
    missing = making.plan.missing(store)
    sound = SoundTrack(making.plan, store, _sound_path(making), making.progress)
    with encoding_beside(sound) as encoded, making.ending.watched():
        # Told, not kept: the job file's remarks are told again of files that stand.
        say = making.remarks.say
        speak(making.assignment.engine, access, missing, store, making.progress, sound.notice, say)
        narration, repairs = sound.joined.result()
        for repair in repairs:
            making.remarks(f"{making.assignment.job.script.name}: {repair}")
        track = caption_track(narration, making.assignment.settings, making.sight.fps)
        with told_to_the_end(making.progress) as progress:
            picture = making.sight.draw(track, narration, making.scratch, progress, making.remarks)
        references = _references(narration, store)
        encoded.result()
    media = making.aside(making.assignment.media_file)
    plan = media_plan(making.assignment, making.sight, picture, sound.path, track, narration)
    with told_to_the_end(making.progress) as progress:
        progress(Progress("muxing", 0, 0))
        mux(plan, str(media), progress)
    sync = _measure(making, media, references, narration)
    files = {making.assignment.media_file: media, **_write_side_files(making, narration, track)}
    spoken = Spoken(missing, repairs, references, sync)
    job_path = making.assignment.file(job_file.SUFFIX)
    contents = job_contents(making.plan, making.sight, narration, spoken, making.remarks.told)
    write_text(making.aside(job_path), job_file.compose(contents, making.asked, _by_name(files)))
    files[job_path] = making.aside(job_path)
    publish(files, making.ours)
    return Outcome(
        files=tuple(str(place) for place in files),
        made=True,
        spoken=len(missing),
        stored=len(making.plan.requests) - len(missing),
        duration_ms=narration.duration_ms,
        remarks=tuple(making.remarks.told),
        captions=making.sight.captions,
        sync=figures(sync),
        repairs=repairs,
    )


def _sound_path(making: _Making) -> Path:
    container = making.assignment.container
    return making.scratch / f"narration.{container if container in SOUND_CONTAINERS else 'm4a'}"


def _references(narration: Narration, store: Store) -> ReferenceWindows:
    """Keep windows of the narration, to measure the finished file against."""
    recorder = ReferenceRecorder(narration.sample_rate, narration.sample_count)
    for block in blocks(narration.pieces, store):
        recorder.feed(block)
    return recorder.finish()


def _measure(making: _Making, media: Path, references: ReferenceWindows, narration: Narration) -> FileSync:
    """Measure the finished file, and say what is beyond its limits."""
    making.progress(Progress("measuring", 0, 1))
    sync = measure(media, references, narration.words)
    making.progress(Progress("measuring", 1, 1))
    for wrong in what_is_wrong(sync):
        making.remarks(wrong)
    return sync


def _write_side_files(making: _Making, narration: Narration, track: CaptionTrack) -> dict[Path, Path]:
    """Write captions and words aside: place → made file."""
    timed = words_of_narration(narration)
    files = {}
    for suffix in SIDE_SUFFIXES:
        place = making.assignment.file(suffix)
        write_text(making.aside(place), FORMATS[place.suffix](track, timed))
        files[place] = making.aside(place)
    return files


def _by_name(files: Mapping[Path, Path]) -> dict[str, Path]:
    return {place.name: made for place, made in files.items()}


def _everything_asked(plan: Plan, sight: Sight) -> tuple[object, ...]:
    """List all that shapes the files, so that an unchanged job is known again."""
    assignment = plan.assignment
    settings = {name: value for name, value in assignment.settings.values.items() if name not in ("video", "picture")}
    tokens = [segment.tokens for segment in assignment.script.segments]
    frame = [(s.speaker, s.chapter, s.pause_before_ms, s.starts_paragraph) for s in assignment.script.segments]
    chapters = [(chapter.title, chapter.first_segment) for chapter in assignment.script.chapters]
    title = (assignment.script.title, assignment.script.pause_after_ms, assignment.media_file.name)
    return (plan.keys, tokens, frame, chapters, title, settings, sight_facts(sight))


def _nothing_to_do(plan: Plan, standing: job_file.JobFile, job_path: Path, told: Sequence[str]) -> Outcome:
    """Tell of what is there as of what was just made, by its job file."""
    names = [*standing.files, job_path.name]
    return Outcome(
        files=tuple(str(job_path.parent / name) for name in names),
        made=False,
        spoken=0,
        stored=len(plan.requests),
        duration_ms=round(1000 * float(standing.contents.get("duration", 0))),
        remarks=tuple(dict.fromkeys([*standing.remarks, *told])),
        captions=str(standing.contents.get("captions", "")),
        sync=standing.sync,
        repairs=tuple(map(str, standing.contents.get("repairs") or ())),
    )
