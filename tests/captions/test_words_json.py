"""words.json: its shape to the letter, and what is said of one that is wrong."""

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captions import FORMATS, PARSERS
from pipeline.captions.words import TimedWords, compose, compose_words, parse, words_of_narration
from pipeline.errors import ScriptError
from pipeline.model import CaptionTrack, Narration, Silence, Span, Word

NARRATION = Narration(
    sample_rate=24000,
    pieces=(Silence(296_280),),
    words=(
        Word("Hello,", 0, 412, 0),
        Word("SQL", 500, 1207, 0, said="sequel", language="de"),
        Word("!", 1207, 1207, 1, space_before=False),
    ),
    spans=(Span(0, 0, 1207, None, "Welcome"), Span(1, 1207, 1207, "Anna", None, starts_paragraph=False)),
    chapters=(),
)


def test_the_shape_is_the_published_one() -> None:
    """Every key under its name, times in seconds, optional keys only where they say something."""
    assert json.loads(compose(NARRATION)) == {
        "version": 1,
        "language": "en",
        "duration": 12.345,
        "sample_rate": 24000,
        "segments": [
            {"index": 0, "speaker": None, "chapter": "Welcome", "start": 0.0, "end": 1.207},
            {"index": 1, "speaker": "Anna", "chapter": None, "start": 1.207, "end": 1.207, "starts_paragraph": False},
        ],
        "words": [
            {"text": "Hello,", "start": 0.0, "end": 0.412, "segment": 0},
            {"text": "SQL", "start": 0.5, "end": 1.207, "segment": 0, "language": "de", "said": "sequel"},
            {"text": "!", "start": 1.207, "end": 1.207, "segment": 1, "space_before": False},
        ],
    }


def test_the_file_is_text_that_people_can_read() -> None:
    """One word a line, letters as letters, line feeds, no byte order mark."""
    timed = TimedWords((Word("Grüße,", 0, 412), Word("左", 500, 1207)), 2000)
    assert compose_words(timed) == (
        '{"version": 1, "language": "en", "duration": 2.0,\n"words": [\n'
        '  {"text": "Grüße,", "start": 0.0, "end": 0.412},\n'
        '  {"text": "左", "start": 0.5, "end": 1.207}]}\n'
    ).replace("]}", "\n]}")


def test_what_was_written_is_read_again() -> None:
    """Reading gives words, segments, length, language and rate as they were."""
    assert parse(compose(NARRATION)) == words_of_narration(NARRATION)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda text, start, length, spaced: Word(text, start, start + length, space_before=spaced),
            st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u202d\u202e\ufeff"), min_size=1)
            .map(lambda text: " ".join(text.strip().split(" ")))
            .filter(lambda text: bool(text) and "  " not in text),
            st.integers(0, 40_000_000),
            st.integers(0, 5000),
            st.booleans(),
        ),
        max_size=8,
    ).map(lambda words: sorted(words, key=lambda word: word.start_ms))
)
def test_times_come_back_to_the_millisecond(words: list[Word]) -> None:
    """Seconds of three decimals hold every whole millisecond."""
    duration_ms = max((word.end_ms for word in words), default=0)
    timed = TimedWords(tuple(words), duration_ms, "fr")
    assert parse(compose_words(timed)) == timed


def test_a_bare_list_is_enough() -> None:
    """Text, start and end, with the leading space that other tools put before a word."""
    assert parse('[{"text": " Hello", "start": 0, "end": 0.4}, {"text": "there.", "start": 0.5, "end": 1}]') == (
        TimedWords((Word("Hello", 0, 400), Word("there.", 500, 1000)), 1000)
    )


def test_marks_that_nobody_sees_are_left_out() -> None:
    """Byte order marks, and line ends within a word, which no caption may hold; a tag is written as a setting's is."""
    timed = parse('\ufeff\ufeff{"language": "pt_BR", "words": [{"text": "\ufeffa\\n\\nb", "start": 0, "end": 1}]}')
    assert (timed.words[0].text, timed.language) == ("a b", "pt-BR")
    assert parse('[{"text": "a\u00a0b\u200d", "start": 0, "end": 1}]').words[0].text == "a\u00a0b\u200d"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "talk.json:1: this is no JSON"),
        ('{"words": [\n{"text": "a" "b"}]}', "talk.json:2: this is no JSON"),
        ("3", "the file is not an object"),
        ("{}", "the file has no 'words'"),
        ('{"words": {}}', "the file has a 'words' that is not a list"),
        ('{"version": 2, "words": []}', "version 2"),
        ("[3]", "word 0 is not an object"),
        ('[{"start": 0, "end": 1}]', "word 0 has no 'text'"),
        ('[{"text": " ", "start": 0, "end": 1}]', "word 0 has no text"),
        ('[{"text": "a", "start": 0, "end": 1}, {"text": "b", "start": "1", "end": 2}]', "word 1 has no 'start'"),
        ('[{"text": "a", "start": 0}]', "word 0 has no 'end'"),
        ('[{"text": "a", "start": 2, "end": 1}]', "word 0 ('a') ends at 1.0 s, before it starts at 2.0 s"),
        ('[{"text": "a", "start": -1, "end": 1}]', "word 0 has a 'start' that is no time"),
        ('[{"text": "a", "start": NaN, "end": 1}]', "no JSON"),
        ('[{"text": "a", "start": 1e999, "end": 1}]', "word 0 has a 'start' that is no time"),
        ('[{"text": "a", "start": 1e15, "end": 1e15}]', "word 0 has a 'start' that is no time"),
        ('[{"text": "\\ud800", "start": 0, "end": 1}]', "word 0 has a 'text' with half a character"),
        ('[{"text": "a", "start": true, "end": 1}]', "word 0 has no 'start'"),
        ('[{"text": "a", "start": 0, "end": 1, "space_before": "no"}]', "word 0 has a 'space_before'"),
        ('{"words": [], "segments": [{"index": 0}]}', "segment 0 has no 'start'"),
        ("[" * 100_000, "no JSON"),
        ('[{"text": "a\\u0000", "start": 0, "end": 1}]', "word 0 has a 'text' with the character U+0000"),
        ('[{"text": "a\\u001b[31m", "start": 0, "end": 1}]', "U+001B"),
        ('[{"text": "a\\u202eb", "start": 0, "end": 1}]', "U+202E"),
        ('[{"text": "a\\u000b", "start": 0, "end": 1}]', "U+000B"),
        ('[{"text": "a", "start": 0, "end": 1, "said": "\\u0007"}]', "word 0 has a 'said' with the character U+0007"),
        ('{"words": [], "segments": [{"index": 0, "speaker": "\\u0001", "start": 0, "end": 1}]}', "segment 0"),
        ('{"language": "en\\n\\n00:00.000 --> 00:09.000\\nX", "words": []}', "the file has a 'language' that is no"),
        ('[{"text": "a", "start": 0, "end": 1, "language": "x y"}]', "word 0 has a 'language' that is no"),
        ('[{"text": "a", "start": 2, "end": 3}, {"text": "b", "start": 1, "end": 2}]', "word 1 ('b') starts at 1.0 s"),
    ],
)
def test_what_is_wrong_is_named_with_its_item(text: str, said: str) -> None:
    """The error says which item, what is wrong with it, and survives a worker process."""
    with pytest.raises(ScriptError) as caught:
        parse(text, "talk.json")
    assert said in str(caught.value)
    assert str(caught.value).startswith("talk.json")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_formats_are_found_by_extension() -> None:
    """Each format writes a track and its words as text without a byte order mark or carriage returns."""
    track = CaptionTrack(())
    for extension, composed in FORMATS.items():
        text = composed(track, words_of_narration(NARRATION))
        assert extension.startswith(".")
        assert "\ufeff" not in text
        assert "\r" not in text
    assert {".srt", ".vtt", ".json"} <= set(FORMATS)
    assert {".srt", ".vtt"} <= set(PARSERS)
