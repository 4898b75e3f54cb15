"""A script, or text that is still being written, and what was asked → who speaks it live, in which form, to where."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.codecs import parse_output_format
from pipeline.engines import LIVE, Access, LiveOptions
from pipeline.errors import UsageError
from pipeline.model import Sayer, Script, Segment, SpeechRequest, Token
from pipeline.production import job_file
from pipeline.production.casting import Line
from pipeline.production.collisions import refuse_collisions
from pipeline.production.jobs import FILE_KINDS, Assignment, Job, assign, project_settings
from pipeline.production.live import LIVE_FORMAT, LIVE_MODEL
from pipeline.production.live_files import caption_places, is_pipe
from pipeline.production.planning import make_plan
from pipeline.production.publishing import check_places
from pipeline.scripts import refuse_unbuilt
from pipeline.settings import Settings, merged

# What standard input's speech is called.
SPEECH = "speech"
# The codec of a file by its ending, and the format that is asked for where nobody says.
ENDINGS: Mapping[str, tuple[str, str]] = {
    ".mp3": ("mp3", LIVE_FORMAT),
    ".wav": ("pcm", "pcm_24000"),
    ".pcm": ("pcm", "pcm_24000"),
    ".opus": ("opus", "opus_48000_128"),
    ".ogg": ("opus", "opus_48000_128"),
    ".ulaw": ("ulaw", "ulaw_8000"),
    ".alaw": ("alaw", "alaw_8000"),
}
# The ending of a file whose name nobody gave, by its codec: samples without a head play nowhere by themselves.
_ENDING_OF = {"mp3": ".mp3", "pcm": ".wav", "opus": ".opus", "ulaw": ".ulaw", "alaw": ".alaw"}
# Asks for samples under a WAV's head: `wav_24000` is `pcm_24000` with it.
_WAV = "wav_"
# Stands for the text that is still to come where a voice is cast for it.
_ANY_TEXT = Script(SPEECH, (Segment(0, (Token("text", "text"),), 1),))


@dataclass(frozen=True, slots=True)
class LiveJob:
    """What was asked: a script's path (None: standard input), where to (None: standard output), and how.

    `engine` is who speaks when no setting says.
    """

    script: Path | None
    output: Path | None
    engine: str
    store: Path
    options: Mapping[str, object] = field(default_factory=dict)
    live: LiveOptions = LIVE
    allow_outside: bool = False


@dataclass(frozen=True, slots=True)
class LivePlan:
    """Who speaks and to where. `lines` are a script's segments; without a script there are none, but a `request`.

    `text` is where text comes from that is no script, None for standard input; `sound` the file, None for standard
    output. `is_wav` asks for a WAV's head before the samples.
    """

    job: LiveJob
    engine: str
    settings: Settings
    request: SpeechRequest
    sound: Path | None
    is_wav: bool
    script: Script | None = None
    lines: tuple[Line, ...] = ()
    text: Path | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    """A format of the service, whether it goes under a WAV's head, and the file's path."""

    output_format: str
    is_wav: bool
    sound: Path | None


def plan_live(job: LiveJob, access: Access, say: Sayer) -> LivePlan:
    """Read a script, if there is one, cast it, and see that the files can be written.

    Raises ScriptError, SettingError and UsageError before anything is spent, OutputError where nothing can be written.
    """
    text = job.script if job.script is not None and is_pipe(job.script) else None
    script = job.script if text is None else None
    assignment = _assignment(job, script)
    path = str(script) if script else ""
    refuse_unbuilt(assignment.script, path)
    for remark in assignment.script.remarks:
        say(f"{script.name if script else ''}:{remark.line}: {remark.text}" if remark.line else remark.text)
    name = (text or script).stem if text or script else SPEECH  # type: ignore[union-attr]
    form = _form(job, assignment.settings, name)
    assignment = replace(assignment, settings=_settled(assignment, form))
    _check_places(form.sound, {"script": job.script} if job.script else {}, access)
    plan = make_plan(assignment, access, say)
    if script is None and assignment.settings.say:
        say("say means nothing to text that arrives: only a script is read whole before it is spoken")
    request = next(line.request for line in plan.lines if line.request)
    return LivePlan(
        job,
        assignment.engine,
        assignment.settings,
        replace(request, text=""),
        form.sound,
        form.is_wav,
        assignment.script if script else None,
        plan.lines if script else (),
        text,
    )


def _assignment(job: LiveJob, script: Path | None) -> Assignment:
    """Read the script, or stand in for what cannot be read yet."""
    whole = Job(script or Path.cwd() / SPEECH, Path(), SPEECH, job.engine, job.store, job.options)
    whole = replace(whole, allow_outside=job.allow_outside)
    if script is not None:
        return assign(whole)
    return Assignment(whole, _ANY_TEXT, merged(project_settings(whole.script), job.options), None, None)


def _settled(assignment: Assignment, form: _Form) -> Settings:
    """Put in the format, and the model for live speech where nobody names one."""
    model = {"model": LIVE_MODEL} if assignment.engine == "elevenlabs" else {}
    return merged(model, assignment.settings.values, {"output_format": form.output_format})


def _form(job: LiveJob, settings: Settings, name: str) -> _Form:
    """Settle format and file. Raises UsageError where the two are not of one kind, SettingError for no such format."""
    wanted = settings.text("output_format")
    is_wav = wanted.startswith(_WAV)
    wanted = f"pcm_{wanted.removeprefix(_WAV)}" if is_wav else wanted
    codec = None if wanted == "auto" else parse_output_format(wanted).codec
    if job.output is None:
        return _Form(LIVE_FORMAT if codec is None else wanted, is_wav, None)
    ending = job.output.suffix.lower()
    if ending in ENDINGS and not job.output.is_dir():
        kind, usual = ENDINGS[ending]
        if codec not in {None, kind} and "output_format" in job.options:
            raise UsageError(f"-o {job.output}: is no place for {wanted}; name a file with {_ENDING_OF[str(codec)]}")
        return _Form(wanted if codec == kind else usual, ending == ".wav", job.output)
    if not is_pipe(job.output) and not job.output.is_dir():
        if ending[1:] in FILE_KINDS.split():
            endings = ", ".join(kind[1:] for kind in ENDINGS)
            raise UsageError(f"-o {job.output}: live speech is written as one of {endings}")
        if job.output.exists():
            raise UsageError(f"-o {job.output}: is a file, so no folder for the results; name a folder or a sound file")
    chosen = LIVE_FORMAT if codec is None else wanted
    if is_pipe(job.output):
        return _Form(chosen, is_wav, job.output)
    codec = parse_output_format(chosen).codec
    return _Form(chosen, codec == "pcm", job.output / name / f"{name}{_ENDING_OF[codec]}")


def _check_places(sound: Path | None, sources: Mapping[str, Path], access: Access) -> None:
    """See that nothing is overwritten that something else was made of, or that `narrate` made."""
    places = [] if sound is None else [sound] if is_pipe(sound) else [sound, *caption_places(sound)]
    refuse_collisions(sources, places, access.record)
    if sound is None or is_pipe(sound):
        return
    check_places(places)
    made = _made_by_others(sound)
    if taken := [place for place in places if place.name in made]:
        raise UsageError(f"{taken[0]}: was made by another command (its job file says so); name another file with -o")


def _made_by_others(sound: Path) -> frozenset[str]:
    """The names of what another command made beside this sound."""
    with contextlib.suppress(UsageError):
        found = job_file.read(sound.with_name(f"{sound.stem}{job_file.SUFFIX}"))
        return frozenset(found.files if found else ())
    return frozenset()
