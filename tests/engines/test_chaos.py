"""Many paragraphs through a server and a network that fail at random: the result is that of a day when all went well.

The server makes the faults that it documents, the network cuts or stalls its bytes anywhere. All are drawn by seeds.
A pause between tries is as short as can be, for what is tried here is not how long anybody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from random import Random

import pytest

from pipeline.engines import ENGINES, Access, Engine
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.contexts import ContextsEngine
from pipeline.engines.dialogue import Dialogue
from pipeline.engines.exchange import Service
from pipeline.engines.faults import BUSY_NAMES, parse_faults
from pipeline.engines.loopback import serve
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.streaming import SocketEngine
from pipeline.model import Clip, SpeechChunk, SpeechRequest, SpokenText, Utterance, Voice
from pipeline.production.speaking import speak
from pipeline.store import Store, content_key
from tests.alignment.messages import random_text
from tests.truth_voice import TruthVoice

RATE = 8000
PARAGRAPHS = 200
AT_ONCE = 4
WITHIN_MS = 2.0
SHORT = Limits(opening=2.0, silence=0.25, closing=0.1, whole=30.0)
BASES = ("session", "generation", "message", "chain", "absolute")
# Errors in frames that pass: the same request goes through the next time.
PASSING = ("system_busy", *BUSY_NAMES, "max_active_conversations", "something_went_wrong", "internal_server_error")
FINAL, FINAL_FRAME = -1, b'{"audio":null,"isFinal":true}'
BYTES = (0, 1, 900, 20_000, 60_000)


# ── who speaks, over what ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Witness:
    """What was asked of the server, by text, and what became of every try."""

    asked: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, list[SpeechChunk]]] = field(default_factory=list)
    whole: Counter[str] = field(default_factory=Counter)
    voice: TruthVoice = field(default_factory=lambda: TruthVoice(RATE))

    def __call__(self, text: str, language: str, voice: str, speed: float) -> SpokenText:
        """Speak for the server, and count."""
        self.asked[text.strip()] += 1
        return self.voice(text, language, voice, speed)


@dataclass
class Watched:
    """An engine that tells the witness what each try brought."""

    engine: Engine
    witness: Witness
    name: str = "chaos"
    most_at_once: int = AT_ONCE

    def shaped_by(self, _: SpeechRequest) -> str:
        """Nothing but the request."""
        return ""

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Speak, and keep what came of a try that failed."""
        chunks: list[SpeechChunk] = []
        try:
            async for chunk in self.engine.speak(request):
                chunks.append(chunk)
                yield chunk
        except BaseException:
            self.witness.failed.append((request.text, chunks))
            raise
        self.witness.whole[request.text] += 1


@dataclass(frozen=True)
class Misdeed:
    """What a network does to the bytes of a server: after so many of them it closes, resets or falls silent.

    What is due after `FINAL` is done before the final frame, of which nothing gets through.
    """

    after: int
    manner: str


def no_misdeed(_: int) -> Misdeed | None:
    """A network that does no harm."""
    return None


def drawn(seed: int, chance: float, most: int, number: int) -> Misdeed | None:
    """Draw what befalls a connection, by its number: nothing most of the time."""
    random = Random(f"{seed}/{number}")
    if random.random() >= chance:
        return None
    manner = random.choice(["close", "close", "reset", "reset", "stall"])
    return Misdeed(FINAL if random.random() < 0.2 else int(most * random.random() ** 3), manner)


@contextlib.asynccontextmanager
async def network(base: str, misdeed: Callable[[int], Misdeed | None]) -> AsyncIterator[str]:
    """Pass bytes on between clients and a server, until a misdeed is due."""
    host, port = base.removeprefix("ws://").split(":")
    count = 0

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bad: Misdeed | None) -> None:
        passed = 0
        while data := await reader.read(65536):
            if bad is not None and (cut := _cut(bad, data, passed)) is not None:
                writer.write(data[:cut])
                await writer.drain()
                if bad.manner == "stall":
                    await asyncio.Event().wait()
                if bad.manner == "reset":
                    writer.transport.abort()
                return
            passed += len(data)
            writer.write(data)
            await writer.drain()

    async def forth(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        bad = misdeed(count)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        tasks = [asyncio.create_task(back(far_reader, writer, bad)), asyncio.create_task(forth(reader, far_writer))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()
            far_writer.close()

    async with await asyncio.start_server(passing, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _cut(bad: Misdeed, data: bytes, passed: int) -> int | None:
    """After how many of these bytes a misdeed is due; None where it is not yet."""
    if bad.after != FINAL:
        return bad.after - passed if bad.after <= passed + len(data) else None
    found = data.find(FINAL_FRAME)
    # A short frame of a server has two bytes before its text (RFC 6455 5.2).
    return None if found < 2 else found - 2


@contextlib.asynccontextmanager
async def one_socket_each(base: str) -> AsyncIterator[Engine]:
    """The engine over `stream-input`."""
    endpoint = StreamInput(common_query)
    yield SocketEngine("t", Service(Address(base), SHORT), lambda _: endpoint, lambda _: "", AT_ONCE)


@contextlib.asynccontextmanager
async def dialogue(base: str) -> AsyncIterator[Engine]:
    """The engine over `text-to-dialogue`."""
    yield SocketEngine("t", Service(Address(base), SHORT), lambda _: Dialogue(), lambda _: "", AT_ONCE)


@contextlib.asynccontextmanager
async def contexts(base: str) -> AsyncIterator[Engine]:
    """The engine over `multi-stream-input`."""
    async with ContextsEngine("t", Service(Address(base), SHORT), common_query, lambda _: "") as engine:
        yield engine


FACES = {"stream-input": one_socket_each, "dialogue": dialogue, "contexts": contexts}


def spoken(
    requests: Mapping[str, SpeechRequest],
    folder: Path,
    faults: Sequence[str] = (),
    misdeed: Callable[[int], Misdeed | None] = no_misdeed,
    face: str = "stream-input",
) -> Witness:
    """Speak requests into the store of a folder, through a server and a network with faults."""
    witness = Witness()

    @contextlib.asynccontextmanager
    async def opened(_: Access) -> AsyncIterator[Engine]:
        async with (
            serve(witness, port=0, faults=parse_faults(faults)) as base,
            network(base, misdeed) as way,
            FACES[face](way) as engine,
        ):
            yield Watched(engine, witness)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, "chaos", opened)  # type: ignore[arg-type]  # it is not live
        patch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.001)
        # With a third of all tries failing, five in a row are too likely among hundreds of paragraphs.
        patch.setattr("pipeline.engines.retries.MOST_TRIES", 15)
        speak("chaos", Access(), requests, Store(folder), lambda _: None)
    return witness


@lru_cache(maxsize=8)
def script(seed: int, count: int = PARAGRAPHS, model: str = "eleven_flash_v2_5") -> Mapping[str, SpeechRequest]:
    """Paragraphs of one to thirty words, each another text, by their keys."""
    random = Random(seed)
    texts = [f"Part {number}: {random_text(random, random.randint(1, 30))}" for number in range(count)]
    requests = [SpeechRequest(text, Voice("v"), model, "en", f"pcm_{RATE}") for text in texts]
    return {content_key(request, "chaos"): request for request in requests}


def stored(requests: Mapping[str, SpeechRequest], folder: Path) -> dict[str, tuple[Utterance, bytes]]:
    """All utterances of a store with their samples."""
    store = Store(folder)
    found = {}
    for key in requests:
        utterance = store.get(key)
        assert utterance is not None
        found[key] = utterance, b"".join(store.samples(Clip(key, 0, utterance.sample_count)))
    return found


# ── faults of transport ────────────────────────────────────────────────────────────────────────────────────────────


def transport_faults(seed: int, chance: float) -> list[str]:
    """Every documented fault of transport, each with a chance of its own occasions."""
    written = [f"{name}={size}" for name in ("drop-after", "stall-after", "busy") for size in BYTES]
    written += [f"http-429={name}" for name in BUSY_NAMES]
    written += [f"http-5xx={status}" for status in (500, 502, 503, 504)]
    written += [f"error={name}@{BYTES[n % len(BYTES)]}" for n, name in enumerate(PASSING)]
    written += ["wrong-base64,chance=0.002", "no-final,chance=0.2"]
    return [f"chance={chance}", f"seed={seed}", *written]


def is_complete(text: str, chunks: Sequence[SpeechChunk]) -> bool:
    """Whether all characters came, the last of which ends with the samples, on the clock of a whole session."""
    times = [chunk.alignment for chunk in chunks if chunk.alignment]
    count = sum(len(chunk.audio) // 2 for chunk in chunks)
    if "".join(char for each in times for char in each.chars).split() != text.split():
        return False
    return abs(times[-1].starts_ms[-1] + times[-1].durations_ms[-1] - count * 1000 / RATE) <= WITHIN_MS


def check_transport(
    tmp_path: Path,
    requests: Mapping[str, SpeechRequest],
    faults: Sequence[str],
    misdeed: Callable[[int], Misdeed | None],
    face: str = "stream-input",
) -> Witness:
    """Speak with and without faults, and hold the one against the other."""
    good = spoken(requests, tmp_path / "good", face=face)
    assert good.asked == Counter(request.text for request in requests.values())
    assert not good.failed
    bad = spoken(requests, tmp_path / "bad", faults, misdeed, face)
    assert stored(requests, tmp_path / "bad") == stored(requests, tmp_path / "good")
    assert bad.whole == good.asked
    failed = Counter(text for text, _ in bad.failed)
    assert all(bad.asked[text] <= 1 + failed[text] for text in bad.asked)
    if face == "stream-input":
        assert not [text for text, chunks in bad.failed if is_complete(text, chunks)]
    again = spoken(requests, tmp_path / "bad", faults, misdeed, face)
    assert not again.asked
    assert not again.failed
    return bad


def test_faults_of_transport_leave_no_trace(tmp_path: Path) -> None:
    """Word for word and sample for sample, nothing that was whole is asked for again, and nothing by a second run."""
    bad = check_transport(tmp_path, script(1), transport_faults(1, 0.006), partial(drawn, 1, 0.1, 150_000))
    assert len(bad.failed) >= PARAGRAPHS // 6
