"""English text → the samples of a natural voice and the time of every word: hibari (Apache-2.0).

One of its voices lies in its wheel and has variants made by arithmetic; others are used where the user has fetched them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING

from pipeline.engines import neural_times
from pipeline.engines.audibility import loud
from pipeline.engines.limiter import as_pcm, limited
from pipeline.engines.loudness import loudness
from pipeline.engines.neural_model import SAMPLE_RATE, Model, model
from pipeline.engines.neural_text import Joint, Run, Sentence, Written, runs, sentences, written_words
from pipeline.engines.neural_times import Spoken, word_times
from pipeline.engines.neural_variants import VARIANTS, Variant
from pipeline.engines.neural_voices import BUNDLED, fetched, listed
from pipeline.engines.neural_words import author_times, spoken_words
from pipeline.errors import EngineError
from pipeline.heap import give_back
from pipeline.model import SpokenText
from pipeline.pcm import SAMPLE_BYTES, silence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SOUND_VERSION = 1
"""Counts up when anything here changes what is heard: it is part of the key under which speech is stored."""

SEED = 0
"""Of the noise in breath and consonants: one and the same for every text, so the same text is the same samples."""

LEAD_MS, TAIL_MS = 20, 80
"""What is kept before the first sound of a run and after its last: an onset, and the room in which a word dies away."""

GAPS_MS = {"sentence": 350, "clause": 150, "word": 0}
"""Silence between the tail of a run and the lead of the next: 0.45 s are heard between two sentences."""

TARGET_LUFS = -16.0
LEVELLED_BY = "The old harbour wakes before the sun comes up and the gulls follow the boats out to the sea."
"""One sentence without a pause, by which the gain of a further voice is found."""

FADE_MS = 5
SPEEDS = (0.5, 2.0)
"""Between what speeds the model was made to speak (hibari's documentation)."""


@dataclass(frozen=True, slots=True)
class _Take:
    """A run as it was spoken, its silence cut: 16-bit samples, and its words on their clock."""

    pcm: bytes
    words: tuple[Spoken, ...]
    joint: Joint


def speak(text: str, voice: str, speed: float) -> SpokenText:
    """Speak English: 24 kHz samples at about −16 LUFS, and every word of the text in order.

    `voice` is one of `VARIANTS`, or a further voice of hibari's that is on this machine. Two threads are served at
    once, more wait. The same arguments give the same samples in every process. A text with nothing to say gives no
    samples. `speed` is held between 0.5 and 2. Raises EngineError when there is no such voice or it cannot be loaded.
    """
    import numpy as np

    check_voice(voice)
    loaded = model(BUNDLED if voice in VARIANTS else voice)
    variant, noise = VARIANTS.get(voice) or _as_it_is(voice), np.random.default_rng(SEED)
    pace = min(max(speed, SPEEDS[0]), SPEEDS[1])
    pcm, gap = bytearray(), b""
    timed: list[tuple[Written, tuple[float, float] | None]] = []
    for sentence in _read(text, loaded):
        spans: list[tuple[float, float] | None] = [None] * len(sentence.words)
        for run in runs(sentence):
            take = _spoken(run, loaded, pace, variant, noise)
            if take.pcm:
                pcm += gap if pcm else b""
                _place(take.words, _ms(pcm), spans)
                pcm += take.pcm
                gap = silence(GAPS_MS[take.joint] * SAMPLE_RATE // 1000)
        timed += author_times(written_words(text, sentence.first, sentence.end), sentence.words, spans)
    # What many runs of different lengths leave behind between what is kept adds up to tens of megabytes in an hour.
    give_back()
    return SpokenText(bytes(pcm), SAMPLE_RATE, tuple(spoken_words(timed, _ms(pcm))))


def _ms(pcm: bytearray) -> float:
    """Milliseconds of so many bytes."""
    return len(pcm) // SAMPLE_BYTES * 1000 / SAMPLE_RATE


def _read(text: str, loaded: Model) -> list[Sentence]:
    """Sentences of a text; the rules that read it are lent to one thread at a time."""
    with loaded.rules.reading:
        return list(sentences(text, loaded.rules.g2p, loaded.alphabet))


def _spoken(run: Run, loaded: Model, speed: float, variant: Variant, noise: np.random.Generator) -> _Take:
    """Speak a run and cut the silence at its ends to the lead and the tail."""
    samples, id_ends = loaded.render(run.phonemes, speed, variant, noise)
    heard = loud(samples, SAMPLE_RATE)
    first, last = heard.sound()
    if first == last:
        return _Take(b"", (), run.joint)
    begin, end = max(0, first - LEAD_MS), last + TAIL_MS
    kept = _faded(samples[begin * SAMPLE_RATE // 1000 : end * SAMPLE_RATE // 1000])
    words = word_times(run.sounds, id_ends, heard)
    shifted = tuple(Spoken(word.word, word.start_ms - begin, word.end_ms - begin) for word in words)
    return _Take(as_pcm(limited(kept, SAMPLE_RATE)), shifted, run.joint)


def _faded(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The samples with both ends drawn down to nothing, so that a cut in a breath does not click."""
    import numpy as np

    count = min(FADE_MS * SAMPLE_RATE // 1000, len(samples) // 2)
    ramp = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)
    edges = np.ones(len(samples), np.float32)
    edges[:count], edges[len(samples) - count :] = ramp, ramp[::-1]
    return np.asarray(samples * edges, np.float32)


def _place(words: Sequence[Spoken], offset_ms: float, spans: list[tuple[float, float] | None]) -> None:
    """Put a run's words on the text's clock; a word that was cut over two runs keeps its first start."""
    for word in words:
        before = spans[word.word]
        start = before[0] if before else word.start_ms + offset_ms
        spans[word.word] = (start, word.end_ms + offset_ms)


@cache
def _as_it_is(voice: str) -> Variant:
    """A further voice at the level of all: its gain is found by what it makes of one sentence, always the same."""
    import numpy as np

    loaded, plain = model(voice), Variant(1.0, 1.0, 0.0)
    (sentence,) = _read(LEVELLED_BY, loaded)
    (run,) = runs(sentence)
    samples, _ = loaded.render(run.phonemes, 1.0, plain, np.random.default_rng(SEED))
    first, last = loud(samples, SAMPLE_RATE).sound()
    level = loudness(samples[first * SAMPLE_RATE // 1000 : last * SAMPLE_RATE // 1000], SAMPLE_RATE)
    if not isfinite(level):
        raise EngineError(f"the voice {voice} makes no sound; remove its model and fetch it again")
    return Variant(1.0, 1.0, round(TARGET_LUFS - level, 1))


def check_voice(voice: str) -> None:
    """Raise EngineError for a voice that is neither a variant nor a further one on this machine."""
    if voice in VARIANTS:
        return
    if voice not in listed():
        names = ", ".join((*VARIANTS, *listed()))
        raise EngineError(f"the neural voice has no variant {voice!r}; there are {names}")
    fetched(voice)


def identity(voice: str) -> str:
    """Everything besides the text and the speed that shapes the samples and times of a voice, as one line.

    Raises EngineError when there is no such voice.
    """
    check_voice(voice)
    variant = VARIANTS.get(voice)
    transform = f"scipy {version('scipy')}" if find_spec("scipy") else "numpy"
    packages = ", ".join(f"{name} {version(name)}" for name in ("hibari-tts", "onnxruntime", "numpy"))
    if variant:
        shape = f"pitch {variant.pitch} axis {variant.axis} gain {variant.gain_db}"
    else:
        shape = f"model {fetched(voice).sha256}"
    versions = f"sound {SOUND_VERSION} times {neural_times.VERSION}"
    return f"{voice} ({packages}; transform {transform}; {shape}; {versions})"


def is_here() -> bool:
    """Whether the packages of the neural voice are installed: looked up, not loaded."""
    return all(find_spec(name) is not None for name in ("hibari", "onnxruntime"))
