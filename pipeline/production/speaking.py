"""Requests → utterances in the store, each spoken once, kept as soon as it is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from pipeline import pcm
from pipeline.engines import ENGINES, Access, Engine
from pipeline.engines.hearing import hear
from pipeline.engines.plausibility import refuse_broken_sound
from pipeline.engines.retries import LONGEST_QUEUING, speak_into
from pipeline.engines.slots import is_refused_for_number
from pipeline.errors import BusyError, ConnectionLostError, PipelineError
from pipeline.model import Progress, ProgressCallback, Sayer, SpeechChunk, SpeechRequest, Utterance
from pipeline.store import Store

STAGE = "speaking"
# How often to ask whether another run is done with a segment.
ASK_AGAIN_SECONDS = 0.2
# What a person is told who waits for a further try.
NO_PLACE = (
    "the account speaks as much at once as it may, here or elsewhere: waiting for a free place, "
    f"for up to {LONGEST_QUEUING / 60:.0f} minutes"
)
BUSY = "the speech service is busy: trying again"
NOT_CONNECTED = "the connection to the speech service breaks off or stays silent: trying again"
UNUSABLE = "the speech service sends what cannot be used: trying again"


def utterance_of(key: str, request: SpeechRequest, chunks: Sequence[SpeechChunk]) -> tuple[Utterance, bytes]:
    """Turn what the messages brought into an utterance and its samples, 16-bit mono.

    Raises RemoteProtocolError where the sound is not of the format that was asked for, or cannot be of this text.
    """
    heard = hear(request.output_format, chunks)
    first, end = pcm.sounding_range(heard.samples, heard.sample_rate)
    count = pcm.sample_count(heard.samples)
    utterance = Utterance(key, heard.sample_rate, count, first, end, heard.characters, heard.repairs)
    refuse_broken_sound(request, utterance, chunks)
    return utterance, heard.samples


@dataclass(slots=True)
class _Tally:
    """How much has been spoken, in characters, for the person who waits."""

    total: int
    progress: ProgressCallback
    done: int = 0

    def add(self, request: SpeechRequest) -> None:
        self.done += len(request.text)
        self.progress(Progress(STAGE, self.done, self.total, "characters"))


@dataclass(slots=True)
class _Waits:
    """Tells each reason to wait once."""

    say: Sayer
    told: set[str] = field(default_factory=set)

    def tell(self, error: PipelineError) -> None:
        remark = _why_it_waits(error)
        if remark not in self.told:
            self.told.add(remark)
            self.say(remark)


def _why_it_waits(error: PipelineError) -> str:
    if is_refused_for_number(error):
        return NO_PLACE
    if isinstance(error, BusyError):
        return BUSY
    return NOT_CONNECTED if isinstance(error, ConnectionLostError) else UNUSABLE


def speak(
    engine: str,
    access: Access,
    requests: Mapping[str, SpeechRequest],
    store: Store,
    progress: ProgressCallback,
    notice: Callable[[], None] = lambda: None,
    say: Sayer = lambda _: None,
) -> None:
    """Open an engine and speak requests by key; `notice` is called whenever one more lies in the store.

    `say` is told why it takes long, once for each reason, where a request has to be tried for some seconds.
    Raises EngineError, StoreError, and what `notice` raises; KeyboardInterrupt passes through. What was whole by then
    is kept.
    """

    async def run() -> None:
        async with ENGINES[engine](access) as opened:
            await speak_missing(opened, requests, store, progress, notice, say)

    if requests:
        asyncio.run(run())


async def speak_missing(
    engine: Engine,
    requests: Mapping[str, SpeechRequest],
    store: Store,
    progress: ProgressCallback,
    notice: Callable[[], None] = lambda: None,
    say: Sayer = lambda _: None,
) -> None:
    """Speak requests by key, as many at once as the engine allows, and keep each in the store when it is whole.

    The first error ends the rest; what was whole by then is kept. Being cancelled keeps as much.
    """
    tally = _Tally(sum(len(request.text) for request in requests.values()), progress)
    progress(Progress(STAGE, 0, tally.total, "characters"))
    queue = list(requests.items())[::-1]
    waits = _Waits(say)

    async def worker() -> None:
        while queue:
            key, request = queue.pop()
            with await _reserved(store, key):
                # Another run may have spoken it meanwhile.
                if await asyncio.to_thread(store.get, key) is None:
                    spoken = await speak_into(partial(utterance_of, key, request), engine, request, waiting=waits.tell)
                    await asyncio.to_thread(store.put, *spoken)
            tally.add(request)
            notice()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(engine.most_at_once, len(queue))):
                group.create_task(worker())
    except* PipelineError as group_of_errors:
        raise _first(group_of_errors) from None


async def _reserved(store: Store, key: str) -> ExitStack:
    """Wait until nobody else speaks a key: for as long as somebody does, for who is killed holds nothing any more."""
    while (held := store.try_lock(key)) is None:  # noqa: ASYNC110  # it is another process that lets go
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    return held


def _first(group: BaseExceptionGroup[PipelineError]) -> PipelineError:
    """Take the first error out of a group: one sentence is what a person can act upon."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, PipelineError)
    return error
