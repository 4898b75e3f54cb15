"""What was measured of a file → sentences, figures, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.measurement.cues import cue_distances, unhurried_cue_distances
from pipeline.measurement.onsets import Distances, OnsetSearch, distances_to_words
from pipeline.measurement.references import ReferenceWindows
from pipeline.measurement.sound import SoundComparison, SoundSync
from pipeline.model import Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The sound is to be within 20 ms of the narration, captions within 20 ms of their words, at the median; where all of
# them are so short that their profile moves them by two frames, they may be off by that. An onset is judged by loudness
# alone, which sets in up to some tens of ms from where a word is said to begin.
SOUND_LIMIT_MS = 20.0
CUE_LIMIT_MS = 20.0
HURRIED_CUE_LIMIT_MS = 100.0
ONSET_LIMIT_MS = 60.0


@dataclass(frozen=True, slots=True)
class FileSync:
    """Everything measured of one file; None is what could not be measured, for there was nothing to compare with.

    `unhurried_cues` are those of `cues` that have the time to come with their first word: by them captions are judged.
    """

    sound: SoundSync | None = None
    onsets: Distances | None = None
    cues: Distances | None = None
    unhurried_cues: Distances | None = None


def measure_file(
    sound: Iterable[npt.NDArray[np.generic]],
    rate: int,
    references: ReferenceWindows | None,
    words: Sequence[Word],
    cues: Sequence[tuple[float, str]] | None,
) -> FileSync:
    """Measure a finished file in one pass over its mono sound (blocks of int16, or of floats to 1).

    `references` are the job file's windows, `words` the narration's, `cues` the file's own captions (start in ms,
    text); None and no words leave the measure out.
    """
    comparison = SoundComparison(rate, references) if references is not None else None
    search = OnsetSearch(rate)
    for block in sound:
        search.feed(block)
        if comparison is not None:
            comparison.feed(block)
    compared = cues if words else None
    return FileSync(
        comparison.finish() if comparison is not None else None,
        distances_to_words(search.finish(), words) if words else None,
        cue_distances(compared, words) if compared is not None else None,
        unhurried_cue_distances(compared, words) if compared is not None else None,
    )


def what_is_wrong(sync: FileSync) -> tuple[str, ...]:
    """Say in a sentence each what is beyond its limit; nothing when the file is in sync as far as was measured."""
    return (*_wrong_sound(sync.sound), *_wrong_onsets(sync.onsets), *_wrong_cues(sync.cues, sync.unhurried_cues))


def is_judged(sync: FileSync) -> bool:
    """Tell whether anything was measured by which the file can be judged."""
    windows = sync.sound.windows if sync.sound is not None else ()
    return bool(windows) or any(one is not None and one.count for one in (sync.onsets, sync.cues))


def report_lines(sync: FileSync) -> tuple[str, ...]:
    """Say what was measured, a line each, for a terminal."""
    return (_sound_line(sync.sound), _onset_line(sync.onsets), _cue_line(sync.cues))


def figures(sync: FileSync) -> dict[str, float]:
    """Give the figures by name, in ms to two decimals where the name says so; what was not measured is left out."""
    values: dict[str, float | None] = {}
    if (sound := sync.sound) is not None:
        values |= {"windows": len(sound.windows), "windows_found": sound.windows_found}
        values |= {"sound_offset_ms": sound.offset_ms, "sound_drift_ms": sound.drift_ms}
        values |= {"sound_worst_ms": sound.worst_ms}
    for name, measured in (("onset", sync.onsets), ("cue", sync.cues)):
        if measured is not None:
            values |= {f"{name}s": measured.count, f"{name}_signed_median_ms": measured.signed_median_ms}
            values |= {f"{name}_median_ms": measured.median_ms, f"{name}_p95_ms": measured.p95_ms}
            values[f"{name}s_unmatched"] = measured.unmatched
    # Adding 0 makes of a rounded −0.0 a plain 0.0.
    return {name: round(value, 2) + 0 for name, value in values.items() if value is not None}


def to_json(sync: FileSync) -> dict[str, object]:
    """Give `figures`, each window's own, and what is wrong, as values that JSON can hold."""
    windows = sync.sound.windows if sync.sound is not None else ()
    found = [
        {
            "start_ms": round(one.start_ms, 1),
            "offset_ms": None if one.offset_ms is None else round(one.offset_ms, 2) + 0,
            "likeness": round(one.likeness, 3),
        }
        for one in windows
    ]
    return {**figures(sync), "reference_windows": found, "wrong": list(what_is_wrong(sync))}


def _signed(value: float | None, late: str = "late", early: str = "early") -> str:
    if value is None:
        return "not measured"
    return "0.0 ms" if abs(value) < 0.05 else f"{abs(value):.1f} ms {late if value > 0 else early}"


def _sound_line(sound: SoundSync | None) -> str:
    if sound is None or not sound.windows:
        return "sound: not compared with the narration, for there are no reference windows"
    if sound.offset_ms is None:
        return f"sound: none of {len(sound.windows)} reference windows found"
    drift = _signed(sound.drift_ms, "later at the end", "earlier at the end")
    found = f"{sound.windows_found} of {len(sound.windows)} reference windows found"
    return f"sound: {_signed(sound.offset_ms)}; drift {drift}; at worst {_signed(sound.worst_ms)}; {found}"


def _onset_line(onsets: Distances | None) -> str:
    if onsets is None:
        return "onsets: not measured, for there are no words to compare with"
    if not onsets.count and not onsets.unmatched:
        return "onsets: no sound after silence was found"
    if not onsets.count:
        return f"onsets: {onsets.unmatched}, none judged, for all are in phrases, whose inner words have no times"
    in_phrases = f", {onsets.unmatched} more in phrases, whose inner words have no times" if onsets.unmatched else ""
    spread = f"{onsets.median_ms:.0f} ms at the median, {onsets.p95_ms:.0f} ms at the 95th percentile"
    late = _signed(onsets.signed_median_ms)
    return f"onsets: {spread} from the nearest word ({late}), {onsets.count} onsets{in_phrases}"


def _cue_line(cues: Distances | None) -> str:
    if cues is None:
        return "captions: not measured, for the file has no caption track, or there are no words"
    unmatched = f", {cues.unmatched} more whose text is not in the words" if cues.unmatched else ""
    if not cues.count:
        return f"captions: no cue to compare{unmatched}"
    middle = f"{_signed(cues.signed_median_ms)} at the median"
    return f"captions: {middle}, {cues.p95_ms:.0f} ms away at the 95th percentile, {cues.count} cues{unmatched}"


def _wrong_sound(sound: SoundSync | None) -> Iterator[str]:
    if sound is None:
        return
    missing = len(sound.windows) - sound.windows_found
    if missing:
        yield f"{missing} of {len(sound.windows)} reference windows of the narration are not in the file's sound"
    if sound.offset_ms is None or sound.worst_ms is None:
        return
    if abs(sound.offset_ms) > SOUND_LIMIT_MS:
        yield f"the sound is {_signed(sound.offset_ms)}, over the {SOUND_LIMIT_MS:.0f} ms that may be"
    if sound.drift_ms is not None and abs(sound.drift_ms) >= SOUND_LIMIT_MS:
        drift = _signed(sound.drift_ms, "later at its end than at its start", "earlier at its end than at its start")
        yield f"the sound drifts: it comes {drift}"
    if abs(sound.worst_ms) > SOUND_LIMIT_MS >= abs(sound.offset_ms):
        yield f"the sound is {_signed(sound.worst_ms)} at one of the reference windows"


def _wrong_onsets(onsets: Distances | None) -> Iterator[str]:
    if onsets is not None and onsets.median_ms is not None and onsets.median_ms > ONSET_LIMIT_MS:
        yield f"sound begins {onsets.median_ms:.0f} ms from the nearest word's start, at the median"


def _wrong_cues(cues: Distances | None, unhurried: Distances | None) -> Iterator[str]:
    if cues is None:
        return
    judged, limit = (unhurried, CUE_LIMIT_MS) if unhurried and unhurried.count else (cues, HURRIED_CUE_LIMIT_MS)
    if judged.signed_median_ms is not None and abs(judged.signed_median_ms) > limit:
        yield f"the captions are {_signed(judged.signed_median_ms)}, over the {limit:.0f} ms that may be"
    if cues.unmatched:
        yield f"{cues.unmatched} of {cues.count + cues.unmatched} cues hold text that is not in the words"
