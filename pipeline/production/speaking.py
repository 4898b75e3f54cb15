"""Requests → utterances in the store, each spoken once, kept as soon as it is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline import pcm
from pipeline.alignment import TimeBase
from pipeline.codecs import speech_decoder
from pipeline.engines import ENGINES, Access, Engine
from pipeline.engines.retries import speak_whole
from pipeline.errors import PipelineError
from pipeline.model import Progress, ProgressCallback, SpeechChunk, SpeechRequest, Utterance
from pipeline.store import Store

STAGE = "speaking"
# Formats that are decoded sample by sample; the others hold back up to four frames of 24 ms.
WITHOUT_LAG = ("pcm_", "ulaw_", "alaw_")
CODEC_LAG_MS = 120.0


def hear(key: str, request: SpeechRequest, chunks: Sequence[SpeechChunk]) -> tuple[Utterance, bytes]:
    """Turn what the messages brought into an utterance and its samples, 16-bit mono.

    Every alignment is placed by the count of samples decoded before it. Raises EngineError where the sound is not
    of the format that was asked for.
    """
    decoder = speech_decoder(request.output_format)
    blocks: list[bytes] = []
    heard = 0
    waiting: list[tuple[SpeechChunk, int, int]] = []
    for chunk in chunks:
        block = decoder.feed(chunk.audio) if chunk.audio else b""
        blocks.append(block)
        waiting.append((chunk, heard, pcm.sample_count(block)))
        heard += pcm.sample_count(block)
    blocks.append(decoder.finish())
    clock = TimeBase(decoder.sample_rate, slack_ms=_lag_ms(request.output_format))
    for chunk, before, count in waiting:
        clock.add(chunk.alignment, chunk.normalized, before, count)
    samples = b"".join(blocks)
    total = pcm.sample_count(samples)
    characters, repairs = clock.finish(total)
    first, end = pcm.sounding_range(samples, decoder.sample_rate)
    return Utterance(key, decoder.sample_rate, total, first, end, characters, repairs), samples


def _lag_ms(output_format: str) -> float:
    """By how much the count of decoded samples may lag behind a message: a codec decodes whole frames only."""
    return 0.0 if output_format.startswith(WITHOUT_LAG) else CODEC_LAG_MS


def keep(store: Store, key: str, request: SpeechRequest, chunks: Sequence[SpeechChunk]) -> None:
    """Put what the messages brought into the store. Raises StoreError, and as `hear` does."""
    store.put(*hear(key, request, chunks))


@dataclass(slots=True)
class _Tally:
    """How much has been spoken, in characters, for the person who waits."""

    total: int
    progress: ProgressCallback
    done: int = 0

    def add(self, request: SpeechRequest) -> None:
        self.done += len(request.text)
        self.progress(Progress(STAGE, self.done, self.total, "characters"))


def speak(
    engine: str,
    access: Access,
    requests: Mapping[str, SpeechRequest],
    store: Store,
    progress: ProgressCallback,
    notice: Callable[[], None] = lambda: None,
) -> None:
    """Open an engine and speak requests by key; `notice` is called whenever one more lies in the store.

    Raises EngineError, StoreError, and what `notice` raises; KeyboardInterrupt passes through. What was whole by then
    is kept.
    """

    async def run() -> None:
        async with ENGINES[engine](access) as opened:
            await speak_missing(opened, requests, store, progress, notice)

    if requests:
        asyncio.run(run())


async def speak_missing(
    engine: Engine,
    requests: Mapping[str, SpeechRequest],
    store: Store,
    progress: ProgressCallback,
    notice: Callable[[], None] = lambda: None,
) -> None:
    """Speak requests by key, as many at once as the engine allows, and keep each in the store when it is whole.

    The first error ends the rest; what was whole by then is kept. Being cancelled keeps as much.
    """
    tally = _Tally(sum(len(request.text) for request in requests.values()), progress)
    progress(Progress(STAGE, 0, tally.total, "characters"))
    queue = list(requests.items())[::-1]

    async def worker() -> None:
        while queue:
            key, request = queue.pop()
            chunks = await speak_whole(engine, request)
            await asyncio.to_thread(keep, store, key, request, chunks)
            tally.add(request)
            notice()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(engine.most_at_once, len(queue))):
                group.create_task(worker())
    except* PipelineError as group_of_errors:
        raise _first(group_of_errors) from None


def _first(group: BaseExceptionGroup[PipelineError]) -> PipelineError:
    """Take the first error out of a group: one sentence is what a person can act upon."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, PipelineError)
    return error
