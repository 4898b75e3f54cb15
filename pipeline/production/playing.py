"""Samples → sound through the player that the system has, or a file where there is none."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import pcm
from pipeline.production.publishing import cannot_write, publish, staging_folder

# How much longer than the sound itself a player may take to start and to end.
PATIENCE_SECONDS = 15.0
SOUND_NAME = "CUELINE_SOUND"
# PowerShell reads the path from its environment, so no character of it is taken for a command.
_POWERSHELL = f"(New-Object System.Media.SoundPlayer $env:{SOUND_NAME}).PlaySync()"

# Programs that play a WAV file and then end, by name with what stands before the file; the first that works is used.
# The system's own come first, then those of its sound servers, then the driver's, then ffmpeg's.
PLAYERS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("afplay", ()),
    ("pw-play", ()),
    ("paplay", ()),
    ("aplay", ("-q",)),
    ("ffplay", ("-nodisp", "-autoexit", "-loglevel", "error")),
)
SHELLS = ("powershell", "pwsh")


@dataclass(frozen=True, slots=True)
class Player:
    """Plays a WAV file of so many seconds to its end; returns "" or the reason why it did not."""

    name: str
    play: Callable[[Path, float], str]


@dataclass(frozen=True, slots=True)
class Played:
    """What played the sound; or, where nothing did, the file it was written to and why each player failed."""

    player: str = ""
    file: Path | None = None
    reasons: tuple[str, ...] = ()


def players() -> tuple[Player, ...]:
    """Find what this machine has, in the order in which to try."""
    if sys.platform == "win32":
        shells = tuple(_shell(found) for name in SHELLS if (found := shutil.which(name)))
        return (Player("winsound", _by_winsound), *shells)
    found = ((name, shutil.which(name), given) for name, given in PLAYERS)
    return tuple(_program(name, (path, *given)) for name, path, given in found if path)


def play_or_write(samples: bytes, sample_rate: int, file: Path, found: Sequence[Player]) -> Played:
    """Play 16-bit mono samples to their end with the first player that can; write `file` (WAV) where none can.

    Raises OutputError when that file cannot be written. KeyboardInterrupt ends the player and passes through.
    """
    seconds = pcm.sample_count(samples) / sample_rate
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cueline-") as folder:
        sound = Path(folder) / "voice.wav"
        try:
            _write_wav(sound, samples, sample_rate)
        except OSError as error:
            raise cannot_write(sound, error) from error
        for player in found:
            reason = player.play(sound, seconds)
            if not reason:
                return Played(player.name)
            reasons.append(f"{player.name}: {reason}")
    return Played(file=write_wav(file, samples, sample_rate), reasons=tuple(reasons))


def write_wav(file: Path, samples: bytes, sample_rate: int) -> Path:
    """Write 16-bit mono samples as a WAV file, whole or not at all. Raises OutputError."""
    with staging_folder(file.parent) as scratch:
        made = scratch / "voice.wav"
        try:
            _write_wav(made, samples, sample_rate)
        except OSError as error:
            raise cannot_write(file, error) from error
        publish({file: made})
    return file


def _write_wav(file: Path, samples: bytes, sample_rate: int) -> None:
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(pcm.SAMPLE_BYTES)
        sound.setframerate(sample_rate)
        sound.writeframes(samples)


def _program(name: str, command: tuple[str, ...]) -> Player:
    return Player(name, lambda file, seconds: _run((*command, str(file)), seconds, {}))


def _shell(path: str) -> Player:
    command = (path, "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL)
    return Player(Path(path).stem, lambda file, seconds: _run(command, seconds, {SOUND_NAME: str(file)}))


def _run(command: tuple[str, ...], seconds: float, more: dict[str, str]) -> str:
    """Run a player with the keyboard kept from it. Returns the last line of its complaint, or ""."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **more},
            timeout=seconds + PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "did not end"
    except OSError as error:
        return error.strerror or "cannot be started"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    said = "".join(sign for sign in lines[-1].strip() if sign.isprintable()) if lines else ""
    return said or f"ended with status {done.returncode}"


def _by_winsound(file: Path, _seconds: float) -> str:
    """Play with Python's own module of Windows."""
    if sys.platform != "win32":
        return "is of Windows only"
    import winsound

    with contextlib.suppress(RuntimeError):
        winsound.PlaySound(str(file), winsound.SND_FILENAME | winsound.SND_NODEFAULT)
        return ""
    return "cannot play"
