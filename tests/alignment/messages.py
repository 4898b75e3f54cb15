"""Known speech → the messages in which a service might have sent it, on any of the clocks that are claimed of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from typing import Any

from pipeline.model import Alignment, Segment, TimedCharacters, Token

# The service's aligner counts in 512 samples at 44.1 kHz.
FRAME_MS = 512_000 / 44_100
CLOCKS = ("generation", "session", "chain", "message", "whole")
VOCABULARY = [
    "amber",
    "lantern",
    "I",
    "can",
    "see",
    "the",
    "blue",
    "stripe",
    "on",
    "a",
    "tree",
    "please",
    "press",
    "silver",
    "button",
    "twice",
    "and",
    "then",
    "hold",
    "green",
    "switch",
    "until",
    "light",
    "turns",
    "next",
    "step",
    "is",
    "seventeen",
    "pounds",
    "twenty-five",
    "pence",
    "don't",
    "naïve",
    "e-mail",
    "Zürich",
    "1887",
    "of",
    "¿qué",
    "«oui»",
]


@dataclass(frozen=True, slots=True)
class Generation:
    """What was spoken in one go: characters with edges in exact milliseconds, a space before and one after.

    `cuts` are pairs of where a message ends: how many characters, and how many samples, are in it and those before.
    """

    chars: tuple[str, ...]
    edges: tuple[float, ...]
    samples: int
    cuts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message as `TimeBase.add` takes it."""

    alignment: Alignment | None
    normalized: Alignment | None
    samples_before: int
    samples_in: int


def random_text(random: Random, words: int) -> str:
    """Words of a small vocabulary, some with punctuation."""
    chosen = [random.choice(VOCABULARY) + random.choice(["", "", "", "", ",", ".", "!"]) for _ in range(words)]
    return " ".join(chosen)


def spoken(random: Random, text: str, sample_rate: int) -> Generation:
    """Speak a text at random times of the service's grid, and cut it into messages anywhere, words too."""
    chars = (" ", *text, " ")
    lengths = [random.randint(2, 6) for _ in chars]
    for index, (char, following) in enumerate(pairwise([*chars, ""])):
        if char in ".,!" or (char == " " and not following):
            lengths[index] += random.randint(5, 25)
    edges = tuple(FRAME_MS * frames for frames in accumulate(lengths, initial=0))
    samples = round(edges[-1] * sample_rate / 1000)
    return Generation(chars, edges, samples, tuple(_cuts(random, edges, samples, sample_rate)))


def _cuts(random: Random, edges: Sequence[float], samples: int, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Sound is cut by its own measure; the characters that come with it end 18 ms before its end to 117 ms after."""
    char, sound = 0, 0
    while True:
        sound += round(random.choice([280, 500, 1250, 1650]) * sample_rate / 1000)
        if sound >= samples - sample_rate * 0.2:
            break
        until = sound * 1000 / sample_rate
        able = [index for index in range(char + 2, len(edges) - 1) if until - 18 <= edges[index] <= until + 117]
        if able:
            char = random.choice(able)
            yield char, sound
    yield len(edges) - 1, samples


def messages(generations: Sequence[Generation], clock: str, sample_rate: int) -> Iterator[Message]:
    """Send generations on one of CLOCKS, in whole milliseconds. `whole` sends all times with the first sound."""
    samples_before, session = 0, 0
    for generation in generations:
        rounded = [round(edge) for edge in generation.edges]
        char, sound = 0, 0
        for end_char, end_sound in generation.cuts:
            before = samples_before + sound
            zero = {
                "generation": 0,
                "session": -session,
                "chain": rounded[char],
                "message": round(sound * 1000 / sample_rate),
                "whole": 0,
            }[clock]
            first, until = (char, end_char) if clock != "whole" else (0, len(generation.chars))
            normalized = _alignment(generation, rounded, first, until, zero) if clock != "whole" or not char else None
            yield Message(_sent(normalized, char), normalized, before, end_sound - sound)
            char, sound = end_char, end_sound
        samples_before += generation.samples
        session += rounded[-1]


def _alignment(generation: Generation, rounded: Sequence[int], first: int, until: int, zero: int) -> Alignment:
    edges = rounded[first : until + 1]
    return Alignment(
        generation.chars[first:until],
        tuple(edge - zero for edge in edges[:-1]),
        tuple(end - start for start, end in pairwise(edges)),
    )


def _sent(normalized: Alignment | None, char: int) -> Alignment | None:
    """The alignment of the text as sent: a generation's first character has swallowed the space before it."""
    if normalized is None or char:
        return normalized
    chars, starts, durations = normalized.chars, normalized.starts_ms, normalized.durations_ms
    return Alignment(chars[1:], (starts[0], *starts[2:]), (durations[0] + durations[1], *durations[2:]))


def only_sent(message: Message) -> Message:
    """The same message without the text as spoken."""
    return replace(message, normalized=None)


def only_spoken(message: Message) -> Message:
    """The same message without the text as sent."""
    return replace(message, alignment=None)


def segment_of(text: str) -> Segment:
    """A segment whose tokens are the text's runs between spaces."""
    return Segment(0, tuple(Token(run, run) for run in text.split()), 1)


def true_words(generations: Sequence[Generation], sample_rate: int) -> list[tuple[float, float]]:
    """When every word is heard, in exact milliseconds: from its first letter to its last."""
    words: list[tuple[float, float]] = []
    samples = 0
    for generation in generations:
        zero = samples * 1000 / sample_rate
        samples += generation.samples
        inside = False
        for index, char in enumerate(generation.chars):
            start, end = zero + generation.edges[index], zero + generation.edges[index + 1]
            if char.isspace():
                inside = False
            elif char.isalnum():
                words.append((words.pop()[0] if inside else start, end))
                inside = True
    return words


def contiguous(text: str, step: int = 100) -> TimedCharacters:
    """A text whose characters all last equally long, from 0."""
    starts = tuple(range(0, step * len(text), step))
    return TimedCharacters(tuple(text), starts, tuple(start + step for start in starts))


def recorded(folder: Path) -> tuple[str, int, Generation]:
    """The recording of one whole generation: its text, its sample rate, and what was spoken."""
    recording = json.loads((folder / "01_parlando_sync_alignment_pcm24000_11_messages.json").read_text("utf-8"))
    chunks: list[dict[str, Any]] = recording["chunks"]
    chars = tuple(char for chunk in chunks for char in chunk["normalizedAlignment"]["chars"])
    starts = [start for chunk in chunks for start in chunk["normalizedAlignment"]["charStartTimesMs"]]
    last = chunks[-1]["normalizedAlignment"]
    edges = (*starts, last["charStartTimesMs"][-1] + last["charDurationsMs"][-1])
    ends = accumulate(len(chunk["normalizedAlignment"]["chars"]) for chunk in chunks)
    sounds = [chunk["sample_offset"] + chunk["sample_count"] for chunk in chunks]
    cuts = tuple(zip(ends, sounds, strict=True))
    return recording["text"], recording["sample_rate"], Generation(chars, edges, sounds[-1], cuts)
