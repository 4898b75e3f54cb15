"""Whatever a message's times count from, and wherever messages are cut, the words come out the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment import TimeBase, finished_without_final, words_from_characters
from pipeline.model import Alignment, TimedCharacters
from tests.alignment.messages import (
    CLOCKS,
    FRAME_MS,
    Generation,
    Message,
    messages,
    only_sent,
    only_spoken,
    random_text,
    recorded,
    segment_of,
    spoken,
    true_words,
)

SAMPLE_RATE = 24_000
WITHIN_MS = 2.0
# Where only one alignment comes, nothing marks a seam but the samples, and these may meet the characters by chance.
UNMARKED_MS = 3.5
SENT_WHAT: dict[str, Callable[[Message], Message]] = {
    "both": lambda message: message,
    "sent": only_sent,
    "spoken": only_spoken,
}


def joined(sent: Iterable[Message], sample_rate: int = SAMPLE_RATE) -> tuple[TimedCharacters, tuple[str, ...]]:
    """Join messages on one clock."""
    base = TimeBase(sample_rate)
    count = 0
    for message in sent:
        base.add(message.alignment, message.normalized, message.samples_before, message.samples_in)
        count = message.samples_before + message.samples_in
    return base.finish(count)


def worst_error(text: str, characters: TimedCharacters, truth: list[tuple[float, float]]) -> float:
    """How far the word that is farthest from where it was put is from it, in milliseconds."""
    words = words_from_characters(segment_of(text), characters).words
    assert len(words) == len(truth)
    pairs = zip(words, truth, strict=True)
    return max(max(abs(word.start_ms - start), abs(word.end_ms - end)) for word, (start, end) in pairs)


@lru_cache(maxsize=1)
def speech(seed: int, count: int, words: int, sample_rate: int = SAMPLE_RATE) -> tuple[str, list[Generation]]:
    """So many generations of so many words, and their text."""
    random = Random(seed)
    texts = [random_text(random, words) for _ in range(count)]
    return " ".join(texts), [spoken(random, text, sample_rate) for text in texts]


def true_times(
    generations: Sequence[Generation], what: str, sample_rate: int = SAMPLE_RATE
) -> list[tuple[float, float]]:
    """When every word is heard, as far as what was sent can tell.

    The text as sent alone has a generation's first character start with the space that was before it.
    """
    truth = true_words(generations, sample_rate)
    if what == "sent":
        begins = set(accumulate((len(true_words([g], sample_rate)) for g in generations), initial=0))
        firsts = [generation.edges[1] if generation.chars[1].isalnum() else 0.0 for generation in generations]
        leads = iter(firsts)
        truth = [(start - next(leads) if n in begins else start, end) for n, (start, end) in enumerate(truth)]
    return truth


@pytest.mark.slow
@pytest.mark.parametrize("what", SENT_WHAT)
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_hour_does_not_drift_on_any_clock(clock: str, what: str) -> None:
    """After an hour of generations in one session every word is within 2 ms, and nothing had to be mended."""
    text, generations = speech(7, 320, 32)
    seconds = sum(generation.samples for generation in generations) / SAMPLE_RATE
    assert seconds > 3000
    characters, repairs = joined(SENT_WHAT[what](message) for message in messages(generations, clock, SAMPLE_RATE))
    assert repairs == ()
    assert worst_error(text, characters, true_times(generations, what)) <= WITHIN_MS


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    clock=st.sampled_from(CLOCKS),
    what=st.sampled_from(["both", "spoken"]),
    rate=st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100]),
)
def test_messages_may_be_cut_anywhere(seed: int, clock: str, what: str, rate: int) -> None:
    """Wherever characters and sound are cut, each by its own measure, the words are where they were spoken."""
    text, generations = speech(seed, 4, 12, rate)
    characters, repairs = joined((SENT_WHAT[what](message) for message in messages(generations, clock, rate)), rate)
    assert repairs == ()
    assert worst_error(text, characters, true_words(generations, rate)) <= (
        WITHIN_MS if what == "both" else UNMARKED_MS
    )


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.sampled_from(["a", " ", "b.", "é"]), st.integers(-50, 3000), st.integers(-9, 300)),
                max_size=5,
            ),
            st.booleans(),
            st.integers(0, 30_000),
        ),
        max_size=6,
    )
)
def test_time_never_goes_back_whatever_comes(rows: list[tuple[list[tuple[str, int, int]], bool, int]]) -> None:
    """Of any messages at all the characters come out in order, within the sound."""
    base = TimeBase(SAMPLE_RATE)
    count = 0
    for chars, is_sent, samples in rows:
        alignment = (
            Alignment(*(tuple(column) for column in zip(*chars, strict=True))) if chars else Alignment((), (), ())
        )
        base.add(alignment if is_sent else None, None if is_sent else alignment, count, samples)
        count += samples
    characters, _ = base.finish(count)
    flat = [time for pair in zip(characters.starts_ms, characters.ends_ms, strict=True) for time in pair]
    assert flat == sorted(flat)
    assert all(0 <= time <= count * 1000 / SAMPLE_RATE + WITHIN_MS for time in flat)


# ── what must be mended ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_that_comes_twice_is_taken_once() -> None:
    """Its second copy adds no characters, and is named."""
    text, generations = speech(3, 1, 30)
    sent = list(messages(generations, "generation", SAMPLE_RATE))
    twice = [*sent[:2], replace(sent[1], samples_before=sent[2].samples_before, samples_in=0), *sent[2:]]
    characters, repairs = joined(twice)
    assert worst_error(text, characters, true_words(generations, SAMPLE_RATE)) <= WITHIN_MS
    assert "came twice" in " ".join(repairs)


def test_sound_without_characters_leaves_a_gap_not_a_shift() -> None:
    """Where one message lacks its times, those after it are still where they belong."""
    text, generations = speech(4, 1, 40)
    sent = list(messages(generations, "generation", SAMPLE_RATE))
    lost = max(range(1, len(sent) - 1), key=lambda n: len(getattr(sent[n].normalized, "chars", ())))
    first, until = (getattr(sent[n].normalized, "starts_ms", (0,))[0] for n in (lost, lost + 1))
    holed = [
        replace(message, alignment=None, normalized=None) if n == lost else message for n, message in enumerate(sent)
    ]
    characters, _ = joined(holed)
    whole, _ = joined(sent)
    kept = [n for n, start in enumerate(whole.starts_ms) if not first <= start < until]
    assert characters.starts_ms == tuple(whole.starts_ms[n] for n in kept)
    words = words_from_characters(segment_of(text), characters)
    for word, (start, end) in zip(words.words, true_words(generations, SAMPLE_RATE), strict=True):
        inside = start < until and end > first
        assert abs(word.start_ms - start) <= (until - first if inside else WITHIN_MS)
        assert abs(word.end_ms - end) <= (until - first if inside else WITHIN_MS)
        assert word.end_ms > word.start_ms
    assert "without a time" in words.repairs[-1]


def test_sound_cut_short_cuts_the_characters_not_what_follows() -> None:
    """Where a generation's sound ends before its characters do, the next begins with its own sound."""
    text, generations = speech(5, 3, 20)
    cuts = generations[0].cuts
    lost = SAMPLE_RATE // 2
    shorter = replace(
        generations[0], samples=generations[0].samples - lost, cuts=(*cuts[:-1], (cuts[-1][0], cuts[-1][1] - lost))
    )
    for clock in ("generation", "session"):
        characters, repairs = joined(messages([shorter, *generations[1:]], clock, SAMPLE_RATE))
        truth = true_words([shorter, *generations[1:]], SAMPLE_RATE)[20:]
        words = words_from_characters(segment_of(text), characters).words[20:]
        errors = [abs(word.start_ms - start) for word, (start, _) in zip(words, truth, strict=True)]
        assert max(errors) <= WITHIN_MS
        assert "ran past the end of their sound" in repairs[0]


def test_where_the_text_as_sent_starts_over_the_text_as_spoken_is_taken() -> None:
    """Times that begin again in the middle, as they do with pronunciation dictionaries, are not trusted."""
    text, generations = speech(6, 1, 40)
    sent = list(messages(generations, "generation", SAMPLE_RATE))
    broken = [replace(message, alignment=sent[0].alignment) if n == 2 else message for n, message in enumerate(sent)]
    characters, repairs = joined(broken)
    assert worst_error(text, characters, true_words(generations, SAMPLE_RATE)) <= WITHIN_MS
    assert "those of the text as spoken were taken" in repairs[-1]


def test_times_that_come_without_sound_belong_to_the_sound_before() -> None:
    """A message of characters only, after its sound, is placed at that sound's start."""
    text, generations = speech(8, 3, 10)
    late: list[Message] = []
    for generation in generations:
        whole = list(messages([generation], "whole", SAMPLE_RATE))
        before = sum(message.samples_in for message in late)
        late.append(Message(None, None, before, generation.samples))
        late.append(replace(whole[0], samples_before=before + generation.samples, samples_in=0))
    characters, repairs = joined(late)
    assert repairs == ()
    assert worst_error(text, characters, true_words(generations, SAMPLE_RATE)) <= WITHIN_MS


def test_a_clock_that_ran_before_the_utterance_is_set_to_its_start() -> None:
    """Times that count from the beginning of a longer session are brought back to the utterance's."""
    text, generations = speech(9, 3, 10)
    sent = messages(generations, "session", SAMPLE_RATE)

    def later(alignment: Alignment | None) -> Alignment | None:
        return alignment and replace(alignment, starts_ms=tuple(start + 754_321 for start in alignment.starts_ms))

    shifted = [replace(m, alignment=later(m.alignment), normalized=later(m.normalized)) for m in sent]
    characters, repairs = joined(shifted)
    assert repairs == ()
    assert worst_error(text, characters, true_words(generations, SAMPLE_RATE)) <= WITHIN_MS


@pytest.mark.parametrize("clock", ["generation", "session", "chain", "whole"])
def test_a_rough_count_of_samples_moves_nothing(clock: str) -> None:
    """A decoder that holds back up to 60 ms of sound does not disturb the characters' own order."""
    text, generations = speech(10, 4, 20)
    base = TimeBase(SAMPLE_RATE, slack_ms=80)
    held = 0
    for message in messages(generations, clock, SAMPLE_RATE):
        lag = min(message.samples_in, 60 * SAMPLE_RATE // 1000 - (message.samples_before % 700))
        base.add(message.alignment, message.normalized, message.samples_before - held, message.samples_in + held - lag)
        held = lag
    characters, repairs = base.finish(sum(generation.samples for generation in generations))
    assert repairs == ()
    assert worst_error(text, characters, true_words(generations, SAMPLE_RATE)) <= WITHIN_MS + 2


def test_nothing_at_all_is_nothing() -> None:
    """No message with times: no characters, no repairs, nothing finished."""
    base = TimeBase(SAMPLE_RATE)
    base.add(None, None, 0, 1000)
    base.add(Alignment((), (), ()), None, 1000, 1000)
    characters, repairs = base.finish(2000)
    assert characters == TimedCharacters((), (), ())
    assert repairs == ()
    assert not finished_without_final("a", characters, 2000, SAMPLE_RATE)


def test_a_first_word_starts_with_its_sound() -> None:
    """In the text as sent a first character has taken the time of the space before it; it is given back."""
    base = TimeBase(16_000)
    sent = Alignment(("H", "i", " "), (0, 104, 174), (104, 70, 35))
    said = Alignment((" ", "H", "i", " "), (0, 70, 104, 174), (70, 34, 70, 35))
    base.add(sent, said, 0, 3344)
    assert base.finish(3344)[0] == TimedCharacters(("H", "i", " "), (70, 104, 174), (104, 174, 209))


def test_finished_is_said_only_of_the_whole_text_and_sound() -> None:
    """Without a final message, text and sound tell whether all was spoken."""
    characters = TimedCharacters(("a", "b", " "), (0, 40, 80), (40, 80, 100))
    assert finished_without_final("ab", characters, 2400, SAMPLE_RATE)
    assert finished_without_final("ab ", characters, 2447, SAMPLE_RATE)
    assert not finished_without_final("ab", characters, 2450, SAMPLE_RATE)
    assert not finished_without_final("abc", characters, 2400, SAMPLE_RATE)


# ── the recorded generation ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def recordings() -> Path:
    """The folder of recordings of the real service."""
    folder = os.environ.get("CUELINE_RECORDINGS")
    if not folder:
        pytest.skip("CUELINE_RECORDINGS does not name a folder of recordings")
    return Path(folder)


def test_the_recording_ends_where_its_sound_does(recordings: Path) -> None:
    """Its last full stop starts at 10,832 ms, the space after it at 10,878, and its end is the samples' end."""
    text, rate, generation = recorded(recordings)
    characters, repairs = joined(messages([generation], "generation", rate), rate)
    assert repairs == ()
    assert "".join(characters.chars) == text + " "
    assert characters.starts_ms[0] == 23
    assert characters.starts_ms[-2:] == (10_832, 10_878)
    assert characters.ends_ms[-1] == 11_053
    assert finished_without_final(text, characters, generation.samples, rate)
    words = words_from_characters(segment_of(text), characters)
    assert words.repairs == ()
    assert [(word.text, word.start_ms, word.end_ms) for word in words.words[-1:]] == [("pence.", 10_344, 10_832)]


@pytest.mark.parametrize("what", SENT_WHAT)
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_recording_fifty_times_over_does_not_drift(recordings: Path, clock: str, what: str) -> None:
    """One session of fifty generations, whatever its clock: every word within 2 ms of its own samples."""
    text, rate, generation = recorded(recordings)
    generations = [generation] * 50
    characters, repairs = joined((SENT_WHAT[what](m) for m in messages(generations, clock, rate)), rate)
    assert repairs == ()
    assert worst_error(" ".join([text] * 50), characters, true_times(generations, what, rate)) <= WITHIN_MS


def test_the_grid_is_that_of_the_recordings() -> None:
    """The generator's step is the aligner's: 512 samples at 44.1 kHz."""
    assert pytest.approx(11.60998, abs=1e-5) == FRAME_MS
