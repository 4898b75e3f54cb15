"""A job → a narrated, captioned video and its side files: the main road through everything else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.captions import FORMATS
from pipeline.captions.words import words_of_narration
from pipeline.costs import billed_characters, estimated_credits
from pipeline.encoder.muxing import PictureFile, mux
from pipeline.encoder.sound import SoundEncoder
from pipeline.engines import ENGINES, Access
from pipeline.errors import CancelledError
from pipeline.filtergraph import SoundContainer
from pipeline.measurement import FileSync, ReferenceRecorder, ReferenceWindows, figures, to_json, what_is_wrong
from pipeline.model import CaptionTrack, Narration, Outcome, Progress, ProgressCallback, Sayer
from pipeline.production import job_file
from pipeline.production.captioning import caption_track
from pipeline.production.jobs import SOUND_CONTAINERS, Assignment, Job, assign
from pipeline.production.picturing import Sight, look, media_plan, sight_facts
from pipeline.production.planning import Plan, make_plan
from pipeline.production.publishing import publish, staging_folder, write_text
from pipeline.production.speaking import speak_missing
from pipeline.production.spoken import blocks, narration_of
from pipeline.production.verifying import measure
from pipeline.scripts import refuse_unbuilt
from pipeline.store import Store

SIDE_FORMATS = (".srt", ".vtt")
WORDS_SUFFIX = ".words.json"


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
    for remark in assignment.script.remarks:
        remarks(f"{job.script.name}:{remark.line}: {remark.text}" if remark.line else remark.text)
    sight = look(assignment, remarks)
    plan = make_plan(assignment, access, remarks)
    asked = job_file.asked_for(_everything_asked(plan, sight))
    job_path = assignment.file(job_file.SUFFIX)
    standing = job_file.still_stands(job_path, asked)
    if standing is not None:
        return _nothing_to_do(plan, standing, job_path)
    with staging_folder(job.output) as scratch:
        return _make(_Making(plan, sight, asked, scratch, progress, remarks), access)


@dataclass(frozen=True, slots=True)
class _Making:
    """What every stage needs to know."""

    plan: Plan
    sight: Sight
    asked: str
    scratch: Path
    progress: ProgressCallback
    remarks: _Remarks

    @property
    def assignment(self) -> Assignment:
        return self.plan.assignment

    def aside(self, place: Path) -> Path:
        """Where the file of this place is made."""
        return self.scratch / place.name


def _make(making: _Making, access: Access) -> Outcome:
    store = Store(making.assignment.job.store)
    missing = making.plan.missing(store)
    if missing:
        speak(making.assignment.engine, access, missing, store, making.progress)
    narration, repairs = narration_of(making.plan, store)
    track = caption_track(narration, making.assignment.settings, making.sight.fps)
    picture, references = _draw_and_encode(making, track, narration, store)
    media = making.aside(making.assignment.media_file)
    mux(
        media_plan(making.assignment, making.sight, picture, _sound_path(making), track, narration),
        str(media),
        making.progress,
    )
    making.progress(Progress("measuring", 0, 1))
    sync = measure(media, references, narration.words)
    making.progress(Progress("measuring", 1, 1))
    for wrong in what_is_wrong(sync):
        making.remarks(wrong)
    files = _write_side_files(making, narration, track)
    files = {making.assignment.media_file: media, **files}
    contents = _contents(making, narration, repairs, references, sync, missing)
    job_path = making.assignment.file(job_file.SUFFIX)
    write_text(making.aside(job_path), job_file.compose(contents, making.asked, _by_name(files)))
    files[job_path] = making.aside(job_path)
    publish(files)
    return Outcome(
        files=tuple(str(place) for place in files),
        made=True,
        spoken=len(missing),
        stored=len(making.plan.requests) - len(missing),
        duration_ms=narration.duration_ms,
        remarks=tuple(making.remarks.told),
        captions=making.sight.captions,
        sync=figures(sync),
    )


def speak(engine: str, access: Access, missing: Mapping[str, Any], store: Store, progress: ProgressCallback) -> None:
    """Open an engine and speak what the store lacks. Raises EngineError; KeyboardInterrupt passes through."""

    async def run() -> None:
        async with ENGINES[engine](access) as opened:
            await speak_missing(opened, missing, store, progress)

    asyncio.run(run())


def _draw_and_encode(
    making: _Making, track: CaptionTrack, narration: Narration, store: Store
) -> tuple[PictureFile | None, ReferenceWindows]:
    """Draw the picture on one core while the sound is encoded on the other; what fails here ends there too."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as beside:
        try:
            sound = beside.submit(_encode_sound, making, narration, store, stop)
            picture = making.sight.draw(track, narration, making.scratch, making.progress, making.remarks)
            return picture, sound.result()
        except BaseException:
            stop.set()
            raise


def _sound_path(making: _Making) -> Path:
    container = making.assignment.container
    return making.scratch / f"narration.{container if container in SOUND_CONTAINERS else 'm4a'}"


def _encode_sound(making: _Making, narration: Narration, store: Store, stop: threading.Event) -> ReferenceWindows:
    """Encode the narration, keeping windows of it to measure the finished file against."""
    path = _sound_path(making)
    recorder = ReferenceRecorder(narration.sample_rate, narration.sample_count)
    kind: SoundContainer = "mp3" if path.suffix == ".mp3" else "wav" if path.suffix == ".wav" else "m4a"
    done = 0
    with SoundEncoder(str(path), narration.sample_rate, kind) as encoder:
        for block in blocks(narration, store):
            if stop.is_set():
                raise CancelledError("ended, for another part failed")
            encoder.feed(block)
            recorder.feed(block)
            done += len(block) // 2
            making.progress(Progress("encoding sound", done / narration.sample_rate, narration.duration_ms / 1000, "s"))
        encoder.finish()
    return recorder.finish()


def _write_side_files(making: _Making, narration: Narration, track: CaptionTrack) -> dict[Path, Path]:
    """Write captions and words aside: place → made file."""
    timed = words_of_narration(narration)
    composers = {suffix: FORMATS[suffix] for suffix in SIDE_FORMATS} | {WORDS_SUFFIX: FORMATS[".json"]}
    files = {}
    for suffix, compose in composers.items():
        place = making.assignment.file(suffix)
        write_text(making.aside(place), compose(track, timed))
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


def _contents(
    making: _Making,
    narration: Narration,
    repairs: tuple[str, ...],
    references: ReferenceWindows,
    sync: FileSync,
    missing: Mapping[str, Any],
) -> dict[str, Any]:
    requests = making.plan.requests
    model = next((request.model for request in requests.values()), "")
    offline = making.assignment.engine == "offline"
    credits_spent = 0 if offline else sum(estimated_credits(request.text, model) for request in missing.values())
    return {
        "script": making.assignment.job.script.name,
        "title": making.assignment.script.title,
        "language": narration.language,
        "engine": making.assignment.engine,
        "model": model,
        "voices": sorted({request.voice.id for request in requests.values()}),
        "settings": {name: _plain(value) for name, value in making.assignment.settings.values.items()},
        "captions": making.sight.captions,
        "duration": narration.duration_ms / 1000,
        "spoken": {
            "utterances": len(missing),
            "from_store": len(requests) - len(missing),
            "characters": sum(billed_characters(request.text) for request in missing.values()),
            "credits_estimated": credits_spent,
        },
        "segments": [
            {"index": line.segment.index, "line": line.segment.line, "key": key}
            for line, key in zip(making.plan.lines, making.plan.keys, strict=True)
        ],
        "remarks": list(making.remarks.told),
        "repairs": list(repairs),
        "sync": to_json(sync),
        "reference": references.to_json(),
    }


def _plain(value: object) -> object:
    """Make a setting's value one that JSON holds."""
    import msgspec

    return msgspec.to_builtins(value)


def _nothing_to_do(plan: Plan, standing: job_file.JobFile, job_path: Path) -> Outcome:
    names = [*standing.files, job_path.name]
    return Outcome(
        files=tuple(str(job_path.parent / name) for name in names),
        made=False,
        spoken=0,
        stored=len(plan.requests),
        duration_ms=round(1000 * float(standing.contents.get("duration", 0))),
        captions=str(standing.contents.get("captions", "")),
    )
