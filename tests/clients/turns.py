"""What the clients are given to speak, and when each of its words is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pipeline.engines.listings import ListedVoice
from pipeline.engines.loopback import serve
from pipeline.engines.tls import ServerTls
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, TruthVoice, truth_times

# Two turns of a conversation, in sentences: each turn is a context, each sentence a generation of it.
TURNS = (
    (
        "The amber lantern burns all night, every night.",
        "Nobody knows who lights it, and nobody asks anymore.",
        "It was there before.",
    ),
    ("Morning comes to the harbour.", "The keeper counts the boats, one by one, and goes home."),
)
SENTENCES = [sentence for turn in TURNS for sentence in turn]
VOICES = [ListedVoice(f"voice{number}", f"Voice {number}", "en") for number in range(25)]
# Seconds that a client has for all of its speech, which takes a fraction of one.
MOST_SECONDS = 30
# Times are whole milliseconds on the wire.
ROUNDING_MS = 0.6


def running(act: Callable[[str, SpeakingVoice], Coroutine[Any, Any, Any]], tls: ServerTls | None = None) -> Any:
    """Run an act, which gets the server's address and its voice."""

    async def run() -> Any:
        voice = SpeakingVoice()
        async with serve(voice, port=0, tls=tls, catalogue=lambda: VOICES) as base:
            return await asyncio.wait_for(act(base, voice), MOST_SECONDS)

    return asyncio.run(run())


def http_of(base: str) -> str:
    """The server's address as clients of HTTP write it."""
    return base.replace("ws", "http", 1)


def spoken(sentences: tuple[str, ...]) -> bytes:
    """The sound of a turn: its sentences end to end, as the voice speaks each."""
    return b"".join(TruthVoice()(sentence, "en", "heart", 1.0).pcm for sentence in sentences)


def due(sentences: tuple[str, ...]) -> list[float]:
    """When each word of a turn starts to sound, in milliseconds from the turn's first sample."""
    return [start for times in _times(sentences) for start in times]


def due_as_sent(sentences: tuple[str, ...]) -> list[float]:
    """The same in `alignment`, in which a generation's first character starts with the generation's first sample."""
    starts = generation_starts(sentences)
    return [start for first, (_, *rest) in zip(starts, _times(sentences), strict=True) for start in (first, *rest)]


def generation_starts(sentences: tuple[str, ...]) -> list[float]:
    """Where each sentence's sound starts, in milliseconds."""
    lengths = [len(spoken((sentence,))) / 2 / SAMPLE_RATE * 1000 for sentence in sentences]
    return [sum(lengths[:number]) for number in range(len(lengths))]


def _times(sentences: tuple[str, ...]) -> list[list[float]]:
    first = generation_starts(sentences)
    return [
        [start + word for word, _ in truth_times(sentence)] for start, sentence in zip(first, sentences, strict=True)
    ]


def worst(found: list[float], expected: list[float]) -> float:
    """The greatest difference, in milliseconds. Raises ValueError when there are not as many."""
    return max(abs(one - other) for one, other in zip(found, expected, strict=True))
