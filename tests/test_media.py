"""Facts, sound, pictures of media files: against files whose content is known."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.encoder import run
from pipeline.errors import MediaError
from tests.footage import make_footage
from tests.noise import Samples, joined, lateness, noise

RATE = 24000


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footage whose every picture is another one."""
    return make_footage(tmp_path_factory.mktemp("footage") / "harbour.mp4")


def wav_of(path: Path, samples: Samples, rate: int = RATE) -> Path:
    """Write samples as a WAV."""
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return path


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("m4a", "aac"),
        ("mkv", "aac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
        ("flac", "flac"),
        ("wav", "pcm_s16le"),
        ("mov", "pcm_s16be"),
    ],
)
def test_sound_starts_at_time_zero(folder: Path, ending: str, codec: str) -> None:
    """Priming, edit lists and pre-skip are taken off: the first sample is the first, the last is in its place."""
    samples = noise(RATE)
    source, path = wav_of(folder / "source.wav", samples), folder / f"coded.{ending}"
    run(["-i", f"file:{source}", "-c:a", codec, "-b:a", "96k", f"file:{path}"], time_limit_s=60)
    heard = joined(media.decoded_sound(str(path), RATE))
    assert heard.dtype == np.int16
    assert lateness(samples[:RATE], heard[:RATE]) == 0
    end = len(samples)
    assert lateness(samples[end - RATE : end], heard[end - RATE : end]) == 0
    # The encoder's padding of the last packet is noted by every form but Matroska for AAC.
    assert 0 <= len(heard) - end <= (1024 if ending == "mkv" else 0)


def test_another_rate_and_two_channels(tmp_path: Path) -> None:
    """Stereo at 44.1 kHz comes as mono at the rate asked for, in place."""
    samples = noise(RATE)
    source, path = wav_of(tmp_path / "s.wav", samples), tmp_path / "stereo.m4a"
    run(["-i", f"file:{source}", "-ac", "2", "-ar", "44100", "-c:a", "aac", f"file:{path}"], time_limit_s=60)
    heard = joined(media.decoded_sound(str(path), RATE))
    assert lateness(samples, heard) == 0


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path: Path, footage: Path) -> None:
    """A sound track that starts half a second into the video is heard half a second in."""
    samples = noise(RATE)
    source, path = wav_of(tmp_path / "s.wav", samples), tmp_path / "late.mp4"
    late = ["-i", f"file:{footage}", "-itsoffset", "0.5", "-i", f"file:{source}", "-map", "0:v", "-map", "1:a"]
    run([*late, "-c:v", "copy", "-c:a", "aac", f"file:{path}"], time_limit_s=60)
    heard = joined(media.decoded_sound(str(path), RATE))
    assert lateness(samples, heard) == RATE // 2
    assert not heard[: RATE // 2 - 1200].any()


def test_opus_beside_a_picture_is_in_place(tmp_path: Path, footage: Path) -> None:
    """Its pre-skip begins before time 0, at which what ffmpeg takes for the file's start does not lie."""
    samples = noise(RATE)
    source, path = wav_of(tmp_path / "s.wav", samples), tmp_path / "both.mkv"
    sources = ["-i", f"file:{footage}", "-i", f"file:{source}", "-map", "0:v", "-map", "1:a"]
    run([*sources, "-c:v", "copy", "-c:a", "libopus", f"file:{path}"], time_limit_s=60)
    assert lateness(samples, joined(media.decoded_sound(str(path), RATE))) == 0


def test_a_long_silence_before_the_sound_comes_in_parts(tmp_path: Path, footage: Path) -> None:
    """However late a track begins, no more than a second of nothing is held at once."""
    samples = noise(RATE)
    source, path = wav_of(tmp_path / "s.wav", samples), tmp_path / "late.mkv"
    late = ["-i", f"file:{footage}", "-itsoffset", "200", "-i", f"file:{source}", "-map", "0:v", "-map", "1:a"]
    run([*late, "-c:v", "copy", "-c:a", "pcm_s16le", f"file:{path}"], time_limit_s=60)
    blocks = list(media.decoded_sound(str(path), RATE))
    assert max(map(len, blocks)) <= RATE
    heard = joined(blocks)
    assert not heard[: 200 * RATE].any()
    assert np.array_equal(heard[200 * RATE :], samples)


def test_a_sound_that_changes_on_the_way(tmp_path: Path) -> None:
    """Joined streams of one and of two channels are one sound, nothing lost between them."""
    samples = noise(RATE, 3.0)
    path = tmp_path / "joined.ts"
    parts = (samples[:RATE], "1", "24000"), (samples[RATE:], "2", "48000")
    with path.open("wb") as whole:
        for number, (part, channels, rate) in enumerate(parts):
            source, coded = wav_of(tmp_path / f"{number}.wav", part), tmp_path / f"{number}.ts"
            options = ["-ac", channels, "-ar", rate, "-c:a", "mp2", "-b:a", "64k", "-output_ts_offset", str(number)]
            run(["-i", f"file:{source}", *options, f"file:{coded}"], time_limit_s=60)
            whole.write(coded.read_bytes())
    heard = joined(media.decoded_sound(str(path), RATE))
    late = lateness(samples[:RATE], heard)
    # The first part ends in a whole frame of 24 ms, which the second one's time does not count.
    assert abs(lateness(samples[RATE * 3 // 2 :], heard) - RATE * 3 // 2 - late) <= RATE // 40


def test_pictures_are_timed_from_the_file_s_start(tmp_path: Path, footage: Path) -> None:
    """What was cut out of a recording starts anywhere on its clock; a player's time 0 is its first picture."""
    path = tmp_path / "v.mkv"
    shifted = ["-an", "-c", "copy", "-output_ts_offset", "3"]
    run(["-i", f"file:{footage}", *shifted, f"file:{path}"], time_limit_s=60)
    times = [time for time, _ in media.frames(str(path))]
    assert (times[0], times[25]) == pytest.approx((0, 1), abs=0.001)
    pictures = [picture for _, picture in media.frames(str(path))]
    assert np.array_equal(media.frame_at(str(path), 1039), pictures[25])


def test_facts_of_a_video(footage: Path) -> None:
    """Codec, size, rate and lengths of picture and sound."""
    facts = media.probe(str(footage))
    assert facts.video == media.VideoFacts("h264", 320, 180, Fraction(25), 0, 0, 4000, "bt601", is_hdr=False)
    assert [(s.codec, s.sample_rate, s.channels, s.duration_ms) for s in facts.sounds] == [("aac", 44100, 1, 3500)]
    assert facts.duration_ms == 4000
    assert facts.title == "IMG_0001"
    assert (facts.subtitles, facts.chapters) == ((), ())
    assert not facts.index_first


@pytest.mark.parametrize(("transfer", "is_hdr"), [("smpte2084", True), ("arib-std-b67", True), ("bt709", False)])
def test_hdr_is_known_by_its_transfer(tmp_path: Path, transfer: str, is_hdr: bool) -> None:  # noqa: FBT001
    """PQ and HLG are HDR, on which nothing is drawn."""
    path = tmp_path / "v.mp4"
    colours = f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc"
    source = ["-f", "lavfi", "-i", f"color=gray:s=64x64:d=0.2,format=yuv420p,{colours}"]
    run([*source, "-c:v", "libx264", f"file:{path}"], time_limit_s=60)
    video = media.probe_footage(str(path))
    assert video.is_hdr is is_hdr
    assert video.matrix == "bt2020"
    if is_hdr:
        with pytest.raises(MediaError, match="--captions soft"):
            media.refuse_hdr(str(path), video)
    else:
        media.refuse_hdr(str(path), video)


def test_which_pictures_can_be_copied(tmp_path: Path, footage: Path) -> None:
    """Codecs are known by their own names, and AVI, which has no presentation times, is not copied."""
    av1, avi = tmp_path / "a.mp4", tmp_path / "a.avi"
    run(
        ["-f", "lavfi", "-i", "color=gray:s=64x64:d=0.2", "-c:v", "libaom-av1", "-cpu-used", "8", f"file:{av1}"],
        time_limit_s=60,
    )
    run(["-i", f"file:{footage}", "-c", "copy", f"file:{avi}"], time_limit_s=60)
    assert [media.probe_footage(str(path)).codec for path in (footage, av1, avi)] == ["h264", "av1", "h264"]
    assert [media.probe_footage(str(path)).is_copyable for path in (footage, av1, avi)] == [True, True, False]


def test_a_cover_is_no_picture(tmp_path: Path) -> None:
    """A song with a cover is a sound."""
    path = tmp_path / "song.m4a"
    sources = ["-f", "lavfi", "-i", "sine=d=0.5", "-f", "lavfi", "-i", "color=red:s=64x64:d=0.04"]
    cover = ["-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic", "-frames:v", "1"]
    run([*sources, *cover, f"file:{path}"], time_limit_s=60)
    assert media.probe(str(path)).video is None
    with pytest.raises(MediaError, match="no picture"):
        media.probe_footage(str(path))


def test_the_picture_on_screen(footage: Path) -> None:
    """Between two frames the earlier one is on screen; after the end, the last."""
    pictures = [picture for _, picture in media.frames(str(footage))]
    assert len(pictures) == 100
    assert np.array_equal(media.frame_at(str(footage), 0), pictures[0])
    assert np.array_equal(media.frame_at(str(footage), 1039), pictures[25])
    assert np.array_equal(media.frame_at(str(footage), 1040), pictures[26])
    assert np.array_equal(media.frame_at(str(footage), 3999), pictures[99])


def test_files_that_are_no_media(tmp_path: Path, footage: Path) -> None:
    """Missing, a folder, text, half a video, a sound without a picture and a picture without a sound."""
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    half = tmp_path / "half.mp4"
    half.write_bytes(footage.read_bytes()[:20000])
    for path, sentence in ((tmp_path / "no.mp4", "no such file"), (tmp_path, "no such file")):
        with pytest.raises(MediaError, match=sentence):
            media.probe(str(path))
    for path in (text, half):
        with pytest.raises(MediaError, match="can be read"):
            media.probe(str(path))
    with pytest.raises(MediaError, match="no picture"):
        media.frame_at(str(wav_of(tmp_path / "s.wav", noise(RATE))), 0)
    silent = tmp_path / "silent.mp4"
    run(["-i", f"file:{footage}", "-c", "copy", "-an", f"file:{silent}"], time_limit_s=60)
    with pytest.raises(MediaError, match="no sound"):
        next(media.decoded_sound(str(silent), RATE))


@pytest.mark.slow
def test_footage_whose_end_is_missing_is_known(tmp_path: Path, footage: Path) -> None:
    """A download that broke off, with its index in front, plays: that its end is missing is a fact of it."""
    forms = {
        "fast.mp4": ["-movflags", "+faststart"],
        "fragments.mp4": ["-movflags", "+frag_keyframe+empty_moov"],
        "a.mkv": [],
        "live.mkv": ["-live", "1"],
        "a.webm": ["-c:v", "libvpx", "-b:v", "200k"],
    }
    for name, options in forms.items():
        whole, half = tmp_path / name, tmp_path / f"half-{name}"
        run(["-i", f"file:{footage}", "-an", "-c", "copy", *options, f"file:{whole}"], time_limit_s=60)
        half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
        assert [media.probe(str(path)).is_truncated for path in (whole, half)] == [False, True], name
        appended = tmp_path / f"more-{name}"
        appended.write_bytes(whole.read_bytes() + b"\x7fappended by a camera, whatever it is")
        assert not media.probe(str(appended)).is_truncated, name
    assert not media.probe(str(footage)).is_truncated


def test_footage_that_begins_before_time_zero(tmp_path: Path, footage: Path) -> None:
    """Matroska holds no negative times of pictures, and ffmpeg cannot search such a file: it is drawn anew, not refused."""
    path = tmp_path / "early.mkv"
    early = ["-itsoffset", "-0.5", "-i", f"file:{footage}", "-c", "copy", "-avoid_negative_ts", "disabled"]
    run([*early, f"file:{path}"], time_limit_s=60)
    video = media.probe_footage(str(path))
    assert not video.is_copyable
    assert video.start_ms == 0
    assert abs(video.end_ms - 4000) <= 40


def test_a_file_without_a_search_index(tmp_path: Path, footage: Path) -> None:
    """Bare H.264 has no times at all, so no place in it can be searched, and a copy would have none."""
    path = tmp_path / "bare.h264"
    run(["-i", f"file:{footage}", "-an", "-c", "copy", f"file:{path}"], time_limit_s=60)
    assert not media.probe_footage(str(path)).is_copyable


def test_labels_in_another_coding(tmp_path: Path, footage: Path) -> None:
    """A title in Latin-1 is shown as far as it can be read, and is no reason to refuse the footage."""
    path = tmp_path / "labels.mp4"
    path.write_bytes(footage.read_bytes().replace(b"IMG_0001", b"caf\xe9 001"))
    assert media.probe(str(path)).title == "caf\ufffd 001"
