"""Golden argument lists: what ffmpeg is asked to do, to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SettingError
from pipeline.filtergraph import (
    Address,
    CopiedCaptions,
    CopiedPicture,
    DrawnFootage,
    MuxInputs,
    burn_arguments,
    chapters_file,
    container_of,
    hold_last_frame,
    mux_arguments,
    sound_arguments,
    transcode_arguments,
)
from pipeline.model import ChapterMark

SAFE = (("protocol_whitelist", "file"),)
SOUND = Address("file:/n.m4a", SAFE)
PICTURE = Address("file:/p.mp4", SAFE)


def test_sound_as_it_is_spoken() -> None:
    """Samples from standard input, AAC at 48 kHz and 128 kb/s."""
    assert sound_arguments(24000, "m4a", "file:/o.m4a") == (
        [
            "-f",
            "s16le",
            "-ar",
            "24000",
            "-ch_layout",
            "mono",
            "-i",
            "pipe:0",
            "-c:a",
            "aac",
            "-b:a",
            "128k",
            "-ar",
            "48000",
            "-f",
            "ipod",
            "file:/o.m4a",
        ]
    )
    assert sound_arguments(22050, "wav", "file:/o.wav") == (
        [
            "-f",
            "s16le",
            "-ar",
            "22050",
            "-ch_layout",
            "mono",
            "-i",
            "pipe:0",
            "-c:a",
            "pcm_s16le",
            "-rf64",
            "auto",
            "-f",
            "wav",
            "file:/o.wav",
        ]
    )


def test_everything_into_one_file() -> None:
    """Each input once, each track mapped, all copied, the last frame held, the index first."""
    inputs = MuxInputs(
        sound=SOUND,
        container="mp4",
        picture=CopiedPicture(PICTURE, "hevc", 6500),
        captions=CopiedCaptions(Address("file:/c.mp4", SAFE), "por", "Português", "default"),
        chapters=Address("file:/c.txt", SAFE, "ffmetadata"),
        title="A title",
        language="eng",
    )
    assert mux_arguments(inputs, "file:/o.mp4") == [
        *("-protocol_whitelist", "file", "-i", "file:/p.mp4"),
        *("-protocol_whitelist", "file", "-i", "file:/n.m4a"),
        *("-protocol_whitelist", "file", "-i", "file:/c.mp4"),
        *("-f", "ffmetadata", "-protocol_whitelist", "file", "-i", "file:/c.txt"),
        *("-map", "0:V:0", "-map", "1:a:0", "-map", "2:s:0", "-c", "copy"),
        *("-map_metadata:g", "-1", "-map_metadata:s", "-1", "-map_chapters", "3"),
        *("-tag:v", "hvc1"),
        *("-bsf:v", "setts=pts=PTS:dts=DTS:duration='if(eq(NEXT_DTS,NOPTS),6500/1000/TB-PTS,DURATION)'"),
        *("-disposition:v:0", "default", "-metadata", "title=A title"),
        *("-metadata:s:a:0", "language=eng", "-disposition:a:0", "default"),
        *("-metadata:s:s:0", "language=por", "-metadata:s:s:0", "title=Português"),
        *("-disposition:s:0", "default", "-bsf:s", "noise=drop='lte(size,2)'"),
        *("-movflags", "+faststart", "-f", "mp4", "file:/o.mp4"),
    ]


def test_only_sound_into_a_file() -> None:
    """No picture, no captions, no chapters: nothing of them is asked for."""
    assert mux_arguments(MuxInputs(SOUND, "mp3"), "file:/o.mp3") == [
        *("-protocol_whitelist", "file", "-i", "file:/n.m4a", "-map", "0:a:0", "-c", "copy"),
        *("-map_metadata:g", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-f", "mp3", "file:/o.mp3"),
    ]


def test_one_file_in_two_roles_is_mapped_by_its_place() -> None:
    """A video that is its own sound is still read as picture first and sound second."""
    arguments = mux_arguments(MuxInputs(PICTURE, "mp4", CopiedPicture(PICTURE)), "file:/o.mp4")
    maps = [arguments[n + 1] for n, part in enumerate(arguments) if part == "-map"]
    assert maps == ["0:V:0", "1:a:0"]


def test_captions_over_footage() -> None:
    """Decoded, squared, held, drawn on, encoded as promised; inputs stay safe in a graph too."""
    arguments = burn_arguments(DrawnFootage(PICTURE, 1500, "bt601"), "file:/o.mp4")
    assert arguments[:4] == ["-protocol_whitelist", "file", "-i", "file:/p.mp4"]
    graph = arguments[arguments.index("-filter_complex") + 1]
    assert graph == (
        "[0:V:0]scale=h=trunc(ih/2)*2:in_color_matrix=bt601:out_color_matrix=bt709:out_range=tv:w=trunc(iw*sar/2)*2[s0];"
        "[s0]setsar=1[s1];[s1]setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv[s2];"
        "[s2]tpad=stop_duration=1500ms:stop_mode=clone[s3];"
        "[s3]ass=filename=captions.ass:fontsdir=fonts[s4];[s4]format=yuv420p[s5]"
    )
    assert arguments[arguments.index("-map") :] == [
        *("-map", "[s5]", "-f", "mp4", "-c:v", "libx264", "-crf", "20", "-preset", "veryfast"),
        *("-profile:v", "high", "file:/o.mp4"),
    ]


def test_footage_that_is_only_encoded() -> None:
    """No captions, and nothing held where nothing is to be."""
    graph = transcode_arguments(DrawnFootage(PICTURE), "file:/o.mp4")[5]
    assert "ass=" not in graph
    assert "tpad" not in graph


def test_bare_pictures_are_held_by_their_decoding_time() -> None:
    """Without presentation times the decoding time tells when the last picture is shown."""
    assert (
        hold_last_frame(2000, "DTS")
        == "setts=pts=DTS:dts=DTS:duration='if(eq(NEXT_DTS,NOPTS),2000/1000/TB-DTS,DURATION)'"
    )


def test_chapters_end_with_the_file() -> None:
    """Marks are cut at the end, those past it are left out, special characters escaped."""
    marks = (ChapterMark("a=b;c#d\\e\nf", 0, 900), ChapterMark("Zwei\\", 900, 5000), ChapterMark("late", 2000, 5000))
    assert chapters_file(marks, 2000) == (
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=a\\=b\\;c\\#d\\\\e\\\nf\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Zwei\\\\ \n"
    )


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1))
def test_no_title_makes_a_chapter_of_its_own(title: str) -> None:
    """Whatever a heading says, it stays one title: every line end and sign of the format in it is escaped."""
    lines = chapters_file((ChapterMark(title, 0, 900),), 2000).replace("\\\\", "").replace("\\\n", "").split("\n")
    assert len(lines) == 7
    assert lines[5].startswith("title=")


def test_containers() -> None:
    """The four kinds of file, and an error that names them."""
    assert container_of("m4a") == "m4a"
    with pytest.raises(SettingError, match="mp4, m4a, mp3, wav"):
        container_of("avi")
