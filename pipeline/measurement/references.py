"""A narration as it streams by → a few short windows of it, to find again in the finished file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import MediaError
from pipeline.measurement.correlation import self_similarity
from pipeline.measurement.resampling import REFERENCE_RATE, resample, to_unit_range
from pipeline.pcm import AUDIBLE, as_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_WINDOWS = 12
_WINDOW_SECONDS = 2.0
# A window is looked for in steps of an eighth of its length, and its rises in loudness are seen in 200 frames.
_STEPS = 8
_FRAMES_A_STEP = 25
# Of each section so many windows are kept until its end, when the one most unlike itself at other times is chosen.
_CANDIDATES = 3
# A window that resembles itself this much, moved by 20 ms or more, could be found at the wrong place.
_TOO_PERIODIC = 0.95
_CLEARLY_UNLIKE = 0.8
# A window whose loudness rises a twentieth as much as another's holds hardly more than a breath.
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class ReferenceWindow:
    """Sound of the narration from its sample `first`: 16-bit little-endian mono at 8 kHz."""

    first: int
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReferenceWindows:
    """Windows in order, and the narration's own rate and length in samples."""

    sample_rate: int
    sample_count: int
    windows: tuple[ReferenceWindow, ...]

    def to_json(self) -> dict[str, object]:
        """Give the windows as values that JSON can hold, the sound as base64: 43 kB for a window of 2 s."""
        windows = [{"first": one.first, "pcm": base64.b64encode(one.pcm).decode("ascii")} for one in self.windows]
        return {"sample_rate": self.sample_rate, "sample_count": self.sample_count, "rate": 8000, "windows": windows}

    @classmethod
    def from_json(cls, written: Mapping[str, object]) -> ReferenceWindows:
        """Read back what `to_json` gave. Raises MediaError when it is something else."""
        try:
            return cls(_whole(written["sample_rate"], 1), _whole(written["sample_count"], 0), _windows(written))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            message = f"the reference windows of the job file cannot be read ({error}): make the video again"
            raise MediaError(message) from None


def _whole(value: object, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} is no whole number of {least} or more")
    return value


def _windows(written: Mapping[str, object]) -> tuple[ReferenceWindow, ...]:
    if written["rate"] != REFERENCE_RATE or not isinstance(entries := written["windows"], list):
        raise ValueError(f"windows of {REFERENCE_RATE} Hz were expected")
    found = (ReferenceWindow(_whole(one["first"], 0), base64.b64decode(one["pcm"], validate=True)) for one in entries)
    return tuple(sorted(found, key=lambda one: one.first))


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: float
    first: int
    samples: npt.NDArray[np.int16]


class ReferenceRecorder:
    """Chooses up to 12 windows of 2 s, spread from start to end, while a narration of known length streams by.

    The narration is cut into equal sections; of each the window whose loudness rises most (speech does, silence and
    steady tones do not) is kept, unless it repeats itself. A narration under 8 s is given four shorter windows.
    Held at any time: the last window's length of sound, and three candidates.
    """

    def __init__(self, sample_rate: int, sample_count: int) -> None:
        self._rate = sample_rate
        self._count = sample_count
        seconds = min(_WINDOW_SECONDS, max(0.5, sample_count / sample_rate / 4))
        self._step = max(_FRAMES_A_STEP, min(round(seconds * sample_rate), sample_count) // _STEPS)
        steps = sample_count // self._step
        sections = min(_MOST_WINDOWS, steps // _STEPS)
        self._section_ends = [(n + 1) * steps // sections for n in range(sections)]
        self._unread = b""
        self._steps_done = 0
        self._last_level = 0.0
        self._recent: list[npt.NDArray[np.int16]] = []
        self._rises: list[float] = []
        self._candidates: list[_Candidate] = []
        self._chosen: list[tuple[float, ReferenceWindow]] = []

    def feed(self, pcm: bytes) -> None:
        """Take the next samples of the narration, 16-bit little-endian mono; more than was promised is left out."""
        self._unread += pcm
        size = self._step * 2
        taken = 0
        while self._section_ends and len(self._unread) - taken >= size:
            self._take_step(as_array(self._unread[taken : taken + size]))
            taken += size
        self._unread = self._unread[taken:] if self._section_ends else b""

    def finish(self) -> ReferenceWindows:
        """Return the windows chosen from what was fed: none where there was nothing but silence or a steady tone."""
        self._close_section()
        least = _LEAST_SHARE * max((score for score, _ in self._chosen), default=0.0)
        windows = tuple(window for score, window in self._chosen if score >= least)
        return ReferenceWindows(self._rate, self._count, windows)

    def _take_step(self, samples: npt.NDArray[np.int16]) -> None:
        self._recent = [*self._recent, samples][-_STEPS:]
        self._rises = [*self._rises, self._rise(samples)][-_STEPS:]
        self._steps_done += 1
        if len(self._recent) == _STEPS:
            self._consider()
        if self._steps_done == self._section_ends[0]:
            self._close_section()
            del self._section_ends[0]

    def _rise(self, samples: npt.NDArray[np.int16]) -> float:
        """By how much loudness rises in one step, all rises added up."""
        import numpy as np

        frame = len(samples) // _FRAMES_A_STEP
        framed = to_unit_range(samples[: frame * _FRAMES_A_STEP]).reshape(_FRAMES_A_STEP, frame)
        levels = np.sqrt(np.mean(framed**2, axis=1))
        rises = np.diff(levels, prepend=np.float32(self._last_level))
        self._last_level = float(levels[-1])
        return float(np.maximum(rises, 0).sum())

    def _consider(self) -> None:
        """Keep the window that just ended, when it is among the best of its section."""
        import numpy as np

        score = sum(self._rises)
        beaten = self._candidates[-1].score if len(self._candidates) == _CANDIDATES else AUDIBLE
        if score > beaten:
            first = (self._steps_done - _STEPS) * self._step
            kept = [*self._candidates, _Candidate(score, first, np.concatenate(self._recent))]
            self._candidates = sorted(kept, key=lambda one: -one.score)[:_CANDIDATES]

    def _close_section(self) -> None:
        """Choose one of the section's candidates; the next section's windows start with its own first sample."""
        least_alike, best = _TOO_PERIODIC, None
        for candidate in self._candidates:
            sound = resample(to_unit_range(candidate.samples), self._rate)
            similarity = self_similarity(sound)
            if similarity < least_alike:
                least_alike, best = similarity, (candidate.score, ReferenceWindow(candidate.first, _to_pcm(sound)))
            if similarity < _CLEARLY_UNLIKE:
                break
        if best is not None:
            self._chosen.append(best)
        self._candidates, self._recent, self._rises = [], [], []


def _to_pcm(sound: npt.NDArray[np.float32]) -> bytes:
    import numpy as np

    return np.clip(np.round(sound * 32768), -32768, 32767).astype("<i2").tobytes()
