"""A text → one tone burst a word, at times known beforehand: the voice that every claim of exactness is tested with.

Words are runs between spaces that hold a letter or digit. Each has a tone of its own, of one loudness, whose edges are
shorter than a millisecond, so that its first sample can be found again in any file that was made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from pipeline.model import SpokenText, SpokenWord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE_RATE = 24_000
LEAD_MS = 20
GAP_MS = 60
COMMA_MS = 150
STOP_MS = 350
TAIL_MS = 200
LETTER_MS = 55
EDGE_MS = 0.8
LOUDNESS = 0.5
# Above a codec's noise between bursts, below a burst's loudness however a filter has rounded its edge.
HEARD = 0.1


@dataclass(frozen=True, slots=True)
class TruthVoice:
    """An offline voice whose word times are exact to the sample. `speed` divides all of them."""

    sample_rate: int = SAMPLE_RATE

    def __call__(self, text: str, language: str, voice: str, speed: float) -> SpokenText:  # noqa: ARG002 - as every voice
        """Speak: the language changes nothing, the voice its pitch."""
        import numpy as np

        words = list(_timed(text, speed, self.sample_rate))
        end = words[-1].end_ms + TAIL_MS / speed if words else TAIL_MS / speed
        samples = np.zeros(round(end * self.sample_rate / 1000), dtype=np.float64)
        for word in words:
            first, until = (round(ms * self.sample_rate / 1000) for ms in (word.start_ms, word.end_ms))
            samples[first:until] = _burst(until - first, _pitch(text[word.first : word.end], voice), self.sample_rate)
        return SpokenText((samples * LOUDNESS * 32767).astype("<i2").tobytes(), self.sample_rate, tuple(words))


def truth_times(text: str, speed: float = 1.0, sample_rate: int = SAMPLE_RATE) -> list[tuple[float, float]]:
    """When every word of a text starts and ends, in milliseconds from the voice's first sample."""
    return [(word.start_ms, word.end_ms) for word in _timed(text, speed, sample_rate)]


def onsets(samples: npt.NDArray[np.int16], sample_rate: int) -> list[float]:
    """Find when every burst starts, in milliseconds from the first sample: loud after 30 ms of quiet."""
    import numpy as np

    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > HEARD * LOUDNESS * 32767)
    if not len(loud):
        return []
    starts = np.concatenate(([True], np.diff(loud) > sample_rate * 0.03))
    return [float(first) * 1000 / sample_rate for first in loud[starts]]


def _timed(text: str, speed: float, sample_rate: int) -> Iterator[SpokenWord]:
    """Words with times on whole samples. Punctuation lengthens the pause after a word, not the word."""
    now = LEAD_MS / speed
    for run in re.finditer(r"\S+", text):
        letters = sum(char.isalnum() for char in run[0])
        if letters:
            length = max(80, LETTER_MS * letters) / speed
            start, end = (round(ms * sample_rate / 1000) * 1000 / sample_rate for ms in (now, now + length))
            yield SpokenWord(run.start(), run.end(), start, end)
            now += length + _pause(run[0]) / speed


def _pause(word: str) -> int:
    last = word.rstrip("\"'”’»)]")[-1:]
    return STOP_MS if last in ".!?…" else COMMA_MS if last in ",;:" else GAP_MS


def _pitch(word: str, voice: str) -> float:
    """A word's tone in hertz: between 300 and 2,700, the same for the same word and voice."""
    return 300.0 + crc32(f"{voice}/{word}".encode()) % 2401


def _burst(count: int, hertz: float, sample_rate: int) -> npt.NDArray[np.float64]:
    """A cosine, so that it starts loud, under a short raised-cosine edge at either end."""
    import numpy as np

    burst = np.cos(2 * np.pi * hertz * np.arange(count) / sample_rate)
    edge = max(1, round(EDGE_MS * sample_rate / 1000))
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    burst[:edge] *= rise
    burst[count - edge :] *= rise[::-1]
    return burst
