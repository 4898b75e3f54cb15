"""Footage with captions drawn in: where they are seen, and what the picture is coded as."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.addresses import media_address
from pipeline.encoder import burning, run
from pipeline.encoder.burning import burn, missing_from, transcode
from pipeline.errors import OutputError
from pipeline.filtergraph import FONTS_FOLDER, DrawnFootage

# A white block in the lower part of the picture: drawn as a shape, it needs no font.
BLOCK = r"{\p1}m 0 0 l 200 0 l 200 40 l 0 40"
CAPTIONS = rf"""[Script Info]
ScriptType: v4.00+
PlayResX: 320
PlayResY: 180

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, BorderStyle, Outline, Shadow, Alignment
Style: Default,Roboto,20,&H00FFFFFF,&H00FFFFFF,&H00FFFFFF,1,0,0,2

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,{{\an7\pos(60,130)}}{BLOCK}
Dialogue: 0,0:00:05.00,0:00:06.00,Default,{{\an7\pos(60,130)}}{BLOCK}
"""


@pytest.fixture
def dark(folder: Path) -> Path:
    """Four seconds of a dark picture, 25 a second."""
    path = folder / "dark.mp4"
    drawn = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    run(["-f", "lavfi", "-i", "color=0x203040:s=320x180:r=25:d=4", *drawn, f"file:{path}"], time_limit_s=60)
    return path


def is_lit(path: Path, time_ms: int) -> bool:
    """Tell whether the block is on screen at that time."""
    block = media.frame_at(str(path), time_ms)[135:165, 80:240]
    return bool(np.median(block) > 200)


def test_fonts_of_one_name_are_both_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders of a system may hold a `font.ttf` each: neither takes the other's place."""
    fonts = [folder / name / "font.ttf" for name in ("latin", "arabic")]
    for font in fonts:
        font.parent.mkdir()
        font.write_text(font.parent.name)
    given: list[str] = []

    def look(_arguments: object, *, folder: str, **_: object) -> str:
        given.extend(sorted(path.read_text() for path in Path(folder, FONTS_FOLDER).iterdir()))
        return ""

    monkeypatch.setattr(burning, "run", look)
    burn(DrawnFootage(media_address(folder / "v.mp4")), CAPTIONS, [str(font) for font in fonts], str(folder / "o.mp4"))
    assert given == ["arabic", "latin"]


def test_a_font_that_is_gone_is_named(folder: Path) -> None:
    """It is not the output that could not be written."""
    with pytest.raises(OutputError, match=r"gone\.ttf"):
        burn(DrawnFootage(media_address(folder / "v.mp4")), CAPTIONS, [str(folder / "gone.ttf")], str(folder / "o.mp4"))


def test_captions_are_seen_from_their_first_frame_to_their_last(folder: Path, dark: Path) -> None:
    """A caption is on the frames of its time and on no other, on held ones too; the picture is H.264 as promised."""
    out = folder / "burned.mp4"
    burn(DrawnFootage(media_address(dark), 2500, "bt601"), CAPTIONS, [], str(out), 6500)
    seen = [round(time, 2) for time, picture in media.frames(str(out)) if np.median(picture[135:165, 80:240]) > 200]
    assert (seen[0], seen[24], len(seen)) == (1.0, 1.96, 50)
    assert (seen[25], seen[-1]) == (5.0, 5.96)
    video = media.probe_footage(str(out))
    assert (video.codec, video.width, video.height, video.matrix) == ("h264", 320, 180, "bt709")
    assert video.frame_rate == Fraction(25)
    assert 6500 <= video.end_ms < 6540  # whole pictures of 40 ms
    with media.opened(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.profile, context.pix_fmt) == ("High", "yuv420p")
        assert (int(context.color_primaries), int(context.color_trc), int(context.colorspace)) == (1, 1, 1)
    assert not is_lit(out, 900)
    assert is_lit(out, 1500)
    assert sorted(p.name for p in folder.iterdir()) == ["burned.mp4", "dark.mp4"]


def test_colours_stay_what_they_were(folder: Path, dark: Path) -> None:
    """Another matrix in the file is the same colour on screen."""
    out = folder / "burned.mp4"
    burn(DrawnFootage(media_address(dark), 0, "bt601"), CAPTIONS, [], str(out))
    before = np.median(media.frame_at(str(dark), 0).reshape(-1, 3), axis=0)
    after = np.median(media.frame_at(str(out), 0).reshape(-1, 3), axis=0)
    assert np.abs(before - after).max() <= 3


def test_an_upright_video_is_drawn_upright(folder: Path, footage: Path) -> None:
    """Rotation is applied to the pixels and no longer noted; pixels become square, sides even."""
    source = folder / "phone.mp4"
    run(["-display_rotation", "90", "-i", f"file:{footage}", "-c", "copy", "-an", f"file:{source}"], time_limit_s=60)
    out = folder / "out.mp4"
    burn(DrawnFootage(media_address(source)), CAPTIONS, [], str(out))
    video = media.probe_footage(str(out))
    assert (video.rotation, video.width, video.height) == (0, 180, 320)
    turned = np.rot90(media.frame_at(str(footage), 0)).astype(int)
    assert np.abs(turned - media.frame_at(str(out), 0)).mean() < 12


@pytest.mark.parametrize(("codec", "ending"), [("mpeg4", "avi"), ("prores_ks", "mov"), ("libvpx", "webm")])
def test_what_mp4_cannot_hold_is_encoded(folder: Path, codec: str, ending: str) -> None:
    """Footage of other codecs becomes H.264 of the same pictures."""
    source = folder / f"old.{ending}"
    run(["-f", "lavfi", "-i", "testsrc2=s=321x181:r=25:d=0.5", "-c:v", codec, f"file:{source}"], time_limit_s=60)
    out = folder / "new.mp4"
    transcode(DrawnFootage(media_address(source)), str(out))
    video = media.probe_footage(str(out))
    assert (video.codec, video.width, video.height) == ("h264", 320, 180)
    assert len(list(media.frames(str(out)))) in {12, 13}


def test_wide_pixels_become_square(folder: Path) -> None:
    """Anamorphic footage keeps its shape on screen."""
    source = folder / "dv.mp4"
    run(
        ["-f", "lavfi", "-i", "testsrc2=s=160x180:r=25:d=0.2,setsar=2", "-pix_fmt", "yuv420p", f"file:{source}"],
        time_limit_s=60,
    )
    assert media.probe_footage(str(source)).width == 320
    out = folder / "out.mp4"
    transcode(DrawnFootage(media_address(source)), str(out))
    with media.opened(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (320, 180)
        assert stream.sample_aspect_ratio == Fraction(1)


def test_what_libass_lacks_is_found_in_its_log() -> None:
    """A missing glyph is no failure to ffmpeg; it is one to the reader."""
    log = "[Parsed_ass_1 @ 0x1] [warning] Glyph 0x65E5 not found, selecting one more font\n[warning] other"
    assert missing_from(log) == ("Glyph 0x65E5 not found, selecting one more font",)
