"""What every test has: a home of its own, no key, and no way past loopback."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.speaking_voice import SpeakingVoice

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the test an empty home, and fail it by name when something was written there."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    written = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    assert not written, f"the test wrote to the user's home: {written}"


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test reached past loopback: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the test's own whose name would break careless quoting."""
    path = tmp_path / "it's a [folder], 10:30; ünïcode"
    path.mkdir()
    return path


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> SpeakingVoice:
    """Let the truth voice speak for the offline engine, server and all."""
    from pipeline.engines import offline

    voice = SpeakingVoice()
    monkeypatch.setattr(offline, "speak", voice)
    monkeypatch.setattr(offline, "identity", lambda language, voice: f"truth {language} {voice}")
    return voice
