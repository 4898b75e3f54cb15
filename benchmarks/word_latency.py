"""How long a live word waits: from the message that brings its last letter to its event, against a bare loop.

    python benchmarks/word_latency.py [rounds]

A server in another process sends messages 20 ms apart and notes when; `pipeline.production.live` makes sound and words
of them. The bare loop has the message at hand when `json.loads` and `base64.b64decode` are done. What ours adds is the
difference of the two. The sound of a message is decoded before its words are known, so each format has its own figure.
Aim: 2 ms at the median.
"""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence

from canned_speech import CannedSpeech, canned, pin, serving
from websockets.asyncio.client import connect

from pipeline.codecs.joining import joiner
from pipeline.engines.connecting import Address
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.model import SpeechRequest, Voice
from pipeline.production.live import speak_text
from pipeline.production.live_speech import LiveSpeech, WordEvent

AIM_MS = 2.0
SPEECHES = 3
APART_MS = 20.0
CASES = (("pcm_24000", 1000.0), ("mp3_44100_128", 1000.0), ("pcm_24000", 100.0), ("mp3_44100_128", 100.0))
PATH = "/v1/text-to-speech/any/stream-input"

Listener = Callable[[str, str, str], Coroutine[object, object, Sequence[float]]]


def main(rounds: int) -> None:
    """Print a line for the bare loop and one for ours, for each kind of message."""
    print("client and server on a core each" if pin(0) else "client and server on any core")
    print(f"the first word of a process, which waits for imports: {first_word_ms():.0f} ms")
    for output_format, message_ms in CASES:
        speeches = canned(SPEECHES, output_format, message_ms)
        with serving(speeches, message_ms / APART_MS) as server:
            bare: list[float] = []
            ours: list[float] = []
            for _ in range(rounds):
                heard = listened(hear_messages, server.base, speeches, output_format)
                bare += waits(heard, server.sent(), speeches)
                heard = listened(hear_words, server.base, speeches, output_format)
                ours += waits(heard, server.sent(), speeches)
        report(f"{output_format}, {message_ms:g} ms of sound a message, {len(ours)} words", bare, ours)


def first_word_ms() -> float:
    """How long the first word waits, in a process that has not spoken yet; from then on it is warm."""
    output_format, message_ms = CASES[0]
    speeches = canned(1, output_format, message_ms)
    with serving(speeches, message_ms / APART_MS) as server:
        heard = listened(hear_words, server.base, speeches, output_format)
        return waits(heard, server.sent(), speeches)[0]


def listened(
    listener: Listener, address: str, speeches: Mapping[str, CannedSpeech], output_format: str
) -> dict[str, Sequence[float]]:
    """When each word of each speech was known, in seconds; one speech after another."""
    return {text: asyncio.run(listener(address, text, output_format)) for text in speeches}


async def hear_messages(address: str, text: str, output_format: str) -> Sequence[float]:
    """The bare loop: when each message was at hand, for each word whose last letter it brings."""
    found: list[float] = []
    async with connect(f"{address}{PATH}?output_format={output_format}", compression=None, max_size=2**24) as socket:
        for message in ({"text": " "}, {"text": text + " "}, {"text": ""}):
            await socket.send(json.dumps(message))
        async for frame in socket:
            message = json.loads(frame)
            if message.get("audio"):
                base64.b64decode(message["audio"])
            found.append(time.perf_counter())
    return found


async def hear_words(address: str, text: str, output_format: str) -> Sequence[float]:
    """Ours: when each word's event was had."""
    engine = StreamingEngine("canned", Address(address), common_query, lambda _: "canned")
    request = SpeechRequest("", Voice("any"), "", "en", output_format)

    async def texts() -> AsyncIterator[str]:
        yield text

    speech = LiveSpeech(output_format, joiner(output_format))
    events = speak_text(engine, texts(), request, speech)
    return [time.perf_counter() async for event in events if isinstance(event, WordEvent)]


def waits(
    heard: Mapping[str, Sequence[float]], sent: Mapping[str, Sequence[float]], speeches: Mapping[str, CannedSpeech]
) -> list[float]:
    """Milliseconds from when a message was sent to when each word in it was known. A bare loop knows messages only."""
    found: list[float] = []
    for text, moments in heard.items():
        messages = speeches[text].last_of_words
        is_bare = len(moments) == len(speeches[text].messages) + 1
        assert is_bare or len(moments) == len(messages), "a word is missing"
        known = [moments[message] for message in messages] if is_bare else moments
        found += [(moment - sent[text][message]) * 1000 for moment, message in zip(known, messages, strict=True)]
    return found


def report(title: str, bare: Sequence[float], ours: Sequence[float]) -> None:
    """Print medians, 95th percentiles, and what ours adds."""
    print(title)
    for name, values in (("bare loop", bare), ("ours", ours)):
        print(f"  {name:12} median {statistics.median(values):6.2f} ms   95 % {percentile(values):6.2f} ms")
    more, most = statistics.median(ours) - statistics.median(bare), percentile(ours) - percentile(bare)
    ratio = statistics.median(ours) / statistics.median(bare)
    print(
        f"  {'added':12} median {more:6.2f} ms   95 % {most:6.2f} ms   {ratio:.2f} times  aim: {AIM_MS:g} ms at most at the median"
    )


def percentile(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
