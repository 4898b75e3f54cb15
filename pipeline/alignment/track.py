"""One of the two alignments, message by message → its characters on the utterance's clock.

What a message's times count from is found out, not assumed: public clients of the service disagree, and so do its
documents. Two things are sure. Characters follow one another without a gap, whatever clock says so; and where one
generation ends and the next begins, they have used up exactly the samples that came. So a message is placed where it
continues the one before, by the first of these clocks that says so, and at such a seam the clock is set anew from the
integer count of samples: no rounding lives longer than one generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from pipeline.alignment.characters import SAME_MS, Characters, Message
from pipeline.alignment.repeats import repeated_characters, without_first
from pipeline.model import Alignment

# A seam is believed from less: its two sides are one count of samples, rounded twice and by half a sample.
SEAM_MS = 1.1
# How many seams back are doubted: characters and sound may have met by chance, and the true seam follows.
UNDONE_SEAMS = 3
# What the end of a whole utterance may differ from its samples, by the same rounding.
END_MS = 2.0
# How far behind its characters, and before them, the sound of a message may end: 117 ms is the most that has been seen.
LEAST_LEAD_MS, MOST_LEAD_MS = -200.0, 350.0
# By how much less than their sound characters may have used up, where none of them can be missing.
LEAST_GAP_MS = -30.0
# A count of samples that is off by less than this is off by the same everywhere: no codec's frame is so short.
MOST_STEADY_MS = 5.0
# A clock that starts later than this did not start with the utterance; no voice breathes in for longer.
LONGEST_LEAD_IN_MS = 1500.0


@dataclass(slots=True)
class Track:
    """One of the two alignments, followed through all messages.

    `generation` and `session` are what their clocks' zeros are on the utterance's; `clock` is which of all clocks a
    message was last seen to follow; `corrections` are what the last seams moved, the latest first. `leads` tells that a generation begins
    with a space, `restarts` that its times begin from 0 though they run on inside it, `lag` by how much the count of
    samples is late at every seam.
    """

    slack: float
    characters: Characters = field(default_factory=Characters)
    generation: float = 0.0
    session: float = 0.0
    clock: str = ""
    corrections: tuple[float, ...] = ()
    leads: bool = False
    restarts: bool = False
    lag: float | None = None
    last: Alignment | None = None
    faults: int = 0
    repairs: dict[str, None] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        """Place a message and append its characters."""
        base = self._base(message)
        if base is None:
            return
        self.last = message.alignment
        rows = list(message.rows())
        if any(later[1] < row[1] - SAME_MS or row[2] < row[1] for row, later in pairwise([*rows, rows[-1]])):
            self._fault("times inside a message went back; they were held")
        for char, start, end in rows[self._repeated(rows, base) :]:
            self.characters.append(char, base + start, base + end)

    def unrepeated(self, alignment: Alignment | None, before: float, sound: float) -> Alignment | None:
        """Leave out what the message before had brought already; None for nothing.

        `before` and `sound` are the sound before the message and in it, in milliseconds.
        """
        end = self.characters.end
        # With a rough count of samples a meeting says little, but for the very same message, which has its own sound.
        is_same = alignment == self.last
        nearness = SEAM_MS + self.slack if is_same or not self.slack else -1.0
        may_open = sound > 0 and abs(end - before) <= nearness
        count = repeated_characters(self.last, alignment, before + sound - end, may_open=may_open)
        if alignment is None or not count:
            return alignment
        self._fault("a message's characters came twice; the second was left out")
        return without_first(alignment, count) if count < len(alignment.chars) else None

    def _repeated(self, rows: Sequence[tuple[str, float, float]], base: float) -> int:
        """How many characters of a clock that went back were there before, at the same times."""
        over = sum(base + end <= self.characters.end for _, _, end in rows)
        again = "".join(char for char, _, _ in rows[:over])
        if base + rows[0][1] < self.characters.end - SAME_MS and "".join(self.characters.chars).endswith(again):
            return over
        return 0

    def _base(self, message: Message) -> float | None:
        """What this message's zero is on the utterance's clock, or None where it says nothing new."""
        if self.last is None:
            return self._first_base(message)
        if self._is_seam(message):
            return self._seam_base(message)
        end = self.characters.end
        for clock, base in self._bases(message):
            if abs(base + message.start - end) <= self._nearness(clock, message):
                if self._is_surprise(clock, message):
                    break
                self._note(clock, message)
                return end - message.start if clock == "chain" or (clock == "message" and self.slack) else base
        return self._mended_base(message)

    def _bases(self, message: Message) -> Iterator[tuple[str, float]]:
        """Where the zeros of the clocks that are known of would be, the one that was followed last first."""
        bases = {
            "generation": self.generation,
            "session": self.session,
            "message": message.before,
            "chain": self.characters.end,
        }
        if self.clock:
            yield self.clock, bases.pop(self.clock)
        yield from bases.items()

    def _nearness(self, clock: str, message: Message) -> float:
        """How near to the characters so far a clock must put a message."""
        if clock != "message":
            return SAME_MS
        # From 0 it says no more than that the two met, unless this clock, or a seam, was to be expected here.
        expected = self.clock == "message" or (self.clock == "generation" and message.opens is None)
        return SAME_MS + self.slack if abs(message.start) > SAME_MS or expected else -1.0

    def _note(self, clock: str, message: Message) -> None:
        met = abs(message.before + message.start - self.characters.end) <= SAME_MS + self.slack
        if abs(message.start) > SAME_MS or (clock == "chain" and not met):
            self.clock = clock

    def _is_surprise(self, clock: str, message: Message) -> bool:
        """Tell whether times start from 0, where no seam is known of, although they were seen to run on."""
        return clock == "chain" and self.clock in ("generation", "session") and message.sound > 0

    def _first_base(self, message: Message) -> float:
        """The first zero is the first sample; but a clock that has run for longer than any sound began elsewhere.

        So did one by which the characters are too late for their sound, although they are as long as it.
        """
        self.leads = message.alignment.chars[0].isspace()
        heard, most = message.before + message.sound, MOST_LEAD_MS + self.slack
        # Nothing can be missing before the very first sound, and its own sound came with it.
        is_first = not message.before and message.sound > 0
        is_as_long = is_first and LEAST_LEAD_MS <= message.end - message.start - heard <= most
        if message.start > heard + LONGEST_LEAD_IN_MS or (is_as_long and message.end - heard > most):
            self.generation = self.session = -message.start
        self.characters.opening = self.generation + message.start
        return self.generation

    def _is_seam(self, message: Message) -> bool:
        """Tell whether a generation begins here: by its leading space, else by the samples that came so far."""
        if message.opens is not None:
            return message.opens
        if self.leads and not message.alignment.chars[0].isspace():
            return False
        if (self.restarts or self.slack) and message.start > SAME_MS:
            # Where the count of samples is rough, a clock that runs on tells more than it does.
            return False
        # A generation's characters end in a space or a full stop. Without it the two only happened to meet.
        return self._off(message) <= SEAM_MS + self.slack and not self.characters.chars[-1][-1:].isalnum()

    def _off(self, message: Message) -> float:
        """How far the characters' end is from the sound's, as it is or as it would be had the last seams been none."""
        off = self.characters.end - message.before
        return min(abs(off + undone) for undone in accumulate(self.corrections, initial=0.0))

    def _seam_base(self, message: Message) -> float:
        """Set the clock anew from the samples: at a seam they are the truth."""
        end = self.characters.end
        here = self._seam(message)
        if self._off(message) > END_MS + self.slack:
            self._check_seam(end - here)
        self.restarts |= message.start <= SAME_MS and self.clock == "generation"
        correction = end - here if abs(end - here) <= SAME_MS else 0.0
        self.corrections = (correction, *self.corrections[: UNDONE_SEAMS - 1])
        runs_on = message.start > SAME_MS and (
            any(
                abs(zero + message.start - seam) <= SAME_MS
                for zero in (self.session, self.generation)
                for seam in (end, here)
            )
            or message.start > message.sound + LONGEST_LEAD_IN_MS
        )
        if runs_on:
            self.session = here - message.start
        self.generation = here - message.start if runs_on else here
        return self.generation

    def _seam(self, message: Message) -> float:
        """When the generation begins: at the samples so far, unless their count is rough or its own sound is in it."""
        end = self.characters.end
        if self.slack and abs(end - message.before) <= END_MS + self.slack:
            if self.slack > MOST_STEADY_MS:
                return end
            # Only a filter holds samples back, as many each time.
            self.lag = end - message.before if self.lag is None else self.lag
            return message.before + self.lag
        sound_came_first = not message.sound and abs(end + message.end - message.start - message.before) <= SAME_MS
        return end if sound_came_first else message.before

    def _check_seam(self, off: float) -> None:
        if off > END_MS + self.slack:
            self._fault("characters ran past the end of their sound; they were cut to it")
            self.characters.cut(self.characters.end - off)
        elif off < -(END_MS + self.slack):
            self._fault("sound came without characters between two generations")

    def _mended_base(self, message: Message) -> float | None:
        """Place what continues nothing: on the clock that puts it beside its sound, else at its sound."""
        if message.alignment == self.last:
            self._fault("a message's characters came twice; the second was left out")
            return None
        end = self.characters.end
        heard = message.before + message.sound
        if message.opens is None and message.start <= SAME_MS < end - message.before:
            return self._restarted_base(message)
        for clock, base in self._bases(message):
            if clock == "chain" != self.clock:
                continue
            if base + message.end >= end and LEAST_LEAD_MS <= base + message.end - heard <= MOST_LEAD_MS + self.slack:
                self._name_jump(base + message.start - end)
                return base
        is_behind = LEAST_GAP_MS <= end - message.before <= MOST_LEAD_MS + self.slack
        ahead = end + message.end - message.start - heard
        if is_behind and (not message.sound or LEAST_LEAD_MS <= ahead <= MOST_LEAD_MS + self.slack):
            # The characters so far had all of their sound, and those of the message fill its own, or it is still to
            # come: only a clock jumped.
            self._fault("the clock jumped; characters were placed behind those before")
            self.generation = end - message.start
            return self.generation
        self._name_jump(message.before - end)
        self.generation = message.before if message.start <= SAME_MS else message.before - message.start
        return self.generation

    def _restarted_base(self, message: Message) -> float:
        """Place a clock that began again before the characters so far had their sound."""
        self._name_jump(message.before - self.characters.end)
        self.characters.cut(message.before)
        self.generation = message.before
        return self.generation

    def _name_jump(self, jump: float) -> None:
        if jump < 0:
            self._fault("the clock went back; times were held from going back with it")
        elif jump > SAME_MS + self.slack:
            self._fault("the clock jumped ahead; what came between has no times of its own")

    def _fault(self, sentence: str) -> None:
        self.faults += 1
        self.repairs[sentence] = None

    def finish(self, duration: float) -> None:
        """Hold the end against the sound. Nothing may be later than the last sample."""
        off = self.characters.end - duration
        gaps = self.characters.gaps()
        if off > END_MS + self.slack and -END_MS <= sum(length for _, length in gaps) - off <= END_MS + self.slack:
            # Characters leave no gaps, and without these they are just as long as their sound.
            self._fault("the clock jumped ahead; the gaps that it left were closed")
            self.characters.close(gaps)
            off = self.characters.end - duration
        if off > END_MS + self.slack:
            self._fault(f"characters went on for {off:.0f} ms after the sound; they were cut to it")
        elif off < -(END_MS + self.slack):
            self._fault(f"the last {-off:.0f} ms of the sound have no characters")
        self.characters.cut(duration)
