"""A narration, or timed words, and settings → the caption track."""

from __future__ import annotations

from pipeline.captions.profiles import profile
from pipeline.captions.segmentation import break_into_cues, forced_starts
from pipeline.captions.words import TimedWords, words_of_narration
from pipeline.model import CaptionTrack, Narration
from pipeline.settings import Settings


def caption_track(narration: Narration, settings: Settings, fps: float) -> CaptionTrack:
    """Cut a narration's words into cues by the profile that the settings name, none outlasting the narration."""
    return track_of_words(words_of_narration(narration), settings, fps)


def track_of_words(timed: TimedWords, settings: Settings, fps: float) -> CaptionTrack:
    """Cut timed words into cues by the profile that the settings name, none outlasting the words' own duration.

    Words that do not say their language are in that of the settings.
    """
    language = timed.language or settings.text("language")
    limits = profile(settings.text("captions.profile"), language, fps)
    cues = break_into_cues(timed.words, limits, forced_starts(timed.words, timed.spans), end_ms=timed.duration_ms)
    return CaptionTrack(cues, language)
