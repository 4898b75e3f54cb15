"""What a server would send → what it sends instead, by the faults that were asked for: the one place they are made."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from pipeline.engines.clocks import Clock, TimeBase, moved
from pipeline.engines.faults import Fault, Faults, error_of
from pipeline.engines.generation import TimedChunk
from pipeline.errors import EngineError
from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.messages import ErrorMessage

# What stands in a damaged message: no letter of base64 (RFC 4648 4).
_DAMAGE = "!"
_AUDIO_KEY = '"audio":"'


class AskedForError(EngineError):
    """The error frame that a fault asks for is due."""

    def __init__(self, frame: ErrorMessage) -> None:
        super().__init__(frame.message, frame.error, frame.code)
        self.frame = frame


class Misfortune:
    """The faults of one server and how many occasions each has had."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._counts: Counter[Fault] = Counter()

    @property
    def is_possible(self) -> bool:
        """Whether there are faults at all."""
        return bool(self._faults.all)

    def strikes(self, fault: Fault) -> bool:
        """Count one occasion of a fault and tell whether it is made."""
        self._counts[fault] += 1
        count, when = self._counts[fault], fault.when
        if count % when.every:
            return False
        # A draw of its own for each occasion: one fault's occasions do not shift another's.
        draw = random.Random(f"{when.seed}/{fault.name}/{fault.value}/{count}").random()  # noqa: S311  # no secret
        return draw < when.chance

    def struck(self, *names: str) -> Iterator[Fault]:
        """Yield the faults of these names that are made on this occasion."""
        yield from (fault for fault in self._faults.named(*names) if self.strikes(fault))

    def refusal(self) -> Fault | None:
        """The answer that a request gets instead of being served, if it does."""
        return next(self.struck("http-429", "http-5xx"), None)

    def connection(self) -> ConnectionFaults:
        """Begin a connection."""
        return ConnectionFaults(self)


class ConnectionFaults:
    """What is to happen to one connection."""

    def __init__(self, misfortune: Misfortune) -> None:
        self._misfortune = misfortune
        self._drop_after = _least(misfortune.struck("drop-after"))
        self._stall_after = _least(misfortune.struck("stall-after"))
        self._error = next((error_of(fault) for fault in misfortune.struck("error", "busy")), None)
        self._base = next((TimeBase(fault.value) for fault in misfortune.struck("time-base")), None)
        self._sent = 0

    def shaper(self, base: TimeBase, socket_ms: int = 0) -> Shaper:
        """Begin a speech whose times are sent on this clock, unless a fault asks for another."""
        return Shaper(self._misfortune, Clock(self._base or base, socket_ms))

    def leaves_out_final(self) -> bool:
        """Whether a final frame that is due is left out."""
        return any([*self._misfortune.struck("no-final")])

    def spoiled(self, text: str) -> str:
        """Return the text of a message with sound, maybe damaged."""
        at = text.find(_AUDIO_KEY)
        if at < 0 or text.startswith('"', at + len(_AUDIO_KEY)) or not any([*self._misfortune.struck("wrong-base64")]):
            return text
        first = at + len(_AUDIO_KEY)
        return text[:first] + _DAMAGE + text[first + 1 :]

    def check_error(self) -> None:
        """Raise AskedForError when an error frame is due before the next message."""
        if self._error and self._sent >= self._error[1]:
            frame, self._error = self._error[0], None
            raise AskedForError(frame)

    def is_dropped(self, size: int) -> bool:
        """Whether the connection breaks before a message of so many bytes."""
        return self._drop_after is not None and self._sent + size > self._drop_after

    def is_stalled(self, size: int) -> bool:
        """Whether a message of so many bytes is never sent."""
        return self._stall_after is not None and self._sent + size > self._stall_after

    def count(self, size: int) -> None:
        """Note that so many bytes were sent."""
        self._sent += size


class Shaper:
    """One speech's chunks → what messages carry of them, and on which clock."""

    def __init__(self, misfortune: Misfortune, clock: Clock) -> None:
        self._misfortune = misfortune
        self._clock = clock
        self._late_ms = 0
        self._before = SpeechChunk()

    def shape(self, timed: TimedChunk) -> Iterator[SpeechChunk]:
        """Yield the messages that are sent for a chunk: without a fault, one, with its times on the speech's clock."""
        if not self._misfortune.is_possible:
            yield self._clock.tell(timed)
            return
        parts = [timed]
        if (cut := _inside_a_word(timed.chunk)) and any([*self._misfortune.struck("split-words")]):
            parts = _parted(timed, cut)
        for part in parts:
            yield from self._damaged(self._clock.tell(part))

    def _damaged(self, chunk: SpeechChunk) -> Iterator[SpeechChunk]:
        if chunk.alignment is None:
            yield chunk
            return
        for fault in self._misfortune.struck("clock-jump"):
            self._late_ms += int(fault.value)
        sent = chunk
        if self._late_ms:
            sent = SpeechChunk(
                chunk.audio, moved(chunk.alignment, self._late_ms), moved(chunk.normalized, self._late_ms)
            )
        whole = sent
        if self._before.alignment and any([*self._misfortune.struck("repeat-alignment")]):
            before = self._before
            sent = SpeechChunk(
                sent.audio, _after(before.alignment, sent.alignment), _after(before.normalized, sent.normalized)
            )
        self._before = whole
        if any([*self._misfortune.struck("truncate-alignment")]):
            sent = SpeechChunk(sent.audio, _first_half(sent.alignment), _first_half(sent.normalized))
        if any([*self._misfortune.struck("null-alignments", "audio-without-alignment")]):
            sent = SpeechChunk(sent.audio)
        if sent.audio and any([*self._misfortune.struck("alignment-without-audio")]):
            yield replace(sent, audio=b"")
            sent = SpeechChunk(sent.audio)
        yield sent


def _least(faults: Iterator[Fault]) -> int | None:
    return min((int(fault.value) for fault in faults), default=None)


def _after(before: Alignment | None, times: Alignment | None) -> Alignment | None:
    if before is None or times is None:
        return times
    return Alignment(
        before.chars + times.chars, before.starts_ms + times.starts_ms, before.durations_ms + times.durations_ms
    )


def _first_half(times: Alignment | None) -> Alignment | None:
    return None if times is None else _slice(times, 0, (len(times.chars) + 1) // 2)


def _slice(times: Alignment, first: int, end: int) -> Alignment:
    return Alignment(times.chars[first:end], times.starts_ms[first:end], times.durations_ms[first:end])


def _inside_a_word(chunk: SpeechChunk) -> int:
    """Where the characters of a message can be cut inside a word, near the middle; 0 where they cannot."""
    if chunk.alignment is None:
        return 0
    chars = chunk.alignment.chars
    inside = [at for at in range(1, len(chars)) if chars[at - 1].isalnum() and chars[at].isalnum()]
    return min(inside, key=lambda at: abs(at - len(chars) // 2), default=0)


def _parted(timed: TimedChunk, cut: int) -> list[TimedChunk]:
    """Cut a chunk before its `cut`-th character, its sound where that character starts."""
    chunk, times = timed.chunk, timed.chunk.alignment
    assert times is not None
    length_ms = timed.end_ms - timed.message_ms
    at_ms = min(max(times.starts_ms[cut] - timed.message_ms, 0), length_ms)
    place = int(len(chunk.audio) * at_ms / length_ms) & ~1 if length_ms else 0
    normalized: tuple[Alignment | None, Alignment | None] = (None, None)
    if chunk.normalized:
        other = max(0, cut + len(chunk.normalized.chars) - len(times.chars))
        normalized = _slice(chunk.normalized, 0, other), _slice(chunk.normalized, other, len(chunk.normalized.chars))
    middle = round(timed.message_ms + at_ms)
    first = SpeechChunk(chunk.audio[:place], _slice(times, 0, cut), normalized[0])
    second = SpeechChunk(chunk.audio[place:], _slice(times, cut, len(times.chars)), normalized[1])
    return [replace(timed, chunk=first, end_ms=middle), replace(timed, chunk=second, message_ms=middle)]
