"""What is seen → a picture file: footage as it is or with captions drawn in, a still, a card, or nothing but sound."""

from __future__ import annotations

import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pipeline import encoder
from pipeline.addresses import media_address
from pipeline.captions import ass
from pipeline.drawing import Drawing, draw_video, read_template
from pipeline.drawing.sources import check_still
from pipeline.encoder.burning import burn, transcode
from pipeline.encoder.muxing import MuxPlan, PictureFile
from pipeline.errors import MediaError, UsageError
from pipeline.filtergraph import DrawnFootage, container_of
from pipeline.fonts import FontChoice, choose_fonts
from pipeline.media import VideoFacts, probe, refuse_hdr
from pipeline.model import (
    CaptionMode,
    CaptionTrack,
    Card,
    Narration,
    Progress,
    ProgressCallback,
    Sayer,
    Script,
    Still,
)
from pipeline.pictures import frames_to_cover, picture_states
from pipeline.production.jobs import SOUND_CONTAINERS, Assignment
from pipeline.production.publishing import fingerprint

STAGE = "drawing"
_MOST_NAMED = 8
TEMPLATES = ("captions.ass", "card.ass")
CAPTIONS_TEXT = {
    "soft": "a soft track, on by default",
    "burned": "burned in",
    "both": "burned in, and as a soft track that is off by default",
    "none": "none in the video",
}


class Sight(Protocol):
    """What is seen, looked at before anything is spoken. `captions` says in words how captions are given."""

    @property
    def mode(self) -> CaptionMode:
        """How captions are given."""

    @property
    def fps(self) -> float:
        """Frames a second, by which the captions' gaps are counted."""

    @property
    def captions(self) -> str:
        """How captions are given, in words."""

    def draw(
        self, track: CaptionTrack, narration: Narration, scratch: Path, progress: ProgressCallback, say: Sayer
    ) -> PictureFile | None:
        """Make the picture's file, or name the one that is there. Raises FfmpegError, OutputError, MediaError."""


@dataclass(frozen=True, slots=True)
class NothingSeen:
    """Only sound."""

    fps: float = 30.0
    mode: CaptionMode = "none"
    captions: str = "beside the sound, as files"

    def draw(self, *_: object) -> PictureFile | None:
        """Make nothing."""
        return None


@dataclass(frozen=True, slots=True)
class FootageSeen:
    """An existing video. Its packets are copied unless captions are drawn into it or MP4 cannot hold them."""

    path: Path
    facts: VideoFacts
    mode: CaptionMode
    fonts: FontChoice | None = None

    @property
    def fps(self) -> float:
        """The footage's own rate."""
        return float(self.facts.frame_rate or 30)

    @property
    def captions(self) -> str:
        """How captions are given, in words."""
        return CAPTIONS_TEXT[self.mode]

    def draw(
        self, track: CaptionTrack, narration: Narration, scratch: Path, progress: ProgressCallback, say: Sayer
    ) -> PictureFile | None:
        """Copy, or encode anew where something must be drawn or MP4 cannot hold the codec."""
        held_ms = narration.duration_ms - self.facts.end_ms
        if held_ms > 0:
            say(f"the voice is {held_ms / 1000:.1f} s longer than the video: its last frame is held")
        if self.fonts is None and self.facts.is_copyable:
            return PictureFile(str(self.path), self.facts.end_ms, self.facts.codec)
        made = scratch / "picture.mp4"
        footage = DrawnFootage(media_address(self.path), max(0, held_ms), self.facts.matrix)
        end_ms = max(self.facts.end_ms, narration.duration_ms)
        if self.fonts is None:
            transcode(footage, str(made), end_ms, progress)
        else:
            size = (self.facts.width, self.facts.height)
            text = ass.compose(track, size, self.fonts.lettering, read_template("captions.ass"))
            for lacking in burn(footage, text, self.fonts.files, str(made), end_ms, progress):
                say(f"while captions were drawn: {lacking}")
        drawn = probe(str(made)).video
        if drawn is None:
            raise MediaError(f"{self.path}: nothing of its picture could be drawn")
        return PictureFile(str(made), drawn.end_ms)


@dataclass(frozen=True, slots=True)
class DrawnSeen:
    """A picture that is drawn here: a still or a title card, with captions or without."""

    picture: Still | Card
    mode: CaptionMode
    size: tuple[int, int]
    rate: int
    caption_fonts: FontChoice
    title_fonts: FontChoice

    @property
    def fps(self) -> float:
        """The constant rate."""
        return float(self.rate)

    @property
    def captions(self) -> str:
        """How captions are given, in words."""
        return CAPTIONS_TEXT[self.mode]

    def draw(
        self, track: CaptionTrack, narration: Narration, scratch: Path, progress: ProgressCallback, say: Sayer
    ) -> PictureFile | None:
        """Draw each state once and repeat it."""
        del say  # nothing can happen here that a person must know
        cues = track.cues if self.mode in ("burned", "both") else ()
        made = scratch / "picture.mp4"
        drawing = Drawing(
            states=picture_states(cues, narration.duration_ms, self.rate),
            cues=cues,
            pictures=(self.picture,),
            size=self.size,
            fps=self.rate,
            fonts=(*self.caption_fonts.files, *self.title_fonts.files),
            caption_lettering=self.caption_fonts.lettering,
            title_lettering=self.title_fonts.lettering,
        )
        progress(Progress(STAGE, 0, 0))
        draw_video(drawing, str(made), encoder.run)
        progress(Progress(STAGE, 1, 1))
        frames = frames_to_cover(narration.duration_ms, self.rate)
        return PictureFile(str(made), frames * 1000 // self.rate)


def look(assignment: Assignment, say: Sayer) -> Sight:
    """Look at what is to be seen, before anything is spent.

    Raises MediaError where a named file is missing or is not what it should be, UsageError where two wishes exclude
    each other.
    """
    asked = assignment.settings.caption_mode
    if assignment.container in SOUND_CONTAINERS:
        for name in ("video", "picture"):
            if name in assignment.settings.given:
                raise UsageError(f"{name}: a file of the kind {assignment.container} holds no picture")
        if asked in ("soft", "burned", "both"):
            raise UsageError(f"captions: a file of the kind {assignment.container} holds none; they lie beside it")
        _tell_unheeded(assignment, ("size",), "a file without a picture", say)
        return NothingSeen(float(assignment.settings.fps))
    if assignment.video is not None:
        _tell_unheeded(assignment, ("size", "fps"), "a video, which keeps its own", say)
        return _footage(assignment.video, assignment, asked or "soft", say)
    if assignment.picture is not None:
        _check_still(assignment.picture)
    return _drawn(assignment, asked, say)


def _tell_unheeded(assignment: Assignment, names: tuple[str, ...], seen: str, say: Sayer) -> None:
    for name in names:
        if name in assignment.settings.given:
            say(f"{name} means nothing to {seen}")


def _check_still(path: Path) -> None:
    """Decode the picture once, so that a wrong one costs nothing. Raises MediaError."""
    if not path.is_file():
        raise MediaError(f"{path}: there is no such picture")
    with tempfile.TemporaryDirectory(prefix="cueline-") as scratch:
        check_still(str(path), Path(scratch), encoder.run)


def _footage(path: Path, assignment: Assignment, mode: CaptionMode, say: Sayer) -> FootageSeen:
    facts = probe(str(path))
    if facts.video is None:
        raise MediaError(f"{path}: has no moving picture; name a video as video, a still one as picture")
    if facts.is_truncated:
        say(f"{path.name} ends before its own index says: the end of the video is missing, as after a broken download")
    if facts.sounds:
        say("the video's own sound is replaced by the narration")
    fonts = None
    if mode in ("burned", "both"):
        refuse_hdr(str(path), facts.video)
        fonts = choose_fonts(_shown_text(assignment.script), assignment.settings.text("language"))
        mode = _drawable_mode(mode, mode, fonts, assignment.script, say)
        if mode == "soft":
            fonts = None
        else:
            _tell_undrawn(fonts.missing, say)
            say("the video is encoded anew, for captions are drawn into it")
    if fonts is None and not facts.video.is_copyable:
        say(
            f"the video is encoded anew, for its {facts.video.codec} cannot be copied into an MP4 that plays everywhere"
        )
    return FootageSeen(path, facts.video, mode, fonts)


def _drawn(assignment: Assignment, asked: CaptionMode | None, say: Sayer) -> DrawnSeen:
    settings, script = assignment.settings, assignment.script
    language = settings.text("language")
    caption_fonts = choose_fonts(_shown_text(script), language)
    mode = _drawable_mode(asked or "both", asked, caption_fonts, script, say)
    undrawn = caption_fonts.missing if mode in ("burned", "both") else frozenset()
    title = script.title if assignment.picture is None else ""
    title_fonts = choose_fonts(title, language, "Medium")
    if _is_mostly_missing(title, title_fonts):
        say(f"no font of this machine draws {_few(title_fonts.missing)}: the card goes without its title")
        title = ""
    else:
        undrawn |= title_fonts.missing
    _tell_undrawn(undrawn, say)
    picture = Still(str(assignment.picture)) if assignment.picture is not None else Card(title)
    return DrawnSeen(picture, mode, settings.size, settings.fps, caption_fonts, title_fonts)


def _shown_text(script: Script) -> str:
    return "".join(sorted({letter for s in script.segments for token in s.tokens for letter in token.shown}))


def _drawable_mode(
    mode: CaptionMode, asked: CaptionMode | None, fonts: FontChoice, script: Script, say: Sayer
) -> CaptionMode:
    """Soft captions where most letters cannot be drawn, and the mode as it is where a sign here and there cannot.

    Raises UsageError where captions that can be burned only were asked for by name.
    """
    if mode not in ("burned", "both"):
        return mode
    if not _is_mostly_missing("".join(token.shown for s in script.segments for token in s.tokens), fonts):
        return mode
    lacking = f"no font of this machine draws most letters of the captions, such as {_few(fonts.missing)}"
    if asked == "burned":
        raise UsageError(f"captions: {lacking}; install a font that does, or ask for soft ones with --captions soft")
    say(f"{lacking}: captions stay soft")
    return "soft"


def _is_mostly_missing(text: str, fonts: FontChoice) -> bool:
    """Whether at least half the letters and digits cannot be drawn, or, where there are none, half the signs."""
    letters = [character for character in text if character.isalnum()] or [c for c in text if not c.isspace()]
    missing = sum(character in fonts.missing for character in letters)
    return missing > 0 and 2 * missing >= len(letters)


def _tell_undrawn(characters: frozenset[str], say: Sayer) -> None:
    if characters:
        say(
            f"no font of this machine draws {_few(characters)}: left out of the picture, not of caption files and tracks"
        )


def _few(characters: frozenset[str]) -> str:
    """Name the first of them, those that are seen."""
    seen = sorted(character for character in characters if not unicodedata.combining(character))
    return " ".join(seen[:_MOST_NAMED]) + (f" and {len(seen) - _MOST_NAMED} more" if len(seen) > _MOST_NAMED else "")


def sight_facts(sight: Sight) -> tuple[object, ...]:
    """List what of the sight shapes the video, for telling whether anything has changed."""
    if isinstance(sight, FootageSeen):
        fonts = sight.fonts.files if sight.fonts else ()
        return ("footage", fingerprint(sight.path), sight.mode, fonts, read_template("captions.ass"))
    if isinstance(sight, DrawnSeen):
        seen = fingerprint(Path(sight.picture.path)) if isinstance(sight.picture, Still) else sight.picture.title
        drawn_by = (sight.caption_fonts.files, sight.title_fonts.files, *map(read_template, TEMPLATES))
        return ("drawn", type(sight.picture).__name__, seen, sight.mode, sight.size, sight.rate, drawn_by)
    return ("nothing",)


def media_plan(
    assignment: Assignment,
    sight: Sight,
    picture: PictureFile | None,
    sound: Path,
    track: CaptionTrack,
    narration: Narration,
) -> MuxPlan:
    """Say what goes into the finished file: picture, sound, captions, chapters, labels."""
    disposition: Literal["default", "0"] = "default" if sight.mode == "soft" else "0"
    return MuxPlan(
        sound=str(sound),
        sound_ms=narration.duration_ms,
        container=container_of(assignment.container),
        picture=picture,
        captions=track if sight.mode in ("soft", "both") else None,
        caption_disposition=disposition,
        chapters=narration.chapters if assignment.settings.flag("chapters") else (),
        title=assignment.script.title,
        language=narration.language,
    )
