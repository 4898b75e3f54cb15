"""The events of a live speech → its sound in a file as it comes, and its captions beside it."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol

from pipeline.captions import FORMATS
from pipeline.captions.words import TimedWords
from pipeline.model import Script, Span, Word
from pipeline.production.captioning import track_of_words
from pipeline.production.jobs import SIDE_SUFFIXES
from pipeline.production.live_speech import WordEvent
from pipeline.production.publishing import cannot_write, publish, staging_folder, write_text
from pipeline.settings import Settings

WAV_HEAD_BYTES = 44
# What a WAV says of its length while nobody knows it: the most that it can say.
_UNKNOWN = 0xFFFFFFFF
# Frames a second by which cues are laid out: there is no picture whose rate it could be.
CAPTION_FPS = 30.0


class Place(Protocol):
    """Where sound is written."""

    async def write(self, block: bytes) -> None:
        """Write all of it, unbuffered. Raises BrokenPipeError when the reader is gone, OutputError for the rest."""

    def close(self, opening: bytes) -> None:
        """Nothing more comes; where it can be done, the first bytes are replaced by `opening`."""


class SoundFile:
    """A file that grows with the sound. It is made, or emptied, when the first sound comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    async def write(self, block: bytes) -> None:
        """Write all of it, unbuffered. Raises OutputError."""
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
            rest = memoryview(block)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def close(self, opening: bytes) -> None:
        """Put its true beginning into it. Raises OutputError."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            with file:
                if opening:
                    file.seek(0)
                    file.write(opening)
        except OSError as error:
            raise cannot_write(self._path, error) from error


class WavPlace:
    """Samples, 16-bit mono, written as a WAV: its length is put in at the end, where it can be."""

    def __init__(self, place: Place, sample_rate: int) -> None:
        self._place = place
        self._sample_rate = sample_rate
        self._written = 0
        self._has_head = False

    async def write(self, block: bytes) -> None:
        """Write samples, after the head."""
        head = b"" if self._has_head else wav_head(self._sample_rate, _UNKNOWN)
        self._has_head = True
        await self._place.write(head + block)
        self._written += len(block)

    def close(self, opening: bytes) -> None:
        """Put the length in."""
        self._place.close(wav_head(self._sample_rate, self._written) if self._has_head else opening)


def wav_head(sample_rate: int, length: int) -> bytes:
    """Compose the head of a WAV of so many bytes of 16-bit mono samples (RIFF; a length too large says `unknown`)."""
    whole, length = min(length + WAV_HEAD_BYTES - 8, _UNKNOWN), min(length, _UNKNOWN)
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + layout + b"data" + struct.pack("<I", length)


def is_pipe(path: Path) -> bool:
    """Whether a path leads to something that is no file and no folder, such as a named pipe or a device."""
    with contextlib.suppress(OSError):
        return path.exists() and not path.is_file() and not path.is_dir()
    return False


def open_pipe(path: Path) -> IO[bytes]:
    """Open what is no file for writing, unbuffered; this may wait for a reader."""
    return os.fdopen(os.open(path, os.O_WRONLY), "wb", buffering=0)


def write_captions(sound: Path, timed: TimedWords, settings: Settings) -> list[Path]:
    """Write .srt, .vtt and .words.json beside a sound file, whole or not at all. Raises OutputError."""
    track = track_of_words(timed, settings, CAPTION_FPS)
    made: dict[Path, Path] = {}
    with staging_folder(sound.parent) as scratch:
        for place in caption_places(sound):
            aside = scratch / place.name
            write_text(aside, FORMATS[place.suffix](track, timed))
            made[place] = aside
        publish(made)
    return list(made)


def caption_places(sound: Path) -> Sequence[Path]:
    """Where the captions of a sound file are."""
    return [sound.with_name(f"{sound.stem}{suffix}") for suffix in SIDE_SUFFIXES]


def timed_words(
    words: Iterable[WordEvent], duration_ms: int, sample_rate: int, script: Script | None, language: str
) -> TimedWords:
    """Gather the words whose sound was written; a word that was cut off ends with the sound."""
    kept = [
        Word(one.text, one.start_ms, min(one.end_ms, duration_ms), one.segment, one.space_before, one.said)
        for one in words
        if one.start_ms <= duration_ms
    ]
    spans: dict[int, Span] = {}
    for word in kept:
        index = word.segment or 0
        begun = spans.get(index) or _span(index, word.start_ms, script)
        spans[index] = replace(begun, end_ms=word.end_ms)
    return TimedWords(tuple(kept), duration_ms, language, sample_rate, tuple(spans.values()))


def _span(index: int, start_ms: int, script: Script | None) -> Span:
    """Begin a paragraph, or a segment of a script with what the script says of it."""
    if script is None:
        return Span(index, start_ms, start_ms)
    segment = script.segments[index]
    chapter = script.chapters[segment.chapter].title if segment.chapter is not None else None
    return Span(index, start_ms, start_ms, segment.speaker, chapter, segment.starts_paragraph)
