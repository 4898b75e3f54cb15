"""A finished file's sound and captions → offset, drift, and what is wrong with its sync: `verify`.

Nothing here opens a file: sound comes as blocks of samples, captions as starts and texts.
"""

from __future__ import annotations

from pipeline.measurement.cues import cue_distances
from pipeline.measurement.onsets import Distances, OnsetSearch, onset_distances
from pipeline.measurement.references import ReferenceRecorder, ReferenceWindow, ReferenceWindows
from pipeline.measurement.sound import SoundComparison, SoundSync, WindowMatch, measure_sound
from pipeline.measurement.verdict import (
    FileSync,
    figures,
    is_judged,
    measure_file,
    report_lines,
    to_json,
    what_is_wrong,
)

__all__ = [
    "Distances",
    "FileSync",
    "OnsetSearch",
    "ReferenceRecorder",
    "ReferenceWindow",
    "ReferenceWindows",
    "SoundComparison",
    "SoundSync",
    "WindowMatch",
    "cue_distances",
    "figures",
    "is_judged",
    "measure_file",
    "measure_sound",
    "onset_distances",
    "report_lines",
    "to_json",
    "what_is_wrong",
]
