"""When messages went and came, told by a clock that ticks once a look; and the loop that every client is held against."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from pipeline.engines import LiveOptions, bare_loop
from pipeline.engines.arriving import pieces
from pipeline.engines.bare_loop import bare_times
from pipeline.engines.connecting import Address, Limits
from pipeline.engines.faults import parse_faults
from pipeline.engines.loopback import serve
from pipeline.engines.stream_input import StreamInput, common_query
from pipeline.engines.timing import CONTEXTS, SINGLE, Station, Stopwatch, TimedEngine, Way
from pipeline.errors import ConnectionLostError, UsageError
from pipeline.model import SpeechChunk, SpeechRequest, Voice
from tests.truth_voice import TruthVoice

TEXT = "The first ship came in late. Nobody had waited for it, and so it left again at dusk."
REQUEST = SpeechRequest(TEXT, Voice("v"), "eleven_flash_v2_5", "en")
WAYS = [
    Way(endpoint, schedule, auto)
    for endpoint in (SINGLE, CONTEXTS)
    for schedule, auto in (((50.0,), False), (None, True), (None, False))
]


def ticking() -> Callable[[], float]:
    """A clock that is a millisecond later at each look."""
    ticks = itertools.count()
    return lambda: next(ticks) / 1000


def station_at(base: str, silence: float = 10.0) -> Station:
    """Where tests speak."""
    return Station(
        Address(base),
        lambda _: StreamInput(common_query),
        common_query,
        Limits(opening=5, silence=silence, closing=0.3),
    )


async def spoken(engine: TimedEngine, way: Way) -> list[SpeechChunk]:
    """Speak the text in a way."""

    async def texts() -> AsyncIterator[str]:
        for piece in way.pieces(TEXT):
            yield piece

    return [chunk async for chunk in engine.speak_live(texts(), REQUEST, way.options)]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_message_has_its_moment(way: Way) -> None:
    """The handshake lies before the first message, the text before the first frame, a frame for each chunk."""

    async def run() -> tuple[Stopwatch, TimedEngine, list[SpeechChunk]]:
        async with serve(TruthVoice(), port=0) as base:
            stopwatch = Stopwatch(ticking())
            engine = TimedEngine(station_at(base), way, stopwatch)
            return stopwatch, engine, await spoken(engine, way)

    stopwatch, engine, chunks = asyncio.run(run())
    frames = stopwatch.speech_frames()
    assert stopwatch.begun == 0.0
    assert stopwatch.opened == 0.001
    assert stopwatch.asked == 0.002
    assert stopwatch.asked < stopwatch.heard[0].at
    assert frames == sorted(frames)
    assert len(frames) == engine.handed == len(chunks) > 1
    assert engine.is_over
    asked = [json.loads(moment.text).get("text", "") for moment in stopwatch.said]
    assert [text for text in asked if text.strip()] == way.pieces(TEXT)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_bare_loop_speaks_the_same_and_gets_the_same(way: Way) -> None:
    """The same messages, and a figure for each frame of the client's: one look at the clock from the other."""

    async def run() -> tuple[Stopwatch, list[float], list[str]]:
        async with serve(TruthVoice(), port=0) as base:
            station, stopwatch = station_at(base), Stopwatch(ticking())
            await spoken(TimedEngine(station, way, stopwatch), way)
            said = list(bare_loop._messages(station, REQUEST, way))[1:]
            return stopwatch, await bare_times(station, REQUEST, way, ticking()), said

    stopwatch, bare, said = asyncio.run(run())
    assert [json.loads(text) for text in said] == [json.loads(moment.text) for moment in stopwatch.said]
    assert bare == pytest.approx([0.001] * len(stopwatch.speech_frames()))


@pytest.mark.parametrize("fault", ["stall-after=90000", "drop-after=90000", "error=quota_exceeded@90000", "no-final"])
def test_the_bare_loop_ends_where_the_speech_breaks_off(fault: str) -> None:
    """With the figures until then."""

    async def run() -> list[float]:
        async with serve(TruthVoice(), port=0, faults=parse_faults([fault])) as base:
            return await bare_times(station_at(base, silence=0.2), REQUEST, WAYS[0], ticking())

    async def whole() -> list[float]:
        async with serve(TruthVoice(), port=0) as base:
            return await bare_times(station_at(base), REQUEST, WAYS[0], ticking())

    broken, all_of_it = asyncio.run(run()), asyncio.run(whole())
    assert len(broken) == len(all_of_it) if fault == "no-final" else 0 < len(broken) < len(all_of_it)


def test_the_bare_loop_is_for_this_machine() -> None:
    """It is spoken to compare, which nobody pays for."""
    with pytest.raises(UsageError, match="this machine"):
        asyncio.run(bare_times(station_at("wss://api.example"), REQUEST, WAYS[0], ticking()))


def test_nothing_is_tried_twice() -> None:
    """A refused handshake ends the speech: another connection's time is another's."""
    seen: list[str] = []

    async def refuse(connection: ServerConnection) -> None:
        seen.append("asked")
        connection.transport.abort()

    async def run() -> None:
        async with listen(refuse, "127.0.0.1", 0, compression=None) as server:
            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            await spoken(TimedEngine(station_at(base), WAYS[0], Stopwatch()), WAYS[0])

    with pytest.raises(ConnectionLostError):
        asyncio.run(run())
    assert seen == ["asked"]


@given(st.text(alphabet="ab. !?。\n", max_size=60), st.sampled_from([way.options for way in WAYS]))
@settings(max_examples=80, deadline=None)
def test_pieces_are_the_whole_text(text: str, options: LiveOptions) -> None:
    """Nothing is lost but white space; every piece says something and ends in one space."""
    cut = pieces(text, options)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(piece.strip() and piece[-1] == " " and piece[-2:] != "  " for piece in cut)
