"""A media file → what is in it: facts, sound from time 0, texts of its soft captions, pictures.

Everything is opened by a safe address only. Time 0 is the file's own start, as players count it: edit lists and the
encoder's priming are taken off, a stream that begins later is preceded by silence.
"""

from __future__ import annotations

from pipeline.media.facts import (
    MediaFacts,
    SoundFacts,
    SubtitleFacts,
    VideoFacts,
    probe,
    probe_footage,
    refuse_hdr,
)
from pipeline.media.opening import opened
from pipeline.media.pictures import frame_at, frames, subtitle_samples
from pipeline.media.sound import decoded_sound

__all__ = [
    "MediaFacts",
    "SoundFacts",
    "SubtitleFacts",
    "VideoFacts",
    "decoded_sound",
    "frame_at",
    "frames",
    "opened",
    "probe",
    "probe_footage",
    "refuse_hdr",
    "subtitle_samples",
]
