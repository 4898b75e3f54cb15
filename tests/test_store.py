"""The store: what is put is got, nothing half-written is found, every fact that shapes speech is in the key."""

from __future__ import annotations

import errno
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.model import Clip, SpeechRequest, TimedCharacters, Utterance, Voice, VoiceSettings
from pipeline.store import Store, content_key, nearest_folder

REQUEST = SpeechRequest(text="Hello", voice=Voice("heart"), model="m", language="en")


def spoken(key: str, count: int = 4) -> tuple[Utterance, bytes]:
    """Make an utterance of so many samples that count up."""
    characters = TimedCharacters(("H", "i"), (0, 10), (10, 20))
    samples = b"".join(n.to_bytes(2, "little") for n in range(count))
    return Utterance(key, 24000, count, 0, count, characters, ("mended",)), samples


def test_what_is_put_is_got(tmp_path: Path) -> None:
    """An utterance comes back equal, and its samples from any place."""
    store = Store(tmp_path / "store")
    utterance, samples = spoken("ab" * 32)
    assert store.get(utterance.key) is None
    store.put(utterance, samples)
    assert store.get(utterance.key) == utterance
    assert b"".join(store.samples(Clip(utterance.key, 0, 4))) == samples
    assert b"".join(store.samples(Clip(utterance.key, 1, 2))) == samples[2:6]


def test_a_damaged_file_is_a_miss(tmp_path: Path) -> None:
    """A file that was cut short, or is none of ours, counts as not there."""
    store = Store(tmp_path)
    utterance, samples = spoken("cd" * 32)
    store.put(utterance, samples)
    whole = store.path(utterance.key).read_bytes()
    at = whole.index(utterance.key.encode())
    for damaged in (whole[:-1], whole[:20], b"", b"\xff" + whole, whole[:at] + b"\xff\xfe" + whole[at + 2 :]):
        store.path(utterance.key).write_bytes(damaged)
        assert store.get(utterance.key) is None


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the store says so in one sentence and leaves no partial file."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put(*spoken("ef" * 32))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".gitignore"]


def test_every_fact_of_a_request_is_in_the_key() -> None:
    """Changing any one field of a request, or of the voice's settings, changes the key."""
    other: dict[str, object] = {
        "text": "Hello.", "voice": Voice("other"), "model": "n", "language": "de", "output_format": "pcm_44100",
        "dictionaries": (("a", "b"),), "seed": 1, "normalization": "on", "ssml": True,
    }  # fmt: skip
    assert set(other) == {field.name for field in fields(SpeechRequest)}
    keys = {content_key(REQUEST, "engine"), content_key(REQUEST, "engine 2")}
    keys |= {content_key(replace(REQUEST, **{name: value}), "engine") for name, value in other.items()}  # type: ignore[arg-type]
    settings = {"stability": 0.1, "similarity_boost": 0.1, "style": 0.1, "use_speaker_boost": False, "speed": 1.1}
    assert set(settings) == {field.name for field in fields(VoiceSettings)}
    for name, value in settings.items():
        voice = Voice("heart", replace(VoiceSettings(), **{name: value}))  # type: ignore[arg-type]
        keys.add(content_key(replace(REQUEST, voice=voice), "engine"))
    assert len(keys) == 2 + len(other) + len(settings)


def test_the_nearest_project_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.cueline` folder upward of the script is the store; without one it is the user's own folder."""
    (tmp_path / ".cueline").mkdir()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert nearest_folder(deep) == tmp_path / ".cueline"
    (tmp_path / ".cueline").rmdir()
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "own"))
    assert nearest_folder(deep) == tmp_path / "own"
