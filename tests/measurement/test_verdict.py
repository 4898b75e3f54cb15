"""A finished file is judged by what is in it: shift its captions or its sound, and `verify` says by how much."""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from pipeline.captions.profiles import profile
from pipeline.captions.segmentation import break_into_cues
from pipeline.measurement import (
    FileSync,
    ReferenceWindows,
    figures,
    is_judged,
    measure_file,
    report_lines,
    to_json,
    what_is_wrong,
)
from pipeline.media import decoded_sound, subtitle_samples
from pipeline.model import Word
from tests.measurement.sounds import Samples, encoded, late, recorded, truth


@dataclass(frozen=True)
class Film:
    """A finished MP4 with AAC and mov_text, and what is known of its narration."""

    path: Path
    references: ReferenceWindows
    words: tuple[Word, ...]

    def measured(self, path: Path | None = None) -> FileSync:
        """Measure it, or another file, as `verify` does."""
        file = str(path or self.path)
        cues = [(float(start), text) for start, _, text in subtitle_samples(file)]
        return measure_file(decoded_sound(file, 48_000), 48_000, self.references, self.words, cues)


def narration() -> tuple[Samples, tuple[Word, ...]]:
    """About 27 s of the truth voice at 24 kHz, after a second of silence: no cue comes before the file, moved by 50 ms."""
    samples, timed = truth(14)
    words = tuple(Word(text, round(1000 + start), round(1000 + end)) for text, start, end in timed)
    return late(samples, 24_000), words


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """The narration, five words a cue."""
    folder = tmp_path_factory.mktemp("film")
    samples, words = narration()
    cues = [words[first : first + 5] for first in range(0, len(words), 5)]
    blocks = [
        f"{n}\n{_clock(cue[0].start_ms)} --> {_clock(cue[-1].end_ms)}\n{' '.join(word.text for word in cue)}\n"
        for n, cue in enumerate(cues, 1)
    ]
    (folder / "film.srt").write_text("\n".join(blocks), encoding="utf-8")
    extra = ("-c:a", "aac", "-b:a", "128k", "-ar", "48000")
    sound = Path(encoded(samples, 24_000, folder / "sound.m4a", extra))
    _mux(folder / "film.mp4", "-i", str(sound), "-i", str(folder / "film.srt"))
    return Film(folder / "film.mp4", recorded(samples, 24_000), words)


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"00:{seconds // 60:02}:{seconds % 60:02},{thousandths:03}"


def _mux(path: Path, *inputs: str, video: tuple[str, ...] = ()) -> Path:
    """Mux the first input's sound with the second one's captions."""
    maps = ("-map", "0:a", "-map", "1:s", "-c:a", "copy", "-c:s", "mov_text")
    command = [get_ffmpeg_exe(), "-v", "error", *inputs, *maps, *video, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def test_a_film_in_sync_has_nothing_wrong(film: Film) -> None:
    """Its figures are small, and there are figures of all three kinds."""
    sync = film.measured()
    values = figures(sync)

    assert what_is_wrong(sync) == ()
    assert abs(values["sound_offset_ms"]) < 0.1
    assert abs(values["sound_drift_ms"]) < 0.1
    assert values["onset_median_ms"] < 2
    assert values["cue_median_ms"] <= 1
    assert (values["windows_found"], values["cues"], values["cues_unmatched"]) == (12, 14, 0)


@pytest.mark.parametrize("shift_ms", [-50, 50, 5000])
def test_shifted_captions_show(film: Film, tmp_path: Path, shift_ms: int) -> None:
    """By the captions' figure alone, to a millisecond."""
    srt = film.path.with_suffix(".srt")
    moved = _mux(tmp_path / "moved.mp4", "-i", str(film.path), "-itsoffset", str(shift_ms / 1000), "-i", str(srt))

    sync = film.measured(moved)

    assert figures(sync)["cue_signed_median_ms"] == pytest.approx(shift_ms, abs=1)
    assert abs(figures(sync)["sound_offset_ms"]) < 0.1
    assert [sentence.split(" are ")[0] for sentence in what_is_wrong(sync)] == ["the captions"]


def test_shifted_sound_shows(film: Film, tmp_path: Path) -> None:
    """By the windows, and independently by the onsets; captions are where they were."""
    samples, _ = narration()
    sound = encoded(late(samples, 50 * 24), 24_000, tmp_path / "late.m4a")
    moved = _mux(tmp_path / "moved.mp4", "-i", sound, "-i", str(film.path.with_suffix(".srt")))

    sync = film.measured(moved)
    values = figures(sync)

    assert values["sound_offset_ms"] == pytest.approx(50, abs=0.1)
    assert values["onset_signed_median_ms"] == pytest.approx(50, abs=2)
    assert abs(values["cue_signed_median_ms"]) <= 1
    assert what_is_wrong(sync) == ("the sound is 50.0 ms late, over the 20 ms that may be",)


@pytest.mark.slow
def test_sound_of_another_film_is_wrong(film: Film) -> None:
    """Windows that are not found are said."""
    noise = np.random.default_rng(5).normal(0, 3000, 40 * 8000).astype(np.int16)
    sync = measure_file([noise], 8000, film.references, film.words, [(0, "Another text")])

    assert what_is_wrong(sync) == (
        "12 of 12 reference windows of the narration are not in the file's sound",
        "1 of 1 cues hold text that is not in the words",
    )
    assert report_lines(sync)[0] == "sound: none of 12 reference windows found"


def test_a_mute_stretch_and_a_jump_are_wrong(film: Film) -> None:
    """Where most of the sound is right, the part that is not is still said."""
    samples, _ = narration()
    tenth = len(samples) // 10
    muted = samples.copy()
    muted[4 * tenth : 5 * tenth] = 0
    jumped = np.concatenate((samples[: 9 * tenth], np.zeros(720, np.int16), samples[9 * tenth :]))

    def wrong(sound: Samples) -> tuple[str, ...]:
        return what_is_wrong(measure_file([sound], 24_000, film.references, film.words, None))

    assert any("of 12 reference windows" in sentence for sentence in wrong(muted))
    assert wrong(jumped) == ("the sound is 30.0 ms late at one of the reference windows",)


def test_onsets_far_from_words_are_wrong() -> None:
    """Word times that are not of this sound."""
    samples, _ = narration()
    apart = [Word("x", 10_000 * n, 10_000 * n + 100) for n in range(4)]

    (sentence,) = what_is_wrong(measure_file([samples], 24_000, None, apart, None))

    assert sentence.startswith("sound begins ")


def test_report_lines(film: Film) -> None:
    """One line each, in words and figures."""
    sound, onsets, captions = report_lines(film.measured())

    assert sound == "sound: 0.0 ms; drift 0.0 ms; at worst 0.0 ms; 12 of 12 reference windows found"
    assert onsets.startswith("onsets: ")
    assert onsets.endswith("28 onsets")
    assert captions.startswith("captions: 0.0 ms at the median")


def test_what_could_not_be_measured_is_said() -> None:
    """A video of somebody else: no windows, no words, no captions."""
    sync = measure_file([np.zeros(8000, np.int16)], 8000, None, (), None)

    assert all(" not " in line for line in report_lines(sync))
    assert (figures(sync), what_is_wrong(sync)) == ({}, ())


def test_json_holds_every_window(film: Film) -> None:
    """And goes through JSON as it is."""
    values = to_json(film.measured())

    assert json.loads(json.dumps(values)) == values
    assert len(values["reference_windows"]) == 12  # type: ignore[arg-type]
    assert values["wrong"] == []


def _phrases(count: int, length_ms: int, pause_ms: int) -> tuple[Samples, tuple[Word, ...]]:
    """Japanese phrases of two bursts with a pause of 300 ms between them, which no word time tells of."""
    burst = (8000 * np.sin(2 * np.pi * 300 * np.arange(length_ms * 24) / 24_000)).astype(np.int16)
    inner, pause = np.zeros(300 * 24, np.int16), np.zeros(pause_ms * 24, np.int16)
    phrase_ms = 2 * length_ms + 300
    sound = np.concatenate([part for _ in range(count) for part in (pause, burst, inner, burst)])
    starts = [pause_ms + n * (pause_ms + phrase_ms) for n in range(count)]
    return sound, tuple(Word("今日は良い天気です。", start, start + phrase_ms, space_before=False) for start in starts)


def test_pauses_inside_of_phrases_are_not_judged() -> None:
    """In Japanese a word is a phrase: a voice that pauses in it is right, and the onsets are told, but not judged."""
    samples, words = _phrases(6, 900, 200)

    sync = measure_file([samples], 24_000, None, words, None)

    assert sync.onsets is not None
    assert (sync.onsets.count, sync.onsets.unmatched) == (0, 12)
    assert what_is_wrong(sync) == ()
    assert figures(sync)["onsets_unmatched"] == 12
    assert "12, none judged" in report_lines(sync)[1]
    assert not is_judged(sync)


def test_words_beside_phrases_are_still_judged() -> None:
    """The same sound with words that have spaces between them is wrong; of a mixed script its spaced words count."""
    samples, words = _phrases(6, 900, 200)
    english = [replace(word, text="weather") for word in words]
    mixed = [*words[:3], *english[3:]]

    (sentence,) = what_is_wrong(measure_file([samples], 24_000, None, english, None))
    sync = measure_file([samples], 24_000, None, mixed, None)

    assert sentence.startswith("sound begins ")
    assert sync.onsets is not None
    assert (sync.onsets.count, sync.onsets.unmatched) == (6, 6)


def test_short_cues_that_their_profile_moves_are_not_wrong() -> None:
    """A track that keeps every rule of its profile is in sync, however many short paragraphs move its cues."""
    words: list[Word] = []
    forced: set[int] = set()
    clock = 1000
    for n in range(9):
        length = 2500 if n % 2 else 330
        forced.add(len(words))
        words.append(Word("Certainly." if n % 2 else "No.", clock, clock + length))
        clock += length + (600 if n % 2 else 400)
    cues = break_into_cues(words, profile("netflix", "en", 30), frozenset(forced), end_ms=clock)
    track = [(float(cue.start_ms), cue.text) for cue in cues]
    silence = [np.zeros(8000, np.int16)]

    right = measure_file(silence, 8000, None, words, track)
    wrong = measure_file(silence, 8000, None, words, [(start + 300, text) for start, text in track])

    assert right.cues is not None
    assert right.cues.signed_median_ms is not None
    assert abs(right.cues.signed_median_ms) > 20
    assert what_is_wrong(right) == ()
    assert len(what_is_wrong(wrong)) == 1


def test_one_window_measures_no_drift(film: Film) -> None:
    """A line takes two points: from a single window the offset is known, the drift is not."""
    samples, _ = narration()
    one = replace(film.references, windows=film.references.windows[:1])

    sync = measure_file([samples], 24_000, one, (), None)

    assert sync.sound is not None
    assert sync.sound.offset_ms == pytest.approx(0, abs=0.1)
    assert sync.sound.drift_ms is None
    assert "sound_drift_ms" not in figures(sync)
    assert "drift not measured" in report_lines(sync)[0]
    assert len(what_is_wrong(measure_file([late(samples, 50 * 24)], 24_000, one, (), None))) == 1


def test_a_narration_without_windows_is_not_called_found() -> None:
    """A job file may hold no window at all: that is said, and nothing is judged by it."""
    sync = measure_file([np.zeros(8000, np.int16)], 8000, ReferenceWindows(24_000, 24_000, ()), (), None)

    assert "not compared" in report_lines(sync)[0]
    assert not is_judged(sync)
