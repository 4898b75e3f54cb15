"""A script's path and what was asked → a job, its script read, its settings settled, its files named."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ScriptError, UsageError
from pipeline.filtergraph import container_of
from pipeline.model import Script
from pipeline.production.collisions import refuse_under_a_file
from pipeline.scripts import parse_project, read_script
from pipeline.settings import MEDIA_KINDS, Settings, merged, wrong_media_kind

PROJECT_FILE = "cueline.toml"
# A script of this size is days of speech: it is a mistake, such as a video named for a script.
LARGEST_SCRIPT = 16 * 2**20
SOUND_CONTAINERS = ("m4a", "mp3", "wav")
WORDS_SUFFIX = ".words.json"
SIDE_SUFFIXES = (".srt", ".vtt", WORDS_SUFFIX)
# Pictures that stand still, by their names: named as a video they would give one frame.
STILLS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
# What nobody calls a folder: media, pictures and captions, made here or not.
FILE_KINDS = """
    3g2 3gp aac ac3 aif aiff amr ape asf ass au avi avif bmp caf divx dv eac3 f4v flac flv gif heic jpeg
    jpg m2ts m4a m4b m4v mj2 mka mkv mov mp2 mp3 mp4 mpeg mpg mts mxf oga ogg ogv opus png ra rm rmvb
    srt ssa svg tif tiff ts ttml vob vtt w64 wav webm webp wma wmv wv y4m
"""


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

    @property
    def sources(self) -> Mapping[str, Path]:
        """The files that this is made from, each by what it is."""
        project = find_project(self.job.script.parent)
        named = {
            "script": self.job.script,
            "video": self.video,
            "picture": self.picture,
            "project's settings file": project,
        }
        return {name: path for name, path in named.items() if path is not None}


def read_text(path: Path) -> str:
    """Read a script, settings or words. Raises ScriptError when it is missing, no file, too large, or not UTF-8."""
    try:
        if path.is_dir():
            raise ScriptError("is a folder, not a script", str(path))
        if not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe may never end
            raise ScriptError("is no regular file: save the text as a file and name that", str(path))
        with path.open("rb") as file:
            content = file.read(LARGEST_SCRIPT + 1)
        if len(content) > LARGEST_SCRIPT:
            raise ScriptError(f"is larger than {LARGEST_SCRIPT >> 20} MiB: that is no script", str(path))
        return content.decode("utf-8")
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

    Raises ScriptError, and UsageError where two wishes exclude each other.
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
    if video and video.suffix.lower() in STILLS:
        raise UsageError(f"{video}: is a picture that stands still, no video; name it as --picture, or as picture:")
    assignment = Assignment(job, script, settings, video, picture)
    asked = job.options.get("container")
    if job.media and asked is not None and asked != assignment.container:
        raise UsageError(f"-o {job.media.name} and --container {asked} name two kinds of media file: leave one out")
    container_of(assignment.container)
    return assignment


def project_settings(script: Path) -> dict[str, object]:
    """Read the settings of the project that a file belongs to; none where there is no project. Raises ScriptError."""
    file = find_project(script.parent)
    return parse_project(read_text(file), str(file)) if file else {}


def find_project(folder: Path) -> Path | None:
    """Find the project's settings file: the nearest `cueline.toml` upward of a folder."""
    found = (place / PROJECT_FILE for place in (folder, *folder.parents))
    return next((file for file in found if file.exists() and not file.is_dir()), None)


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


def named_output(script: Path, output: Path) -> tuple[Path, str, Path | None]:
    """Settle where files appear: the folder, their name, and the media file's path where `output` names one.

    `output` is a folder, in which the script gets a folder of its own, or the name of a media file. Raises UsageError
    where it can be neither.
    """
    kind = output.suffix[1:].lower()
    if str(output) == "-":
        raise UsageError("-o -: only files are written, nothing to standard output; name a folder or a media file")
    if not output.is_dir():
        if kind in MEDIA_KINDS:
            _refuse_nameless(output.stem, f"-o {output}")
            refuse_under_a_file(output, output.parent)
            return output.parent, output.stem, output
        if kind in FILE_KINDS.split():
            raise UsageError(f"-o {output}: {wrong_media_kind(kind)}")
        if output.exists():
            raise UsageError(f"-o {output}: is a file, so no folder for the results; name a folder or a media file")
    _refuse_nameless(script.stem, str(script))
    refuse_under_a_file(output, output)
    return output / script.stem, script.stem, None


def _refuse_nameless(name: str, what: str) -> None:
    """Raise UsageError where a name without its ending is that of a folder (`..txt`), so that no file can have it."""
    if not name.strip(". "):
        raise UsageError(f"{what}: before its ending there is no name for the results; rename it")
