"""Encoded narration + picture + captions + chapters → one finished file, everything copied."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pipeline.addresses import chapters_address, file_url, media_address, video_stream_address
from pipeline.encoder import run
from pipeline.encoder.boxes import switch_captions_off
from pipeline.encoder.languages import tag_to_iso639_2
from pipeline.encoder.subtitles import within, write_text_track
from pipeline.errors import OutputError
from pipeline.filtergraph import (
    Address,
    Container,
    CopiedCaptions,
    CopiedPicture,
    MuxInputs,
    chapters_file,
    mux_arguments,
)
from pipeline.model import CaptionTrack, ChapterMark, ProgressCallback


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A video to copy, and when its picture ends on the file's own clock.

    `frame_rate` is given for bare H.264 (Annex B), which has no times of its own.
    """

    path: str
    end_ms: int
    codec: str = "h264"
    frame_rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class MuxPlan:
    """What goes into one file. `sound` is encoded in the container's codec and lasts `sound_ms`.

    Where the picture ends before the sound its last frame stays; where the sound ends first, silence follows.
    `language` (BCP 47) is the narration's, the captions carry their own.
    """

    sound: str
    sound_ms: int
    container: Container = "mp4"
    picture: PictureFile | None = None
    captions: CaptionTrack | None = None
    caption_disposition: Literal["default", "0"] = "0"
    caption_title: str = ""
    chapters: tuple[ChapterMark, ...] = ()
    title: str = ""
    language: str = "en"

    @property
    def end_ms(self) -> int:
        """When the finished file ends."""
        return max(self.sound_ms, self.picture.end_ms if self.picture else 0)


def mux(plan: MuxPlan, out_path: str, progress: ProgressCallback | None = None) -> None:
    """Make the finished file at `out_path`; nothing is decoded.

    Raises FfmpegError, or OutputError when it cannot be written. What is left of a failed run is the caller's to move
    or remove: it writes to a name of its own and moves the whole file into place.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".cueline-", dir=Path(out_path).parent) as scratch:
            inputs = _inputs(plan, Path(scratch))
            run(mux_arguments(inputs, file_url(out_path)), duration_ms=plan.end_ms, progress=progress, stage="muxing")
        if inputs.captions and inputs.captions.disposition == "0":
            switch_captions_off(out_path)
    except OSError as error:
        raise OutputError(f"{out_path} could not be written: {error.strerror}") from None


def _inputs(plan: MuxPlan, scratch: Path) -> MuxInputs:
    """Write what goes in as a file of its own, and name it all."""
    return MuxInputs(
        sound=media_address(plan.sound),
        container=plan.container,
        picture=_picture(plan.picture, plan.end_ms) if plan.picture else None,
        captions=_captions(plan, scratch),
        chapters=_chapters(plan, scratch),
        title=plan.title,
        language=tag_to_iso639_2(plan.language),
    )


def _picture(picture: PictureFile, end_ms: int) -> CopiedPicture:
    hold_until_ms = end_ms if end_ms > picture.end_ms else None
    if picture.frame_rate:
        address = video_stream_address(picture.path).with_options(("framerate", str(picture.frame_rate)))
        return CopiedPicture(address, picture.codec, hold_until_ms, clock="DTS")
    return CopiedPicture(media_address(picture.path), picture.codec, hold_until_ms)


def _captions(plan: MuxPlan, scratch: Path) -> CopiedCaptions | None:
    cues = within(plan.captions, plan.end_ms) if plan.captions and plan.container == "mp4" else ()
    if plan.captions is None or not cues:
        return None
    path = scratch / "captions.mp4"
    write_text_track(cues, str(path))
    language = tag_to_iso639_2(plan.captions.language)
    return CopiedCaptions(media_address(path), language, plan.caption_title, plan.caption_disposition)


def _chapters(plan: MuxPlan, scratch: Path) -> Address | None:
    if not plan.chapters or plan.container == "wav":  # WAV has no place for them
        return None
    path = scratch / "chapters.txt"
    path.write_text(chapters_file(plan.chapters, plan.end_ms), encoding="utf-8", newline="\n")
    return chapters_address(path)
