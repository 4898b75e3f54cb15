"""What flows from a script to a video: frozen values, in the order in which they come to be.

Times of words and captions are whole milliseconds and say so in their name (`_ms`); sound is counted in samples.
A value holds names and numbers only, never an open file or a connection, so every one of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

# ── the script ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Token:
    """What the author wrote between two spaces, and what is said for it.

    `shown` holds no space at which a line may break, but for a `say` span that covers several words (`New York`), which stays one token
    because only the whole of it has something to say. `said` equals `shown` where the author did not ask otherwise.
    """

    shown: str
    said: str
    space_before: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """What is spoken in one go: a paragraph, or a part of one. `line` counts from 1.

    `pause_before_ms` is the audible silence asked for between the sound before this segment and its own; of the
    first segment it is 0 unless a break was written. `chapter` indexes `Script.chapters`. `anchor_ms` is the time
    of the video at which it is to start. `picture` is the path, as written, of the picture that is seen from here.
    `anchor_line` and `picture_line` are where those two were written, which may be lines before (0: nowhere).
    """

    index: int
    tokens: tuple[Token, ...]
    line: int
    speaker: str | None = None
    chapter: int | None = None
    pause_before_ms: int = 0
    starts_paragraph: bool = True
    anchor_ms: int | None = None
    picture: str | None = None
    anchor_line: int = 0
    picture_line: int = 0

    @property
    def text(self) -> str:
        """What is sent to be spoken: the said forms, a space where the author has one."""
        return "".join(" " * (token.space_before and n > 0) + token.said for n, token in enumerate(self.tokens))


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading with something spoken under it. `first_segment` indexes `Script.segments`."""

    title: str
    first_segment: int
    line: int


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person should know that is no error: at `line` of the script (0: of the whole)."""

    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script. `settings` is its front matter, typed, by the settings' dotted names."""

    title: str
    segments: tuple[Segment, ...]
    chapters: tuple[Chapter, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    pause_after_ms: int = 0


# ── speech ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """The five voice settings, always sent whole: a missing one would mean whatever the voice has stored."""

    stability: float = 0.5
    similarity_boost: float = 0.75
    style: float = 0.0
    use_speaker_boost: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as an engine knows it: its id, and how it is to speak."""

    id: str
    settings: VoiceSettings = VoiceSettings()


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Everything that shapes one utterance. Two equal requests to one engine may share one recording.

    `output_format` is one of the service's names (`pcm_24000`, `mp3_44100_128`). `dictionaries` are pairs of a
    pronunciation dictionary's id and version.
    """

    text: str
    voice: Voice
    model: str
    language: str
    output_format: str = "pcm_24000"
    dictionaries: tuple[tuple[str, str], ...] = ()
    seed: int | None = None
    normalization: Literal["auto", "on", "off"] = "auto"
    ssml: bool = False


@dataclass(frozen=True, slots=True)
class Alignment:
    """Character times of one message, as sent: three lists of one length, milliseconds on the message's own clock.

    An item of `chars` may hold more than one character, and none is promised to start where the last one ended.
    """

    chars: tuple[str, ...]
    starts_ms: tuple[float, ...]
    durations_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """What one message brought: sound in the format asked for (may be empty), and character times (may be none).

    `alignment` is of the text as sent; `normalized` of the text as spoken, with one more leading space at the start
    of a generation. `connection` counts the sockets that one live speech took: with each, the sound's coding and the
    times' clock begin anew.
    """

    audio: bytes = b""
    alignment: Alignment | None = None
    normalized: Alignment | None = None
    connection: int = 0


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """Where a voice put a stretch of the text: characters `first` to `end` (half open), milliseconds from its start."""

    first: int
    end: int
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What an offline voice made of a text: 16-bit mono samples, and its words in order, none overlapping another."""

    pcm: bytes
    sample_rate: int
    words: tuple[SpokenWord, ...]


class OfflineVoice(Protocol):
    """Speaks a text: the same text, language, voice and speed are always the same samples."""

    def __call__(self, text: str, language: str, voice: str, speed: float) -> SpokenText:
        """Speak; raises EngineError when it cannot. May take long and be called from several threads."""


@dataclass(frozen=True, slots=True)
class TimedCharacters:
    """Characters of one utterance on one clock: milliseconds from its first sample, never decreasing."""

    chars: tuple[str, ...]
    starts_ms: tuple[int, ...]
    ends_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One segment as it was spoken, without its sound, which lies in the store under `key`.

    `sound_first` and `sound_end` are the samples between which something is heard (half open; both 0 in silence).
    `repairs` says in words what had to be mended in the times that came back.
    """

    key: str
    sample_rate: int
    sample_count: int
    sound_first: int
    sound_end: int
    characters: TimedCharacters
    repairs: tuple[str, ...] = ()


# ── the narration ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Word:
    """A word in the author's own spelling, from its first sound to the end of its last letter or digit.

    `said` is what was spoken for it, where that differs from `text`. `segment` is None where nobody said.
    """

    text: str
    start_ms: int
    end_ms: int
    segment: int | None = None
    space_before: bool = True
    said: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """Samples `first` to `first + count` of the stored utterance `key`."""

    key: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Silence:
    """So many samples of nothing."""

    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where a segment lies in the narration: from its first word's start to its last word's end."""

    index: int
    start_ms: int
    end_ms: int
    speaker: str | None = None
    chapter: str | None = None
    starts_paragraph: bool = True


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter as a player lists it; the next one starts where this ends."""

    title: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Narration:
    """All utterances end to end: pieces of sound by name and count, no samples held."""

    sample_rate: int
    pieces: tuple[Clip | Silence, ...]
    words: tuple[Word, ...]
    spans: tuple[Span, ...]
    chapters: tuple[ChapterMark, ...]
    language: str = "en"

    @property
    def sample_count(self) -> int:
        """The length in samples."""
        return sum(piece.count for piece in self.pieces)

    @property
    def duration_ms(self) -> int:
        """The length in milliseconds, rounded to the nearest."""
        return (self.sample_count * 2000 + self.sample_rate) // (2 * self.sample_rate)


# ── captions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: its lines, when it is seen, and which words it shows (half open, indices into the narration's)."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    first_word: int = 0
    end_word: int = 0

    @property
    def text(self) -> str:
        """The lines with a line feed between them."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """Cues in order, none overlapping another, in one language (BCP 47)."""

    cues: tuple[Cue, ...]
    language: str = "en"


# ── the picture ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Footage:
    """An existing video: its picture is copied, not decoded."""

    path: str


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that is seen all the time."""

    path: str


@dataclass(frozen=True, slots=True)
class Card:
    """Nothing given: a clean title card."""

    title: str


Picture = Footage | Still | Card
CaptionMode = Literal["soft", "burned", "both", "none"]


# ── a job ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total`, in `unit`; a total of 0 is not known yet."""

    stage: str
    done: float
    total: float
    unit: str = ""


ProgressCallback = Callable[[Progress], None]


# Takes a remark for the person in front of the program.
Sayer = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job made. `made` is false when everything was there already.

    `repairs` are what had to be mended in the times that came back, each with its line; a person was told of them.
    """

    files: tuple[str, ...]
    made: bool
    spoken: int
    stored: int
    duration_ms: int
    remarks: tuple[str, ...] = ()
    captions: str = ""
    sync: Mapping[str, float] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
