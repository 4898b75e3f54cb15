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
from pipeline.model import Clip, Segment, SpeechChunk, SpeechRequest, SpokenText, Token, Utterance, Voice
from pipeline.production.speaking import speak
from pipeline.production.spoken import spoken_segment
from pipeline.store import Store, content_key
from tests.alignment.messages import random_text
from tests.truth_voice import TruthVoice, truth_times

RATE = 8000
PARAGRAPHS = 200
AT_ONCE = 4
WITHIN_MS = 2.0
SHORT = Limits(opening=2.0, silence=0.25, closing=0.1, whole=30.0)
# Where nothing stalls, a machine that is busy with something else must not look as if it did.
STEADY = Limits(opening=20.0, silence=20.0, closing=0.1, whole=120.0)
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
async def one_socket_each(base: str, limits: Limits) -> AsyncIterator[Engine]:
    """The engine over `stream-input`."""
    endpoint = StreamInput(common_query)
    yield SocketEngine("t", Service(Address(base), limits), lambda _: endpoint, lambda _: "", AT_ONCE)


@contextlib.asynccontextmanager
async def dialogue(base: str, limits: Limits) -> AsyncIterator[Engine]:
    """The engine over `text-to-dialogue`."""
    yield SocketEngine("t", Service(Address(base), limits), lambda _: Dialogue(), lambda _: "", AT_ONCE)


@contextlib.asynccontextmanager
async def contexts(base: str, limits: Limits) -> AsyncIterator[Engine]:
    """The engine over `multi-stream-input`."""
    async with ContextsEngine("t", Service(Address(base), limits), common_query, lambda _: "") as engine:
        yield engine


MODELS = {"dialogue": "eleven_v3"}
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
    may_stall = misdeed is not no_misdeed or any("stall" in fault for fault in faults)
    limits = SHORT if may_stall else STEADY

    @contextlib.asynccontextmanager
    async def opened(_: Access) -> AsyncIterator[Engine]:
        async with (
            serve(witness, port=0, faults=parse_faults(faults)) as base,
            network(base, misdeed) as way,
            FACES[face](way, limits) as engine,
        ):
            yield Watched(engine, witness)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, "chaos", opened)
        patch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.001)
        # With a third of all tries failing, five in a row are too likely among hundreds of paragraphs.
        patch.setattr("pipeline.engines.retries.MOST_TRIES", 15)
        speak("chaos", Access(), requests, Store(folder), lambda _: None)
    return witness


def script(model: str) -> Mapping[str, SpeechRequest]:
    """Paragraphs of a few words to some seconds, each another text, by their keys."""
    random = Random(1)
    texts = [f"Part {number}: {random_text(random, random.randint(1, 12))}" for number in range(PARAGRAPHS)]
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
    """Whether all characters came, one after another, and last as long as the samples."""
    times = [chunk.alignment for chunk in chunks if chunk.alignment]
    count = sum(len(chunk.audio) // 2 for chunk in chunks)
    if "".join(char for each in times for char in each.chars).split() != text.split():
        return False
    return abs(sum(sum(each.durations_ms) for each in times) - count * 1000 / RATE) <= WITHIN_MS


@dataclass(frozen=True)
class Day:
    """A script, its speech on a day when all goes well, and what was asked of the server for it."""

    requests: Mapping[str, SpeechRequest]
    speech: Mapping[str, tuple[Utterance, bytes]]

    @property
    def asked(self) -> Counter[str]:
        """What has to be asked of the server."""
        return Counter(request.text for request in self.requests.values())

    def some(self, count: int) -> Day:
        """So many paragraphs of it."""
        keys = list(self.requests)[:count]
        return Day({key: self.requests[key] for key in keys}, {key: self.speech[key] for key in keys})


@pytest.fixture(scope="module")
def good_day(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Day]:
    """Speak a script without faults, once for each kind of socket."""

    @lru_cache
    def day(face: str) -> Day:
        requests, folder = script(MODELS.get(face, "eleven_flash_v2_5")), tmp_path_factory.mktemp("good")
        witness = spoken(requests, folder, face=face)
        good = Day(requests, stored(requests, folder))
        assert not witness.failed
        assert witness.asked == good.asked
        return good

    return day


def check_transport(good: Day, folder: Path, seed: int, face: str = "stream-input") -> None:
    """Speak through faults, and hold it against the good day."""
    faults, misdeed = transport_faults(seed, 0.006), partial(drawn, seed, 0.12, 100_000)
    bad = spoken(good.requests, folder, faults, misdeed, face)
    assert stored(good.requests, folder) == good.speech
    assert bad.whole == good.asked
    failed = Counter(text for text, _ in bad.failed)
    assert len(bad.failed) >= PARAGRAPHS // 10
    assert all(bad.asked[text] <= 1 + failed[text] for text in bad.asked)
    assert not [text for text, chunks in bad.failed if is_complete(text, chunks)]
    again = spoken(good.requests, folder, faults, misdeed, face)
    assert not again.asked
    assert not again.failed


@pytest.mark.slow
def test_faults_of_transport_leave_no_trace(good_day: Callable[[str], Day], tmp_path: Path) -> None:
    """Word for word and sample for sample, nothing that was whole is asked for again, and nothing by a second run."""
    check_transport(good_day("stream-input"), tmp_path, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("face", "seed"), [("stream-input", 2), ("dialogue", 3), ("contexts", 4)])
def test_faults_of_transport_leave_no_trace_on_any_socket(
    good_day: Callable[[str], Day], tmp_path: Path, face: str, seed: int
) -> None:
    """Also where several speeches share a socket, and a fault of one is everyone's."""
    check_transport(good_day(face), tmp_path, seed, face)


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["close", "reset", "stall"])
def test_what_lacks_only_its_final_frame_is_whole(good_day: Callable[[str], Day], tmp_path: Path, manner: str) -> None:
    """However the connection ends before it: nothing is asked for twice."""
    good = good_day("stream-input").some(12)
    bad = spoken(good.requests, tmp_path, misdeed=lambda _: Misdeed(FINAL, manner))
    assert stored(good.requests, tmp_path) == good.speech
    assert not bad.failed
    assert bad.asked == good.asked


# ── faults of alignment ────────────────────────────────────────────────────────────────────────────────────────────

# What a client cannot do without, or what of the times can be had back whole.
HARMLESS = (*(f"time-base={base}" for base in BASES), "split-words", "alignment-without-audio", "no-final")
RESTORED = ("repeat-alignment", "clock-jump=15", "clock-jump=700", "clock-jump=5000")
LOSSES = ("null-alignments", "audio-without-alignment", "truncate-alignment")


@dataclass(frozen=True)
class Timed:
    """How far the worst word of an utterance is from its sound, in milliseconds, and what was mended."""

    worst: float
    repairs: Sequence[str]


def timed(request: SpeechRequest, utterance: Utterance) -> Timed:
    """Time the words of an utterance as every production does; all are there, in order, within the sound."""
    segment = Segment(0, tuple(Token(word, word) for word in request.text.split()), 1)
    one, repairs = spoken_segment(segment, utterance)
    assert [word.text for word in one.words] == request.text.split()
    flat = [time for word in one.words for time in (word.start_ms, word.end_ms)]
    assert flat == sorted(flat)
    assert 0 <= flat[0] <= flat[-1] <= utterance.sample_count * 1000 / RATE + 1
    pairs = zip(one.words, truth_times(request.text, 1.0, RATE), strict=True)
    return Timed(max(max(abs(word.start_ms - start), abs(word.end_ms - end)) for word, (start, end) in pairs), repairs)


def mistimed(good: Day, folder: Path, *faults: str) -> list[Timed]:
    """Speak through faults of alignment: samples are those of the good day, and whatever is off is told.

    What is damaged and lacks its final frame besides may be spoken again.
    """
    bad = spoken(good.requests, folder, faults)
    speech = stored(good.requests, folder)
    assert {key: samples for key, (_, samples) in speech.items()} == {
        key: samples for key, (_, samples) in good.speech.items()
    }
    assert bad.whole == good.asked
    assert "no-final" in "".join(faults) or not bad.failed
    found = [timed(request, speech[key][0]) for key, request in good.requests.items()]
    assert not [each for each in found if each.worst > WITHIN_MS and not each.repairs]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_faults_of_alignment_are_never_silent(good_day: Callable[[str], Day], tmp_path: Path, base: str) -> None:
    """All of them at once, on every clock."""
    faults = [f"{fault},seed=4" for fault in (*HARMLESS[len(BASES) :], *RESTORED, *LOSSES)]
    found = mistimed(good_day("stream-input"), tmp_path, "chance=0.06", f"time-base={base},chance=1", *faults)
    assert sum(bool(each.repairs) for each in found) >= PARAGRAPHS // 2
    assert any(not each.repairs for each in found)


@pytest.mark.slow
@pytest.mark.parametrize("fault", HARMLESS)
def test_what_loses_no_time_is_no_fault(good_day: Callable[[str], Day], tmp_path: Path, fault: str) -> None:
    """Words are where they are without it, there is nothing to tell, and nothing is asked for twice."""
    good = good_day("stream-input").some(50)
    bad = spoken(good.requests, tmp_path, [f"{fault},chance=0.5,seed=5"])
    assert not bad.failed
    assert bad.asked == good.asked
    speech = stored(good.requests, tmp_path)
    for key, request in good.requests.items():
        assert speech[key][1] == good.speech[key][1]
        found = timed(request, speech[key][0])
        assert found.worst <= WITHIN_MS
        assert not found.repairs


@pytest.mark.slow
@pytest.mark.parametrize("fault", RESTORED)
def test_what_can_be_had_back_is(good_day: Callable[[str], Day], tmp_path: Path, fault: str) -> None:
    """What came twice, and clocks that jump: characters follow one another, and last as long as their sound."""
    found = mistimed(good_day("stream-input").some(50), tmp_path, f"{fault},chance=0.3,seed=6")
    assert max(each.worst for each in found) <= WITHIN_MS
    assert sum(bool(each.repairs) for each in found) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOSSES)
def test_what_is_lost_is_filled_in_and_told(good_day: Callable[[str], Day], tmp_path: Path, fault: str) -> None:
    """Of some messages, and of all."""
    good = good_day("stream-input").some(50)
    found = mistimed(good, tmp_path / "some", f"{fault},chance=0.3,seed=7")
    assert sum(bool(each.repairs) for each in found) >= 10
    assert all(each.repairs for each in mistimed(good, tmp_path / "all", fault))
