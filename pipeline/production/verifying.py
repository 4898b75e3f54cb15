"""A finished file, and what was kept beside it → how well sound, words and captions are in sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.captions import words as words_format
from pipeline.errors import MediaError, UsageError
from pipeline.measurement import FileSync, ReferenceWindows, measure_file
from pipeline.media import decoded_sound, probe, subtitle_samples
from pipeline.model import Word
from pipeline.production import job_file
from pipeline.production.jobs import WORDS_SUFFIX, read_text
from pipeline.settings import MEDIA_KINDS

# Sound is compared at the rate of the reference windows; a sample of it is an eighth of a millisecond.
RATE = 8000


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished media file, the narration's words and reference windows, as far as they were found beside it."""

    media: Path
    words: tuple[Word, ...]
    references: ReferenceWindows | None


def measure(media: Path, references: ReferenceWindows | None, words: Sequence[Word]) -> FileSync:
    """Measure one file in a single pass over its sound. Raises MediaError when it has none."""
    has_captions = bool(probe(str(media)).subtitles)
    cues = [(start, text) for start, _, text in subtitle_samples(str(media))] if has_captions else None
    return measure_file(decoded_sound(str(media), RATE), RATE, references, words, cues)


def verify(target: Path) -> tuple[Path, FileSync]:
    """Measure a finished folder or file with what lies beside it.

    Returns the media file and its sync. Raises UsageError or MediaError when there is nothing that can be measured.
    """
    finished = find_finished(target)
    return finished.media, measure(finished.media, finished.references, finished.words)


def find_finished(target: Path) -> Finished:
    """Find the media file and its side files: by the job file of a folder, or by the name of a file."""
    if target.is_dir():
        jobs = sorted(target.glob(f"*{job_file.SUFFIX}"))
        if not jobs:
            raise UsageError(
                f"{target}: holds no job file, as `cueline narrate` leaves beside a video; name its folder"
            )
        if len(jobs) > 1:
            raise UsageError(f"{target}: holds {len(jobs)} job files; name the video itself")
        name = jobs[0].name.removesuffix(job_file.SUFFIX)
        media = _media_of(jobs[0], name)
    elif target.is_file():
        media, name = target, target.stem
    else:
        raise MediaError(f"{target}: there is no such file or folder")
    job = job_file.read(media.parent / f"{name}{job_file.SUFFIX}")
    words_path = media.parent / f"{name}{WORDS_SUFFIX}"
    words = words_format.parse(read_text(words_path), str(words_path)).words if words_path.is_file() else ()
    if job is None and not words:
        raise UsageError(f"{media}: neither {name}{job_file.SUFFIX} nor {name}{WORDS_SUFFIX} lies beside it")
    return Finished(media, words, _references(job, media))


def _media_of(path: Path, name: str) -> Path:
    job = job_file.read(path)
    for file in job.files if job is not None else ():
        if Path(file).suffix[1:].lower() in MEDIA_KINDS and (path.parent / file).is_file():
            return path.parent / file
    raise MediaError(f"{path.parent}: the video {name} that the job file names is gone")


def _references(job: job_file.JobFile | None, media: Path) -> ReferenceWindows | None:
    if job is None or not job.reference:
        return None
    try:
        return ReferenceWindows.from_json(job.reference)
    except MediaError as error:
        raise MediaError(f"{media}: {error}") from None
