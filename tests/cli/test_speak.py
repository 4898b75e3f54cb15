"""`cueline speak`: text from anywhere, sound to anywhere, captions live, and every way in which it can end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.live_captions import CueLines, Cues, GrowingCues, PlayingClock
from pipeline.production import performing
from pipeline.production.live_speech import AudioEvent, WordEvent
from tests.background_server import background_server
from tests.speaking_voice import SpeakingVoice

TEXT = "Hello there, you. A second sentence.\n\nAnd more.\n"
FILES = {"speech.mp3", "speech.srt", "speech.vtt", "speech.words.json"}


@pytest.fixture(autouse=True)
def _own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder of the test's own, with a store."""
    (folder / ".cueline").mkdir()
    monkeypatch.chdir(folder)


def call(*arguments: str, text: str | bytes = TEXT) -> Result:
    """Call the command with a text on standard input."""
    return CliRunner().invoke(main, ["speak", *arguments], input=text)


@pytest.mark.usefixtures("truth")
def test_standard_input_is_spoken_into_files(folder: Path) -> None:
    """`output/speech/`, results on stdout, captions on stderr: a line a cue, with its time."""
    result = call("--engine", "offline")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (folder / "output" / "speech").iterdir()} == FILES
    assert result.stdout.splitlines()[0].endswith("8 words.")
    assert all(name in result.stdout for name in FILES)
    assert [line.partition("] ")[2] for line in result.stderr.splitlines()] == [
        "Hello there, you.",
        "A second sentence.",
        "And more.",
    ]
    assert result.stderr.startswith("[0:00.020]")
    told = json.loads((folder / "output/speech/speech.words.json").read_text("utf-8"))
    assert [word["text"] for word in told["words"]] == TEXT.split()
    assert [span["index"] for span in told["segments"]] == [0, 1]


@pytest.mark.usefixtures("truth")
def test_results_for_programs(folder: Path) -> None:
    """As JSON, and nothing else."""
    result = call("--engine", "offline", "--json", "-o", "a.wav", "-")
    told = json.loads(result.stdout)
    assert result.stderr == ""
    assert (told["end"], told["words"], told["repairs"]) == ("whole", 8, [])
    assert told["files"][0] == str(folder / "a.wav")
    with wave.open("a.wav") as wav:
        assert abs(wav.getnframes() / wav.getframerate() - told["duration"]) < 0.001


@pytest.mark.usefixtures("truth")
def test_standard_output_takes_sound_only() -> None:
    """In the format asked for, an MP3 else; a WAV does not know its length."""
    mp3, samples, wav = (
        call("--engine", "offline", "-o", "-", *more).stdout_bytes
        for more in ([], ["--output-format", "pcm_16000"], ["--output-format", "wav_16000"])
    )
    assert mp3[:2] == b"\xff\xfb"
    assert wav[:4] + wav[40:44] == b"RIFF\xff\xff\xff\xff"
    assert wav[44:] == samples
    assert not Path("output").exists()


@pytest.mark.usefixtures("truth")
def test_a_script_is_spoken_as_a_script() -> None:
    """Markdown, with its pauses; a file of plain text paragraph by paragraph."""
    Path("talk.md").write_text("# Title\n\nOne. <break time='1.5s'/> Two.\n", encoding="utf-8")
    assert call("talk.md", "--engine", "offline", "-o", "out").exit_code == 0
    told = json.loads(Path("out/talk/talk.words.json").read_text("utf-8"))
    one, two = told["words"]
    assert abs(two["start"] - one["end"] - 1.5) <= 0.02
    assert told["segments"][0]["chapter"] == "Title"


def test_one_kind_of_error_a_sentence_each(truth: SpeakingVoice) -> None:
    """Status 2 for a wrong call or text, nothing spoken, nothing left behind."""
    Path("a.md").write_text("One.\n\n[00:12] Two.", encoding="utf-8")
    Path("b.md").write_text("One.", encoding="utf-8")
    cases: list[tuple[list[str], str | bytes, str]] = [
        (["-o", "a.flac"], TEXT, "mp3, wav"),
        (["--output-format", "mp3_1"], TEXT, "no output format"),
        (["--schedule", "40"], TEXT, "50 to 500"),
        (["--schedule", "a,b"], TEXT, "50 to 500"),
        (["--json", "-o", "-"], TEXT, "leave one of them out"),
        (["gone.md"], TEXT, "no such file"),
        (["a.md"], TEXT, "a.md:3"),
        (["b.md", "-o", "b.md"], TEXT, "is a file"),
        ([], "", "nothing to speak"),
        ([], "\x1b[1m", "U+001B"),
        ([], b"\xff\xfe", "UTF-8"),
        (["--engine", "elevenlabs"], TEXT, "ELEVENLABS_API_KEY"),
    ]
    for arguments, text, sentence in cases:
        result = call(*(["--engine", "offline"] if "--engine" not in arguments else []), *arguments, text=text)
        assert result.exit_code == 2, (arguments, result.output)
        assert sentence in result.stderr, (arguments, result.stderr)
        assert result.stdout == ""
        assert result.stderr.count("\n") <= 2
    assert not truth.texts
    assert not Path("output").exists()


@pytest.mark.usefixtures("truth")
def test_no_end_says_that_speech_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """For none is: neither when it is interrupted before the first sound, nor when the quota is used up."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(performing, "perform", interrupted)
        result = call("--engine", "offline")
    assert (result.exit_code, result.stderr) == (130, "cueline: interrupted\n")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "any")
    with background_server("error=quota_exceeded") as base:
        result = call("--base-url", base)
    assert result.exit_code == 1
    assert "wait for the quota to renew" in result.stderr
    assert "stored" not in result.stderr
    assert "kept" not in result.stderr


# ── captions as they are shown ─────────────────────────────────────────────────────────────────────────────────────


def words(*texts: str, step: int = 100) -> list[WordEvent]:
    """Words one after another."""
    return [WordEvent(text, n * step, (n + 1) * step) for n, text in enumerate(texts)]


def test_cues_begin_at_sentences_paragraphs_and_where_one_is_full() -> None:
    """And a word without a space before it has none."""
    cues = Cues(width=12)
    text = "".join(cues.add(word) for word in words("One", "two.", "Three", "four", "five", "six"))
    assert text == "One two.\nThree four\nfive six"
    cues = Cues()
    assert (
        cues.add(WordEvent("今日は。", 0, 1)) + cues.add(WordEvent("明日", 1, 2, space_before=False))
        == "今日は。\n明日"
    )
    assert Cues().add(WordEvent("a", 0, 1)) == "a"
    parted = Cues()
    assert [parted.add(WordEvent("a", 0, 1, segment=n)) for n in (0, 0, 1)] == ["a", " a", "\na"]


def test_lines_are_written_when_a_cue_is_known() -> None:
    """With the time at which it begins; the last one at the end."""
    written: list[str] = []
    lines = CueLines(written.append)
    for word in words("One.", "Two", "more", step=61_000):
        lines.read(word)
    assert written == ["[0:00.000] One.\n"]
    asyncio.run(lines.finish())
    assert written[1:] == ["[1:01.000] Two more\n"]


def test_the_clock_starts_with_the_first_sound_and_waits_for_late_sound() -> None:
    """Sound that comes early waits for what plays; after a gap all is later."""
    now = 100.0
    clock = PlayingClock(lambda: now)
    assert clock.wait_until(0) is None
    clock.write(AudioEvent(b"", 0, 1000, 1000))
    assert clock.wait_until(500) == pytest.approx(0.5)
    assert clock.wait_until(1500) is None
    now = 100.4
    clock.write(AudioEvent(b"", 1000, 2000, 1000))
    assert clock.wait_until(1500) == pytest.approx(1.1)
    now = 105.0
    clock.write(AudioEvent(b"", 2000, 3000, 1000))
    assert clock.wait_until(2100) == pytest.approx(0.1)


def test_words_appear_when_they_are_heard() -> None:
    """One after another on one line, none before its sound; the rest is shown before it ends."""
    written: list[tuple[float, str]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        cues = GrowingCues(lambda text: written.append((loop.time() - began, text)), PlayingClock(loop.time))
        for word in words("One", "two.", "Three"):
            cues.read(word)
        await asyncio.sleep(0.05)
        assert not written
        cues.hear(AudioEvent(b"", 0, 300, 1000))
        await cues.finish()
        cues.stop()

    asyncio.run(run())
    assert [text for _, text in written] == ["One", " two.", "\nThree", "\n"]
    assert all(at >= 0.05 + due for (at, _), due in zip(written, (0, 0.1, 0.2), strict=False))


def test_captions_that_are_stopped_show_nothing_more() -> None:
    """The line is ended."""
    written: list[str] = []

    async def run() -> None:
        cues = GrowingCues(written.append)
        for word in words("One", "two", step=60_000):
            cues.read(word)
        cues.hear(AudioEvent(b"", 0, 120_000, 1000))
        await asyncio.sleep(0.05)
        cues.stop()

    asyncio.run(run())
    assert written == ["One", "\n"]


# ── as a person uses it: a process of its own ──────────────────────────────────────────────────────────────────────

# espeak-ng speaks at once, and the same on every machine.
QUICK = ["--engine", "offline", "--voice", "espeak:en-us", "--flush-after", "0.1"]


@contextlib.contextmanager
def speaking(*arguments: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command; whatever the test does, it ends."""
    command = [sys.executable, "-m", "pipeline", "speak", *QUICK, *arguments]
    given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    process = subprocess.Popen(command, **given)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def line_of(process: subprocess.Popen[bytes]) -> str:
    """Wait for a caption."""
    assert process.stderr
    line = "note: "
    while line.startswith("note: "):
        line = process.stderr.readline().decode()
    return line


def write(process: subprocess.Popen[bytes], text: str) -> None:
    """Write to its standard input, and leave that open."""
    assert process.stdin
    process.stdin.write(text.encode())
    process.stdin.flush()


@pytest.mark.slow
def test_a_pipe_that_pauses_is_heard_at_once() -> None:
    """The sound of one sentence is there before the next is written; at the end there is all of it."""
    with speaking("-o", "-", "--output-format", "pcm_16000") as process:
        assert process.stdin
        assert process.stdout
        write(process, "First this. ")
        first = process.stdout.read(16000)
        write(process, "Then that.")
        assert line_of(process).endswith("First this.\n")
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(30) == 0
    assert len(first) == 16000
    assert len(rest) > 8000


@pytest.mark.slow
def test_a_player_at_the_end_of_the_pipe() -> None:
    """Ffmpeg, a program apart, decodes as much as was spoken, without a complaint, and without the coding's delay."""
    from imageio_ffmpeg import get_ffmpeg_exe

    with speaking("-o", "-") as process:
        assert process.stdin
        assert process.stdout
        command = [get_ffmpeg_exe(), "-v", "error", "-f", "mp3", "-i", "-", "-f", "s16le", "-ac", "1", "-"]
        with subprocess.Popen(command, stdin=process.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as player:
            process.stdout.close()
            process.stdout = None
            process.stdin.write(b"First this. Then that.")
            process.stdin.close()
            process.stdin = None
            samples, said = player.communicate(timeout=60)
        assert process.wait(30) == 0
    assert (said, player.returncode) == (b"", 0)
    assert len(samples) > 2 * 44100
    assert any(samples[: 2 * 44100 // 10])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a console sends these in another way")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg"])
def test_an_interruption_leaves_a_playable_file_and_its_captions(number: int, status: int, name: str) -> None:
    """While it waits for more text, with what was spoken until then."""
    import av

    with speaking("-o", name) as process:
        write(process, "First this one. Then that. ")
        assert "First this one." in line_of(process)
        process.send_signal(number)
        assert process.wait(20) == status
        assert process.stdout
        assert "Interrupted" in process.stdout.read().decode()
    with av.open(name) as container:
        assert not isinstance(container, av.container.OutputContainer)
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    told = json.loads(Path("a.words.json").read_text("utf-8"))
    assert [word["text"] for word in told["words"]][:3] == ["First", "this", "one."]
    assert abs(seconds - told["duration"]) < 0.06
    assert "First this one." in Path("a.srt").read_text("utf-8")
    if name.endswith("wav"):
        with wave.open(name) as wav:
            assert wav.getnframes() == round(seconds * 24000)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a console sends these in another way")
def test_a_player_that_never_reads_does_not_hold_up_the_end() -> None:
    """The pipe is full, the write in vain: Ctrl-C ends it all the same."""
    with speaking("-o", "-", "--output-format", "pcm_48000") as process:
        write(process, "This is a sentence. " * 40)
        line_of(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


@pytest.mark.slow
def test_a_player_that_quits_ends_it_well() -> None:
    """Status 0 and a note, though the text goes on."""
    with speaking("-o", "-", "--output-format", "pcm_48000", stderr=subprocess.PIPE) as process:
        write(process, "This is a sentence. " * 10)
        assert process.stdout
        assert process.stdout.read(1000)
        process.stdout.close()
        process.stdout = None
        assert process.wait(30) == 0
        assert process.stderr
        said = process.stderr.read().decode()
    assert "player was gone" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_typed_by_hand_at_a_terminal() -> None:
    """Words appear one by one while they are heard; Ctrl-D ends it; sound is not written to a terminal."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execv(sys.executable, [sys.executable, "-m", "pipeline", "speak", *QUICK])
    shown: list[tuple[float, bytes]] = []
    try:
        typed = [b"Hello you.\n", b"\x04"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            so_far = b"".join(block for _, block in shown)
            if typed and ((len(typed) == 2 and b"ends it" in so_far) or so_far.count(b"you.") == 2):
                os.write(terminal, typed.pop(0))
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if not ready:
                continue
            try:
                block = os.read(terminal, 4096)
            except OSError:
                break
            if not block:
                break
            shown.append((time.monotonic(), block))
        _, ended = os.waitpid(pid, 0)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == 0
    text = b"".join(block for _, block in shown).decode()
    assert "Ctrl-D ends it" in text
    assert text.count("Hello you.") == 2, "typed, and shown"
    words_at = [at for at, block in shown if block.endswith((b"Hello", b" you."))]
    assert words_at[-1] - words_at[-2] >= 0.1
    assert "Spoke 0:0" in text


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_terminal_gets_no_sound() -> None:
    """And is told where to pipe it."""
    import pty

    ours, theirs = pty.openpty()
    try:
        with speaking("-o", "-", stdout=theirs) as process:
            assert process.wait(30) == 2
            assert process.stderr
            assert b"ffplay" in process.stderr.read()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_named_pipes_at_both_ends() -> None:
    """Text from one as it is written, sound into the other; no captions beside what is no file."""
    os.mkfifo("text")
    os.mkfifo("sound.wav")
    with speaking("text", "-o", "sound.wav") as process:
        with Path("text").open("wb", buffering=0) as text:
            text.write(b"Hello there.")
        with Path("sound.wav").open("rb") as sound:
            data = sound.read()
        assert process.wait(30) == 0
    assert data[:4] == b"RIFF"
    assert len(data) > 10_000
    assert not Path("sound.srt").exists()
