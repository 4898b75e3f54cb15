"""`cueline voices`: results on stdout, remarks on stderr, one sentence an error."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import wave
from importlib.resources import files
from pathlib import Path

import hibari.voices
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main, voices
from pipeline.engines import fetching, neural, neural_model, neural_voices, offline
from pipeline.engines.fetching import Published
from pipeline.engines.neural_voices import Listed
from pipeline.engines.voice_listing import ListedVoice
from tests.speaking_voice import SpeakingVoice


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder of the test's own, with a store, an empty cache and no player."""
    (tmp_path / ".cueline").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "hibari"))


def call(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(main, ["voices", *arguments])


def test_voices_are_listed_for_people_and_for_programs() -> None:
    """One a line, the id first; as JSON with all that is known; which engine it is stands on stderr."""
    result = call("--language", "en", "american")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines][:6] == [*offline.VARIANTS, "fenrir"]
    assert "offline engine" in result.stderr
    told = json.loads(call("--language", "en", "american", "--json").stdout)
    assert [one["id"] for one in told] == [line[0] for line in lines]
    assert told[0] == {
        "id": "heart",
        "name": "heart",
        "languages": ["en-US"],
        "labels": {"accent": "American", "gender": "female"},
        "here": True,
        "bytes_to_fetch": 0,
    }
    fenrir = next(one for one in told if one["id"] == "fenrir")
    assert (fenrir["here"], fenrir["bytes_to_fetch"] > 2**20) == (False, True)


def test_nothing_found_is_said_and_is_no_failure() -> None:
    """An empty list for a program."""
    result = call("zzzz")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no voice matches 'zzzz'" in result.stderr
    assert json.loads(call("zzzz", "--json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "ofline"], "did you mean 'offline'"),
        (["--engine", "elevenlabs"], "ELEVENLABS_API_KEY"),
        (["--language", "Klingon!"], "pt-BR"),
        (["--text", "Hello"], "--play"),
        (["--play", "emma"], "cueline voices --get emma"),
        (["--play", "british"], "2 voices match"),
        (["--play", "zzzz"], "cueline voices lists them"),
        (["--play", "--text", "?!"], "nothing to say"),
        (["--get", "ema"], "did you mean 'emma'"),
        (["--get", "heart"], "nothing to fetch"),
        (["--get", "emma", "fable"], "one voice at a time"),
        (["--get", "emma", "--engine", "elevenlabs"], "leave --engine out"),
    ],
)
def test_a_wrong_call_ends_with_status_2(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    """One sentence, nothing on stdout, nothing written."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stdout == ""
    assert [path.name for path in tmp_path.rglob("*")] == [".cueline"]


@pytest.mark.skipif(os.name != "posix", reason="the player is a shell script")
def test_a_line_is_played(tmp_path: Path, truth: SpeakingVoice) -> None:
    """By the voice that the filter leaves, spoken once; nothing but the store is left."""
    player = tmp_path / "aplay"
    player.write_text('#!/bin/sh\n/bin/cp "$2" played.wav\n', encoding="utf-8")
    player.chmod(0o755)
    for is_stored in (False, True):
        result = call("--play", "german", "--text", "Guten Tag.", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {
            "voice": "espeak:de",
            "text": "Guten Tag.",
            "language": "de",
            "from_store": is_stored,
            "player": "aplay",
            "file": None,
        }
    assert truth.texts == ["Guten Tag."]
    with wave.open(str(tmp_path / "played.wav"), "rb") as sound:
        assert sound.readframes(sound.getnframes()) == truth.voice("Guten Tag.", "de", "espeak:de", 1.0).pcm
    assert not (tmp_path / "output").exists()


def test_without_a_player_the_file_is_named(tmp_path: Path, truth: SpeakingVoice) -> None:
    """On stdout, with the reason on stderr; without a voice the usual one speaks the language."""
    result = call("--language", "de", "--play")
    assert result.exit_code == 0, result.output
    file = tmp_path / "output" / "voices" / "espeak-de.wav"
    assert result.stdout.splitlines()[-1] == str(file)
    assert "no player" in result.stderr
    assert file.stat().st_size > 1000
    assert truth.texts == ["Hallo, so klingt meine Stimme. Was soll ich heute vorlesen?"]


@pytest.mark.slow
def test_a_voice_is_fetched_and_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where hibari publishes, here a stand-in; then it is on this machine.

    The published model is not to be had without a network: hibari's own voice takes its place, under its SHA-256.
    """
    from tests.engines.test_fetching import shelf

    model = (files("hibari") / "assets" / "hibari.onnx").read_bytes()
    sha256, file = hashlib.sha256(model).hexdigest(), hibari.voices.VOICES["kore"]["file"]
    rows = {**fetching.published(), "kore": Published(file, sha256, "en-US", "American", "female", len(model))}
    known = {**neural_voices.listed(), "kore": Listed(sha256, british=False)}
    from pipeline.engines import voice_listing

    for module in (fetching, voice_listing):
        monkeypatch.setattr(module, "published", lambda: rows)
    for module in (neural_voices, neural, offline):
        monkeypatch.setattr(module, "listed", lambda: known)
    with shelf() as (server, base):
        server.body = model
        monkeypatch.setattr(hibari.voices, "BASE_URL", f"{base}/")
        result = call("--get", "kore", "--play", "--text", "Hello there.")
        assert result.exit_code == 0, result.output
        assert call("--get", "kore").exit_code == 0
    assert [path for path, _ in server.asked] == [f"/{file}"]
    assert f"kore is on this machine: {tmp_path / 'hibari' / file}" in result.stdout
    assert "fetching kore: done" in result.stderr
    assert (tmp_path / "output" / "voices" / "kore.wav").stat().st_size > 24_000
    assert next(one for one in json.loads(call("kore", "--json").stdout))["here"]
    neural_model.unload()
    neural._as_it_is.cache_clear()


def test_a_table_fits_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under headings, no line longer than it is wide, ideographs counted double; in a pipe nothing is cut."""
    listed = [ListedVoice("id", "声" * 30, ("zh",), {"description": "long " * 40}), ListedVoice("id2", "B")]
    assert len(list(voices._table(listed, "elevenlabs"))) == 2
    assert any("long " * 39 in line for line in voices._table(listed, "elevenlabs"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "72")
    table = list(voices._table(listed, "elevenlabs"))
    assert table[0].startswith("ID")
    assert all(voices._width(line) <= 72 for line in table)
    assert table[1].endswith("…")
    assert "cloud" in table[2]


@pytest.mark.usefixtures("truth")
def test_what_a_terminal_cannot_write_is_escaped() -> None:
    """Letters that its encoding lacks are no fault of anybody."""
    result = CliRunner(charset="ascii").invoke(
        main, ["voices", "--engine", "offline", "--play", "--text", "Gr\u00fc\u00dfe"]
    )
    assert result.exit_code == 0, result.output
    assert "heart: Gr\\xfc\\xdfe\n" in result.stdout
