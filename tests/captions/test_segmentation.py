"""Words → cues: nothing lost, limits kept wherever they can be, cuts where sense allows."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captions.checks import violations
from pipeline.captions.profiles import Profile, profile
from pipeline.captions.segmentation import break_into_cues, forced_starts
from pipeline.model import CaptionTrack, Cue, Span, Word

LIMITS = profile("netflix", "en", 25)


def spoken(text: str, ms_per_character: int = 70, comma_ms: int = 150, stop_ms: int = 500) -> list[Word]:
    """Words of a text at an even speed, with a pause after a comma and after a sentence."""
    words: list[Word] = []
    clock = 0
    for shown in text.split():
        end = clock + ms_per_character * len(shown)
        words.append(Word(shown, clock, end))
        clock = end + ms_per_character + comma_ms * shown.endswith(",") + stop_ms * shown.endswith((".", "!", "?"))
    return words


def texts(cues: Iterable[Cue]) -> list[tuple[str, ...]]:
    """Return the lines of each cue."""
    return [cue.lines for cue in cues]


def rejoined(words: list[Word], cues: tuple[Cue, ...]) -> None:
    """Each word stands in just one cue, in order, and a cue's lines are its words with the author's spaces."""
    assert [cue.first_word for cue in cues[1:]] == [cue.end_word for cue in cues[:-1]]
    assert (cues[0].first_word, cues[-1].end_word) == (0, len(words))
    for cue in cues:
        own = words[cue.first_word : cue.end_word]
        whole = "".join((" " if word.space_before and n else "") + word.text for n, word in enumerate(own))
        assert whole.replace(" ", "") == "".join(cue.lines).replace(" ", "")
        assert any(whole == joint.join(cue.lines) for joint in (" ", ""))


# ── examples ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_words_make_no_cues() -> None:
    """An empty narration has no captions."""
    assert break_into_cues([], LIMITS) == ()


def test_a_short_sentence_is_one_line() -> None:
    """What fits on a line stays on one, from its first sound to half a second past its last."""
    words = spoken("The harbour opened that year.")
    assert break_into_cues(words, LIMITS) == (Cue(0, words[-1].end_ms + 500, ("The harbour opened that year.",), 0, 5),)


def test_a_line_ends_where_the_grammar_does() -> None:
    """No line ends in an article, a preposition or a conjunction where another place is near."""
    cues = break_into_cues(spoken("The keeper of the lighthouse walked down to the shore and lit the lamps."), LIMITS)
    glue = {"the", "of", "to", "and"}
    assert len(cues) < 4
    assert not any(line.split()[-1].lower() in glue for cue in cues for line in cue.lines)


def test_sentences_end_cues() -> None:
    """Two sentences that can be seen long enough have a cue each, though they would fit in one."""
    cues = break_into_cues(spoken("The tide is rising now. The boats are coming in."), LIMITS)
    assert texts(cues) == [("The tide is rising now.",), ("The boats are coming in.",)]


def test_a_sentence_too_short_to_be_read_shares_a_cue() -> None:
    """`No.` would be seen for far less than 5/6 s: it goes with its neighbour."""
    words = [Word("No.", 0, 250), Word("They", 300, 500), Word("stayed", 550, 900), Word("away.", 950, 1300)]
    cues = break_into_cues(words, LIMITS)
    assert texts(cues) == [("No. They stayed away.",)]


def test_an_abbreviation_ends_no_cue() -> None:
    """`Dr.` and initials stay with the name that follows."""
    cues = break_into_cues(spoken("We asked old Dr. Harrow of the harbour board to look at our plans today."), LIMITS)
    assert not any(line.endswith("Dr.") for cue in cues for line in cue.lines)


def test_a_pause_ends_a_cue() -> None:
    """Nobody reads ahead across two seconds of silence, though the words would fit on one line."""
    first, second = spoken("We waited"), spoken("and then it rang.")
    later = [Word(w.text, w.start_ms + 3000, w.end_ms + 3000) for w in second]
    assert len(break_into_cues([*first, *later], LIMITS)) == 2


def test_forced_starts_are_kept() -> None:
    """A paragraph begins a cue, whatever it costs."""
    words = spoken("one two three four five six", stop_ms=0)
    cues = break_into_cues(words, LIMITS, forced=frozenset({0, 1, 4, 99}))
    assert {1, 4} <= {cue.first_word for cue in cues}


def test_forced_starts_come_from_paragraphs_and_speakers() -> None:
    """A new paragraph or speaker forces a cue, a segment that goes on after a break does not."""
    spans = [
        Span(0, 0, 900, "Anna"),
        Span(1, 1000, 1900, "Anna", starts_paragraph=False),
        Span(2, 2000, 2900, "Ben", starts_paragraph=False),
        Span(3, 3000, 3900, "Ben"),
    ]
    words = [Word(str(n), n * 500, n * 500 + 400, segment=n // 2) for n in range(8)]
    assert forced_starts(words, spans) == frozenset({4, 6})
    assert forced_starts([Word("a", 0, 1), Word("b", 2, 3)], ()) == frozenset()


def test_a_paragraph_that_is_not_spoken_is_seen_with_what_was_said_before() -> None:
    """A paragraph of a star or a face alone takes no time, so it forces no cue; the paragraph after it does."""
    spans = [Span(0, 0, 0), Span(1, 0, 1900), Span(2, 1900, 1900), Span(3, 2300, 4200, starts_paragraph=False)]
    words = [
        Word("***", 0, 0, 0),
        Word("Splendid", 0, 900, 1),
        Word("morning.", 950, 1900, 1),
        Word("😀", 1900, 1900, 2),
        Word("“", 2300, 2300, 3),
        Word("Marvellous", 2300, 4200, 3),
    ]
    assert forced_starts(words, spans) == frozenset({4})
    cues = break_into_cues(words, LIMITS, forced_starts(words, spans))
    assert texts(cues) == [("*** Splendid morning. 😀",), ("“ Marvellous",)]
    assert violations(CaptionTrack(cues), LIMITS) == ()


def test_a_word_wider_than_a_line_stands_alone_and_is_reported() -> None:
    """An address is never cut: it has a line of its own, and the check says that it is too long."""
    address = "https://example.org/" + "harbour/" * 8
    words = spoken(f"You will find all of it at {address} before noon.")
    cues = break_into_cues(words, LIMITS)
    assert (address,) in texts(cues)
    assert [found.rule for found in violations(CaptionTrack(cues), LIMITS)] == ["line-width"]


def test_phrases_without_spaces_are_joined_without_spaces() -> None:
    """Japanese phrases make lines of at most thirteen characters, none beginning with a mark."""
    japanese = profile("netflix", "ja", 25)
    phrases = ["左に見えるのは、", "私たちの町の", "古い灯台です。", "とても美しい景色を", "眺めましょう。"]
    words: list[Word] = []
    clock = 0
    for n, phrase in enumerate(phrases):
        words.append(Word(phrase, clock, clock + 160 * len(phrase), space_before=n == 0))
        clock += 160 * len(phrase) + (400 if phrase.endswith("。") else 50)
    cues = break_into_cues(words, japanese)
    assert "".join(line for cue in cues for line in cue.lines) == "".join(phrases)
    assert violations(CaptionTrack(cues, "ja"), japanese) == ()


def test_a_word_that_takes_ten_seconds_is_seen_as_long() -> None:
    """An address that is read out stays until its last sound."""
    words = [Word("Visit", 0, 400), Word("https://example.org/tide", 500, 10_500), Word("today.", 10_800, 11_400)]
    cues = break_into_cues(words, LIMITS)
    address = next(cue for cue in cues if cue.end_word == 2)
    assert address.end_ms == 10_720


def test_a_phrase_that_no_cue_holds_is_parted() -> None:
    """A long Japanese phrase is seen in parts that follow each other, and each word counts to one cue."""
    japanese = profile("netflix", "ja", 25)
    phrase = (
        "私たちの町の古い灯台から見える港の景色は朝も夕方もとても美しくて遠くの国から来た人たちにも愛されています。"
    )
    words = [Word("では、", 0, 600), Word(phrase, 700, 10_700, space_before=False), Word("はい。", 11_500, 12_300)]
    cues = break_into_cues(words, japanese, frozenset({2}))
    assert "".join(line for cue in cues for line in cue.lines) == "".join(word.text for word in words)
    assert violations(CaptionTrack(cues, "ja"), japanese) == ()
    assert cues[-2].end_ms >= 10_700
    assert (cues[0].first_word, cues[-1].first_word, cues[-1].end_word) == (0, 2, 3)
    assert [cue.first_word for cue in cues[1:]] == [cue.end_word for cue in cues[:-1]]


def test_a_short_phrase_said_slowly_is_parted_too() -> None:
    """Seven seconds are not enough for a phrase of one line that takes twelve."""
    japanese = profile("netflix", "ja", 25)
    cues = break_into_cues([Word("港の美しい景色", 0, 12_000)], japanese)
    assert [cue.lines for cue in cues] == [("港の",), ("美しい",), ("景色",)]
    assert cues[-1].end_ms == 12_500
    assert violations(CaptionTrack(cues, "ja"), japanese) == ()


def test_thai_is_held_where_it_cannot_be_parted() -> None:
    """Where Thai words end is not known: the phrase stays whole, and stays seen."""
    (cue,) = break_into_cues([Word("ภาษาไทย", 0, 9000)], profile("netflix", "th", 25))
    assert (cue.lines, cue.end_ms) == (("ภาษาไทย",), 9000)


def test_a_token_without_letters_begins_no_line() -> None:
    """A dash or a face stays with the word before it."""
    cues = break_into_cues(
        spoken("It came at last — slowly at first — then 😀 all at once — and nobody knew why."), LIMITS
    )
    assert not any(line[0] in "—😀" for cue in cues for line in cue.lines)


def test_the_last_cue_ends_with_the_medium() -> None:
    """Nothing is seen after the end."""
    words = spoken("And that was all.")
    assert break_into_cues(words, LIMITS, end_ms=words[-1].end_ms + 120)[-1].end_ms == words[-1].end_ms + 120


@pytest.mark.parametrize(
    ("pause_ms", "gap_ms"), [(0, 80), (80, 80), (300, 80), (580, 80), (600, 500), (990, 500), (1000, 500), (1500, 1000)]
)
def test_gaps_are_two_frames_or_half_a_second(pause_ms: int, gap_ms: int) -> None:
    """A pause that half a second of lingering does not leave open is closed to two frames, or kept half a second."""
    first = Word("Certainly.", 0, 1200)
    one, two = break_into_cues([first, Word("Naturally.", 1200 + pause_ms, 2600 + pause_ms)], LIMITS, frozenset({1}))
    assert two.start_ms - one.end_ms == gap_ms
    assert two.start_ms == 1200 + pause_ms


def test_a_cue_too_short_borrows_two_frames_and_no_more() -> None:
    """Where neither the pause nor a neighbour gives the time, a cue comes two frames before its sound."""
    words = [Word("Well,", 0, 2000), Word("no.", 3000, 3300), Word("Splendid.", 3700, 5000)]
    _, short, after = break_into_cues(words, LIMITS, frozenset({1, 2}))
    assert (short.start_ms, short.end_ms, after.start_ms) == (2920, 3620, 3700)


def test_fast_speech_fails_the_reading_speed_alone() -> None:
    """Verbatim text at thirty characters a second cannot be slowed, but all else still holds."""
    text = "The harbour master counted every boat, and every boat that came was counted once more at night. " * 6
    words = spoken(text, ms_per_character=33, comma_ms=0, stop_ms=60)
    cues = break_into_cues(words, LIMITS)
    rejoined(words, cues)
    assert {found.rule for found in violations(CaptionTrack(cues), LIMITS)} == {"reading-speed"}


# ── properties ─────────────────────────────────────────────────────────────────────────────────────────────────────

SHAPES = st.one_of(
    st.sampled_from(["a", "the", "of", "and", "to", "I", "it's", "Mr.", "—", "No.", "Why?"]),
    st.sampled_from(["harbour", "lighthouse", "Anna", "1887", "boats", "sea", "extraordinarily"]),
    st.sampled_from(["keeper,", "rising;", "slowly.", "now!", "(when", "that)", "“yes”"]),
)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@st.composite
def timed_words(draw: st.DrawFn) -> list[Word]:
    """Words as a calm voice says them, 11 to 15 characters a second, with pauses of any length."""
    clock = draw(st.integers(0, 5000))
    words: list[Word] = []
    for shown in draw(st.lists(SHAPES, min_size=3, max_size=60)):
        length = len(shown) * draw(st.integers(66, 90))
        words.append(Word(shown, clock, clock + length))
        clock += length + draw(st.sampled_from([66, 66, 66, 90, 200, 450, 700, 1500]))
    return words


@st.composite
def nasty_words(draw: st.DrawFn) -> list[Word]:
    """Words with any text, at any time, in any order."""
    moments = st.integers(0, 4000)
    return draw(
        st.lists(
            st.builds(Word, st.one_of(SHAPES, ANY_TEXT), moments, moments, space_before=st.booleans()),
            min_size=1,
            max_size=40,
        )
    )


@settings(max_examples=150, deadline=None)
@given(timed_words())
def test_limits_hold_wherever_they_can(words: list[Word]) -> None:
    """At a speed that can be read no rule of the profile is broken, however short words and sentences are."""
    cues = break_into_cues(words, LIMITS)
    rejoined(words, cues)
    assert violations(CaptionTrack(cues), LIMITS) == ()


@settings(max_examples=100, deadline=None)
@given(timed_words())
def test_cues_come_with_their_first_word(words: list[Word]) -> None:
    """The in-time is the first sound, or up to two frames before it, never after."""
    for cue in break_into_cues(words, LIMITS):
        assert 0 <= words[cue.first_word].start_ms - cue.start_ms <= LIMITS.gap_ms


@settings(max_examples=150, deadline=None)
@given(nasty_words(), st.sampled_from(["en", "fr", "ja", "th", "xx"]), st.frozensets(st.integers(-3, 45)))
def test_nasty_words_make_no_nasty_cues(words: list[Word], language: str, forced: frozenset[int]) -> None:
    """Times in any order never make cues that overlap or are out of order, and no word is lost."""
    limits = profile("netflix", language, 24)
    cues = break_into_cues(words, limits, forced, end_ms=3000)
    assert [cue.first_word for cue in cues[1:]] == [cue.end_word for cue in cues[:-1]]
    assert (cues[0].first_word, cues[-1].end_word) == (0, len(words))
    assert {n for n in forced if 0 < n < len(words)} <= {cue.first_word for cue in cues}
    assert all(cue.start_ms < cue.end_ms for cue in cues)
    assert all(one.end_ms <= two.start_ms for one, two in pairwise(cues))
    assert all("\n" not in line and "\r" not in line for cue in cues for line in cue.lines)


@settings(max_examples=50, deadline=None)
@given(nasty_words())
def test_the_same_words_are_cut_the_same_way(words: list[Word]) -> None:
    """Nothing depends on chance or on what was cut before."""
    assert break_into_cues(words, LIMITS) == break_into_cues(tuple(words), LIMITS)


@settings(max_examples=60, deadline=None)
@given(timed_words(), st.integers(1, 100_000))
def test_cuts_do_not_depend_on_the_clock(words: list[Word], later_ms: int) -> None:
    """The same speech later is cut alike, at times later by as much."""
    moved = [Word(w.text, w.start_ms + later_ms, w.end_ms + later_ms) for w in words]
    expected = [(c.start_ms + later_ms, c.end_ms + later_ms, c.lines) for c in break_into_cues(words, LIMITS)]
    assert [(c.start_ms, c.end_ms, c.lines) for c in break_into_cues(moved, LIMITS)] == expected


def _profile_of(lines: int) -> Profile:
    return Profile("one", "en", 42, 20, 834, 7000, 80, 80, lines=lines)


def test_one_line_profiles_have_one_line() -> None:
    """The number of lines is the profile's."""
    cues = break_into_cues(
        spoken("The keeper of the lighthouse walked down to the shore and lit the lamps."), _profile_of(1)
    )
    assert max(len(cue.lines) for cue in cues) == 1
