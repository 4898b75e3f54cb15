"""What the messages of a live speech bring → its sound as it is written, and its words, each when its end is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline import pcm
from pipeline.alignment.following import WordFollower
from pipeline.alignment.running import RunningTimeBase, TimedChar
from pipeline.alignment.track import END_MS
from pipeline.codecs.joining import Joiner, lag_ms
from pipeline.model import SpeechChunk, Word


@dataclass(frozen=True, slots=True)
class AudioEvent:
    """More sound, in the format that was asked for: all of them one after another are one file.

    It decodes to the samples `first_sample` to `end_sample` (half open) of the whole, the decoder's delay taken off;
    of coded sound, whose frames need their neighbours, that is so to within a frame or two.
    """

    audio: bytes
    first_sample: int
    end_sample: int
    sample_rate: int

    @property
    def start_ms(self) -> int:
        """When it begins, in milliseconds from the first sample of all."""
        return pcm.samples_to_ms(self.first_sample, self.sample_rate)

    @property
    def end_ms(self) -> int:
        """When it ends."""
        return pcm.samples_to_ms(self.end_sample, self.sample_rate)


@dataclass(frozen=True, slots=True)
class WordEvent:
    """A word as the author wrote it, with its punctuation, in milliseconds from the first sample of all.

    `segment` counts paragraphs, in a script what is spoken in one go. `space_before` is false where the author has no
    space before it; `said` is what was spoken for it, where that differs.
    """

    text: str
    start_ms: int
    end_ms: int
    space_before: bool = True
    segment: int = 0
    said: str | None = None


Event = AudioEvent | WordEvent


class LiveSpeech:
    """One stream of sound, and the words in it. Recordings follow each other on one clock, by samples."""

    def __init__(self, output_format: str, joiner: Joiner) -> None:
        self.words = WordFollower()
        self.joiner = joiner
        self._slack_ms = lag_ms(output_format)
        self._repairs: dict[str, None] = {}
        self._clock: RunningTimeBase | None = None
        # Characters of a recording whose place is not known yet.
        self._unplaced: list[TimedChar] = []
        self._has_sound = False

    @property
    def repairs(self) -> tuple[str, ...]:
        """What had to be mended in the times that came."""
        return tuple({**self._repairs, **self.words.repairs})

    def begin(self, pause_ms: int = 0) -> None:
        """Begin a further recording, after so much silence (0: as it comes)."""
        self.joiner.begin(pause_ms)
        self._clock = RunningTimeBase(self.joiner.sample_rate, slack_ms=self._slack_ms)
        self._unplaced, self._has_sound = [], False

    def heard(self) -> Iterator[Event]:
        """Yield the words that are whole now that more of the text is known."""
        yield from map(_event, self.words.hear())

    def add(self, chunk: SpeechChunk) -> Iterator[Event]:
        """Take what one message brought: words first, for they are waited for. Raises RemoteProtocolError."""
        assert self._clock is not None
        before, first = self.joiner.count, self.joiner.position
        self._has_sound |= bool(chunk.audio)
        audio = self.joiner.feed(chunk.audio) if chunk.audio else b""
        self._clock.add(chunk.alignment, chunk.normalized, before, self.joiner.count - before)
        yield from self._words(self._clock.take())
        yield from self._sound(audio, first)

    def end(self) -> Iterator[Event]:
        """The recording that was begun, if any, is whole: its last sound and words. Raises RemoteProtocolError."""
        if self._clock is None:
            return
        first = self.joiner.position
        audio = self.joiner.end() if self._has_sound else b""
        _, repairs = self._clock.finish(self.joiner.count)
        self._repairs.update(dict.fromkeys(repairs))
        yield from self._words(self._clock.take())
        self._clock = None
        yield from self._sound(audio, first)

    def complete(self) -> Iterator[Event]:
        """The same, and all that was to be spoken was: words without a time get one."""
        if self._clock is not None:
            yield from self.end()
            yield from self._rest()

    def settle(self) -> Iterator[Event]:
        """Neither text nor speech comes for a while: words that were spoken otherwise than written are whole too."""
        if self._clock is None or not self.words.is_lost:
            return
        rate = self.joiner.sample_rate
        if abs(self._clock.end_ms - self.joiner.count * 1000 / rate) <= END_MS + self._slack_ms:
            yield from self._rest()

    def _rest(self) -> Iterator[Event]:
        ms = ((self.joiner.origin or 0.0) + self.joiner.sound_end) * 1000 / self.joiner.sample_rate
        yield from map(_event, self.words.finish(round(ms)))

    def finish(self) -> Iterator[Event]:
        """Nothing more comes, for whatever reason: the end of the sound."""
        first = self.joiner.position
        yield from self._sound(self.joiner.finish(), first)

    def _words(self, characters: Sequence[TimedChar]) -> Iterator[WordEvent]:
        self._unplaced += characters
        if self.joiner.origin is None:
            return
        ms = self.joiner.origin * 1000 / self.joiner.sample_rate
        placed = [replace(one, start_ms=one.start_ms + ms, end_ms=one.end_ms + ms) for one in self._unplaced]
        self._unplaced = []
        yield from map(_event, self.words.hear(placed))

    def _sound(self, audio: bytes, first: int) -> Iterator[AudioEvent]:
        if audio:
            yield AudioEvent(audio, first, self.joiner.position, self.joiner.sample_rate)


def _event(word: Word) -> WordEvent:
    return WordEvent(word.text, word.start_ms, word.end_ms, word.space_before, word.segment or 0, word.said)
