"""Utterances as they come to lie in the store → one encoded sound file, made while the rest is being spoken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.encoder.sound import SoundEncoder
from pipeline.errors import CancelledError
from pipeline.filtergraph import SoundContainer
from pipeline.model import Narration, Progress, ProgressCallback, Utterance
from pipeline.narration import NarrationAssembly
from pipeline.production.planning import Plan
from pipeline.production.spoken import blocks, spoken_segment
from pipeline.store import Store

STAGE = "encoding sound"
# How long to wait for news before looking at the store all the same.
LOOK_AGAIN_SECONDS = 1.0

Joined = tuple[Narration, tuple[str, ...]]


@dataclass(slots=True)
class SoundTrack:
    """Follows the speech segment by segment: lays each out as soon as it is whole, and encodes what is settled.

    `joined` holds the narration, and what had to be mended, as soon as everything is spoken: the rest of the sound is
    encoded while the picture is being drawn.
    """

    plan: Plan
    store: Store
    path: Path
    progress: ProgressCallback
    joined: Future[Joined] = field(default_factory=Future)
    _news: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def notice(self) -> None:
        """Tell that something new lies in the store. Raises what ended the encoding, if it has ended."""
        self._news.set()
        if self.joined.done() and (error := self.joined.exception()) is not None:
            raise error

    def stop(self) -> None:
        """Let the encoding end at once."""
        self._stop.set()
        self._news.set()

    def encode(self) -> None:
        """Encode everything, waiting for what is still to be spoken. Runs in a thread of its own.

        Raises OutputError, FfmpegError or StoreError; CancelledError when it was stopped.
        """
        try:
            self._encode()
        except BaseException as error:
            if not self.joined.done():
                self.joined.set_exception(error)
            raise

    def _encode(self) -> None:
        assembly = NarrationAssembly(self.plan.assignment.script, self.plan.assignment.settings.text("language"))
        repairs: list[str] = []
        encoder: SoundEncoder | None = None
        total = sum(len(line.segment.text) for line in self.plan.lines)
        done = 0
        try:
            for line, key in zip(self.plan.lines, self.plan.keys, strict=True):
                one, mended = spoken_segment(line.segment, None if key is None else self._wait_for(key))
                repairs += mended
                assembly.add(one)
                if assembly.sample_rate:
                    encoder = encoder or SoundEncoder(str(self.path), assembly.sample_rate, _kind(self.path))
                    self._feed(encoder, assembly)
                done += len(line.segment.text)
                self.progress(Progress(STAGE, 0.99 * done, total, "characters"))
            narration = assembly.finish()
            self.joined.set_result((narration, tuple(repairs)))
            assert encoder is not None, "a narration has sound"
            self._feed(encoder, assembly)
            for block in blocks(narration.pieces[-1:], self.store):
                encoder.feed(block)
            encoder.finish()
            self.progress(Progress(STAGE, total, total, "characters"))
        except BaseException:
            if encoder is not None:
                encoder.abort()
            raise

    def _feed(self, encoder: SoundEncoder, assembly: NarrationAssembly) -> None:
        for block in blocks(assembly.settled(), self.store):
            if self._stop.is_set():
                raise CancelledError("encoding the sound was ended")
            encoder.feed(block)

    def _wait_for(self, key: str) -> Utterance:
        while True:
            self._news.clear()
            if self._stop.is_set():
                raise CancelledError("encoding the sound was ended")
            if (utterance := self.store.get(key)) is not None:
                return utterance
            self._news.wait(LOOK_AGAIN_SECONDS)


@contextmanager
def encoding_beside(track: SoundTrack) -> Iterator[Future[None]]:
    """Encode in a thread while the body speaks and draws; when the body fails, so does the encoding, at once.

    Gives the future of the encoding's end, which the body waits for.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sound") as beside:
        try:
            yield beside.submit(track.encode)
        except BaseException:
            track.stop()
            raise


def _kind(path: Path) -> SoundContainer:
    return "mp3" if path.suffix == ".mp3" else "wav" if path.suffix == ".wav" else "m4a"
