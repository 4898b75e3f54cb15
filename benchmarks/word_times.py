"""The offline voices' word times against an acoustic aligner: median and 95th percentile of starts and of ends.

    python benchmarks/word_times.py [voice …]

Every passage is spoken, brought to 16 kHz and force-aligned by pocketsphinx (its own English model, frames of
10 ms), which knows the words but nothing of the voice. The last line of each voice is the baseline: the same words
spread over the passage by their letters alone. `sound begins` needs no aligner: how far each onset of sound after
silence is from the nearest word's start, in these passages and in long clauses without a mark, where the voice pauses
unasked. The constants of `pipeline/engines/neural_times.py` are measured here:
`--signed` prints the mean differences by position, which they are to bring near zero.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from pocketsphinx import Decoder

from pipeline.engines import offline
from pipeline.measurement.onsets import OnsetSearch
from pipeline.model import SpokenText

PASSAGES = (
    "The old harbour wakes before the sun comes up. Boats leave one after another, and the gulls follow them out to the open water.",
    "When the first ferry arrives, people hurry down the ramp. Some carry bags, others push their bicycles, and a few simply stand and look at the sea.",
    "My grandfather worked here for forty years. He used to say that every rope has a story, but most of them are about the weather.",
    "If you turn left at the market, you will find a narrow street with seven shops. The third one sells bread, coffee and newspapers.",
    "Nobody remembers who built the tower. It has been a prison, a school and a warehouse, and today it is a small museum of clocks.",
    "Open the lid slowly, and take out the two long screws. Keep them in a safe place, because they are difficult to replace.",
    "The machine measures pressure, temperature and speed. When one of these values changes too quickly, a red light begins to blink.",
    "First choose a file from the list. Then press the green button and wait until the progress bar reaches the end.",
    "She opened the window, listened for a moment, and closed it again. Outside, the rain was still falling on the empty garden.",
    "What would happen if the moon disappeared tomorrow? The tides would become weaker, the nights darker, and many animals would lose their way.",
    "Good tools do not make noise about themselves. They help you finish the job, and afterwards you hardly remember that they were there.",
    "Last winter the river froze for eleven days. Children walked across it to school, while their parents watched from the bridge.",
    "A good photograph needs patience more than anything else. Wait for the light, keep your hands steady, and never shoot against your own shadow.",
    "The train to the north leaves at noon. Please keep your ticket ready, and remember that dogs must stay in the second carriage.",
    "Every cell in your body contains the same instructions. Yet a nerve, a muscle and a bone could hardly look more different.",
    "Thank you for watching this short tour. If you have a question, write to us, and we will answer as soon as possible.",
)
LONG_CLAUSES = (
    "The engineer who repaired the old wooden bridge near the mill wondered whether anyone would ever walk across it without fear.",
    "A museum in the northern suburbs keeps the bones of a whale that drifted ashore during a storm before the war.",
    "The committee decided to postpone the vote until the missing documents were found behind the radiator in the hallway.",
    "Several members left before dinner while others stayed until the cleaners switched off the lights.",
    "My sister collects photographs of abandoned railway stations that she finds in flea markets between Vienna and Trieste.",
    "A fisherman painted every rope on the quay while the bell rang and the keeper of the light measured the long wall without a word.",
    "A violin maker taught his daughter everything he knew about varnish without ever writing down a recipe.",
    "People who work at night often complain that the city belongs to somebody else during the day.",
    "They sleep behind thick curtains while children play football beneath the window and dogs bark at the postman.",
    "Farmers drove up the hill every evening to watch the roof of the church rise a little further out of the mud.",
)
"""Passages for the onsets only."""

FAR_MS = 40
"""From here on a word is seen to be lit before or after it is heard."""

SPELLINGS = {"harbour": "harbor"}
"""Words that the aligner's dictionary spells otherwise."""

ROOM_MS = 300
"""Quiet before and after a passage, which the aligner wants."""


@dataclass(frozen=True)
class Timed:
    """A word's letters and its milliseconds."""

    word: str
    start: float
    end: float


def main(arguments: list[str]) -> None:
    """Print the table of each voice, and the signed means when asked."""
    voices = [name for name in arguments if not name.startswith("-")] or ["heart", "heart+male", "espeak:en-us"]
    decoder = Decoder(lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
    for voice in voices:
        pairs = [pair for passage in PASSAGES for pair in compared(decoder, passage, voice)]
        report(voice, pairs)
        report_onsets(voice)
        if "--signed" in arguments:
            signed(pairs)


def compared(decoder: Decoder, passage: str, voice: str) -> Iterator[tuple[Timed, Timed, Timed, bool]]:
    """Yield, for each word, ours, the aligner's, the baseline's, and whether ours starts after a pause."""
    spoken = offline.speak(passage, "en", voice, 1.0)
    ours = [Timed(passage[word.first : word.end], word.start_ms, word.end_ms) for word in spoken.words]
    theirs = aligned(decoder, [word.word for word in ours], spoken)
    before = -1000.0
    for mine, other, spread in zip(ours, theirs, by_letters(ours), strict=True):
        yield mine, other, spread, mine.start - before > 60
        before = mine.end


def aligned(decoder: Decoder, words: list[str], spoken: SpokenText) -> list[Timed]:
    """Let the aligner place the words, which may put silence between them and knows nothing else."""
    sound = at_16_khz(spoken)
    names = [SPELLINGS.get(word.lower(), word.lower()) for word in words]
    decoder.set_align_text(" ".join(names))
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    found = [
        Timed(item.word, item.start_frame * 10.0 - ROOM_MS, (item.end_frame + 1) * 10.0 - ROOM_MS)
        for item in decoder.seg()
    ]
    kept = [item for item in found if not item.word.startswith(("<", "["))]
    assert [item.word.partition("(")[0] for item in kept] == names, "the aligner lost a word"
    return kept


def at_16_khz(spoken: SpokenText) -> bytes:
    """The samples at the rate of the aligner's model, in a quiet room: it knows no digital silence."""
    samples = np.frombuffer(spoken.pcm, "<i2")
    room = np.zeros(spoken.sample_rate * ROOM_MS // 1000, np.int16)
    dither = np.random.default_rng(0).integers(-8, 9, len(samples) + 2 * len(room))
    padded = np.clip(np.concatenate([room, samples, room]) + dither, -32768, 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(padded.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.time_base = spoken.sample_rate, Fraction(1, spoken.sample_rate)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    return b"".join(part.to_ndarray().tobytes() for part in [*resampler.resample(frame), *resampler.resample(None)])


def by_letters(words: list[Timed]) -> list[Timed]:
    """The baseline: the passage's time shared by letters."""
    first, length = words[0].start, words[-1].end - words[0].start
    letters = [len(word.word) + 1 for word in words]
    edges = [first + length * sum(letters[:n]) / sum(letters) for n in range(len(words) + 1)]
    return [Timed(word.word, edges[n], edges[n + 1]) for n, word in enumerate(words)]


def report(voice: str, pairs: list[tuple[Timed, Timed, Timed, bool]]) -> None:
    """Print median and 95th percentile of the absolute differences, and the baseline's ratio to ours."""
    print(f"{voice}: {len(pairs)} words")
    rows = {
        "starts": [abs(mine.start - other.start) for mine, other, _, _ in pairs],
        "starts after a pause": [abs(mine.start - other.start) for mine, other, _, pause in pairs if pause],
        "ends": [abs(mine.end - other.end) for mine, other, _, _ in pairs],
    }
    baseline = [abs(spread.start - other.start) for _, other, spread, _ in pairs]
    for name, differences in rows.items():
        print(f"  {name:22} median {statistics.median(differences):6.1f} ms   95 % {percentile(differences):6.1f} ms")
    ratio = statistics.median(baseline) / max(0.1, statistics.median(rows["starts"]))
    print(
        f"  {'starts by letters':22} median {statistics.median(baseline):6.1f} ms   95 % {percentile(baseline):6.1f} ms   {ratio:.0f} times ours"
    )


def report_onsets(voice: str) -> None:
    """Print how far the onsets of sound are from the nearest word's start, and how many are too far."""
    distances = [abs(distance) for passage in (*PASSAGES, *LONG_CLAUSES) for distance in onsets(passage, voice)]
    far = sum(distance > FAR_MS for distance in distances)
    print(
        f"  {'sound begins':22} median {statistics.median(distances):6.1f} ms   95 % {percentile(distances):6.1f} ms   {far} of {len(distances)} farther than {FAR_MS}"
    )


def onsets(passage: str, voice: str) -> Iterator[float]:
    """Yield, for each onset of sound after silence, the distance in ms to the nearest word's start."""
    spoken = offline.speak(passage, "en", voice, 1.0)
    search = OnsetSearch(spoken.sample_rate)
    search.feed(np.frombuffer(spoken.pcm, "<i2"))
    for onset in search.finish():
        yield min((onset - word.start_ms for word in spoken.words), key=abs)


def signed(pairs: list[tuple[Timed, Timed, Timed, bool]]) -> None:
    """Print where ours stands against the aligner's: the constants' own error, and the worst words."""
    for name, chosen in (("running", False), ("after a pause", True)):
        differences = [mine.start - other.start for mine, other, _, pause in pairs if pause == chosen]
        print(
            f"  signed start, {name:14} median {statistics.median(differences):+6.1f} ms   mean {statistics.mean(differences):+6.1f} ms"
        )
    ends = [mine.end - other.end for mine, other, _, _ in pairs]
    print(f"  signed end    {'':14} median {statistics.median(ends):+6.1f} ms   mean {statistics.mean(ends):+6.1f} ms")
    for mine, other, _, pause in sorted(pairs, key=lambda pair: -abs(pair[0].start - pair[1].start))[:12]:
        print(f"    {mine.word:14} {mine.start - other.start:+6.0f} {'after a pause' if pause else ''}")


def percentile(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main(sys.argv[1:])
