"""ASS text: times rounded down, the author's text exactly, templates filled in."""

from __future__ import annotations

import re

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.captions.ass import caption_layer, caption_size, card_layer, compose, escape, lettered, time_code
from pipeline.captions.lettering import Lettering
from pipeline.errors import SettingError
from pipeline.model import CaptionTrack, Cue

CAPTIONS = "Style: Caption,$font,$caption_size,&H0,&H0,&H0,&H0,0,0,0,0,100,100,0,0,4,0,$padding,2,$margin_x,$margin_x,$margin_y,-1"
CARD = """\
; $nothing in a remark is put in
Style: Title,$font,$title_size,&H0,&H0,&H0,&H0,0,0,0,0,100,100,0,0,1,0,0,5,0,0,0,-1
Dialogue: 0,0:00:00.00,$end,Ground,,0,0,0,,{\\p1}m 0 0 l $width 0 $width $height 0 $height
Dialogue: 1,0:00:00.00,$end,Bar,,0,0,0,,{\\p1}m $title_bar_left $title_bar_top l $title_bar_right $title_bar_bottom
Dialogue: 2,0:00:00.00,$end,Title,,0,0,0,,{\\pos($title_x,$title_y)}$title
"""
LATIN = Lettering("Roboto")


def unescaped(text: str) -> str:
    """Read a text as libass does: two characters after a backslash, nothing else is special outside braces."""
    shown, at = "", 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair == "\\N":
            shown += "\n"
        elif pair in ("\\{", "\\}"):
            shown += pair[1]
        elif pair in ("\\n", "\\h"):
            raise AssertionError(f"{pair} would be a command")
        else:
            assert text[at] not in "{}"
            shown += text[at]
            at -= 1
        at += 2
    return shown.replace("\u2060", "")


@given(st.text(st.sampled_from([*"abNnh{}\\ \n,é漢"]), max_size=30))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    """Braces, backslashes before any letter, and line feeds come out as the author wrote them."""
    assert unescaped(escape(text)) == text


@given(st.text(max_size=60))
def test_an_event_is_one_line(text: str) -> None:
    """No character of a text can end its event early."""
    assert not set(escape(text)) & set("\n\r\0\x0b\x0c\x85\u2028\u2029")


@given(st.integers(0, 100 * 3600 * 1000 - 20))
def test_times_are_rounded_down(time_ms: int) -> None:
    """A written time is the hundredth of a second in which the time lies."""
    hours, minutes, seconds = time_code(time_ms).split(":")
    written = (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
    assert written <= time_ms < written + 10


def test_a_whole_file_is_read_by_another_program() -> None:
    """Pysubs2 reads the times, the style and the picture's size of what is composed."""
    track = CaptionTrack((Cue(1239, 2500, ("one, two", "three")), Cue(2500, 3_661_000, ("four",))))
    read = pysubs2.SSAFile.from_string(compose(track, (1920, 1080), LATIN, CAPTIONS))
    assert (read.info["PlayResX"], read.info["PlayResY"]) == ("1920", "1080")
    assert [(event.start, event.end, event.text) for event in read] == [
        (1230, 2500, "one, two\\Nthree"),
        (2500, 3_661_000, "four"),
    ]
    assert read.styles["Caption"].fontname == "Roboto"
    assert read.styles["Caption"].fontsize == round(0.062 * 1080 - 0.5)


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (1080, 1920), (1080, 1080), (320, 180)])
def test_captions_fit_the_width(size: tuple[int, int]) -> None:
    """Two lines of 42 average characters fit inside the margins, in a size that is the usual one or nearly."""
    line = "the quick brown fox jumps over the lazy do"
    font_size = caption_size([Cue(0, 1, (line, line))], size, LATIN)
    assert LATIN.width(line) * font_size <= 0.9 * size[0]
    assert font_size >= 0.8 * 0.062 * min(size)


def test_a_line_too_long_for_any_size_is_wrapped() -> None:
    """The size never falls below half the usual one."""
    assert caption_size([Cue(0, 1, ("two words " * 100,))], (1000, 1000), LATIN) == 31


ADDRESS = "https://www.example.org/harbour/lighthouse-keepers/archive.php?year=1887&n=42"
COMPOUND = "Supercalifragilisticexpialidociousantidisestablishmentarianism"


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1080, 1080), (320, 180)])
@pytest.mark.parametrize("word", [ADDRESS, COMPOUND, ADDRESS * 20])
def test_a_word_too_wide_is_broken(size: tuple[int, int], word: str) -> None:
    """A word stays inside the picture, nothing of it lost, and makes no other caption smaller by more than a fifth."""
    cues = [Cue(0, 1, ("Look at it here:", word)), Cue(1, 2, ("A short line.",))]
    font_size = caption_size(cues, size, LATIN)
    assert font_size >= 0.79 * (caption_size(cues[1:], size, LATIN) - 1)
    (text, other) = (event.split(",,", 2)[-1] for event in caption_layer(cues, size, LATIN, CAPTIONS, font_size).events)
    assert other == "A short line."
    override = re.match(r"{\\fs(\d+)}", text)
    event_size = int(override[1]) if override else font_size
    first, *lines = text[override.end() if override else 0 :].split("\\N")
    assert (first, "".join(lines)) == ("Look at it here:", word)
    assert all(LATIN.width(line) * event_size <= 0.86 * size[0] for line in lines)
    assert (len(lines) + 1) * event_size <= 0.31 * size[1]


def test_what_no_font_draws_is_left_out_of_the_drawing() -> None:
    """A face and what leans on it are not drawn, a line of nothing else neither, nor a caption of nothing else."""
    lettering = Lettering("Roboto", undrawn=frozenset("👩🚢漢"))
    cues = (Cue(0, 1000, ("Ahoy 🚢\ufe0f there", "👩\U0001f3fd\u200d🚢")), Cue(1000, 2000, ("漢",)))
    read = pysubs2.SSAFile.from_string(compose(CaptionTrack(cues), (1920, 1080), lettering, CAPTIONS))
    assert [event.text for event in read] == ["Ahoy there"]
    layer = card_layer("🚢 The harbour", 5000, (1920, 1080), lettering, CARD)
    assert layer.events[2].endswith("}The harbour")
    assert [event.split(",")[3] for event in card_layer("🚢", 5000, (1920, 1080), lettering, CARD).events] == ["Ground"]


def test_a_card_holds_its_title_in_its_template() -> None:
    """Figures are put in where the template names them, and the title is escaped."""
    layer = card_layer("A {braced}\ntitle", 5000, (1920, 1080), LATIN, CARD)
    assert layer.styles[0].startswith("Style: Title,Roboto,135,")
    assert layer.events[0].endswith("m 0 0 l 1920 0 1920 1080 0 1080")
    assert layer.events[2].startswith("Dialogue: 2,0:00:00.00,0:00:05.00,Title,")
    assert layer.events[2].endswith("}A \\{braced\\} title")


def test_a_card_without_title_is_its_ground() -> None:
    """Without a title nothing is drawn that belongs to one."""
    layer = card_layer("", 5000, (1920, 1080), LATIN, CARD)
    assert [event.split(",")[3] for event in layer.events] == ["Ground"]


@given(st.text(max_size=400), st.sampled_from([(1920, 1080), (1080, 1920), (320, 180), (100, 100)]))
def test_any_title_stays_in_the_picture(title: str, size: tuple[int, int]) -> None:
    """However long a title is, its lines lie inside the picture and above the captions."""
    layer = card_layer(title, 1000, size, LATIN, "Dialogue: $title_y,$title_size,$title_bar_bottom,$title")
    for event in layer.events:
        middle, title_size, bottom, text = event.removeprefix("Dialogue: ").split(",", 3)
        lines = text.count("\\N") + 1
        assert int(middle) - lines * int(title_size) / 2 > 0.1 * min(size)
        assert int(bottom) < 0.72 * size[1]


def test_an_unknown_figure_is_an_error() -> None:
    """A template that names what there is not is refused with what there is."""
    with pytest.raises(SettingError, match=r"\$caption_size"):
        compose(CaptionTrack(()), (640, 360), LATIN, "Style: Caption,$fnot")


def test_other_fonts_are_named_for_runs() -> None:
    """Characters of another font switch to it; spaces and marks between them do not switch back."""
    lettering = Lettering("Roboto", {}, {"漢": "CJK", "字": "CJK"})
    assert lettered("a 漢 字\u0301 b", lettering) == "a {\\fnCJK}漢 字\u0301 {\\fnRoboto}b"
