"""WebVTT: what we write, what others read in it, what we read of others."""

import io

import pysubs2
import pytest
import webvtt as judge
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captions import webvtt
from pipeline.errors import ScriptError
from pipeline.model import CaptionTrack, Cue

TRACK = CaptionTrack(
    (Cue(0, 1500, ("Salt & pepper: a < b > c",)), Cue(3_600_001, 3_602_002, ("NOTE this", "is --> text"))), "en-GB"
)
WRITTEN = """\
WEBVTT

NOTE
Language: en-GB

00:00:00.000 --> 00:00:01.500
Salt &amp; pepper: a &lt; b &gt; c

01:00:00.001 --> 01:00:02.002
NOTE this
is --&gt; text
"""
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40).filter(
    lambda line: line == line.strip() and bool(line.strip())
)
CUES = st.builds(
    lambda start, length, lines: Cue(start, start + length, tuple(lines)),
    st.integers(0, 360_000_000),
    st.integers(1, 10_000),
    st.lists(LINES, min_size=1, max_size=3),
)


def test_the_form_is_webvtts() -> None:
    """A header, the language in a note, times with hours, and what could be markup escaped."""
    assert webvtt.compose(TRACK) == WRITTEN


def test_what_was_written_is_read_again() -> None:
    """Reading gives the same track with its language."""
    assert webvtt.parse(WRITTEN) == TRACK


@settings(max_examples=100, deadline=None)
@given(st.lists(CUES, max_size=5))
def test_any_text_comes_back(cues: list[Cue]) -> None:
    """Nothing that a line can hold is lost or changed, not even references and tags."""
    track = CaptionTrack(tuple(cues), "fr")
    assert webvtt.parse(webvtt.compose(track)) == track


def test_other_programs_read_the_same() -> None:
    """webvtt-py and pysubs2 find our times; the text is ours where they know the references of the format."""
    found = judge.from_buffer(io.StringIO(webvtt.compose(TRACK)))
    assert [(cue.start, cue.end) for cue in found.captions] == [
        ("00:00:00.000", "00:00:01.500"),
        ("01:00:00.001", "01:00:02.002"),
    ]
    plain = CaptionTrack((Cue(500, 2250, ("Two lines", "of text")), Cue(2330, 4000, ("and one",))))
    written = webvtt.compose(plain)
    assert [cue.text for cue in judge.from_buffer(io.StringIO(written)).captions] == [cue.text for cue in plain.cues]
    events = pysubs2.SSAFile.from_string(written, "vtt")
    assert [(event.start, event.end, event.plaintext) for event in events] == [
        (cue.start_ms, cue.end_ms, cue.text) for cue in plain.cues
    ]


def test_files_of_others_are_read() -> None:
    """Identifiers, settings, tags, styles, times without hours, a language in the header, CRLF and a byte order mark."""
    text = (
        "\ufeffWEBVTT - a talk\r\nKind: captions\r\nLanguage: nl\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\n"
        "intro\r\n00:01.000 --> 00:02.500 align:start line:90%\r\n<v Anna>Hello &amp; <c.loud>welcome</c>\r\n\r\n"
        "NOTE nothing\r\n\r\n10:00:00.000 --> 10:00:01.000\r\nlate"
    )
    assert webvtt.parse(text) == CaptionTrack(
        (Cue(1000, 2500, ("Hello & welcome",)), Cue(36_000_000, 36_001_000, ("late",))), "nl"
    )
    assert webvtt.parse("WEBVTT").cues == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "talk.vtt:1:"),
        ("WEBVTTX\n\n", "talk.vtt:1:"),
        ("WEBVTT\n\nonly text\n", "talk.vtt:3:"),
        ("WEBVTT\n\nid\n00:00.000 --> 1.5\nx\n", "talk.vtt:4:"),
        ("WEBVTT\n\n\n00:61.000 --> 01:00.000\nx\n", "talk.vtt:4:"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, where: str) -> None:
    """The error says which file and line."""
    with pytest.raises(ScriptError) as caught:
        webvtt.parse(text, "talk.vtt")
    assert str(caught.value).startswith(where)
