"""A narration and its settings → the caption track."""

from __future__ import annotations

from pipeline.captions.profiles import profile
from pipeline.captions.segmentation import break_into_cues, forced_starts
from pipeline.model import CaptionTrack, Narration
from pipeline.settings import Settings


def caption_track(narration: Narration, settings: Settings, fps: float) -> CaptionTrack:
    """Cut a narration's words into cues by the profile that the settings name, none outlasting the narration."""
    limits = profile(settings.text("captions.profile"), narration.language, fps)
    forced = forced_starts(narration.words, narration.spans)
    cues = break_into_cues(narration.words, limits, forced, end_ms=narration.duration_ms)
    return CaptionTrack(cues, narration.language)
