"""Finished files: what is in them, when it is heard, seen and read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.encoder import run
from pipeline.encoder.muxing import MuxPlan, PictureFile, mux
from pipeline.encoder.sound import SoundEncoder
from pipeline.errors import FfmpegError, MediaError, OutputError
from pipeline.filtergraph import Container, SoundContainer
from pipeline.model import CaptionTrack, ChapterMark, Cue, Progress
from tests.noise import Samples, joined, lateness, noise

RATE = 24000
# Markup, escapes, right-to-left, emoji, a plain brace: ffmpeg's converters change each of them.
TEXTS = ("<i>x</i> {\\an8} \\N & &amp;", "Zwei\nZeilen — “é”", "{b} 日本語 🙂 שלום", "-->\n1\n00:00")


def narrated(path: Path, samples: Samples, container: SoundContainer = "m4a") -> Path:
    """Encode samples in blocks, as speech comes."""
    with SoundEncoder(str(path), RATE, container) as encoder:
        for at in range(0, len(samples), 5000):
            encoder.feed(samples[at : at + 5000].tobytes())
        encoder.finish()
        assert encoder.sample_count == len(samples)
    return path


def captions(*times: tuple[int, int], language: str = "pt-BR") -> CaptionTrack:
    """Make a cue for each pair of times."""
    texts = (TEXTS[n % len(TEXTS)] for n in range(len(times)))
    cues = (Cue(start, end, tuple(text.split("\n"))) for (start, end), text in zip(times, texts, strict=True))
    return CaptionTrack(tuple(cues), language)


def picture_of(path: Path) -> PictureFile:
    """Name a video as production does."""
    facts = media.probe_footage(str(path))
    return PictureFile(str(path), facts.end_ms, facts.codec)


def assert_in_place(path: Path, samples: Samples) -> None:
    """The sound of a file is these samples, its first and its last second to the sample."""
    heard = joined(media.decoded_sound(str(path), RATE))
    assert lateness(samples[:RATE], heard[:RATE]) == 0
    end = len(samples)
    assert lateness(samples[end - RATE : end], heard[end - RATE : end]) == 0


@pytest.mark.parametrize("seconds", [6.5, 2.6])
def test_a_narrated_video(folder: Path, footage: Path, seconds: float) -> None:
    """Picture copied, sound replaced and in place, captions byte for byte, chapters, labels: all in one file."""
    samples = noise(RATE, seconds)
    sound = narrated(folder / "n.m4a", samples)
    sound_ms = round(len(samples) / RATE * 1000)
    end_ms = max(4000, sound_ms)
    track = captions((500, 1234), (1234, 1800), (2001, 2500), (end_ms - 300, end_ms + 5000))
    marks = (ChapterMark("One; = #2\\ \n?", 0, 1500), ChapterMark("Zwei\\", 1500, sound_ms))
    plan = MuxPlan(
        str(sound), sound_ms, "mp4", picture_of(footage), track, "default", "Português", marks, "A “title”", "de"
    )
    heard: list[Progress] = []
    out = folder / "-a:b%d.mp4"
    mux(plan, str(out), heard.append)

    facts = media.probe(str(out))
    assert facts.video is not None
    assert (facts.video.codec, facts.video.start_ms) == ("h264", 0)
    assert abs(facts.duration_ms - end_ms) <= 1
    assert abs(facts.video.end_ms - end_ms) <= 1
    assert facts.index_first
    assert facts.title == "A “title”"
    assert [(s.codec, s.sample_rate, s.language) for s in facts.sounds] == [("aac", 48000, "deu")]
    assert [(s.codec, s.language, s.title, s.is_default) for s in facts.subtitles] == [
        ("mov_text", "por", "Português", True)
    ]
    assert [(c.title.strip(), c.start_ms, c.end_ms) for c in facts.chapters] == [
        ("One; = #2\\ \n?", 0, 1500),
        ("Zwei\\", 1500, sound_ms),
    ]
    expected = [(c.start_ms, min(c.end_ms, end_ms), c.text) for c in track.cues]
    assert list(media.subtitle_samples(str(out))) == expected
    with media.opened(str(out)) as container:  # one sample follows the other, gaps being one empty sample each
        samples_of_text = [p for p in container.demux(subtitles=0) if p.pts is not None]
    ends = [0, *((p.pts or 0) + (p.duration or 0) for p in samples_of_text)]
    assert [p.pts for p in samples_of_text] == ends[:-1]
    # Between cues that touch the muxer puts an empty sample that lasts no time; nowhere else.
    assert [p.pts for p in samples_of_text if not p.duration] == [1234]
    assert_in_place(out, samples)
    assert heard[-1].stage == "muxing"
    assert heard[-1].total == pytest.approx(end_ms / 1000)
    assert b"+48.85" not in out.read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == sorted([out.name, sound.name])


def test_the_last_frame_is_held_and_no_other_is_touched(tmp_path: Path, footage: Path) -> None:
    """A longer narration keeps all pictures of the footage at their times, the last one staying to the end."""
    samples = noise(RATE, 6.5)
    sound = narrated(tmp_path / "n.m4a", samples)
    out = tmp_path / "held.mp4"
    mux(MuxPlan(str(sound), 6503, picture=picture_of(footage)), str(out))
    before, after = list(media.frames(str(footage))), list(media.frames(str(out)))
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before])
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))
    assert np.array_equal(media.frame_at(str(out), 6400), before[-1][1])
    assert np.array_equal(media.frame_at(str(out), 2000), before[50][1])
    video = media.probe_footage(str(out))
    assert abs(video.end_ms - 6503) <= 1


def test_a_shorter_narration_leaves_the_picture_whole(tmp_path: Path, footage: Path) -> None:
    """Packets of the picture are the same bytes, all of them, where the voice ends first."""
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 1.0))
    out = tmp_path / "out.mp4"
    mux(MuxPlan(str(sound), 1003, picture=picture_of(footage)), str(out))
    with media.opened(str(footage)) as one, media.opened(str(out)) as other:
        assert [bytes(p) for p in one.demux(video=0)] == [bytes(p) for p in other.demux(video=0)]


@pytest.mark.parametrize("ending", ["mkv", "ts", "mov"])
def test_footage_in_other_containers(tmp_path: Path, footage: Path, ending: str) -> None:
    """Matroska's missing decoding times and a transport stream's late start do not move picture or sound."""
    source = tmp_path / f"source.{ending}"
    run(["-i", f"file:{footage}", "-c", "copy", f"file:{source}"], time_limit_s=60)
    samples = noise(RATE, 5.0)
    sound = narrated(tmp_path / "n.m4a", samples)
    out = tmp_path / "out.mp4"
    mux(MuxPlan(str(sound), 5003, picture=picture_of(source)), str(out))
    times = [time for time, _ in media.frames(str(out))]
    assert times == pytest.approx([n / 25 for n in range(100)], abs=0.001)
    assert_in_place(out, samples)
    assert abs(media.probe_footage(str(out)).end_ms - 5003) <= 1


@pytest.mark.parametrize(
    ("codec", "name", "tag"),
    [("libx265", "hevc", "hvc1"), ("libvpx-vp9", "vp9", "vp09"), ("libaom-av1", "av1", "av01")],
)
def test_other_codecs_are_copied_and_held(tmp_path: Path, codec: str, name: str, tag: str) -> None:
    """What MP4 can hold is copied under the tag that players ask for, its last picture held as well."""
    source, out = tmp_path / "source.mkv", tmp_path / "out.mp4"
    speed = ["-preset", "ultrafast"] if codec == "libx265" else ["-cpu-used", "8"]
    quick = ["-pix_fmt", "yuv420p", "-c:v", codec, *speed]
    run(["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=1", *quick, f"file:{source}"], time_limit_s=60)
    picture = picture_of(source)
    assert picture.codec == name
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 2.0))
    mux(MuxPlan(str(sound), 2003, picture=picture), str(out))
    assert abs(media.probe_footage(str(out)).end_ms - 2003) <= 1
    with media.opened(str(out)) as container:
        assert container.streams.video[0].codec_tag == tag
    before, after = list(media.frames(str(source))), list(media.frames(str(out)))
    assert len(before) == 25
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))


def test_a_picture_that_begins_late_stays_late(tmp_path: Path, footage: Path) -> None:
    """Where the footage's own sound began first, its picture keeps its distance from the start without that sound."""
    source, out = tmp_path / "late.mp4", tmp_path / "out.mp4"
    late = ["-f", "lavfi", "-i", "sine=d=5", "-itsoffset", "0.5", "-i", f"file:{footage}", "-map", "1:v", "-map", "0:a"]
    run([*late, "-c:v", "copy", f"file:{source}"], time_limit_s=60)
    picture = picture_of(source)
    assert picture.end_ms == 4500
    samples = noise(RATE, 6.0)
    mux(MuxPlan(str(narrated(tmp_path / "n.m4a", samples)), 6003, picture=picture), str(out))
    video = media.probe_footage(str(out))
    assert video.start_ms == 500
    assert abs(video.end_ms - 6003) <= 1
    assert_in_place(out, samples)


def test_rotation_stays(tmp_path: Path, footage: Path) -> None:
    """A phone's upright video stays upright when its packets are copied."""
    source = tmp_path / "phone.mp4"
    run(["-display_rotation", "90", "-i", f"file:{footage}", "-c", "copy", f"file:{source}"], time_limit_s=60)
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 1.0))
    out = tmp_path / "out.mp4"
    mux(MuxPlan(str(sound), 1003, picture=picture_of(source)), str(out))
    video = media.probe_footage(str(out))
    assert (video.rotation, video.width, video.height) == (90, 180, 320)


def test_bare_h264_is_given_its_times(tmp_path: Path) -> None:
    """A stream of pictures without times is shown at its frame rate, and its last picture held."""
    source = tmp_path / "drawn.h264"
    drawn = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p"]
    run(["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", *drawn, "-f", "h264", f"file:{source}"], time_limit_s=60)
    samples = noise(RATE, 3.0)
    sound = narrated(tmp_path / "n.m4a", samples)
    out = tmp_path / "out.mp4"
    mux(MuxPlan(str(sound), 3003, picture=PictureFile(str(source), 2000, "h264", Fraction(30))), str(out))
    times = [time for time, _ in media.frames(str(out))]
    assert times == pytest.approx([n / 30 for n in range(60)], abs=0.001)
    assert abs(media.probe_footage(str(out)).end_ms - 3003) <= 1
    assert_in_place(out, samples)


@pytest.mark.parametrize(("container", "codec"), [("m4a", "aac"), ("mp3", "mp3"), ("wav", "pcm_s16le")])
def test_only_sound(tmp_path: Path, container: SoundContainer, codec: str) -> None:
    """Sound files have the voice in place, the title, and chapters where the form has a place for them."""
    samples = noise(RATE, 3.0)
    sound = narrated(tmp_path / f"n.{container}", samples, container)
    out = tmp_path / f"out.{container}"
    marks = (ChapterMark("One", 0, 1000), ChapterMark("Two", 1000, 3003))
    kind: Container = container
    mux(MuxPlan(str(sound), 3003, kind, captions=captions((0, 900)), chapters=marks, title="Título"), str(out))
    facts = media.probe(str(out))
    assert facts.video is None
    assert facts.subtitles == ()
    assert facts.sounds[0].codec == codec
    assert facts.sounds[0].sample_rate == (RATE if container == "wav" else 48000)
    assert facts.title == "Título"
    assert [c.title for c in facts.chapters] == ([] if container == "wav" else ["One", "Two"])
    assert abs(facts.duration_ms - 3003) <= 30
    assert_in_place(out, samples)


def test_one_cue_at_the_very_start_and_none_at_all(tmp_path: Path, footage: Path) -> None:
    """A first cue at time 0 stays there; a track without a cue that is seen makes no track."""
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 1.0))
    out = tmp_path / "out.mp4"
    mux(MuxPlan(str(sound), 1003, picture=picture_of(footage), captions=captions((0, 700))), str(out))
    assert media.subtitle_samples(str(out)) == ((0, 700, TEXTS[0]),)
    assert not media.probe(str(out)).subtitles[0].is_default
    mux(MuxPlan(str(sound), 1003, picture=picture_of(footage), captions=captions((4000, 5000))), str(out))
    with pytest.raises(MediaError, match="no soft captions"):
        media.subtitle_samples(str(out))


def patched(path: Path, old: bytes, new: bytes) -> str:
    """Write a copy in which bytes that stand there once are other ones."""
    whole = path.read_bytes()
    assert whole.count(old) == 1
    other = path.with_name("patched.mp4")
    other.write_bytes(whole.replace(old, new))
    return str(other)


def text_track_beginning_at(path: Path, media_ms: int) -> str:
    """Write a copy whose text track's edit list begins so many milliseconds into the track (ISO/IEC 14496-12 8.6.6)."""
    whole = bytearray(path.read_bytes())
    entry = whole.rindex(b"elst") + 16
    assert whole[entry : entry + 4] == bytes(4)
    whole[entry : entry + 4] = media_ms.to_bytes(4, "big")
    other = path.with_name("edited.mp4")
    other.write_bytes(whole)
    return str(other)


@pytest.mark.parametrize(
    ("media_ms", "expected"),
    [
        (300, ((0, 200), (400, 1200), (1400, 2200), (2200, 2700))),
        (500, ((200, 1000), (1200, 2000), (2000, 2500))),
        (1700, ((0, 800), (800, 1300))),
    ],
)
def test_an_edit_list_that_cuts_into_the_captions(
    tmp_path: Path, footage: Path, media_ms: int, expected: tuple[tuple[int, int], ...]
) -> None:
    """A text that began before the file does is seen from 0, one that had ended is not, the others keep their lengths."""
    out = tmp_path / "out.mp4"
    track = captions((100, 500), (700, 1500), (1700, 2500), (2500, 3000))
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 1.0))
    mux(MuxPlan(str(sound), 1003, picture=picture_of(footage), captions=track), str(out))
    found = media.subtitle_samples(text_track_beginning_at(out, media_ms))
    assert found == tuple((*times, cue.text) for times, cue in zip(expected, track.cues[-len(expected) :], strict=True))


def test_captions_of_other_programs(tmp_path: Path, footage: Path) -> None:
    """UTF-16 behind its mark is text too; bytes that are neither are told in a sentence."""
    out = tmp_path / "out.mp4"
    sound = narrated(tmp_path / "n.m4a", noise(RATE, 1.0))
    cue = Cue(0, 700, ("abcdef",))
    mux(MuxPlan(str(sound), 1003, picture=picture_of(footage), captions=CaptionTrack((cue,))), str(out))
    wide = patched(out, b"abcdef", b"\xfe\xff" + "né".encode("utf-16-be"))
    assert media.subtitle_samples(wide) == ((0, 700, "né"),)
    with pytest.raises(MediaError, match="no text"):
        media.subtitle_samples(patched(out, b"abcdef", b"ab\xffdef"))


def test_a_sound_that_is_missing(tmp_path: Path, footage: Path) -> None:
    """A missing input is told with ffmpeg's reason."""
    with pytest.raises(FfmpegError, match="No such file"):
        mux(MuxPlan(str(tmp_path / "no.m4a"), 1000, picture=picture_of(footage)), str(tmp_path / "out.mp4"))
    with pytest.raises(OutputError, match=r"out\.mp4"):
        mux(MuxPlan(str(footage), 1000), str(tmp_path / "no folder" / "out.mp4"))
