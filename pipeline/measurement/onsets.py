"""Sound → the moments at which it begins after silence, and how far each is from the nearest word's start."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.captions.languages import is_unspaced
from pipeline.measurement.resampling import to_unit_range
from pipeline.model import Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# A word between spaces that lasts longer is several to the ear, such as a web address.
_LONGEST_WORD_MS = 3000
# All in frames of about 1 ms. A plosive's closure is quiet for up to about 80 ms inside a word, so silence is longer.
_QUIET = 100
# Sound counts when at least half of the frames around it, 30 either way, are sound: a click is none.
_AROUND = 30
# What is judged at once: the noise floor and the loudness are those of these 30 s.
_STRETCH = 30_000
_CONTEXT = 200
# How far under the usual loudness, and under the burst that follows within 60 ms, something still counts as sound.
# An encoder's block of 1024 samples smears a burst's noise over the 20 ms before it, some 40 dB down (pre-echo).
_UNDER_USUAL = 10 ** (-40 / 20)
_UNDER_BURST = 10 ** (-32 / 20)
_BURST = 60
_OVER_NOISE = 3.0
# What is softer than −66 dBFS is no sound, however soft the rest: a few steps of 16 bits.
_LEAST = 10 ** (-66 / 20)


@dataclass(frozen=True, slots=True)
class Distances:
    """How far moments are from where they belong, in ms. `signed_median_ms` is positive when they are late.

    `median_ms` and `p95_ms` are of the distances without their sign; all are None when `count` is 0. `unmatched`
    moments belong nowhere and are in none of the figures.
    """

    count: int
    signed_median_ms: float | None
    median_ms: float | None
    p95_ms: float | None
    unmatched: int = 0


def summarise_distances(signed_ms: Sequence[float], unmatched: int = 0) -> Distances:
    """Sum up signed distances in ms."""
    import numpy as np

    if not len(signed_ms):
        return Distances(0, None, None, None, unmatched)
    signed = np.asarray(signed_ms, dtype=np.float64)
    size = np.abs(signed)
    middle, most = float(np.median(size)), float(np.percentile(size, 95))
    return Distances(len(signed), float(np.median(signed)), middle, most, unmatched)


def onset_distances(sound: Iterable[npt.NDArray[np.generic]], rate: int, word_starts_ms: Sequence[float]) -> Distances:
    """Measure, at each onset of sound after silence, the distance to the nearest word's start; sound late is positive.

    `sound` is mono, in blocks, as `measure_sound` takes it. Nothing is known of the narration but its words' starts.
    """
    search = OnsetSearch(rate)
    for block in sound:
        search.feed(block)
    return distances_to_nearest(search.finish(), word_starts_ms)


def distances_to_nearest(moments_ms: Sequence[float], starts_ms: Sequence[float]) -> Distances:
    """Sum up how far each moment is from the nearest start; all are unmatched where there are no starts."""
    import numpy as np

    if not len(starts_ms):
        return summarise_distances((), len(moments_ms))
    starts = np.sort(np.asarray(starts_ms, dtype=np.float64))
    moments = np.asarray(moments_ms, dtype=np.float64)
    after = np.searchsorted(starts, moments).clip(1, max(1, len(starts) - 1))
    before_ms, after_ms = moments - starts[after - 1], moments - starts[np.minimum(after, len(starts) - 1)]
    return summarise_distances(np.where(np.abs(before_ms) <= np.abs(after_ms), before_ms, after_ms).tolist())


def distances_to_words(moments_ms: Sequence[float], words: Sequence[Word]) -> Distances:
    """Sum up how far each moment is from the nearest word's start; all are unmatched where there are no words.

    In writing without spaces a `Word` is a phrase of several words, of which only the first one's start is known; so is
    a web address, of which every point is said. A voice may pause inside of it, so a moment that lies in a phrase, or is nearest to one's start, is unmatched too.
    """
    order = sorted(words, key=lambda word: word.start_ms)
    starts = [word.start_ms for word in order]
    phrases = [is_unspaced(word.text) or word.end_ms - word.start_ms > _LONGEST_WORD_MS for word in order]
    known = [moment for moment in moments_ms if not _belongs_to_phrase(moment, order, starts, phrases)]
    found = distances_to_nearest(known, starts)
    return replace(found, unmatched=len(moments_ms) - found.count)


def _belongs_to_phrase(moment: float, order: Sequence[Word], starts: Sequence[int], phrases: Sequence[bool]) -> bool:
    """Tell whether a moment lies in a phrase, or is nearest to the start of one."""
    after = bisect_right(starts, moment)
    if after and phrases[after - 1] and moment <= order[after - 1].end_ms:
        return True
    around = range(max(0, after - 1), min(len(order), after + 1))
    nearest = min(around, key=lambda n: abs(moment - starts[n]), default=None)
    return nearest is not None and phrases[nearest]


class OnsetSearch:
    """Finds onsets, to about 1 ms, in blocks of mono sound; what is held is half a minute's loudness."""

    def __init__(self, rate: int) -> None:
        import numpy as np

        self._rate = rate
        self._frame = max(1, round(rate / 1000))
        self._unread: list[npt.NDArray[np.generic]] = []
        self._unread_count = 0
        # Before the file's first sample there was silence.
        self._peaks = np.zeros(_CONTEXT, np.float32)
        self._first = -_CONTEXT
        self._onsets: list[float] = []

    def feed(self, block: npt.NDArray[np.generic]) -> None:
        """Take the next samples (int16, or floats to 1)."""
        self._unread.append(block)
        self._unread_count += len(block)
        if self._unread_count >= self._rate:
            self._take_peaks()
        while len(self._peaks) >= 2 * _CONTEXT + _STRETCH:
            self._search(_CONTEXT + _STRETCH)

    def finish(self) -> tuple[float, ...]:
        """Return all onsets in ms, in order; the sound has ended."""
        import numpy as np

        if self._unread:
            self._take_peaks()
        end = len(self._peaks)
        if end > _CONTEXT:
            self._peaks = np.concatenate((self._peaks, np.zeros(_CONTEXT, np.float32)))
            self._search(end)
        return tuple(self._onsets)

    def _take_peaks(self) -> None:
        """Turn the whole frames of what was not read yet into their peaks."""
        import numpy as np

        joined = np.concatenate(self._unread)
        whole = len(joined) // self._frame * self._frame
        self._unread, self._unread_count = [joined[whole:]], len(joined) - whole
        framed = joined[:whole].reshape(-1, self._frame)
        # The least and greatest of integers are found far quicker than the greatest magnitude, and -32768 has none.
        high, low = to_unit_range(framed.max(axis=1)), to_unit_range(framed.min(axis=1))
        self._peaks = np.concatenate((self._peaks, np.maximum(high, -low)))

    def _search(self, end: int) -> None:
        """Find the onsets between the context at the front and frame `end`, then keep only the context before `end`."""
        found = (frame for frame in _onset_frames(self._peaks) if _CONTEXT <= frame < end)
        self._onsets.extend((self._first + frame) * self._frame * 1000 / self._rate for frame in found)
        self._peaks = self._peaks[end - _CONTEXT :]
        self._first += end - _CONTEXT


def _onset_frames(peaks: npt.NDArray[np.float32]) -> list[int]:
    """Frames at which sound begins after silence, given the peak of each frame."""
    import numpy as np

    audible = peaks[peaks > _LEAST]
    if not len(audible):
        return []
    usual = float(np.percentile(audible, 95))
    noise = float(np.percentile(peaks, 5))
    loud = peaks > max(_LEAST, _OVER_NOISE * noise, _UNDER_USUAL * usual)
    crowd = np.convolve(loud, np.ones(2 * _AROUND + 1, np.int64), "same")
    sounding = np.flatnonzero(loud & (crowd >= _AROUND // 2))
    quiet_before = np.diff(sounding, prepend=-_QUIET - 1) > _QUIET
    return [_after_smear(peaks, int(frame)) for frame in sounding[quiet_before]]


def _after_smear(peaks: npt.NDArray[np.float32], frame: int) -> int:
    """The first frame from this one that is not far softer than the burst it may be the smear of."""
    following = peaks[frame : frame + _BURST]
    return frame + int((following > _UNDER_BURST * following.max()).argmax())
