"""One speech over the real client, from its text to its events → when what came, and what the client itself took."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from pipeline import pcm
from pipeline.codecs import speech_encoder
from pipeline.codecs.joining import joiner
from pipeline.engines.timing import Clock, Station, Stopwatch, TimedEngine, Way
from pipeline.errors import PipelineError, RemoteProtocolError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.production.live import AudioEvent, speak_text
from pipeline.production.live_speech import LiveSpeech

SECOND_MS = 1000.0
SILENCE_RATE = 24_000


@dataclass(frozen=True, slots=True)
class Run:
    """One speech: milliseconds from the text being sent, but for the handshake, which is before it.

    `first_byte` is when the first frame came; `first_audio` and `first_word` are when the client handed them over, the
    word with its end known (None: no word came). `real_time_factor` is the time until all sound was there over its
    length. The overheads are milliseconds from a frame being received to its sound, or to a word that it completed,
    being handed over; `bare` the same of the bare loop, whose frames are read and decoded and no more.
    """

    handshake: float
    first_byte: float
    first_audio: float
    first_word: float | None
    real_time_factor: float
    audio: float
    words: int
    sound_overhead: tuple[float, ...] = ()
    word_overhead: tuple[float, ...] = ()
    bare: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedRun:
    """One speech that did not come to its end, and why."""

    error: PipelineError


@dataclass(frozen=True, slots=True)
class Figures:
    """Of several figures the middle one, and the one that 95 in a hundred do not exceed (nearest rank), of how many."""

    median: float
    p95: float
    count: int


def figures(values: Iterable[float]) -> Figures | None:
    """Sum up; None where there is nothing to.

    >>> figures([3.0, 1.0, 2.0])
    Figures(median=2.0, p95=3.0, count=3)
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return Figures(statistics.median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1], len(ordered))


async def timed_run(station: Station, request: SpeechRequest, way: Way, clock: Clock) -> Run:
    """Speak a request once, over a connection of its own, all the way to events. Raises as `Engine.speak` does."""
    engine = TimedEngine(station, way, Stopwatch(clock))
    speech = LiveSpeech(request.output_format, joiner(request.output_format))
    events = speak_text(engine, _pieces(way, request.text), request, speech, way.options)
    async with contextlib.aclosing(events):
        taken = [
            _Taken(clock(), isinstance(event, AudioEvent), 0 if engine.is_over else engine.handed)
            async for event in events
        ]
    return _run(engine.stopwatch, taken, SECOND_MS * speech.joiner.position / speech.joiner.sample_rate)


@dataclass(frozen=True, slots=True)
class _Taken:
    """An event that was handed over, in seconds of the clock, of which chunk (from 1; 0: of none that still came)."""

    at: float
    is_sound: bool
    chunk: int


async def _pieces(way: Way, text: str) -> AsyncIterator[str]:
    for piece in way.pieces(text):
        yield piece


def _run(stopwatch: Stopwatch, taken: list[_Taken], audio_ms: float) -> Run:
    """Lay events beside the frames that brought them. Raises RemoteProtocolError where no sound came."""
    sounds, words = ([one for one in taken if one.is_sound is kind] for kind in (True, False))
    if not sounds or not audio_ms:
        raise RemoteProtocolError("the speech service sent no sound; try again")
    frames, asked = stopwatch.speech_frames(), stopwatch.asked

    def since(at: float) -> float:
        return SECOND_MS * (at - asked)

    def overhead(of: list[_Taken]) -> tuple[float, ...]:
        return tuple(SECOND_MS * (one.at - frames[one.chunk - 1]) for one in of if 0 < one.chunk <= len(frames))

    # What a decoder holds back comes after the socket was closed, however long that took: it was there before.
    done = max((one.at for one in taken if one.chunk), default=taken[-1].at)
    return Run(
        handshake=SECOND_MS * (stopwatch.opened - stopwatch.begun),
        first_byte=since(stopwatch.heard[0].at),
        first_audio=since(sounds[0].at),
        first_word=since(words[0].at) if words else None,
        real_time_factor=since(done) / audio_ms,
        audio=audio_ms,
        words=len(words),
        sound_overhead=overhead(sounds),
        word_overhead=overhead(words),
    )


def warm_up(output_format: str) -> None:
    """Decode a little silence, so that no run pays for what is loaded when it is first used."""
    encoder = speech_encoder(output_format, SILENCE_RATE)
    silence = pcm.silence(pcm.ms_to_samples(200, SILENCE_RATE))
    speech = LiveSpeech(output_format, joiner(output_format))
    speech.begin()
    with contextlib.suppress(PipelineError):
        for block in (encoder.feed(silence), encoder.finish()):
            list(speech.add(SpeechChunk(block)))
        list(speech.complete())
