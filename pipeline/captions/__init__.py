"""Captions: words → cues → files. The formats by their file extension; a further one is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.captions import srt, webvtt, words
from pipeline.captions.words import TimedWords
from pipeline.model import CaptionTrack

# What is shown, and what was said when → the text of a file: UTF-8, line feeds, no byte order mark.
Composer = Callable[[CaptionTrack, TimedWords], str]
# The text of a file, and its path for what is said of it → what it shows. Raises ScriptError.
Parser = Callable[[str, str], CaptionTrack]

FORMATS: Mapping[str, Composer] = {
    ".srt": lambda track, _words: srt.compose(track),
    ".vtt": lambda track, _words: webvtt.compose(track),
    ".json": lambda _track, timed: words.compose_words(timed),
}
PARSERS: Mapping[str, Parser] = {".srt": srt.parse, ".vtt": webvtt.parse}
