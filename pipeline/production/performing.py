"""A plan of live speech → its sound where it is wanted, as it comes, and its captions, whatever the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pipeline import pcm
from pipeline.captions.words import TimedWords
from pipeline.codecs.joining import joiner, pausing_joiner
from pipeline.engines import ENGINES, Access, LiveEngine
from pipeline.errors import ScriptError
from pipeline.model import Sayer
from pipeline.production.live import ready_for, ready_to_decode, speak_lines, speak_text
from pipeline.production.live_files import (
    Place,
    SoundFile,
    WavPlace,
    is_pipe,
    open_pipe,
    timed_words,
    write_captions,
)
from pipeline.production.live_jobs import LivePlan
from pipeline.production.live_speech import AudioEvent, Event, LiveSpeech, WordEvent
from pipeline.production.standard_streams import Pipe, standard_input, standard_output, text_from, unhurried

# How it ended: all was spoken; the person broke it off, or only the captions that were still shown; whoever read the
# sound went away.
End = Literal["whole", "interrupted", "unwatched", "unheard"]


class Audience(Protocol):
    """Who is shown a live speech while it is written."""

    def hear(self, event: AudioEvent) -> None:
        """This sound was written, now."""

    def read(self, event: WordEvent) -> None:
        """This word is known."""

    async def finish(self) -> None:
        """All was written: show what is still to come."""

    def stop(self) -> None:
        """Show nothing more."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of a live speech: its files, how long it is, how many words, how it ended, and what was mended."""

    files: tuple[Path, ...]
    duration_ms: int
    words: int
    end: End
    repairs: tuple[str, ...] = ()


def perform(plan: LivePlan, access: Access, audience: Audience, say: Sayer) -> Performance:
    """Speak a plan live, and give what was made; an interruption (Ctrl-C, SIGTERM) is an end like others.

    Raises EngineError and RemoteProtocolError as the engine does, ScriptError for the text that comes, OutputError;
    whatever the error, the sound is playable and has its captions, as far as it came.
    """
    return asyncio.run(_perform(plan, access, audience, say))


async def _perform(plan: LivePlan, access: Access, audience: Audience, say: Sayer) -> Performance:
    try:
        ready = ready_to_decode() if plan.lines else ready_for(plan.request.output_format)
        async with ready, ENGINES[plan.engine](access) as engine:
            return await _Performing(plan, audience, say).run(engine)
    finally:
        audience.stop()


@dataclass(slots=True)
class _Performing:
    """One performance: where its sound goes, and the words so far."""

    plan: LivePlan
    audience: Audience
    say: Sayer
    speech: LiveSpeech = field(init=False)
    place: Place = field(init=False)
    words: list[WordEvent] = field(default_factory=list)
    has_sound: bool = False

    def __post_init__(self) -> None:
        output_format = self.plan.request.output_format
        join = pausing_joiner if self.plan.lines else joiner
        self.speech = LiveSpeech(output_format, join(output_format))
        self.place = _place(self.plan, self.speech.joiner.sample_rate)

    async def run(self, engine: LiveEngine) -> Performance:
        """Speak to the end, whichever it is, and close what was opened."""
        end: End = "whole"
        try:
            async with contextlib.aclosing(self._events(engine)) as events:
                async for event in events:
                    await self._give(event)
            files = self._close()
            end = await self._shown()
        except BrokenPipeError:
            end, files = "unheard", self._close()
        except asyncio.CancelledError:
            end, files = "interrupted", self._break_off()
        except Exception:
            for file in self._break_off()[:1]:
                self.say(f"what was spoken until then is in {file}, its captions beside it")
            raise
        return Performance(tuple(files), self._duration_ms, len(self._timed().words), end, self.speech.repairs)

    async def _shown(self) -> End:
        """Show captions to their end, where they are shown as slowly as the sound is heard."""
        try:
            await self.audience.finish()
        except asyncio.CancelledError:
            self.audience.stop()
            return "unwatched"
        return "whole"

    def _events(self, engine: LiveEngine) -> AsyncGenerator[Event, None]:
        if self.plan.lines:
            return speak_lines(engine, self.plan.lines, self.speech)
        return speak_text(engine, _texts(self.plan), self.plan.request, self.speech, self.plan.job.live)

    async def _give(self, event: Event) -> None:
        if isinstance(event, WordEvent):
            self.words.append(event)
            self.audience.read(event)
        else:
            await self.place.write(event.audio)
            self.has_sound = True
            self.audience.hear(event)

    def _break_off(self) -> list[Path]:
        self.audience.stop()
        return self._close()

    def _close(self) -> list[Path]:
        """Close the sound, and write its captions beside it; nothing where nothing was heard."""
        self.place.close(self.speech.joiner.opening())
        sound = self.plan.sound
        if sound is None or not self.has_sound or is_pipe(sound):
            return []
        return [sound, *write_captions(sound, self._timed(), self.plan.settings)]

    def _timed(self) -> TimedWords:
        language = self.plan.settings.text("language")
        rate = self.speech.joiner.sample_rate
        return timed_words(self.words, self._duration_ms, rate, self.plan.script, language)

    @property
    def _duration_ms(self) -> int:
        return pcm.samples_to_ms(self.speech.joiner.position, self.speech.joiner.sample_rate)


def _place(plan: LivePlan, sample_rate: int) -> Place:
    """Where the sound goes."""
    sound = plan.sound
    place: Place
    if sound is None:
        place = Pipe(standard_output, "standard output")
    elif is_pipe(sound):
        place = Pipe(lambda: open_pipe(sound), str(sound))
    else:
        place = SoundFile(sound)
    return WavPlace(place, sample_rate) if plan.is_wav else place


async def _texts(plan: LivePlan) -> AsyncIterator[str]:
    """Where text comes from that is no script."""
    path = plan.text
    if path is None:
        async for text in text_from(standard_input()):
            yield text
        return
    try:
        stream = await unhurried(lambda: path.open("rb", buffering=0))
    except OSError as error:
        raise ScriptError(f"cannot be read: {error.strerror}", str(path)) from None
    async for text in text_from(stream, str(path)):
        yield text
    # Only at its end: when this is broken off, a thread may still wait in a read, and that file is its own.
    stream.close()
