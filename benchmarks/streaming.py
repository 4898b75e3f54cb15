"""What a client of ours costs for an hour of speech, against a bare loop that parses JSON and decodes base64.

    python benchmarks/streaming.py [rounds]

Both get the same messages from a server in another process, so the processor time is the client's alone. The bare loop
is `websockets.connect`, `json.loads` and `base64.b64decode`, and nothing it gets is checked or kept. All are run in
turn, and the quickest round of each counts. What is done with speech once it has come, decoded samples, character times
on one clock and the store, is told apart below. Aim: 1.5 at most.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from canned_speech import CannedSpeech, canned, pin, serving
from websockets.asyncio.client import connect

from pipeline.engines.connecting import Address
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.exchange import Service
from pipeline.engines.hearing import hear
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.model import SpeechChunk, SpeechRequest, Voice
from pipeline.production.speaking import speak_missing, utterance_of
from pipeline.store import Store

AIM = 1.5
SPEECHES = 24
VOICE = "Xb7hH8MSUJpSbSDYk0k2"
PATH = f"/v1/text-to-speech/{VOICE}"
SETTINGS = {
    "text": " ",
    "voice_settings": {
        "stability": 0.5,
        "similarity_boost": 0.75,
        "style": 0.0,
        "use_speaker_boost": True,
        "speed": 1.0,
    },
}
CASES = (("pcm_24000", 1000.0), ("pcm_24000", 100.0), ("mp3_44100_128", 100.0))
"""Formats and milliseconds of sound a message: what was recorded of the service with character times, and a tenth."""

Client = Callable[[str, list[SpeechRequest]], Awaitable[None]]


def main(rounds: int) -> None:
    """Print a table for each kind of message."""
    print("on one core" if pin(0) else "on any core")
    for output_format, message_ms in CASES:
        speeches = canned(SPEECHES, output_format, message_ms)
        report(f"{output_format}, {message_ms:g} ms of sound a message", speeches, output_format, rounds)


def report(title: str, speeches: Mapping[str, CannedSpeech], output_format: str, rounds: int) -> None:
    """Measure every client in turn, and what comes after."""
    hours = sum(speech.seconds for speech in speeches.values()) / 3600
    count = sum(len(speech.messages) for speech in speeches.values())
    requests = [SpeechRequest(text, Voice(VOICE), "", "en", output_format) for text in speeches]
    clients: dict[str, Client] = {
        "stream-input: bare loop": bare,
        "stream-input: ours": ours,
        "stream-input: ours, kept in the store": ours_kept,
        "multi-stream-input: bare loop": bare_multi,
        "multi-stream-input: ours": ours_multi,
    }
    best = dict.fromkeys(clients, float("inf"))
    with serving(speeches) as server:
        for _ in range(rounds):
            for name, client in clients.items():
                best[name] = min(best[name], cpu_seconds(client, server.base, requests))
        chunks = asyncio.run(collected(server.base, requests))
    print(f"\n{title}: {count} messages, {hours * 60:.1f} min in {len(requests)} speeches, best of {rounds}")
    print(f"{'':42}{'CPU s an hour':>14}{'messages/s':>12}{'ratio':>7}")
    baseline = 0.0
    for name, taken in best.items():
        baseline = taken if name.endswith("bare loop") else baseline
        aim = f"  aim: {AIM:g} at most" if name.endswith("ours") else ""
        print(f"{name:42}{taken / hours:14.2f}{count / taken:12.0f}{taken / baseline:7.2f}{aim}")
    print("of what is done once speech has come, by itself")
    for part in parts(requests, chunks):
        print(f"  {part.name:40}{part.seconds / hours:14.2f}{count / part.seconds:12.0f}")


def cpu_seconds(client: Client, address: str, requests: list[SpeechRequest]) -> float:
    """Processor time of this process for all requests, all its threads counted."""

    async def timed() -> float:
        begun = time.process_time()
        await client(address, requests)
        return time.process_time() - begun

    return asyncio.run(timed())


# ── the clients ────────────────────────────────────────────────────────────────────────────────────────────────────


async def bare(address: str, requests: list[SpeechRequest]) -> None:
    """One socket a request, as short as it can be written."""
    for request in requests:
        query = "&".join(f"{name}={value}" for name, value in common_query(request).items())
        async with connect(f"{address}{PATH}/stream-input?{query}", compression=None, max_size=2**24) as socket:
            for message in (SETTINGS, {"text": request.text + " "}, {"text": ""}):
                await socket.send(json.dumps(message))
            async for frame in socket:
                take(json.loads(frame))


async def bare_multi(address: str, requests: list[SpeechRequest]) -> None:
    """One socket, one context a request."""
    async with connect(f"{address}{PATH}/multi-stream-input", compression=None, max_size=2**24) as socket:
        for number, request in enumerate(requests):
            said = (SETTINGS, {"text": request.text + " ", "flush": True}, {"close_context": True})
            for message in said:
                await socket.send(json.dumps({**message, "context_id": str(number)}))
            while not take(json.loads(await socket.recv())):
                pass
        await socket.send(json.dumps({"close_socket": True}))


def take(message: dict[str, str]) -> bool:
    """Decode a message's sound; tells whether it was the last."""
    if message.get("audio"):
        base64.b64decode(message["audio"])
    return bool(message.get("isFinal"))


def engine_at(address: str) -> StreamingEngine:
    """Our engine, speaking there."""
    return StreamingEngine("canned", Address(address), common_query, lambda _: "canned", most_at_once=1)


async def ours(address: str, requests: list[SpeechRequest]) -> None:
    """One socket a request; what comes is checked, and let go."""
    engine = engine_at(address)
    for request in requests:
        async for _ in engine.speak(request):
            pass


async def ours_multi(address: str, requests: list[SpeechRequest]) -> None:
    """One socket, one context a request."""
    async with ContextsEngine("canned", Service(Address(address)), common_query, lambda _: "canned") as engine:
        for request in requests:
            async for _ in engine.speak(request):
                pass


async def ours_kept(address: str, requests: list[SpeechRequest]) -> None:
    """As `cueline narrate` does it: decoded, on one clock, in the store."""
    with tempfile.TemporaryDirectory() as folder:
        await speak_missing(engine_at(address), keyed(requests), Store(Path(folder)), lambda _: None)


async def collected(address: str, requests: list[SpeechRequest]) -> list[tuple[SpeechChunk, ...]]:
    """All that the messages bring."""
    engine = engine_at(address)
    return [tuple([chunk async for chunk in engine.speak(request)]) for request in requests]


def keyed(requests: Iterable[SpeechRequest]) -> dict[str, SpeechRequest]:
    """Requests by keys such as the store has."""
    return {f"{number:064x}": request for number, request in enumerate(requests)}


# ── what comes after ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the work, and its processor time."""

    name: str
    seconds: float


def parts(requests: list[SpeechRequest], chunks: list[tuple[SpeechChunk, ...]]) -> list[Part]:
    """Decoding and clock with and without the characters, and the store."""
    by_key = list(zip(keyed(requests).items(), chunks, strict=True))
    unaligned = [tuple(SpeechChunk(chunk.audio) for chunk in speech) for speech in chunks]
    output_format = requests[0].output_format
    decoding = cpu_of(lambda: [hear(output_format, speech) for speech in unaligned])
    hearing = cpu_of(lambda: [hear(output_format, speech) for speech in chunks])
    utterances = [utterance_of(key, request, speech) for (key, request), speech in by_key]
    sounding = cpu_of(lambda: [utterance_of(key, request, speech) for (key, request), speech in by_key])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        storing = cpu_of(lambda: [store.put(*one) for one in utterances])
    return [
        Part("sound decoded", decoding),
        Part("character times on one clock", hearing - decoding),
        Part("where sound begins and ends", sounding - hearing),
        Part("put into the store", storing),
    ]


def cpu_of(act: Callable[[], object]) -> float:
    """Processor time of the quickest of five."""
    taken = []
    for _ in range(5):
        begun = time.process_time()
        act()
        taken.append(time.process_time() - begun)
    return min(taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
