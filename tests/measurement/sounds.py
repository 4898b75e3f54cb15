"""A seed or a text → sound whose onsets are known, and the same sound late, stretched or encoded."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from imageio_ffmpeg import get_ffmpeg_exe

from pipeline.measurement import ReferenceRecorder, ReferenceWindows
from pipeline.pcm import as_array
from tests.truth_voice import TruthVoice

Samples = npt.NDArray[np.int16]
AAC = ("-c:a", "aac", "-b:a", "128k", "-ar", "48000")
COLOURS = "red green blue white black amber coral ivory olive pearl plum rose ruby sand teal umber".split()  # noqa: SIM905 - a text


def to_samples(sound: npt.NDArray[np.float64]) -> Samples:
    """Floats to 1 as 16-bit integers."""
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)


def speechlike(seconds: float, rate: int, seed: int = 0) -> tuple[Samples, list[float]]:
    """Voiced and hissing stretches with soft edges over faint noise, and when those after a silence start, in ms."""
    rng = np.random.default_rng(seed)
    sound = 1e-4 * rng.standard_normal(int(seconds * rate))
    starts: list[float] = []
    now, follows_silence = 0.3, True
    while (now + (lasts := rng.uniform(0.15, 0.5))) < seconds - 0.2:
        first, count = round(now * rate), round(lasts * rate)
        times = np.arange(count) / rate
        edges = np.minimum(1, np.minimum(times / 0.01, (lasts - times) / 0.05))
        sound[first : first + count] += edges * _timbre(times, rng)
        if follows_silence:
            starts.append(first * 1000 / rate)
        follows_silence = rng.random() < 0.5
        now += lasts + (rng.uniform(0.2, 0.6) if follows_silence else 0.0)
    return to_samples(sound), starts


def _timbre(times: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    pitch = rng.uniform(90, 200)
    glide = times * (1 + 0.03 * np.sin(5 * times))
    voice = np.sum([np.sin(2 * np.pi * pitch * k * glide) / k for k in range(1, 16)], axis=0)
    return np.asarray(0.06 * voice + 0.02 * rng.standard_normal(len(times)))


def truth(sentences: int) -> tuple[Samples, list[tuple[str, float, float]]]:
    """The truth voice's sound at 24 kHz of so many sentences of five colours, and its words with start and end in ms."""
    rng = np.random.default_rng(7)
    text = " ".join("{} {} {}, {} {}.".format(*rng.choice(COLOURS, 5)) for _ in range(sentences))
    spoken = TruthVoice()(text, "en", "truth", 1.0)
    words = [(text[word.first : word.end], word.start_ms, word.end_ms) for word in spoken.words]
    return np.array(as_array(spoken.pcm)), words


def recorded(samples: Samples, rate: int, block: int = 7001) -> ReferenceWindows:
    """The reference windows of a narration that streams by in blocks."""
    recorder = ReferenceRecorder(rate, len(samples))
    for part in blocks(samples, block):
        recorder.feed(part.tobytes())
    return recorder.finish()


def blocks(samples: Samples, size: int = 4800) -> Iterator[Samples]:
    """The samples in blocks."""
    return (samples[first : first + size] for first in range(0, len(samples), size))


def late(samples: Samples, count: int) -> Samples:
    """The sound so many samples later."""
    return np.concatenate((np.zeros(count, np.int16), samples))


def stretched(samples: Samples, rate: int, drift_ms: float) -> Samples:
    """The sound played slower, so that its end comes so many ms later; band-limited by interpolating a finer one."""
    finer = 8
    spectrum = np.fft.rfft(samples.astype(np.float64))
    fine = np.fft.irfft(spectrum, len(samples) * finer) * finer
    factor = 1 + drift_ms * rate / 1000 / len(samples)
    places = np.arange(int(len(samples) * factor)) / factor * finer
    return to_samples(np.interp(places, np.arange(len(fine)), fine) / 32768)


def encoded(samples: Samples, rate: int, path: Path, arguments: Iterable[str] = AAC) -> str:
    """Encode with ffmpeg; the container goes by the path's extension."""
    source = ("-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")
    command = [get_ffmpeg_exe(), "-v", "error", *source, *arguments, str(path)]
    subprocess.run(command, input=samples.tobytes(), check=True, timeout=60)
    return str(path)
