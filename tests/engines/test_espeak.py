"""Text → espeak-ng in its own process → samples and words; and what happens when that process goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.engines import espeak, espeak_pipe
from pipeline.engines.audibility import Loud
from pipeline.engines.espeak_pipe import PROGRAM, Processes, package_folder, short_path
from pipeline.engines.espeak_times import Event, word_times
from pipeline.errors import EngineError

GERMAN = "Über den Wolken, 25 km weit, muss die Freiheit wohl grenzenlos sein. „Ja“, sagte er — und ging."
FRENCH = "L'été, c'est la saison des vacances ; il y a de l'eau, du vent et 30 degrés. Qu'est-ce que c'est ?"


def _library() -> tuple[str, str]:
    command = espeak_pipe.processes().command
    return command[-2], command[-1]


def _heard(length: int, *quiet: tuple[int, int]) -> Loud:
    """So many milliseconds of sound, but for some."""
    import numpy as np

    heard = np.ones(length, np.bool_)
    for first, end in quiet:
        heard[first:end] = False
    return Loud(heard)


@pytest.mark.parametrize(("text", "voice"), [(GERMAN, "de"), (FRENCH, "fr-fr")])
def test_every_word_is_timed(text: str, voice: str) -> None:
    """German and French words, the contracted ones too, each have a time of their own, in order."""
    spoken = espeak.speak(text, voice, 1.0)
    wanted = [run.strip("„“,.;?—") for run in text.split() if any(sign.isalnum() for sign in run)]
    assert [text[word.first : word.end] for word in spoken.words] == wanted
    edges = [edge for word in spoken.words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert min(word.end_ms - word.start_ms for word in spoken.words) >= 20


def test_spoken_again_it_is_the_same() -> None:
    """What was spoken before leaves nothing behind in the voice."""
    first = espeak.speak(GERMAN, "de", 1.0)
    espeak.speak(FRENCH, "fr-fr+m3", 0.9)
    assert espeak.speak(GERMAN, "de", 1.0) == first


def test_a_process_that_answers_once_speaks_the_same() -> None:
    """Where there is no fork each request has a process of its own: the samples are the same."""
    warm = espeak_pipe.processes()
    request = {"text": "Guten Tag.", "voice": "gmw/de", "rate": 165}
    once = Processes((*warm.command, "once"))
    try:
        assert once.ask(request) == warm.ask(request)
        process = once.idle.pop() if once.idle else None
        if process:
            assert process.running.wait(10) == 0
            process.close()
    finally:
        once.close()


def test_a_word_without_an_event_shares_the_phonemes_of_the_one_before() -> None:
    """`of the` has one event: the second word starts at a phoneme of its own."""
    events = [Event(1, 0, 1, ""), *(Event(7, time, 1, "x") for time in (0, 50, 100, 150)), Event(1, 200, 8, "")]
    of, the, sea = word_times("of the sea", events, _heard(300))
    assert (of.start_ms, of.end_ms, the.start_ms) == (0, 100, 100)
    assert (the.end_ms, sea.start_ms, sea.end_ms) == (200, 200, 300)


def test_a_second_event_inside_a_word_is_the_next_words() -> None:
    """`such as` has two events that both point into `such`."""
    such, as_ = word_times("such as", [Event(1, 0, 1, ""), Event(1, 120, 2, "")], _heard(200))
    assert (such.end_ms, as_.start_ms) == (120, 120)


def test_a_number_is_one_word_however_many_events_it_has() -> None:
    """`1887` is spoken in five words."""
    events = [Event(1, 100 * n, 1, "") for n in range(5)] + [Event(1, 500, 6, "")]
    number, boats = word_times("1887 boats", events, _heard(700))
    assert (number.start_ms, number.end_ms, boats.start_ms, boats.end_ms) == (0, 500, 500, 700)


def test_chinese_is_timed_by_its_characters() -> None:
    """A script without spaces is timed as finely as espeak-ng tells, its marks left out."""
    text = "东京是日本的首都，它很大。"
    spoken = espeak.speak(text, "cmn", 1.0)
    assert len(spoken.words) > 5
    assert "".join(text[word.first : word.end] for word in spoken.words) == "东京是日本的首都它很大"
    assert all(word.end_ms > word.start_ms for word in spoken.words)


def test_a_word_ends_where_the_pause_begins() -> None:
    """The samples show where a word before a pause ends."""
    events = [Event(1, 0, 1, ""), Event(1, 400, 6, "")]
    one, two = word_times("one, two", events, _heard(700, (250, 410), (650, 700)))
    assert (one.end_ms, two.start_ms, two.end_ms) == (250, 410, 650)


def test_a_crash_is_an_error_and_the_next_request_goes_well() -> None:
    """When espeak-ng's child dies the caller is told, and the warm process goes on."""
    library, data = _library()
    program = (
        "import os, sys\nfrom pipeline.engines import espeak_process as p\n"
        "speak = p.Library.speak\n"
        "p.Library.speak = lambda self, text, voice, rate: os.abort() if text == 'die' else speak(self, text, voice, rate)\n"
        "p.main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)"
    )
    crashing = Processes((sys.executable, "-c", program, library, data))
    try:
        for _ in range(2):
            with pytest.raises(EngineError, match="espeak-ng"):
                crashing.ask({"text": "die", "voice": "gmw/de", "rate": 165})
            assert crashing.ask({"text": "Guten Tag.", "voice": "gmw/de", "rate": 165})[1]
    finally:
        crashing.close()


def test_speech_without_end_is_an_error_and_not_cut_short() -> None:
    """A text that takes longer than is held of one is refused whole."""
    library, data = _library()
    program = (
        "import sys\nfrom pipeline.engines import espeak_process as p\np.MOST_SECONDS = 1\n"
        "p.main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)"
    )
    short = Processes((sys.executable, "-c", program, library, data))
    try:
        assert short.ask({"text": "Ja.", "voice": "gmw/de", "rate": 165})[1]
        with pytest.raises(EngineError, match="longer than"):
            short.ask({"text": GERMAN, "voice": "gmw/de", "rate": 165})
    finally:
        short.close()


def test_a_process_that_ends_is_an_error() -> None:
    """A process that is gone before it answers does not end or hold up this one."""
    ending = Processes((sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(EngineError, match="espeak-ng ended"):
        ending.ask({"voices": True})
    assert ending.idle == []


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait the process is killed and the caller told."""
    monkeypatch.setattr(espeak_pipe, "SHORTEST_WAIT_S", 0.3)
    hanging = Processes((sys.executable, "-c", "import time; time.sleep(60)"))
    with pytest.raises(EngineError, match="espeak-ng ended"):
        hanging.ask({"voices": True})
    assert hanging.idle == []


def test_data_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A wrong folder is said so, and ends no process but its own."""
    wrong = Processes((sys.executable, "-m", PROGRAM, _library()[0], str(tmp_path / "nothing")))
    try:
        with pytest.raises(EngineError, match="espeak-ng"):
            wrong.ask({"text": "x", "voice": "gmw/de", "rate": 165})
    finally:
        wrong.close()


def test_data_at_a_long_path_is_reached_by_a_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """espeak-ng takes no path much longer than 150 bytes: a link stands in for it, and it speaks."""
    package = package_folder()
    assert package
    deep = tmp_path / ("deep" * 40)
    deep.mkdir()
    data = deep / "espeak-ng-data"
    data.symlink_to(package / "espeak-ng-data", target_is_directory=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    short = short_path(data)
    assert len(os.fsencode(short)) <= espeak_pipe.LONGEST_PATH
    processes = Processes((sys.executable, "-m", PROGRAM, _library()[0], str(short)))
    try:
        assert processes.ask({"text": "Guten Tag.", "voice": "gmw/de", "rate": 165})[1]
    finally:
        processes.close()


def test_the_process_does_not_run_what_lies_where_the_user_stands(tmp_path: Path) -> None:
    """A folder named `pipeline` in the working folder is not ours."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise SystemExit('the wrong one')\n", "utf-8")
    program = "from pipeline.engines import espeak; print(len(espeak.speak('Guten Tag.', 'de', 1.0).pcm))"
    done = subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, check=True)
    assert int(done.stdout) > 10_000


def test_the_gpl_file_stands_alone() -> None:
    """It names its licence first, imports nothing of ours, and nothing of ours imports it or what it loads."""
    folder = Path(espeak_pipe.__file__).parents[1]
    own = folder / "engines" / "espeak_process.py"
    text = own.read_text("utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    assert "import pipeline" not in text
    assert "from pipeline" not in text
    for other in folder.rglob("*.py"):
        lines = [line for line in other.read_text("utf-8").splitlines() if "import" in line.split("#")[0].split()[:3]]
        assert other == own or not [line for line in lines if "espeak_process" in line or "espeakng_loader" in line]
