"""Character times of every message → one clock: milliseconds from the utterance's first sample."""

from __future__ import annotations

from pipeline.alignment.characters import Characters, Message
from pipeline.alignment.track import END_MS, Track
from pipeline.model import Alignment, TimedCharacters


def finished_without_final(text: str, characters: TimedCharacters, sample_count: int, sample_rate: int) -> bool:
    """Tell whether all of a text was spoken, though the last message never came.

    That is so when the characters are the text (spaces at its ends apart) and end within 2 ms of the samples.
    """
    if not characters.chars or "".join(characters.chars).strip() != text.strip():
        return False
    return abs(characters.ends_ms[-1] - sample_count * 1000 / sample_rate) <= END_MS


class TimeBase:
    """Joins the character times of an utterance's messages on one clock.

    Both alignments are followed to the end; the one of the text as sent is taken unless the other has fewer faults.

    >>> base = TimeBase(1000)
    >>> base.add(Alignment(("H", "i"), (0, 40), (40, 40)), None, 0, 80)
    >>> base.add(Alignment((" ",), (80,), (20,)), None, 80, 20)
    >>> base.finish(100)[0].ends_ms
    (40, 80, 100)
    """

    def __init__(self, sample_rate: int, *, slack_ms: float = 0.0) -> None:
        """`slack_ms` is how far a count of samples before a message may be off, as a decoder's delay makes it."""
        self._sample_rate = sample_rate
        self._slack = slack_ms
        self._sent = Track(slack_ms)
        self._spoken = Track(slack_ms)
        self._marks_openings: bool | None = None

    def add(
        self, alignment: Alignment | None, normalized: Alignment | None, samples_before: int, samples_in: int
    ) -> None:
        """Take the next message: its two alignments, and how many decoded samples came before it and in it."""
        before, sound = self._ms(samples_before), self._ms(samples_in)
        sent = self._sent.unrepeated(_usable(alignment), before, sound)
        spoken = self._spoken.unrepeated(_usable(normalized), before, sound)
        opens = self._opens(sent, spoken)
        if sent:
            self._sent.add(Message(sent, before, sound, opens, _first_sounding(sent, spoken)))
        if spoken:
            self._spoken.add(Message(spoken, before, sound, opens, None))

    def finish(self, sample_count: int) -> tuple[TimedCharacters, tuple[str, ...]]:
        """All characters, none after the last sample, and in words what had to be mended."""
        for track in (self._sent, self._spoken):
            if track.last is not None:
                track.finish(self._ms(sample_count))
        track = self._better()
        repairs = list(track.repairs)
        if track is self._spoken and self._sent.last is not None:
            repairs.append("the times of the text as sent were at fault; those of the text as spoken were taken")
        return _whole_ms(track.characters, self._ms(sample_count)), tuple(repairs)

    def _better(self) -> Track:
        if self._spoken.last is None or self._sent.last is None:
            return self._sent if self._spoken.last is None else self._spoken
        return self._spoken if self._spoken.faults < self._sent.faults else self._sent

    def _opens(self, sent: Alignment | None, spoken: Alignment | None) -> bool | None:
        """Tell a generation's first message by the one more space that its spoken form begins with.

        Believed only where the utterance's first message has it; None where this message cannot say.
        """
        if sent is None or spoken is None:
            return None
        extra = _leading_spaces(spoken) > _leading_spaces(sent)
        if self._marks_openings is None:
            self._marks_openings = extra
        return extra if self._marks_openings else None

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self._sample_rate


def _usable(alignment: Alignment | None) -> Alignment | None:
    """None where it holds no character; its three lists cut to one length."""
    if alignment is None:
        return None
    count = min(len(alignment.chars), len(alignment.starts_ms), len(alignment.durations_ms))
    if count == len(alignment.chars) == len(alignment.starts_ms) == len(alignment.durations_ms):
        return alignment if count else None
    if not count:
        return None
    return Alignment(alignment.chars[:count], alignment.starts_ms[:count], alignment.durations_ms[:count])


def _leading_spaces(alignment: Alignment) -> int:
    text = "".join(alignment.chars)
    return len(text) - len(text.lstrip())


def _first_sounding(sent: Alignment, spoken: Alignment | None) -> float | None:
    """When a generation's first sound begins: its first character, in the text as sent, has absorbed a space before."""
    if spoken is None or sent.chars[0].isspace() or not spoken.chars[0].isspace():
        return None
    return next((start for char, start in zip(spoken.chars, spoken.starts_ms, strict=True) if not char.isspace()), None)


def _whole_ms(characters: Characters, duration: float) -> TimedCharacters:
    """Round to whole milliseconds, not past the sound."""
    last = round(duration)
    return TimedCharacters(
        tuple(characters.chars),
        tuple(min(last, max(0, round(start))) for start in characters.starts),
        tuple(min(last, max(0, round(end))) for end in characters.ends),
    )
