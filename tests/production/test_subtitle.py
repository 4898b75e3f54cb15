"""Caption files without a video: whole or not at all, by all settings that were written, nothing ignored unsaid."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import srt

from pipeline.engines import Access
from pipeline.errors import OutputError, UsageError
from pipeline.model import Outcome
from pipeline.production import subtitle
from tests.production.jobs import ignore, job_of
from tests.speaking_voice import SpeakingVoice

TEXT = "It works today, and it has always worked so well.\n\nNobody has ever known the reason for it at all."
WORDS = [
    {"text": "Certainly.", "start": 0.0, "end": 1.2},
    {"text": "Naturally, and for a while.", "start": 1.4, "end": 5.0},
]


def made(folder: Path, name: str, text: str, *outputs: Path, **options: object) -> tuple[Outcome, list[str]]:
    """Make caption files of a source; what was remarked comes with the outcome."""
    told: list[str] = []
    job = job_of(folder, text, name, **options)
    if "size" not in options:
        del job.options["size"]  # type: ignore[attr-defined]
    return subtitle(job, outputs, Access(), ignore, told.append), told


def gaps_ms(path: Path) -> list[int]:
    """Milliseconds between each two cues of a file."""
    cues = list(srt.parse(path.read_text(encoding="utf-8")))
    return [round((b.start - a.end).total_seconds() * 1000) for a, b in pairwise(cues)]


@pytest.mark.usefixtures("truth")
def test_the_scripts_own_frame_rate_counts(folder: Path) -> None:
    """Front matter shapes the captions as it does those of a video: two frames of 50 a second are 40 ms."""
    made(folder, "a.md", f"---\nfps: 50\n---\n{TEXT}", folder / "a.srt")
    made(folder, "b.md", TEXT, folder / "b.srt")
    assert gaps_ms(folder / "a.srt")[-1] == 40
    assert gaps_ms(folder / "b.srt")[-1] == 67


def test_word_times_follow_project_and_options(folder: Path) -> None:
    """Of a words.json the project's settings count, an option's language wins, and what means nothing is told."""
    (folder / "cueline.toml").write_text('fps = 50\nlanguage = "fr"\n', encoding="utf-8")
    text = json.dumps({"language": "en", "words": WORDS})
    _, told = made(folder, "w.json", text, folder / "w.srt", folder / "w.vtt", language="de", title="x")
    assert gaps_ms(folder / "w.srt") == [40]
    assert "Language: de" in (folder / "w.vtt").read_text(encoding="utf-8")
    assert told == ["title means nothing to words that were timed already"]
    _, told = made(folder, "w.json", json.dumps(WORDS), folder / "x.vtt")
    assert "Language: fr" in (folder / "x.vtt").read_text(encoding="utf-8")
    assert told == ["w.json does not say its language: taken for fr"]


def test_all_files_or_none(folder: Path, truth: SpeakingVoice) -> None:
    """One folder that cannot be written leaves the others without a file, and nothing is spoken for it."""
    (folder / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(UsageError, match=r"b\.srt: .*file is a file, so nothing can be written under it"):
        made(folder, "a.md", TEXT, folder / "good" / "a.srt", folder / "file" / "b.srt")
    (folder / "b.srt").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        made(folder, "a.md", TEXT, folder / "good" / "a.srt", folder / "b.srt")
    assert not (folder / "good").exists()
    assert truth.texts == []


@pytest.mark.usefixtures("truth")
def test_remarks_are_in_the_outcome(folder: Path) -> None:
    """What was told is handed back too, for a result that is read by a program."""
    outcome, told = made(folder, "a.md", f"{TEXT}\n\n| a |\n|---|\n| b |", folder / "a.srt")
    assert any("a table is left out" in remark for remark in told)
    assert list(outcome.remarks) == told


@pytest.mark.usefixtures("truth")
def test_a_space_that_holds_words_together_reaches_the_captions(folder: Path) -> None:
    """`10 km` with U+00A0 is shown as it was written, spoken or not."""
    made(folder, "a.md", "It is 10\u00a0km from here to the sea.\n\n—\u00a0…", folder / "a.srt", folder / "a.json")
    words = [word["text"] for word in json.loads((folder / "a.json").read_text(encoding="utf-8"))["words"]]
    assert "10\u00a0km" in words
    assert "—\u00a0…" in words
    assert "10\u00a0km" in (folder / "a.srt").read_text(encoding="utf-8")
