"""The program as a process: closed and full streams, odd names, signals at any moment; always a sentence and a status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="signals, pipes and devices of POSIX")]
PROGRAM = [sys.executable, "-m", "pipeline"]
WORDS = '[{"text": "Hi", "start": 0, "end": 1}]'
INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in which `$CUELINE` is the program."""
    env = {**os.environ, "CUELINE": " ".join(PROGRAM), **environment}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=env,
        capture_output=True,
        errors="surrogateescape",
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A folder with word times, of which captions are made quickly."""
    (tmp_path / "w.json").write_text(WORDS, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_result_that_cannot_be_shown(words: Path) -> None:
    """Is told in a sentence, and Python has nothing to add when it ends."""
    done = shell("$CUELINE subtitle w.json -o a.srt --quiet > /dev/full", words)
    assert done.returncode == 1
    assert done.stderr == "cueline: standard output cannot be written: No space left on device\n"
    assert shell("$CUELINE subtitle w.json -o a.srt | :; echo done", words).stdout == "done\n"
    for command in ("doctor", "voices --engine offline"):
        again = shell(f"$CUELINE {command} > /dev/full", words)
        assert (again.returncode, again.stderr) == (done.returncode, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
def test_nobody_hears_the_remarks(words: Path, stderr: str) -> None:
    """Results and status are those of any other run."""
    done = shell(f"$CUELINE subtitle w.json -o a.srt {stderr}", words)
    assert (done.returncode, done.stdout) == (0, "a.srt\n")
    assert shell(f"$CUELINE subtitle gone.json -o a.srt {stderr}", words).returncode == 2
    assert "-->" in (words / "a.srt").read_text(encoding="utf-8")


def test_the_working_folder_is_gone(words: Path) -> None:
    """One sentence that says so."""
    done = shell(f"mkdir x; cd x; rmdir ../x; PYTHONPATH={Path.cwd()} $CUELINE subtitle ../w.json -o a.srt", words)
    assert done.returncode == 1
    assert done.stderr.startswith("cueline: the working folder is gone: change")


@pytest.mark.slow
def test_names_that_are_no_text(words: Path) -> None:
    """Bytes that are no UTF-8 and control characters in names are shown escaped, and kept in the file's own name."""
    for name, shown in ((b"b\xff.srt", "b\\xff.srt"), (b"e\x1b[31m.srt", "e\\x1b[31m.srt")):
        done = shell(f"$CUELINE subtitle w.json -o '{os.fsdecode(name)}'", words)
        assert (done.returncode, done.stdout) == (0, f"{shown}\n"), done.stderr
        assert (words / os.fsdecode(name)).is_file()
        told = json.loads(shell(f"$CUELINE subtitle w.json --json -o '{os.fsdecode(name)}'", words).stdout)
        assert os.fsencode(told["files"][0]) == name


@pytest.mark.slow
def test_letters_where_the_system_knows_ascii_only(tmp_path: Path) -> None:
    """A script's name and title with other letters reach the video."""
    (tmp_path / "ü.txt").write_text("Grüße — hier.", encoding="utf-8")
    arguments = "--engine offline --language de --size 320x180 --fps 10 --store st -o out"
    done = shell(f"$CUELINE narrate ü.txt {arguments}", tmp_path, LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "ü" / "ü.mp4").is_file()
    assert json.loads((tmp_path / "out" / "ü" / "ü.job.json").read_text(encoding="utf-8"))["title"] == "ü"


@pytest.mark.slow
def test_what_never_ends_is_not_read(words: Path) -> None:
    """Devices and pipes, as script, as words, as settings, as the file of the key."""
    os.mkfifo(words / "p.txt")
    os.mkfifo(words / "p.json")
    for source in ("/dev/zero", "p.txt", "p.json"):
        done = shell(f"$CUELINE subtitle {source} -o a.srt", words)
        assert (done.returncode, "is no regular file" in done.stderr) == (2, True), done.stderr
    for name in ("cueline.toml", ".env"):
        folder = words / name.strip(".")
        folder.mkdir()
        os.mkfifo(folder / name)
        (folder / "w.json").write_text(WORDS, encoding="utf-8")
        done = shell("$CUELINE subtitle w.json -o a.srt", folder)
        assert (done.returncode, f"{name}" in done.stderr) == (2, True), done.stderr
        assert "is no regular file" in done.stderr
    assert not list(words.rglob("a.srt"))


def started(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a run that lasts."""
    text = "\n\n".join(f"Paragraph {n} is here, and it goes on for a while longer than others." for n in range(60))
    (folder / "long.txt").write_text(text, encoding="utf-8")
    options = "--engine offline --language de --container m4a -o out --store st"
    return subprocess.Popen(
        [*PROGRAM, "narrate", "long.txt", *options.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("module", ["click.core", "pipeline.cli.terminal", "pipeline.production.jobs"])
def test_an_interrupt_while_starting(tmp_path: Path, module: str) -> None:
    """As soon as a module is there, long before the command is: 130, and no traceback."""
    with started(tmp_path, PYTHONPROFILEIMPORTTIME="1") as run:
        assert run.stderr is not None
        assert any(line.rstrip().endswith(f" {module}") for line in run.stderr)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)[1]
    assert (run.returncode, "Traceback" in said, "Aborted" in said) == (130, False, False), said


@pytest.mark.slow
@pytest.mark.parametrize("number", INTERRUPTED)
def test_every_signal_ends_a_run_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Twice, too: one sentence, the status of the first, nothing left behind where the results were to be."""
    with started(tmp_path) as run:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("out/long/.making*/narration.m4a")) and time.monotonic() < until:
            time.sleep(0.01)
        assert run.poll() is None
        for _ in range(2):
            run.send_signal(number)
        said = run.communicate(timeout=60)[1]
    assert (run.returncode, said.count("cueline: interrupted")) == (INTERRUPTED[number], 1), said
    assert not (tmp_path / "out").exists()
