"""A sound is played by what the machine has, tried in turn, or lies in a file."""

from __future__ import annotations

import os
import stat
import sys
import wave
from pathlib import Path

import pytest

from pipeline.errors import OutputError
from pipeline.production import playing
from pipeline.production.playing import PLAYERS, Played, Player, play_or_write, players

SAMPLES = b"\x01\x00\x02\x00" * 1200
posix = pytest.mark.skipif(os.name != "posix", reason="the stand-ins are shell scripts")


def stand_in(folder: Path, name: str, body: str) -> None:
    """Put a program of a player's name into a folder."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    return place


def heard(file: Path) -> tuple[bytes, int]:
    """Read a WAV file: 16-bit mono samples and their rate."""
    with wave.open(str(file), "rb") as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        return sound.readframes(sound.getnframes()), sound.getframerate()


@posix
@pytest.mark.parametrize(("name", "given"), PLAYERS)
def test_each_player_is_given_the_sound(name: str, given: tuple[str, ...], programs: Path, folder: Path) -> None:
    """As a WAV file, the last argument; the keyboard is kept from it; nothing else is left."""
    stand_in(
        programs,
        name,
        f'for last; do :; done; /bin/cp "$last" "{folder}/copy.wav"; echo "$@" > "{folder}/said"; /bin/cat',
    )
    (found,) = players()
    assert play_or_write(SAMPLES, 24_000, folder / "voice.wav", [found]) == Played(name)
    assert heard(folder / "copy.wav") == (SAMPLES, 24_000)
    said = (folder / "said").read_text(encoding="utf-8").split()
    assert tuple(said[:-1]) == given
    assert not Path(said[-1]).exists()
    assert sorted(path.name for path in folder.iterdir()) == ["copy.wav", "said"]


@posix
def test_the_next_player_is_tried(programs: Path, folder: Path) -> None:
    """Where one has no sound server to play through."""
    stand_in(programs, "paplay", "echo Connection refused >&2; exit 1")
    stand_in(programs, "aplay", "exit 0")
    assert [player.name for player in players()] == ["paplay", "aplay"]
    assert play_or_write(SAMPLES, 24_000, folder / "voice.wav", players()) == Played("aplay")
    assert list(folder.iterdir()) == []


@posix
def test_where_none_plays_there_is_a_file(programs: Path, folder: Path) -> None:
    """Whole, in a folder that is made for it, and with every reason."""
    file = folder / "output" / "voices" / "heart.wav"
    assert play_or_write(SAMPLES, 22_050, file, players()) == Played(file=file)
    stand_in(programs, "aplay", "echo first >&2; echo no such card >&2; exit 1")
    stand_in(programs, "paplay", "exit 3")
    played = play_or_write(SAMPLES, 22_050, file, players())
    assert played == Played(file=file, reasons=("paplay: ended with status 3", "aplay: no such card"))
    assert heard(file) == (SAMPLES, 22_050)
    assert [path.name for path in file.parent.iterdir()] == ["heart.wav"]


@posix
def test_a_player_that_does_not_end_is_ended(programs: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after the sound's own length."""
    monkeypatch.setattr(playing, "PATIENCE_SECONDS", 0.2)
    stand_in(programs, "aplay", "exec /bin/sleep 60")
    played = play_or_write(SAMPLES, 24_000, folder / "voice.wav", players())
    assert played.reasons == ("aplay: did not end",)


def test_a_file_that_cannot_be_written_is_told(folder: Path) -> None:
    """With its path."""
    (folder / "output").write_bytes(b"")
    with pytest.raises(OutputError, match="output"):
        play_or_write(SAMPLES, 24_000, folder / "output" / "voice.wav", [])


def test_an_interruption_leaves_no_file(folder: Path) -> None:
    """Ctrl-C while it plays passes through."""
    sounds: list[Path] = []

    def interrupted(file: Path, seconds: float) -> str:
        assert seconds == pytest.approx(0.1)
        sounds.append(file)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play_or_write(SAMPLES, 24_000, folder / "voice.wav", [Player("it", interrupted)])
    assert not sounds[0].exists()
    assert list(folder.iterdir()) == []


@posix
def test_powershell_takes_the_path_from_its_environment(programs: Path, folder: Path) -> None:
    """So that no sign in it is a command; there is a player of Windows' own before it."""
    stand_in(programs, "powershell", f'/bin/cp "$CUELINE_SOUND" "{folder}/copy.wav"; echo "$@" > "{folder}/said"')
    shell = playing._shell(str(programs / "powershell"))
    assert play_or_write(SAMPLES, 24_000, folder / "voice.wav", [shell]) == Played("powershell")
    assert heard(folder / "copy.wav")[0] == SAMPLES
    assert "PlaySync" in (folder / "said").read_text(encoding="utf-8")


def test_on_windows_python_s_own_module_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then PowerShell, where it is found."""
    monkeypatch.setattr("shutil.which", {"powershell": "C:/powershell.exe"}.get)
    monkeypatch.setattr(sys, "platform", "win32")
    assert [player.name for player in players()] == ["winsound", "powershell"]
