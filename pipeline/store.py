"""A key of everything that shaped an utterance → the utterance and its samples, kept for good.

One file an utterance, `<folder>/speech/<two letters>/<key>.speech`: a line of JSON, then the samples. The line begins
with a hash of all the rest; entries of before have none and are read on. A file is written beside its place and moved
there, so it is whole or not there at all, whatever is interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline import pcm
from pipeline.codecs.formats import FORMATS
from pipeline.errors import StoreError, UsageError
from pipeline.locks import try_lock
from pipeline.model import Clip, SpeechRequest, Utterance

# Raised whenever what a stored utterance means changes, so that an older one is not mistaken for it.
GENERATION = 1
PROJECT_FOLDER = ".cueline"
BLOCK_SAMPLES = 48_000
# How an entry begins: with its hash, or, as all did before, with its key.
_HASHED = b'{"blake2b":"'
_UNHASHED = b'{"key":"'
_HASH_BYTES = 16
_BEFORE_HEADER = len(_HASHED) + 2 * _HASH_BYTES + len(b'",')
# The header of the longest paragraph that a script may hold is far shorter; a line without an end is not read whole.
_LONGEST_HEADER = 2**29
_RATES = range(1000, 192_001)
_RATES_OF_FORMATS = frozenset(each.sample_rate for each in FORMATS.values())
# A file system that cannot lock keeps nobody from speaking.
_CANNOT_LOCK = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})


def content_key(request: SpeechRequest, shaped_by: str) -> str:
    """Name an utterance by all that shaped it: 64 hexadecimal digits.

    `shaped_by` is what the engine itself adds: its name and version, its voice's version. Raises UsageError where a
    part of the request is no text.
    """
    try:
        shape = msgspec.json.encode((GENERATION, shaped_by, request), order="deterministic")
    except UnicodeEncodeError:
        raise UsageError("the voice, the model or another setting of speech is not UTF-8 text; write it so") from None
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
        """Return the utterance, or None where it was never stored or its file is damaged, in whichever byte.

        Raises StoreError where the store cannot be read.
        """
        try:
            if not stat.S_ISREG(self.path(key).stat().st_mode):
                raise StoreError(f"{self.path(key)} is no file, so no speech can be kept there; move it away")
            with self.path(key).open("rb") as file:
                return _whole_utterance(file, key)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error}") from error

    def put(self, utterance: Utterance, samples: bytes) -> None:
        """Keep an utterance and its samples. Raises StoreError, for instance when the disk is full."""
        place = self.path(utterance.key)
        samples = samples[: utterance.sample_count * pcm.SAMPLE_BYTES]
        if not is_sound(utterance) or len(samples) != utterance.sample_count * pcm.SAMPLE_BYTES:
            raise StoreError("what was spoken cannot be stored: its times and its sound do not belong together")
        partial = None
        try:
            make_private_folder(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".partial", delete=False) as file:
                partial = file.name
                file.write(_header(utterance, samples))
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
        """Read a clip in blocks of at most a second or two.

        Raises StoreError where the file is gone or ends too soon, before the first block if it did so by then.
        """
        try:
            with self.path(clip.key).open("rb") as file:
                first = len(file.readline(_LONGEST_HEADER)) + clip.first * pcm.SAMPLE_BYTES
                left = clip.count * pcm.SAMPLE_BYTES
                if file.seek(0, os.SEEK_END) < first + left:
                    raise _shortened(clip.key, self.path(clip.key))
                file.seek(first)
                while left:
                    block = file.read(min(left, BLOCK_SAMPLES * pcm.SAMPLE_BYTES))
                    if not block or len(block) % pcm.SAMPLE_BYTES:
                        raise _shortened(clip.key, self.path(clip.key))
                    left -= len(block)
                    yield block
        except FileNotFoundError:
            raise StoreError(f"{self.path(clip.key)} is gone from the store: was it pruned meanwhile?") from None
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error}") from error

    def try_lock(self, key: str) -> ExitStack | None:
        """Reserve a key for speaking it, at once or not at all; None while somebody else does, in any process.

        What comes back holds the key until it is closed or left as a context, and no longer than the process lives.
        Whoever got it looks into the store again: what was missing may have been put by the one before. Raises
        StoreError where the store cannot be written.
        """
        place = self.folder / "locks" / f"{key}.lock"
        try:
            make_private_folder(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            return try_lock(place)
        except OSError as error:
            if error.errno in _CANNOT_LOCK:
                return ExitStack()
            raise StoreError(f"the store {self.folder} cannot be written: {error.strerror or error}") from error


def is_sound(utterance: Utterance) -> bool:
    """Whether an utterance's numbers can be meant: its sound inside its samples, its times in order and inside both.

    `pipeline.alignment` writes whole milliseconds, none after the last sample's, rounded to the nearest.
    """
    characters = utterance.characters
    count = len(characters.chars)
    return (
        utterance.sample_rate in _RATES
        and 0 <= utterance.sound_first <= utterance.sound_end <= utterance.sample_count
        and len(characters.starts_ms) == len(characters.ends_ms) == count
        and _rises_within(characters.starts_ms, utterance)
        and _rises_within(characters.ends_ms, utterance)
        and all(start <= end for start, end in zip(characters.starts_ms, characters.ends_ms, strict=True))
    )


def _rises_within(times: tuple[int, ...], utterance: Utterance) -> bool:
    """Whether times never decrease, from the first sample on to a millisecond past the last."""
    last = utterance.sample_count * 1000 / utterance.sample_rate + 1
    return not times or (times[0] >= 0 and times[-1] <= last and all(one <= next_ for one, next_ in pairwise(times)))


def _header(utterance: Utterance, samples: bytes) -> bytes:
    """Write the line before the samples: `{"blake2b":"…","key":…}`."""
    plain = msgspec.json.encode(utterance) + b"\n"
    if len(plain) + _BEFORE_HEADER >= _LONGEST_HEADER:
        raise StoreError("what was spoken is too long to be stored: part the paragraph")
    digest = hashlib.blake2b(plain, digest_size=_HASH_BYTES)
    digest.update(samples)
    return b'%s%s",%s' % (_HASHED, digest.hexdigest().encode("ascii"), plain[1:])


def _whole_utterance(file: BinaryIO, key: str) -> Utterance | None:
    """Read the header of an entry and all its samples; None unless every byte is what was written."""
    header = file.readline(_LONGEST_HEADER)
    hashed = header.startswith(_HASHED)
    if not header.startswith((_HASHED, _UNHASHED)):
        return None
    plain = b"{" + header[_BEFORE_HEADER:] if hashed else header
    try:
        utterance = msgspec.json.decode(plain, type=Utterance)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if utterance.key != key or not is_sound(utterance):
        return None
    if not hashed:
        length = file.seek(0, os.SEEK_END) - len(header)
        # Nothing but its own rates tells a rate that was damaged here.
        is_whole = utterance.sample_rate in _RATES_OF_FORMATS
        return utterance if is_whole and length == utterance.sample_count * pcm.SAMPLE_BYTES else None
    digest = hashlib.blake2b(plain, digest_size=_HASH_BYTES)
    length = 0
    while block := file.read(BLOCK_SAMPLES * pcm.SAMPLE_BYTES):
        digest.update(block)
        length += len(block)
    expected = b'%s%s",' % (_HASHED, digest.hexdigest().encode("ascii"))
    whole = header.startswith(expected) and length == utterance.sample_count * pcm.SAMPLE_BYTES
    return utterance if whole else None


def _shortened(key: str, path: Path) -> StoreError:
    return StoreError(
        f"the stored speech {key[:8]}… is shorter than it was: run again to have it spoken again ({path})"
    )


def make_private_folder(folder: Path) -> None:
    """Make the store's folder, for its owner alone, and keep it out of version control."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
