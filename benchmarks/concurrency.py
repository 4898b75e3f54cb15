"""Fifty live speeches at once on one core: how far their words fall behind, against as many bare loops.

    python benchmarks/concurrency.py [streams]

A server in another process (on another core, where the system lets us choose) sends each speech's messages at the pace at
which they are heard. A word's lag counts from when its message was due, so a client that does not keep up, and makes
the server wait, is seen to. The bare loop only parses JSON and decodes base64. `latest` is the median lag of the last
two seconds: in a client that falls behind it is far above the median of all. `room for` is how many streams one core
would be enough for, by the processor time that these took.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from canned_speech import CannedSpeech, canned, pin, serving
from word_latency import Listener, first_word_ms, hear_messages, hear_words, percentile

STREAMS = 50
WORDS = 24
CASES = (("pcm_24000", 1000.0), ("mp3_44100_128", 100.0))
LATEST_SECONDS = 2.0
CLIENTS: Mapping[str, Listener] = {"bare loops": hear_messages, "ours": hear_words}


@dataclass(frozen=True, slots=True)
class Run:
    """When every word was due and by how much later it was known, in seconds, and the processor's share of the time."""

    due: Sequence[float]
    lags: Sequence[float]
    share: float

    @property
    def latest(self) -> float:
        """The median lag of the last seconds."""
        end = max(self.due)
        return statistics.median(
            lag for due, lag in zip(self.due, self.lags, strict=True) if due > end - LATEST_SECONDS
        )


def main(streams: int) -> None:
    """Print a line for the bare loops and one for ours, for each kind of message."""
    is_pinned = pin(0)
    first_word_ms()
    for output_format, message_ms in CASES:
        speeches = canned(streams, output_format, message_ms, WORDS)
        assert len(speeches) == streams, "two texts are alike"
        count = sum(len(speech.messages) for speech in speeches.values())
        seconds = max(speech.seconds for speech in speeches.values())
        where = "on one core" if is_pinned else "on any core: this system does not let us choose"
        print(f"{streams} streams of {output_format} {where}, {count} messages in {seconds:.0f} s")
        print(
            f"{'':12}{'median':>10}{'95 %':>10}{'worst':>10}{'latest':>10}{'of a core':>12}{'room for':>10}{'ratio':>8}"
        )
        shares: list[float] = []
        with serving(speeches, 1.0) as server:
            for name, listener in CLIENTS.items():
                heard, share = asyncio.run(all_at_once(listener, server.base, speeches, output_format))
                run = judged(heard, server.due(), speeches, share)
                shares.append(share)
                figures = (statistics.median(run.lags), percentile(run.lags), max(run.lags), run.latest)
                times = "".join(f"{figure * 1000:7.1f} ms" for figure in figures)
                print(f"{name:12}{times}{share:11.1%} {streams / share:10.0f}{share / shares[0]:8.2f}")


async def all_at_once(
    listener: Listener, address: str, speeches: Mapping[str, CannedSpeech], output_format: str
) -> tuple[dict[str, Sequence[float]], float]:
    """Listen to all speeches at once; gives when each was known, and the processor's share of that time."""
    begun, taken = time.perf_counter(), time.process_time()
    heard = await asyncio.gather(*(listener(address, text, output_format) for text in speeches))
    share = (time.process_time() - taken) / (time.perf_counter() - begun)
    return dict(zip(speeches, heard, strict=True)), share


def judged(
    heard: Mapping[str, Sequence[float]],
    due: Mapping[str, Sequence[float]],
    speeches: Mapping[str, CannedSpeech],
    share: float,
) -> Run:
    """Hold when each word was known against when its message was due. A bare loop knows messages only."""
    moments: list[float] = []
    lags: list[float] = []
    for text, known in heard.items():
        messages = speeches[text].last_of_words
        is_bare = len(known) == len(speeches[text].messages) + 1
        assert is_bare or len(known) == len(messages), "a word is missing"
        for word, message in enumerate(messages):
            moments.append(due[text][message])
            lags.append((known[message] if is_bare else known[word]) - due[text][message])
    return Run(moments, lags, share)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS)
