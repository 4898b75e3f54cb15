"""The whole road, over loopback: script → finished MP4, looked at with other means than ours."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import srt

from pipeline import media
from pipeline.captions import words as words_format
from pipeline.pcm import as_array
from pipeline.production import verify
from pipeline.production.spoken import blocks
from tests.production.jobs import SCRIPT, job_of, run
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import onsets, truth_times

RATE = 48000


def sound_of(path: Path, rate: int = RATE) -> np.ndarray:
    """Decode all sound of a file, mono, from its time 0."""
    return np.concatenate(list(media.decoded_sound(str(path), rate)))


def offset_ms(sound: np.ndarray, wanted: np.ndarray, rate: int) -> float:
    """By how much `wanted` (1 s and more) comes late in `sound`, by cross-correlation over ±0.5 s around its place."""
    size = 1 << (len(sound) + len(wanted) - 1).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)), size)
    reach = rate // 2
    around = np.concatenate([likeness[-reach:], likeness[: reach + 1]])
    return (int(np.argmax(around)) - reach) * 1000 / rate


@pytest.mark.usefixtures("truth")
def test_a_script_becomes_a_video(folder: Path) -> None:
    """The finished MP4 has picture, sound, captions, chapters, title and language, and lasts as long as the voice."""
    outcome = run(job_of(folder))
    video = folder / "output" / "tour.mp4"
    assert sorted(Path(file).name for file in outcome.files) == [
        "tour.job.json", "tour.mp4", "tour.srt", "tour.vtt", "tour.words.json",
    ]  # fmt: skip
    facts = media.probe(str(video))
    assert facts.index_first
    assert facts.title == "Wörter & Zeit"
    assert facts.video is not None
    assert (facts.video.codec, facts.video.width, facts.video.height) == ("h264", 320, 180)
    assert facts.video.frame_rate is not None
    assert float(facts.video.frame_rate) == 30.0
    assert [(sound.codec, sound.sample_rate, sound.language) for sound in facts.sounds] == [("aac", RATE, "eng")]
    assert [(track.codec, track.language, track.is_default) for track in facts.subtitles] == [
        ("mov_text", "eng", False)
    ]
    assert [chapter.title for chapter in facts.chapters] == ["One", "Two"]
    words = words_format.parse((folder / "output" / "tour.words.json").read_text(encoding="utf-8"))
    assert abs(facts.duration_ms - words.duration_ms) <= 34
    assert (
        facts.chapters[1].start_ms
        <= next(w.start_ms for w in words.words if w.text == "At")
        <= facts.chapters[1].start_ms + 30
    )


@pytest.mark.usefixtures("truth")
def test_captions_are_the_authors_text(folder: Path) -> None:
    """All captions together are the script as it was written, in files and in the video, byte for byte."""
    run(job_of(folder))
    written = (folder / "output" / "tour.srt").read_text(encoding="utf-8")
    cues = list(srt.parse(written))
    shown = " ".join(cue.content.replace("\n", " ") for cue in cues)
    assert shown.startswith("The harbour opened in 1887, and HMS Aurora came. It still works today. Nobody knows why;")
    assert "Look at that — there it is! Where?" in shown
    assert shown.endswith("Everybody does, sooner or later.")
    track = media.subtitle_samples(str(folder / "output" / "tour.mp4"))
    assert [text for _, _, text in track] == [cue.content for cue in cues]
    times = [(cue.start.total_seconds() * 1000, cue.end.total_seconds() * 1000) for cue in cues]
    assert [(start, end) for start, end, _ in track] == [(round(start), round(end)) for start, end in times]


@pytest.mark.usefixtures("truth")
def test_the_sound_is_where_the_narration_is(folder: Path) -> None:
    """Cross-correlated with the narration, the file's sound is 0 ms off within 1 ms, at the start and at the end."""
    from pipeline.engines import Access
    from pipeline.production.jobs import assign
    from pipeline.production.planning import make_plan
    from pipeline.production.spoken import narration_of
    from pipeline.store import Store

    job = job_of(folder)
    run(job)
    plan = make_plan(assign(job), Access(), lambda _: None)
    narration, repairs = narration_of(plan, Store(job.store))
    assert repairs == ()
    wanted = as_array(b"".join(blocks(narration.pieces, Store(job.store)))).astype(np.float64)
    sound = sound_of(folder / "output" / "tour.mp4", narration.sample_rate).astype(np.float64)
    second = 3 * narration.sample_rate
    assert abs(offset_ms(sound[:second], wanted[:second], narration.sample_rate)) <= 1
    tail = len(wanted) - second
    assert abs(offset_ms(sound[tail : tail + second], wanted[tail:], narration.sample_rate)) <= 1


@pytest.mark.parametrize(
    "output_format",
    ["pcm_24000", "pcm_44100", "pcm_16000", "mp3_44100_128", pytest.param("mp3_22050_32", marks=pytest.mark.slow)],
)
@pytest.mark.usefixtures("truth")
def test_every_word_is_on_its_sound(folder: Path, output_format: str) -> None:
    """In the finished file every word's time is within 3 ms of its burst, for PCM and for headerless MP3."""
    run(job_of(folder, output_format=output_format))
    found = onsets(sound_of(folder / "output" / "tour.mp4"), RATE)
    words = json.loads((folder / "output" / "tour.words.json").read_text(encoding="utf-8"))["words"]
    spoken = [word for word in words if any(letter.isalnum() for letter in word["text"])]
    # A word that is said in several bursts is timed from its first to its last.
    said = [len(word.get("said", word["text"]).split()) for word in spoken]
    firsts = np.cumsum([0, *said[:-1]])
    assert sum(said) == len(found)
    late = [word["start"] * 1000 - found[first] for word, first in zip(spoken, firsts, strict=True)]
    assert max(map(abs, late)) <= 3, late


@pytest.mark.usefixtures("truth")
def test_pauses_are_the_ones_asked_for(folder: Path) -> None:
    """Between the sounds lie 1.2 s at the break, 0.4 s between paragraphs and speakers, 1 s before a chapter."""
    run(job_of(folder))
    words = json.loads((folder / "output" / "tour.words.json").read_text(encoding="utf-8"))["words"]
    gaps = {after["text"]: round((after["start"] - before["end"]) * 1000) for before, after in pairwise(words)}
    for text, pause in (("Nobody", 1200), ("Look", 400), ("Where?", 400), ("At", 1000)):
        assert abs(gaps[text] - pause) <= 3, (text, gaps[text])


@pytest.mark.slow
def test_nothing_is_spoken_twice(folder: Path, truth: SpeakingVoice) -> None:
    """A second run makes nothing; a changed paragraph is the only one that is spoken; a new picture speaks nothing."""
    first = run(job_of(folder))
    assert first.made
    assert first.spoken == len(truth.texts) == 5
    truth.texts.clear()
    again = run(job_of(folder))
    assert (again.made, again.spoken, truth.texts) == (False, 0, [])
    changed = run(job_of(folder, SCRIPT.replace("only water", "nothing")))
    assert (changed.made, changed.spoken, len(truth.texts)) == (True, 1, 1)
    truth.texts.clear()
    assert run(job_of(folder, SCRIPT.replace("only water", "nothing"), fps=25)).made
    assert truth.texts == []


@pytest.mark.slow
@pytest.mark.usefixtures("truth")
def test_a_file_that_was_touched_is_made_again(folder: Path) -> None:
    """When a result was changed or removed by hand, it is made anew from the store."""
    run(job_of(folder))
    subtitles = folder / "output" / "tour.srt"
    whole = subtitles.read_bytes()
    subtitles.write_text("mine", encoding="utf-8")
    assert run(job_of(folder)).made
    assert subtitles.read_bytes() == whole
    (folder / "output" / "tour.mp4").unlink()
    assert run(job_of(folder)).made


@pytest.mark.usefixtures("truth")
def test_the_result_is_in_sync_by_measurement(folder: Path) -> None:
    """`verify` on the finished folder finds 0 ms three times."""
    run(job_of(folder))
    media_path, sync = verify(folder / "output")
    assert media_path.name == "tour.mp4"
    assert sync.sound is not None
    assert sync.sound.windows_found == len(sync.sound.windows) > 0
    assert sync.sound.offset_ms is not None
    assert abs(sync.sound.offset_ms) < 0.2
    assert sync.onsets is not None
    assert sync.onsets.median_ms is not None
    assert sync.onsets.median_ms < 3
    assert sync.cues is not None
    assert sync.cues.signed_median_ms == 0


@pytest.mark.parametrize("container", ["m4a", "mp3", "wav"])
@pytest.mark.usefixtures("truth")
def test_sound_alone(folder: Path, container: str) -> None:
    """Only sound: the side files lie beside it, and its words are as exact."""
    run(job_of(folder, container=container))
    found = onsets(sound_of(folder / "output" / f"tour.{container}"), RATE)
    words = json.loads((folder / "output" / "tour.words.json").read_text(encoding="utf-8"))["words"]
    assert abs(words[0]["start"] * 1000 - found[0]) <= 3
    assert abs(words[-1]["start"] * 1000 - found[-1]) <= 3


@pytest.mark.usefixtures("truth")
def test_times_are_those_of_the_voice() -> None:
    """The truth voice itself says what it does: its onsets are where it promised."""
    from tests.truth_voice import TruthVoice

    text = "One, two. Three four"
    spoken = TruthVoice()(text, "en", "x", 1.0)
    found = onsets(as_array(spoken.pcm), spoken.sample_rate)
    assert [round(start) for start, _ in truth_times(text)] == [round(start) for start in found]
