"""The narration: pauses are audible silence, no sample is lost between words, an hour does not drift."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import (
    Chapter,
    Clip,
    Script,
    Segment,
    Silence,
    TimedCharacters,
    Token,
    Utterance,
    Word,
)
from pipeline.narration import CLOSING_PAUSE_MS, SpokenSegment, assemble_narration

RATE = 24000
NOTHING = TimedCharacters((), (), ())


def spoken(index: int, pause_ms: int, lead: int, sound: int, tail: int, chapter: int | None = None) -> SpokenSegment:
    """Speak one word over the whole sound of an utterance with silence at both ends, all in samples."""
    segment = Segment(index, (Token("w", "w"),), index + 1, pause_before_ms=pause_ms, chapter=chapter)
    utterance = Utterance(f"k{index}", RATE, lead + sound + tail, lead, lead + sound, NOTHING)
    word = Word("w", round(lead / 24), round((lead + sound) / 24), index)
    return SpokenSegment(segment, utterance, (word,))


def sounding(narration_pieces: tuple[Clip | Silence, ...], speech: list[SpokenSegment]) -> list[tuple[int, int]]:
    """Find where each utterance's sound lies in the narration, in samples, by walking the pieces."""
    utterances = {one.utterance.key: one.utterance for one in speech if one.utterance}
    cursor, found = 0, []
    for piece in narration_pieces:
        if isinstance(piece, Clip):
            utterance = utterances[piece.key]
            assert piece.first <= utterance.sound_first
            assert piece.first + piece.count >= utterance.sound_end
            start = cursor + utterance.sound_first - piece.first
            found.append((start, start + utterance.sound_end - utterance.sound_first))
        cursor += piece.count
    return found


SPEECH = st.lists(
    st.tuples(
        st.sampled_from([0, 200, 400, 1000]), st.integers(0, 12000), st.integers(1, 90000), st.integers(0, 12000)
    ),
    min_size=1,
    max_size=20,
)


@given(SPEECH)
def test_pauses_are_heard_to_the_sample(rows: list[tuple[int, int, int, int]]) -> None:
    """Between two sounds lies exactly the pause that was asked for, whatever silence the voice left."""
    speech = [spoken(n, *row) for n, row in enumerate(rows)]
    narration = assemble_narration(Script("t", tuple(s.segment for s in speech)), speech)
    places = sounding(narration.pieces, speech)
    for number in range(1, len(places)):
        gap = places[number][0] - places[number - 1][1]
        pause = rows[number][0]
        assert gap == (pause * 24 if pause else rows[number - 1][3] + rows[number][1])
    assert narration.sample_count - places[-1][1] == CLOSING_PAUSE_MS * 24


@given(SPEECH)
def test_words_lie_on_their_sound(rows: list[tuple[int, int, int, int]]) -> None:
    """Every word's time is within a millisecond of where its samples lie, in order."""
    speech = [spoken(n, *row) for n, row in enumerate(rows)]
    narration = assemble_narration(Script("t", tuple(s.segment for s in speech)), speech)
    for word, (start, end) in zip(narration.words, sounding(narration.pieces, speech), strict=True):
        assert abs(word.start_ms - start / 24) <= 1.01
        assert abs(word.end_ms - end / 24) <= 1.01


def test_hours_do_not_drift() -> None:
    """After three hours a word lies as exactly on its sound as at the start."""
    speech = [spoken(n, 400, 1001, 95003, 777) for n in range(2500)]
    narration = assemble_narration(Script("t", tuple(s.segment for s in speech)), speech)
    assert narration.duration_ms > 3 * 3600 * 1000
    start, end = sounding(narration.pieces, speech)[-1]
    assert abs(narration.words[-1].start_ms - start / 24) <= 1
    assert abs(narration.words[-1].end_ms - end / 24) <= 1


def test_tokens_with_nothing_to_say_take_no_time() -> None:
    """A segment without letter or digit lies at its neighbour's edge, and the longer of two pauses holds."""
    dash = SpokenSegment(Segment(0, (Token("—", "—"),), 1), None, (Word("—", 0, 0, 0),))
    first = spoken(1, 400, 240, 2400, 240)
    stars = SpokenSegment(Segment(2, (Token("***", "***"),), 3, pause_before_ms=1000), None, (Word("***", 0, 0, 2),))
    last = spoken(3, 400, 240, 2400, 240)
    speech = [dash, first, stars, last]
    narration = assemble_narration(Script("t", tuple(s.segment for s in speech)), speech)
    places = sounding(narration.pieces, speech)
    assert places[1][0] - places[0][1] == 24000
    words = narration.words
    assert words[0].start_ms == words[0].end_ms == words[1].start_ms
    assert words[2].start_ms == words[2].end_ms == words[1].end_ms


def test_chapters_leave_no_gap() -> None:
    """Chapters run from 0 to the end, each from its first clip."""
    speech = [spoken(0, 0, 240, 24000, 240, 0), spoken(1, 1000, 240, 24000, 240, 1)]
    script = Script("t", tuple(s.segment for s in speech), (Chapter("One", 0, 1), Chapter("Two", 1, 3)))
    narration = assemble_narration(script, speech)
    assert [mark.title for mark in narration.chapters] == ["One", "Two"]
    assert narration.chapters[0].start_ms == 0
    assert narration.chapters[0].end_ms == narration.chapters[1].start_ms
    assert narration.chapters[1].start_ms <= narration.words[1].start_ms
    assert narration.chapters[1].end_ms == narration.duration_ms
