"""The command line: help, results on stdout, remarks on stderr, one sentence an error, the right exit status."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import wave
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import COMMANDS, main
from pipeline.cli.options import environment_access, option_name
from pipeline.cli.summary import details, kind
from pipeline.model import Outcome
from pipeline.settings import TABLE
from tests.production.jobs import SCRIPT
from tests.speaking_voice import SpeakingVoice

MADE = "a media file is one of mp4, m4a, mp3, wav"
SMALL = ["--engine", "offline", "--size", "320x180"]


def call(*arguments: str | Path) -> Result:
    """Call the command line."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_command_has_help() -> None:
    """Each command of the list is there, and its help says what it does and what every option means."""
    assert call("--help").exit_code == 0
    for name, sentence in COMMANDS.items():
        assert sentence in call("--help").output
        result = call(name, "--help")
        assert result.exit_code == 0, result.output
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.help
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def test_every_setting_of_one_value_is_an_option() -> None:
    """Whatever may stand as an option and has an effect is an option of `narrate` under its own name."""
    shown = call("narrate", "--help").output
    for setting in TABLE:
        offered = "option" in setting.places and setting.built != ()
        assert (f"{option_name(setting)} " in shown) == offered, setting.name


def test_the_version() -> None:
    """`--version` says which one."""
    from pipeline import __version__

    assert call("--version").output == f"cueline {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["narate"], "did you mean 'narrate'"),
        (["narrate"], "SCRIPT"),
        (["narrate", "gone.md", "--engine", "offline"], "gone.md: there is no such file"),
        (["narrate", "gone.md", "--engine", "ofline"], "--engine"),
        (["narrate", "gone.md", "--fps", "0"], "--fps"),
        (["narrate", "gone.md", "--captions", "loud"], "soft, burned, both, none"),
        (["subtitle", "gone.md", "-o", "x.doc"], ".srt"),
        (["subtitle", "gone.md"], "--output"),
        (["verify", "gone"], "no such file or folder"),
        (["narrate", "-"], "standard input is not read by narrate"),
        (["subtitle", "-", "-o", "a.srt"], "standard input is not read by subtitle"),
        (["subtitle", "gone.md", "-o", "-"], "-o -: captions are written to files only"),
        (["narrate", "gone.md", "-o", "-"], "-o -: only files are written"),
        (["narrate", "gone.md", "-o", "x.avi"], f"-o x.avi: {MADE} (not 'avi')"),
        (["narrate", "gone.md", "-o", "x.mkv"], f"-o x.mkv: {MADE} (not 'mkv')"),
        (["narrate", "gone.md", "-o", "a/x.FLAC"], f"-o a/x.FLAC: {MADE} (not 'flac')"),
        (["narrate", "gone.md", "-o", "x.ogg"], f"-o x.ogg: {MADE} (not 'ogg')"),
        (["narrate", "gone.md", "-o", "x.png", "--picture", "x.png"], f"-o x.png: {MADE} (not 'png')"),
        (["narrate", "gone.md", "--container", "mkv"], f"--container: {MADE} (not 'mkv')"),
        (["narrate", "gone.md", "--container", "avi"], f"--container: {MADE} (not 'avi')"),
        (["narrate", "gone.md", "--fit", "stretch"], "fit can only be freeze (not 'stretch')"),
    ],
)
def test_a_wrong_call_ends_with_status_2(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says what is wrong, on stderr, and status 2."""
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_narrate_tells_its_files(folder: Path, truth: SpeakingVoice) -> None:
    """The summary lists the files on stdout; a second run says that there is nothing to do; --json is JSON."""
    script = folder / "tour.md"
    script.write_text(SCRIPT, encoding="utf-8")
    common: list[str | Path] = [*SMALL, "-o", folder / "out", "--store", folder / "store"]
    result = call("narrate", script, *common)
    assert result.exit_code == 0, result.output
    assert "5 parts spoken" in result.stdout
    assert str(folder / "out" / "tour" / "tour.mp4") in result.stdout
    assert "Anna is" in result.stderr
    again = call("narrate", script, *common, "--json")
    assert again.exit_code == 0
    told = json.loads(again.stdout)
    assert (told["made"], told["spoken"]) == (False, 0)
    assert abs(told["sync"]["sound_offset_ms"]) < 0.5
    assert all(isinstance(figure, int | float) for figure in told["sync"].values())
    assert any("Anna is" in remark for remark in told["remarks"])
    told_again = call("narrate", script, *common).stdout
    assert "Nothing to do" in told_again
    assert [line for line in told_again.splitlines() if "sync" in line] == [
        line for line in result.stdout.splitlines() if "sync" in line
    ]
    assert len(truth.texts) == 5
    verified = call("verify", folder / "out" / "tour", "--json")
    assert verified.exit_code == 0, verified.output
    assert abs(json.loads(verified.stdout)["sound_offset_ms"]) < 0.5


@pytest.mark.usefixtures("truth")
def test_the_media_file_can_be_named(folder: Path) -> None:
    """`-o film.mp4` names the file itself; its side files lie beside it."""
    script = folder / "tour.md"
    script.write_text("Hello there.", encoding="utf-8")
    result = call("narrate", script, *SMALL, "-o", folder / "films" / "film.mp4", "--store", folder / "store")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (folder / "films").iterdir())
    assert names == ["film.job.json", "film.mp4", "film.srt", "film.vtt", "film.words.json"]


@pytest.mark.usefixtures("truth")
def test_subtitle_takes_a_script_or_its_words(folder: Path) -> None:
    """Captions of a script, and of the words that it was spoken in, are the same."""
    script = folder / "tour.md"
    script.write_text(SCRIPT, encoding="utf-8")
    spoken = call("subtitle", script, "--engine", "offline", "--store", folder / "s", "-o", folder / "a.srt", "-o", folder / "w.json")  # fmt: skip
    assert spoken.exit_code == 0, spoken.output
    read = call("subtitle", folder / "w.json", "-o", folder / "b.srt", "-o", folder / "b.vtt")
    assert read.exit_code == 0, read.output
    assert (folder / "a.srt").read_bytes() == (folder / "b.srt").read_bytes()
    assert (folder / "b.vtt").read_text(encoding="utf-8").startswith("WEBVTT")


def test_the_key_comes_from_one_line_of_a_dotenv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a `.env` file the key is read and nothing else; the key is in no text that is shown."""
    (tmp_path / ".env").write_text(
        "ELEVENLABS_API_KEY=sk_secret\nELEVENLABS_BASE_URL=https://evil.example\nIMAGEIO_FFMPEG_EXE=/tmp/evil\n",
        encoding="utf-8",
    )
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    access = environment_access({})
    assert (access.key, access.base_url) == ("sk_secret", None)
    assert "sk_secret" not in repr(access)
    import os

    assert "IMAGEIO_FFMPEG_EXE" not in os.environ


def test_a_key_in_an_error_is_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key and no service to reach, the error and the traceback of --debug hold no key."""
    script = folder / "talk.md"
    script.write_text("Hello.", encoding="utf-8")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_very_secret_0123456789")
    monkeypatch.setenv("ELEVENLABS_BASE_URL", "ws://127.0.0.1:9")
    monkeypatch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.001)
    result = call("narrate", script, "--debug", "-o", folder / "out", "--store", folder / "store")
    assert result.exit_code == 1
    assert "sk_very" not in result.output
    assert "Traceback" in result.stderr
    assert not (folder / "out").exists()


def test_plain_text_never_goes_to_a_far_host(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL without encryption is refused for any host but this machine."""
    script = folder / "talk.md"
    script.write_text("Hello.", encoding="utf-8")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_very_secret")
    result = call("narrate", script, "--base-url", "http://example.com", "-o", folder / "out", "--store", folder / "s")
    assert result.exit_code == 2
    assert "plain text" in result.stderr


@pytest.mark.slow
def test_starting_imports_nothing_heavy() -> None:
    """`--help` and `--version` do not load the libraries that speak, draw or decode."""
    code = (
        "import sys; from pipeline.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([n for n in ('numpy','av','websockets','onnxruntime','rich','markdown_it','msgspec','pipeline.model') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("content", [b"ELEVENLABS_API_KEY=sk_s\xe9cret\n"])
def test_a_dotenv_file_that_is_no_text_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """In one sentence with its path, status 2, and nothing of what it holds, not even in a traceback."""
    (tmp_path / ".env").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    result = call("narrate", "gone.md", "--debug")
    assert result.exit_code == 2
    assert f"{tmp_path / '.env'} is not UTF-8 text" in result.stderr
    assert "sk_s" not in result.output


def test_the_server_ends_with_status_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how it is meant to end, so it speaks of no interrupted work."""
    from pipeline.cli import serve

    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "_serve", interrupted)
    result = call("serve")
    assert (result.exit_code, result.output) == (0, "")


def test_what_cannot_be_judged_is_not_called_in_sync(tmp_path: Path) -> None:
    """A silent file with words beside it is measured, and nothing is found to judge it by."""
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(24_000)
        sound.writeframes(bytes(48_000))
    words = [{"text": "Hello", "start": 0, "end": 0.5}]
    (tmp_path / "a.words.json").write_text(json.dumps(words), encoding="utf-8")
    result = call("verify", tmp_path / "a.wav")
    assert result.exit_code == 0
    assert "in sync" not in result.stdout
    assert "not judged" in result.stdout
    (tmp_path / "empty").mkdir()
    assert "holds no job file" in call("verify", tmp_path / "empty").stderr


def test_a_named_mp4_is_a_video_whatever_its_letters() -> None:
    """`film.MP4` is one; a narration of one window says its offset without a drift."""
    assert [kind(name) for name in ("a.mp4", "a.MP4", "a.m4a", "a.words.json")] == ["video", "video", "sound", "words"]
    outcome = Outcome((), made=True, spoken=1, stored=0, duration_ms=900, sync={"sound_offset_ms": 0.1})
    assert list(details(outcome)) == ["sync, measured on the file: sound +0.1 ms"]


def test_sound_in_sync_does_not_speak_for_words_without_times() -> None:
    """They are told of beside it, by the parts of the script in which they are."""
    repairs = ("line 3: some letters came back without a time", "line 3: the clock jumped", "line 9: the clock jumped")
    outcome = Outcome((), made=True, spoken=2, stored=0, duration_ms=900, repairs=repairs)
    assert list(details(outcome)) == [
        "word times: came back at fault in 2 parts of the script, and were mended or filled in between"
    ]


def test_a_result_is_no_folder_where_the_script_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o` that names the script itself is refused with status 2, and the script stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.md").write_text("Hello.", encoding="utf-8")
    result = call("narrate", "talk.md", "-o", "talk.md")
    assert result.exit_code == 2, result.output
    assert "-o talk.md" in result.stderr
    assert (tmp_path / "talk.md").read_text(encoding="utf-8") == "Hello."


def test_a_port_that_is_in_use_is_told_before_the_address() -> None:
    """The other address is not taken for the one that was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-u", "-m", "pipeline", "serve", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            assert server.stdout is not None
            told = [server.stdout.readline(), server.stdout.readline()]
            server.terminate()
    assert told[0] == f"note: port {port} is in use, so another one is taken\n"
    assert told[1].startswith("ws://127.0.0.1:")
    assert not told[1].endswith(f":{port}\n")


def test_a_recording_is_not_played_back_into_itself(tmp_path: Path) -> None:
    """`serve --record` and `--replay` of one file are refused."""
    (tmp_path / "a.jsonl").write_text("", encoding="utf-8")
    result = call("serve", "--record", tmp_path / "a.jsonl", "--replay", tmp_path / "." / "a.jsonl")
    assert result.exit_code == 2
    assert "name another file for the record" in result.stderr


def test_the_readme_names_every_option_that_no_front_matter_takes() -> None:
    """What a script may not say is said in the paragraph on front matter."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    paragraph = next(part for part in text.split("\n\n") if part.startswith("Front matter takes"))
    of_scripts = {option_name(row) for row in TABLE if "script" in row.places}
    command = main.get_command(click.Context(main), "narrate")
    assert command is not None
    options = [parameter.opts[-1] for parameter in command.params if isinstance(parameter, click.Option)]
    assert [name for name in options if name not in of_scripts and f"`{name}`" not in paragraph] == []


def test_the_readme_has_a_row_for_every_command() -> None:
    """And for every library that is installed with it, one in the table of libraries and one in `THIRD_PARTY.md`."""
    import tomllib

    root = Path(__file__).parents[2]
    readme, others = ((root / name).read_text(encoding="utf-8") for name in ("README.md", "THIRD_PARTY.md"))
    for name in COMMANDS:
        assert len(re.findall(rf"^\| `cueline {name}\b", readme, re.MULTILINE)) == 1, name
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("|"))
    for wanted in tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        library = re.split(r"[<>=;]", wanted)[0]
        assert f"`{library}`" in rows, library
        assert f"`{library}`" in others, library
