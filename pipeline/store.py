"""A key of everything that shaped an utterance → the utterance and its samples, kept for good.

One file an utterance, `<folder>/speech/<two letters>/<key>.speech`: a line of JSON, then the samples. A file is
written beside its place and moved there, so it is whole or not there at all, whatever is interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline import pcm
from pipeline.errors import StoreError
from pipeline.model import Clip, SpeechRequest, Utterance

# Raised whenever what a stored utterance means changes, so that an older one is not mistaken for it.
GENERATION = 1
PROJECT_FOLDER = ".cueline"
BLOCK_SAMPLES = 48_000


def content_key(request: SpeechRequest, shaped_by: str) -> str:
    """Name an utterance by all that shaped it: 64 hexadecimal digits.

    `shaped_by` is what the engine itself adds: its name and version, its voice's version.
    """
    shape = msgspec.json.encode((GENERATION, shaped_by, request), order="deterministic")
    return hashlib.sha256(shape).hexdigest()


def nearest_folder(start: Path) -> Path:
    """Find the store that belongs to a folder: the nearest `.cueline` upward, else the user's own data folder."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FOLDER).is_dir():
            return folder / PROJECT_FOLDER
    import platformdirs

    return Path(platformdirs.user_data_dir("cueline", appauthor=False))


@dataclass(frozen=True, slots=True)
class Store:
    """Utterances on disk, found by their key."""

    folder: Path

    def path(self, key: str) -> Path:
        """Where the utterance of this key lies, if it does."""
        return self.folder / "speech" / key[:2] / f"{key}.speech"

    def get(self, key: str) -> Utterance | None:
        """Return the utterance, or None where it was never stored or its file is damaged."""
        try:
            with self.path(key).open("rb") as file:
                header = file.readline()
                utterance = msgspec.json.decode(header, type=Utterance)
                length = file.seek(0, os.SEEK_END) - len(header)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error}") from error
        except (msgspec.MsgspecError, UnicodeError):
            return None
        return utterance if utterance.key == key and length == utterance.sample_count * pcm.SAMPLE_BYTES else None

    def put(self, utterance: Utterance, samples: bytes) -> None:
        """Keep an utterance and its samples. Raises StoreError, for instance when the disk is full."""
        place = self.path(utterance.key)
        partial = None
        try:
            make_private_folder(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".partial", delete=False) as file:
                partial = file.name
                file.write(msgspec.json.encode(utterance) + b"\n")
                file.write(samples)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(place)
        except OSError as error:
            raise StoreError(f"what was spoken cannot be stored in {self.folder}: {error.strerror or error}") from error
        finally:
            if partial is not None:
                with contextlib.suppress(OSError):
                    Path(partial).unlink(missing_ok=True)

    def samples(self, clip: Clip) -> Iterator[bytes]:
        """Read a clip in blocks of at most a second or two. Raises StoreError where the file ends too soon."""
        try:
            with self.path(clip.key).open("rb") as file:
                file.seek(len(file.readline()) + clip.first * pcm.SAMPLE_BYTES)
                left = clip.count * pcm.SAMPLE_BYTES
                while left:
                    block = file.read(min(left, BLOCK_SAMPLES * pcm.SAMPLE_BYTES))
                    if not block:
                        raise StoreError(f"a stored utterance is shorter than it was: {file.name}")
                    left -= len(block)
                    yield block
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error}") from error


def make_private_folder(folder: Path) -> None:
    """Make the store's folder, for its owner alone, and keep it out of version control."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
