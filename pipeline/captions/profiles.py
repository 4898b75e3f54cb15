"""A profile's name, a language and a frame rate → the limits that captions keep, as data.

The figures are those of the Netflix Timed Text Style Guides (General Requirements, Timing Guidelines, and the pages of
the single languages): 2 lines of 42 characters, a cue for 5/6 s to 7 s, gaps of 2 frames or of half a second and more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from pipeline.captions.languages import Counting, counting, primary
from pipeline.captions.languages import width as width_of
from pipeline.errors import SettingError


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of one profile in one language at one frame rate. Widths are counted as `counting` says.

    `reading_speed` is the most that is read in a second. Between two cues there are exactly `gap_ms` (two frames) or
    at least `chain_ms`. A cue stays for at most `linger_ms` after its last word, longer only to reach its minimum,
    and begins at most `lead_ms` before its first word, where that is what it takes to reach its minimum; at most
    `lag_ms` after it, where that is what the cue before it needs beside its own lead, and none is wanting here.
    """

    name: str
    language: str
    line_width: float
    reading_speed: float
    min_duration_ms: int
    max_duration_ms: int
    gap_ms: int
    lead_ms: int
    lag_ms: int = 0
    chain_ms: int = 500
    linger_ms: int = 500
    lines: int = 2
    counting: Counting = "characters"

    def width(self, text: str) -> float:
        """Width of a text as this profile counts it: characters, or full-width characters."""
        return width_of(text, self.counting)

    def reading_ms(self, width: float) -> int:
        """Milliseconds that it takes to read so wide a text at the profile's speed, rounded up."""
        return math.ceil(width * 1000 / self.reading_speed)


# Characters a line; full-width ones in Japanese, Chinese and Korean.
_NETFLIX_WIDTHS: Mapping[str, float] = {"ja": 13, "zh": 16, "yue": 16, "ko": 16, "th": 35}
_NETFLIX_WIDTH = 42
# Characters a second, programmes for adults. Japanese has 4 for translations and 7 for captions in the language that
# is spoken, which is what a narration's captions are.
_NETFLIX_SPEEDS: Mapping[str, float] = {
    "en": 20,
    "ar": 20,
    "ja": 7,
    "zh": 9,
    "yue": 9,
    "ko": 12,
    **dict.fromkeys(("hi", "bn", "gu", "kn", "ml", "mr", "pa", "ta", "te"), 22),
}
_NETFLIX_SPEED = 17
# Two frames of 12 a second. Pictures that change more slowly still have captions of the usual rhythm.
_MOST_GAP_MS = 167


def netflix(language: str, fps: float) -> Profile:
    """Limits of the Netflix style guides for a language (BCP 47) at a frame rate."""
    short = primary(language)
    # 5/6 s, and half a second in Japanese; rounded up, so that a whole number of milliseconds is never too short.
    min_duration_ms = 500 if short == "ja" else math.ceil(Fraction(5000, 6))
    gap_ms = max(1, min(round(2000 / fps), _MOST_GAP_MS))
    return Profile(
        name="netflix",
        language=language,
        line_width=_NETFLIX_WIDTHS.get(short, _NETFLIX_WIDTH),
        reading_speed=_NETFLIX_SPEEDS.get(short, _NETFLIX_SPEED),
        min_duration_ms=min_duration_ms,
        max_duration_ms=7000,
        gap_ms=gap_ms,
        lead_ms=gap_ms,
        lag_ms=gap_ms,
        counting=counting(language),
    )


# A further profile is one function of this form and one line here.
PROFILES: Mapping[str, Callable[[str, float], Profile]] = {"netflix": netflix}


def profile(name: str, language: str = "en", fps: float = 30.0) -> Profile:
    """Limits by a profile's name, for a language (BCP 47) and a frame rate. Raises SettingError where there is none."""
    if name not in PROFILES:
        raise SettingError(f"there is no caption profile {name!r}; there is {', '.join(PROFILES)}")
    if not (math.isfinite(fps) and fps > 0):
        raise SettingError(f"a frame rate of {fps} cannot be: give frames a second, such as 25")
    return PROFILES[name](language, fps)
