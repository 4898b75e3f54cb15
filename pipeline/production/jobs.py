"""A script's path and what was asked → a job, its script read, its settings settled, its files named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ScriptError, UsageError
from pipeline.model import Script
from pipeline.scripts import parse_project, read_script
from pipeline.settings import Settings, merged

PROJECT_FILE = "cueline.toml"
# A script of this size is days of speech: it is a mistake, such as a video named for a script.
LARGEST_SCRIPT = 16 * 2**20
SOUND_CONTAINERS = ("m4a", "mp3", "wav")


@dataclass(frozen=True, slots=True)
class Job:
    """One script to be made: names and settings only, so that a job can be handed to another process.

    `output` is the folder in which the files appear, `name` what they are called. `media` is the media file's own
    path where one was asked for. `engine` is who speaks when no setting says.
    """

    script: Path
    output: Path
    name: str
    engine: str
    store: Path
    options: Mapping[str, object] = field(default_factory=dict)
    media: Path | None = None
    allow_outside: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job whose script was read: the script, all settings, and where paths in them may lead."""

    job: Job
    script: Script
    settings: Settings
    video: Path | None
    picture: Path | None

    @property
    def engine(self) -> str:
        """Who speaks."""
        return self.settings.optional_text("engine") or self.job.engine

    @property
    def container(self) -> str:
        """The kind of media file, by the file's own name where one was asked for."""
        return self.job.media.suffix[1:].lower() if self.job.media else self.settings.text("container")

    def file(self, suffix: str) -> Path:
        """Where the file with this suffix (`.srt`) is to appear."""
        return self.job.output / f"{self.job.name}{suffix}"

    @property
    def media_file(self) -> Path:
        """Where the video, or the sound alone, is to appear."""
        return self.job.media or self.file(f".{self.container}")


def read_text(path: Path) -> str:
    """Read a script. Raises ScriptError when it is missing, no file, too large, or not UTF-8."""
    try:
        if path.is_dir():
            raise ScriptError("is a folder, not a script", str(path))
        if path.stat().st_size > LARGEST_SCRIPT:
            raise ScriptError(f"is larger than {LARGEST_SCRIPT >> 20} MiB: that is no script", str(path))
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ScriptError("there is no such file", str(path)) from None
    except NotADirectoryError:
        raise ScriptError("there is no such file: a part of its path is no folder", str(path)) from None
    except UnicodeDecodeError as error:
        raise ScriptError(f"is not UTF-8 text (byte {error.start}): save it as UTF-8", str(path)) from None
    except OSError as error:
        raise ScriptError(f"cannot be read: {error.strerror}", str(path)) from None


def assign(job: Job) -> Assignment:
    """Read a job's script and settle its settings.

    Raises ScriptError, and UsageError where two wishes exclude each other or the result would overwrite its source.
    """
    project_file = find_project(job.script.parent)
    project = project_settings(job.script)
    script = read_script(read_text(job.script), str(job.script), project, job.options)
    settings = merged(project, script.settings, job.options)
    root = project_file.parent if project_file else job.script.parent
    places = _Places(job, script, project, root)
    video, picture = places.find("video"), places.find("picture")
    if video and picture:
        raise UsageError("a video and a picture were both given: what is seen can only be one of them")
    assignment = Assignment(job, script, settings, video, picture)
    if assignment.container not in ("mp4", *SOUND_CONTAINERS):
        raise UsageError(f"{assignment.container or 'no ending'}: a media file is one of mp4, m4a, mp3, wav")
    _refuse_overwriting(assignment)
    return assignment


def _refuse_overwriting(assignment: Assignment) -> None:
    """Raise UsageError where the finished file would take the place of what it is made from."""
    target = assignment.media_file.resolve()
    for name, source in (("video", assignment.video), ("picture", assignment.picture)):
        if source is not None and source.resolve() == target:
            raise UsageError(f"{target}: is the {name} that the result is made from; name the result otherwise")


def project_settings(script: Path) -> dict[str, object]:
    """Read the settings of the project that a file belongs to; none where there is no project. Raises ScriptError."""
    file = find_project(script.parent)
    return parse_project(read_text(file), str(file)) if file else {}


def find_project(folder: Path) -> Path | None:
    """Find the project's settings file: the nearest `cueline.toml` upward of a folder."""
    found = (place / PROJECT_FILE for place in (folder, *folder.parents))
    return next((file for file in found if file.is_file()), None)


@dataclass(frozen=True, slots=True)
class _Places:
    """Who named a path, and so what it is relative to."""

    job: Job
    script: Script
    project: Mapping[str, object]
    root: Path

    def find(self, name: str) -> Path | None:
        """Resolve the path that a setting names, by the layer that won."""
        if name in self.job.options:
            return Path(str(self.job.options[name]))
        if name in self.script.settings:
            return self._inside(str(self.script.settings[name]), self.job.script, name)
        if name in self.project:
            return self._inside(str(self.project[name]), self.root / PROJECT_FILE, name)
        return None

    def _inside(self, written: str, file: Path, name: str) -> Path:
        """Resolve what was written in a file, from the file's folder on."""
        path = (file.parent / written).resolve()
        if not self.job.allow_outside and not path.is_relative_to(self.root.resolve()):
            sentence = f"{name}: {written} leads out of {self.root}; --allow-outside lets it"
            raise ScriptError(sentence, str(file))
        return path


MEDIA_SUFFIXES = (".mp4", ".mkv", ".webm", ".m4a", ".mp3", ".wav", ".mov")


def named_output(script: Path, output: Path) -> tuple[Path, str, Path | None]:
    """Settle where files appear: the folder, their name, and the media file's path where `output` names one.

    `output` is a folder, in which the script gets a folder of its own, or the name of a media file.
    """
    if output.suffix.lower() in MEDIA_SUFFIXES and not output.is_dir():
        return output.parent, output.stem, output
    return output / script.stem, script.stem, None
