"""Author's text → runs of phonemes, and the author's words found again in what was spoken."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.neural_text import MOST_PHONEMES, Sentence, Sounds, normalised, runs, written_words
from pipeline.engines.neural_words import author_times, spoken_words


def _sentence(*phonemes: str) -> Sentence:
    return Sentence(0, 0, tuple("word" for _ in phonemes), phonemes)


def test_a_short_sentence_is_one_run() -> None:
    """Words are joined by a space, and a word's sounds leave out the marks at its edges."""
    (run,) = runs(_sentence("“həlˈO,", "ðˈɛɹ.”"))
    assert run.phonemes == "“həlˈO, ðˈɛɹ.”"
    assert run.sounds == (Sounds(0, 1, 6), Sounds(1, 8, 12))
    assert run.joint == "sentence"


def test_a_long_sentence_is_cut_after_a_clause() -> None:
    """Where a run would be too long it ends after its last clause."""
    first, second = runs(_sentence("aaaa", "bbbb,", "cccc", "dddd"), most=16)
    assert (first.phonemes, first.joint) == ("aaaa bbbb,", "clause")
    assert (second.phonemes, second.joint) == ("cccc dddd", "sentence")


def test_a_long_clause_is_cut_between_words() -> None:
    """Without a clause to cut after, the cut is between two words."""
    first, second = runs(_sentence("aaaa", "bbbb", "cccc"), most=10)
    assert (first.phonemes, first.joint) == ("aaaa bbbb", "word")
    assert second.phonemes == "cccc"


def test_marks_alone_make_no_run() -> None:
    """What has no sound is not given to the model."""
    assert list(runs(_sentence("...", "—", ""))) == []


@given(st.lists(st.text("ab, .—", max_size=30), max_size=30), st.integers(5, 40))
@settings(max_examples=80)
def test_runs_keep_every_sound_in_order(phonemes: list[str], most: int) -> None:
    """No run is too long, and all runs together hold every sound of every word once, in order."""
    found = list(runs(_sentence(*phonemes), most))
    assert all(len(run.phonemes) <= most for run in found)
    heard = "".join(run.phonemes[sound.first : sound.end] for run in found for sound in run.sounds)
    assert [sign for sign in heard if sign in "ab"] == [sign for part in phonemes for sign in part if sign in "ab"]
    words = [sound.word for run in found for sound in run.sounds]
    assert words == sorted(words)


def test_the_bound_is_the_models() -> None:
    """Hibari's own author cuts at the same length."""
    from hibari.tts import MAX_PHONEMES

    assert MOST_PHONEMES == MAX_PHONEMES


def test_markup_of_the_voice_is_not_in_a_script() -> None:
    """A link that an author wrote cannot set a pronunciation."""
    from hibari.g2p import LINK_RE

    assert LINK_RE.search("see [the map](/mˈæp/) now")
    assert not LINK_RE.search(normalised("see [the map](/mˈæp/) now"))


def test_a_date_keeps_the_time_of_all_its_words() -> None:
    """`10/12/2019` is spoken in three words and is one of the author's."""
    written = written_words("On 10/12/2019, we met.", 0, 22)
    spoken = ("On", "October", "twelfth,", "2019,", "we", "met.")
    timed = author_times(written, spoken, [(n * 10.0, n * 10.0 + 8) for n in range(6)])
    assert [(word.text, times) for word, times in timed] == [
        ("On", (0, 8)), ("10/12/2019,", (10, 38)), ("we", (40, 48)), ("met.", (50, 58))
    ]  # fmt: skip


def test_what_is_said_beyond_the_written_goes_to_the_word_before() -> None:
    """`$3.2 billion` ends with a `dollars` that nobody wrote."""
    written = written_words("$3.2 billion now", 0, 16)
    timed = author_times(written, ("3.2", "billion", "dollars", "now"), [(n, n + 1.0) for n in range(4)])
    assert [times for _, times in timed] == [(0, 1), (1, 3), (3, 4)]


def test_an_unspoken_word_stands_between_its_neighbours() -> None:
    """A word that the voice has no sound for shares the time that is free; a mark has none at all."""
    text = "one 日本 — two"
    one, foreign, dash, two = written_words(text, 0, len(text))
    words = list(spoken_words([(one, (0, 10)), (foreign, None), (dash, None), (two, (30, 40))], 50))
    assert [(text[word.first : word.end], word.start_ms, word.end_ms) for word in words] == [
        ("one", 0, 10), ("日本", 10, 30), ("two", 30, 40)
    ]  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.floats(0, 100)), max_size=12))
@settings(max_examples=80)
def test_words_never_overlap(spans: list[tuple[bool, float, float]]) -> None:
    """Whatever times come, the words come out in order and inside the sound."""
    text = " ".join("word" for _ in spans)
    timed = [
        (word, (start, end) if known else None)
        for word, (known, start, end) in zip(written_words(text, 0, len(text)), spans, strict=True)
    ]
    words = list(spoken_words(timed, 80))
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert len(words) == len(spans)
    assert edges == sorted(edges)
    assert all(0 <= edge <= 80 for edge in edges)
