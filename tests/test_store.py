"""The store: what is put is got, nothing half-written is found, every fact that shapes speech is in the key."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import StoreError, UsageError
from pipeline.model import Clip, SpeechRequest, TimedCharacters, Utterance, Voice, VoiceSettings
from pipeline.store import Store, content_key, nearest_folder

REQUEST = SpeechRequest(text="Hello", voice=Voice("heart"), model="m", language="en")


def spoken(key: str, count: int = 4) -> tuple[Utterance, bytes]:
    """Make an utterance of so many samples that count up."""
    end = min(20, count // 24)
    characters = TimedCharacters(("H", "i"), (0, end // 2), (end // 2, end))
    samples = b"".join((n % 2**16).to_bytes(2, "little") for n in range(count))
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


def test_any_flipped_byte_is_a_miss(tmp_path: Path) -> None:
    """Whichever byte of an entry is another, in its header or in its sound, the entry counts as not there."""
    store = Store(tmp_path)
    utterance, samples = spoken("cd" * 32)
    store.put(utterance, samples)
    whole = store.path(utterance.key).read_bytes()
    for at, byte in enumerate(whole):
        store.path(utterance.key).write_bytes(whole[:at] + bytes([byte ^ 1]) + whole[at + 1 :])
        assert store.get(utterance.key) is None, at
    store.put(utterance, samples)
    assert store.get(utterance.key) == utterance


def unhashed(store: Store, key: str, count: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Write an entry as they were before they had a hash, with something in its header changed."""
    utterance, samples = spoken(key, count)
    store.put(utterance, samples)
    header = json.loads(store.path(key).read_bytes().split(b"\n", 1)[0])
    header.pop("blake2b", None)
    change(header)
    store.path(key).write_bytes(json.dumps(header, separators=(",", ":")).encode("ascii") + b"\n" + samples)


def test_an_entry_from_before_is_read_on(tmp_path: Path) -> None:
    """What was paid for before entries had a hash is not spoken again."""
    store, key = Store(tmp_path), "ab" * 32
    unhashed(store, key, 2400, dict.copy)
    utterance, samples = spoken(key, 2400)
    assert store.get(key) == utterance
    assert b"".join(store.samples(Clip(key, 0, 2400))) == samples


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate": 0},
        {"sample_rate": -1},
        {"sample_rate": 8001},
        {"sample_rate": 10**12},
        {"sample_rate": "24000"},
        {"sound_end": 10**9},
        {"sound_first": -5},
        {"sound_first": 2400, "sound_end": 0},
        {"characters": {"chars": [], "starts_ms": [0, 10], "ends_ms": [10, 20]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [0], "ends_ms": [10, 20]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [-5, 10], "ends_ms": [10, 20]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [10, 0], "ends_ms": [10, 20]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [0, 10], "ends_ms": [10, 5]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [0, 15], "ends_ms": [10, 12]}},
        {"characters": {"chars": ["H", "i"], "starts_ms": [0, 10], "ends_ms": [10, 10**12]}},
    ],
)
def test_a_header_that_cannot_be_meant_is_a_miss(tmp_path: Path, change: dict[str, Any]) -> None:
    """Without a hash it is the numbers themselves that tell: nothing of them may end in a crash, or in no end."""
    store, key = Store(tmp_path), "ab" * 32
    unhashed(store, key, 2400, lambda header: header.update(change))
    assert store.get(key) is None


def test_a_header_without_an_end_is_a_miss(tmp_path: Path) -> None:
    """Nested for ever, or no header at all."""
    store, key = Store(tmp_path), "ab" * 32
    store.put(*spoken(key))
    for damaged in (b'{"key":' + b"[" * 200_000 + b"\n", b"[" * 200_000, b'{"key":"' + b"x" * 2**20):
        store.path(key).write_bytes(damaged)
        assert store.get(key) is None


def test_an_entry_that_is_no_file_is_told(tmp_path: Path) -> None:
    """A folder in a file's place, before anything is paid that could not be kept there."""
    store, key = Store(tmp_path), "ab" * 32
    store.path(key).mkdir(parents=True)
    with pytest.raises(StoreError, match="is no file") as caught:
        store.get(key)
    assert str(store.path(key)) in str(caught.value)


def test_a_file_that_was_cut_meanwhile_is_told(tmp_path: Path) -> None:
    """Sound that is gone when it is read, wholly or in part, is told before a block of it comes."""
    store, key = Store(tmp_path), "ab" * 32
    store.put(*spoken(key, 2400))
    whole = store.path(key).read_bytes()
    for left in (len(whole) - 1, len(whole) - 2, 20, 0):
        store.path(key).write_bytes(whole[:left])
        with pytest.raises(StoreError, match="shorter than it was"):
            next(store.samples(Clip(key, 0, 2400)))
    store.path(key).unlink()
    with pytest.raises(StoreError, match="gone from the store"):
        next(store.samples(Clip(key, 0, 2400)))


def test_a_file_that_is_cut_while_it_is_read_is_told(tmp_path: Path) -> None:
    """No block of half a sample comes, and the end is not taken for the whole."""
    store, key = Store(tmp_path), "ab" * 32
    store.put(*spoken(key, 60_000))
    blocks = store.samples(Clip(key, 0, 60_000))
    next(blocks)
    os.truncate(store.path(key), store.path(key).stat().st_size - 5001)
    with pytest.raises(StoreError, match="shorter than it was"):
        list(blocks)


def test_what_could_not_be_found_again_is_not_put(tmp_path: Path) -> None:
    """Times beyond the sound would be a miss for ever, paid in every run."""
    utterance, samples = spoken("ab" * 32)
    with pytest.raises(StoreError, match="belong together"):
        Store(tmp_path).put(replace(utterance, sound_end=5), samples)
    with pytest.raises(StoreError, match="belong together"):
        Store(tmp_path).put(utterance, samples[:-1])


def test_a_request_that_is_no_text_is_told() -> None:
    """A voice whose name came with bytes that are not UTF-8."""
    with pytest.raises(UsageError, match="UTF-8"):
        content_key(replace(REQUEST, voice=Voice("\udcff")), "engine")


def test_a_key_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """In one thread, in two, and by another key; what is left behind is no file."""
    store = Store(tmp_path)
    held = store.try_lock("ab" * 32)
    assert held is not None
    found: list[object] = [store.try_lock("ab" * 32)]
    thread = threading.Thread(target=lambda: found.append(store.try_lock("ab" * 32)))
    thread.start()
    thread.join()
    assert found == [None, None]
    other = store.try_lock("cd" * 32)
    assert other is not None
    for one in (held, other):
        one.close()
    again = store.try_lock("ab" * 32)
    assert again is not None
    with again:
        assert store.try_lock("ab" * 32) is None
    assert not list((tmp_path / "locks").iterdir())


HOLDER = """
import sys
from pathlib import Path
from pipeline.store import Store
held = Store(Path(sys.argv[1])).try_lock("ab" * 32)
print("held" if held else "free", flush=True)
sys.stdin.read()
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Another process holds the key, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert Store(tmp_path).try_lock("ab" * 32) is None
        process.kill()
    held = Store(tmp_path).try_lock("ab" * 32)
    assert held is not None
    held.close()


def test_a_file_system_without_locks_keeps_nobody_from_speaking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs may then pay twice; a store that cannot be written is told."""

    def refused(number: int) -> Callable[[Path], None]:
        def lock(path: Path) -> None:
            raise OSError(number, os.strerror(number), str(path))

        return lock

    monkeypatch.setattr("pipeline.store.try_lock", refused(errno.ENOLCK))
    assert Store(tmp_path).try_lock("ab" * 32) is not None
    monkeypatch.setattr("pipeline.store.try_lock", refused(errno.EROFS))
    with pytest.raises(StoreError, match="Read-only"):
        Store(tmp_path).try_lock("ab" * 32)


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
