"""A caption track that is shifted shows by how much: cues find their words by text, not by time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.measurement import cue_distances
from pipeline.model import Word

TEXT = "It works. It works today, doesn’t it? — Yes: “it works” since 1887, 😀 every day, every single day."


def spoken(text: str) -> list[Word]:
    """Words of 300 ms each, a new one every 400 ms."""
    return [Word(token, 400 * n, 400 * n + 300) for n, token in enumerate(text.split())]


def cues_of(words: list[Word], size: int, shift_ms: float = 0.0) -> list[tuple[float, str]]:
    """A cue for each so many words, at the first one's start."""
    parts = [words[first : first + size] for first in range(0, len(words), size)]
    return [(part[0].start_ms + shift_ms, " ".join(word.text for word in part)) for part in parts]


@settings(max_examples=60, deadline=None)
@given(
    text=st.lists(st.sampled_from(["day", "Day,", "every", "it", "1887", "naïve", "ﬁne", "日本", "ไทย"]), min_size=1),
    size=st.integers(1, 6),
    shift_ms=st.integers(-20_000, 20_000),
)
def test_any_shift_shows_exactly(text: list[str], size: int, shift_ms: int) -> None:
    """However repetitive the text, and however far the captions are shifted."""
    words = spoken(" ".join(text))

    distances = cue_distances(cues_of(words, size, shift_ms), words)

    assert (distances.count, distances.unmatched) == (-(-len(words) // size), 0)
    assert (distances.signed_median_ms, distances.median_ms, distances.p95_ms) == (
        shift_ms,
        abs(shift_ms),
        abs(shift_ms),
    )


def test_punctuation_quotes_and_emoji() -> None:
    """Only letters and digits have to agree."""
    words = spoken(TEXT)
    cues = [
        (0, "It works.\nIt works today,"),
        (2000, "doesn't it?"),
        (3200, 'Yes: "it works"'),
        (4800, "since 1887, 😀"),
    ]

    distances = cue_distances(cues, words)

    assert (distances.count, distances.unmatched, distances.median_ms) == (4, 0, 0)


@pytest.mark.parametrize(
    "text",
    ["<i>every day</i>,", "{\\an8}every day,", "<v Anna>every day,", "ANNA: every day,", "- every day,", "EVERY\nDAY"],
)
def test_markup_and_names_are_seen_through(text: str) -> None:
    """Tags of SRT, WebVTT and ASS, a speaker's name, a dash."""
    words = spoken(TEXT)
    start = next(word.start_ms for word in words if word.text == "every")

    assert cue_distances([(start + 7, text)], words).signed_median_ms == 7


def test_missing_strange_and_empty_cues() -> None:
    """Strange ones are counted, missing ones skipped, those without letters passed over; the rest stays right."""
    words = spoken(TEXT)
    cues = cues_of(words, 3, 50)
    changed = [*cues[:2], (1.0, "subtitles by nobody"), *cues[3:5], (2.0, "♪ 😀"), (3.0, ""), *cues[5:]]

    distances = cue_distances(changed, words)

    assert (distances.count, distances.unmatched) == (len(cues) - 1, 1)
    assert (distances.signed_median_ms, distances.p95_ms) == (50, 50)


def test_a_track_of_another_text_is_unmatched() -> None:
    """None of its cues is measured."""
    distances = cue_distances([(0, "Quite another"), (1000, "story altogether")], spoken(TEXT))

    assert (distances.count, distances.unmatched, distances.signed_median_ms) == (0, 2, None)


def test_a_cue_that_begins_inside_a_word() -> None:
    """Belongs to that word, as in scripts written without spaces."""
    words = [Word("日本語の", 0, 800), Word("字幕です。", 900, 1700)]

    assert cue_distances([(0, "日本語の字"), (905, "幕です。")], words).p95_ms == pytest.approx(5, abs=0.3)


def test_no_cues_and_no_words() -> None:
    """Nothing to measure."""
    assert cue_distances([], spoken(TEXT)).count == 0
    assert cue_distances([(0, "It works.")], []).unmatched == 1


def test_a_cue_that_begins_within_a_phrase_tells_nothing() -> None:
    """A long phrase is seen in parts: only the first comes with a word's start, and none is unmatched."""
    words = [Word("私たちの町の古い灯台から", 0, 10_000), Word("はい。", 11_000, 12_000)]
    distances = cue_distances([(0, "私たちの町の"), (5000, "古い灯台から"), (11_000, "はい。")], words)
    assert (distances.count, distances.unmatched, distances.p95_ms) == (2, 0, 0)
