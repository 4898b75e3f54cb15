"""SubRip: what we write, what others read in it, what we read of others."""

import pickle

import pysubs2
import pytest
import srt as library
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captions import srt
from pipeline.errors import ScriptError
from pipeline.model import CaptionTrack, Cue

TRACK = CaptionTrack(
    (
        Cue(0, 1500, ("The harbour opened in 1887.",)),
        Cue(1580, 3_725_004, ("Übermut — “tut”", "selten gut…")),
        Cue(360_000_000, 360_001_000, ("左に見えるのは",)),
    )
)
WRITTEN = """\
1
00:00:00,000 --> 00:00:01,500
The harbour opened in 1887.

2
00:00:01,580 --> 01:02:05,004
Übermut — “tut”
selten gut…

3
100:00:00,000 --> 100:00:01,000
左に見えるのは

"""

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40).filter(
    lambda line: line == line.strip() and bool(line.strip())
)


@st.composite
def tracks(draw: st.DrawFn) -> CaptionTrack:
    """Tracks with any text that a line can hold."""
    cues: list[Cue] = []
    clock = 0
    for lines in draw(st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=6)):
        start = clock + draw(st.integers(0, 10_000))
        clock = start + draw(st.integers(1, 10_000))
        cues.append(Cue(start, clock, tuple(lines)))
    return CaptionTrack(tuple(cues))


def test_the_form_is_subrips() -> None:
    """Numbers from 1, commas before milliseconds, an empty line after each cue, line feeds, no byte order mark."""
    assert srt.compose(TRACK) == WRITTEN


def test_what_was_written_is_read_again() -> None:
    """Reading gives the same cues, writing them the same text."""
    assert srt.parse(WRITTEN) == TRACK
    assert srt.compose(srt.parse(WRITTEN)) == WRITTEN


@settings(max_examples=100, deadline=None)
@given(tracks())
def test_any_text_comes_back(track: CaptionTrack) -> None:
    """What looks like an arrow, a tag or a number is text like any other, and writing twice changes nothing."""
    written = srt.compose(track)
    assert srt.compose(srt.parse(written)) == written
    assert [(c.start_ms, c.end_ms) for c in srt.parse(written).cues] == [(c.start_ms, c.end_ms) for c in track.cues]


@pytest.mark.parametrize("line", ["a --> b", "00:00:01,000 --> 00:00:02,000", "7", "a < b > c", "{x}"])
def test_what_looks_like_the_format_is_kept(line: str) -> None:
    """Text that looks like a timing line or a number is read back as it was, by us, the srt library and pysubs2."""
    track = CaptionTrack((Cue(1000, 2000, (line,)), Cue(3000, 4000, ("after",))))
    assert srt.parse(srt.compose(track)) == track
    assert [found.content for found in library.parse(srt.compose(track))] == [line, "after"]


@pytest.mark.parametrize("line", ["<i>code</i>", "{\\an8}high", "</b>", "\\N"])
def test_the_authors_text_is_written_byte_for_byte(line: str) -> None:
    """What a player may take for a tag is the author's all the same: it stands in the file as it was written."""
    track = CaptionTrack((Cue(1000, 2000, (line,)), Cue(3000, 4000, ("after",))))
    assert [found.content for found in library.parse(srt.compose(track))] == [line, "after"]


def test_styling_of_other_programs_is_left_out() -> None:
    """Tags and overrides that other programs write to style a cue are no text to be read."""
    styled = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>High</i> up\n\n"
    assert srt.parse(styled).cues[0].lines == ("High up",)


def test_other_programs_read_the_same() -> None:
    """The srt library and pysubs2 find our times and texts."""
    found = list(library.parse(srt.compose(TRACK)))
    assert [(cue.start.total_seconds(), cue.content) for cue in found] == [
        (cue.start_ms / 1000, cue.text) for cue in TRACK.cues
    ]
    events = pysubs2.SSAFile.from_string(srt.compose(CaptionTrack(TRACK.cues[:2])), "srt")
    assert [(event.start, event.end, event.plaintext) for event in events] == [
        (cue.start_ms, cue.end_ms, cue.text) for cue in TRACK.cues[:2]
    ]


def test_empty_lines_are_never_written() -> None:
    """An empty line would end the cue for every reader."""
    assert "\n\nb" not in srt.compose(CaptionTrack((Cue(0, 1000, ("a", "", "b")),)))


def test_files_of_others_are_read() -> None:
    """A byte order mark, CRLF, a full stop before milliseconds, styling, missing numbers and no last empty line."""
    text = '\ufeff1\r\n00:00:01.000 --> 00:00:02,500\r\n{\\an8}<i>Hello</i>\r\n<font color="red">there</font>'
    assert srt.parse(text).cues == (Cue(1000, 2500, ("Hello", "there")),)
    assert srt.parse("").cues == ()


def test_what_cannot_be_read_is_named_with_its_line() -> None:
    """The error says which file and line, and survives a worker process."""
    broken = "1\n00:00:01,000 --> 00:00:02,000\nfine\n\nthen prose without any time\n"
    with pytest.raises(ScriptError) as caught:
        srt.parse("prose only\n" + broken, "talk.srt")
    assert str(caught.value).startswith("talk.srt:")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
