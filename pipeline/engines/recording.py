"""Messages of speech sockets ↔ JSON lines: what a client or a server saw, kept without any key, and found again.

A line is an object with the connection's number and one of: `request` (path and query of the handshake), `refused`
(its HTTP status and body), `message` (a JSON message, and `from` whom) or `text` (what was no JSON), `close`
(the code, 1006 where the connection broke, and the reason). `ms` counts from the connection's start.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pipeline.errors import StoreError, UsageError

Side = Literal["client", "server"]
# Every name under which a secret travels, compared without case and with hyphens as underscores.
SECRET_NAMES = frozenset({"xi_api_key", "authorization", "single_use_token", "api_key", "token"})
HIDDEN = "(hidden)"
# Shorter than any real secret: a local server takes any word for a key, and words are found in speech by chance.
LEAST_SECRET = 8
# Far above what a server takes for the first line of a handshake.
_LONGEST_HANDSHAKE = 2**20


def blotted(text: str, secrets: Iterable[str], instead: str) -> str:
    """Replace secrets in a text, longest first, but for those that are too short to be any."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= LEAST_SECRET:
            text = text.replace(secret, instead)
    return text


class Recorder:
    """Appends the messages of any number of connections to one file, each line whole at once.

    Raises, when it is made, UsageError where the file holds something else than a recording, StoreError where it
    cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._numbers = itertools.count(_last_number(path) + 1)
        self._lock = threading.Lock()
        self._append(_missing_line_feed(path))

    def connection(self, target: str, secrets: Iterable[str | None] = ()) -> ConnectionRecord:
        """Begin a connection by its handshake's path and query; `secrets` are blotted out wherever they appear."""
        return ConnectionRecord(self, next(self._numbers), target, secrets)

    def write(self, line: Mapping[str, object]) -> None:
        """Append one line. Raises StoreError when the file cannot be written."""
        text = json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n"
        self._append(text.encode("ascii"))

    def _append(self, text: bytes) -> None:
        try:
            with self._lock:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(descriptor, text)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise StoreError(f"the recording {self._path} cannot be written: {error.strerror}") from None


class ConnectionRecord:
    """The lines of one connection."""

    def __init__(self, recorder: Recorder, number: int, target: str, secrets: Iterable[str | None]) -> None:
        self._recorder = recorder
        self._number = number
        query = parse_qsl(urlsplit(target).query)
        self._secrets: set[str] = set()
        self._know(secret for secret in (*secrets, *(value for name, value in query if _is_secret(name))) if secret)
        self._started = time.monotonic()
        self._write(request=_public_target(target))

    def message(self, side: Side, text: str | bytes) -> None:
        """Keep one message, without what is secret in it."""
        shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
        try:
            content = json.loads(shown)
        except (ValueError, RecursionError):
            self._write(**{"from": side, "text": shown})
            return
        self._know(_secrets_in(content))
        self._write(**{"from": side, "message": _public(content)})

    def refused(self, status: int, body: bytes) -> None:
        """Keep the answer to a handshake that failed."""
        self._write(refused={"status": status, "body": body.decode("utf-8", "replace")})

    def closed(self, code: int, reason: str) -> None:
        """Keep how the connection ended."""
        self._write(close=code, reason=reason)

    def _know(self, secrets: Iterable[str]) -> None:
        """Blot these out from now on; of `Bearer …` (RFC 6750 2.1) what follows as well, which may be repeated alone."""
        for secret in secrets:
            self._secrets |= {secret, secret.split()[-1]} if secret.strip() else set()

    def _write(self, **content: object) -> None:
        line = {
            "connection": self._number,
            "ms": round((time.monotonic() - self._started) * 1000),
            **{name: self._blotted(value) for name, value in content.items()},
        }
        self._recorder.write(line)

    def _blotted(self, value: object) -> object:
        """Replace the secrets that are known in every string, for an error may repeat them."""
        if isinstance(value, str):
            return blotted(value, self._secrets, HIDDEN)
        if isinstance(value, dict):
            return {self._blotted(name): self._blotted(item) for name, item in value.items()}
        return [self._blotted(item) for item in value] if isinstance(value, list) else value


@dataclass(slots=True)
class RecordedConnection:
    """One connection as it was: whom it asked for, what it was given to speak, and all that it answered."""

    voice: str
    texts: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    close: tuple[int, str] = (1006, "")
    was_opened: bool = True

    @property
    def text(self) -> str:
        """What was to be spoken, all messages joined, white space made single."""
        return " ".join("".join(self.texts).split())


class Replay:
    """Recorded connections by voice and text: each is used once, in order, and then again from the first."""

    def __init__(self, connections: Iterable[RecordedConnection]) -> None:
        self._found: dict[tuple[str, str], list[RecordedConnection]] = {}
        for connection in connections:
            self._found.setdefault((connection.voice, connection.text), []).append(connection)
        self._turns: dict[tuple[str, str], itertools.cycle[RecordedConnection]] = {}

    def match(self, voice: str, texts: Sequence[str]) -> RecordedConnection | None:
        """Take the next recording of this voice and text; None when there is none."""
        key = voice, " ".join("".join(texts).split())
        if key not in self._found:
            return None
        turns = self._turns.setdefault(key, itertools.cycle(self._found[key]))
        return next(turns)


def read_recording(path: str) -> Replay:
    """Read a recording. A handshake that was refused is no conversation and is left out. Raises UsageError."""
    connections: list[RecordedConnection] = []
    current: dict[object, RecordedConnection] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            entry = json.loads(line)
            if "request" in entry:
                current[entry["connection"]] = RecordedConnection(voice_of(entry["request"]))
                connections.append(current[entry["connection"]])
            elif "refused" in entry:
                current[entry["connection"]].was_opened = False
            else:
                _add(current[entry["connection"]], entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UsageError(f"{path}:{number}: this line is not of a recording of messages") from None
    return Replay(connection for connection in connections if connection.was_opened)


def voice_of(target: str) -> str:
    """Find the voice's id in the path of a handshake: what stands after `text-to-speech`; empty when nothing does."""
    _, _, rest = urlsplit(target).path.partition("/text-to-speech/")
    return unquote(rest.partition("/")[0])


def _add(connection: RecordedConnection, entry: Mapping[str, Any]) -> None:
    if "close" in entry:
        connection.close = int(entry["close"]), str(entry.get("reason", ""))
    elif entry["from"] == "server":
        text = entry["text"] if "text" in entry else json.dumps(entry["message"], separators=(",", ":"))
        connection.answers.append(text)
    elif "message" in entry and isinstance(entry["message"].get("text"), str):
        connection.texts.append(entry["message"]["text"])


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # a path is a plain string here
            return [line for line in file.read().split("\n") if line.strip()]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"the recording {path} cannot be read: {error}") from None


def _last_number(path: str) -> int:
    """Highest number of a connection that the file holds already; 0 where it is empty, or no file that can be read.

    Raises UsageError where it holds something else. A line that was cut off is passed over.
    """
    if not os.path.isfile(path) or not os.path.getsize(path):  # noqa: PTH113, PTH202  # a path is a plain string here
        return 0
    _refuse_other_file(path)
    numbers = [0]
    for line in _lines(path):
        try:
            numbers.append(int(json.loads(line)["connection"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return max(numbers)


def _refuse_other_file(path: str) -> None:
    """Raise UsageError unless the first line is one of ours: the handshake of a connection."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # a path is a plain string here
            first = json.loads(file.readline(_LONGEST_HANDSHAKE))
        if isinstance(first["connection"], int) and isinstance(first["request"], str):
            return
    except OSError as error:
        raise StoreError(f"the recording {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(f"{path}: is there already and is no recording; name a new file to record into")


def _missing_line_feed(path: str) -> bytes:
    """What ends the last line of a file, where it was cut off."""
    if not os.path.isfile(path) or not os.path.getsize(path):  # noqa: PTH113, PTH202
        return b""
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(-1, os.SEEK_END)
        return b"" if file.read() == b"\n" else b"\n"


def _is_secret(name: str) -> bool:
    return name.lower().replace("-", "_") in SECRET_NAMES


def _public_target(target: str) -> str:
    parts = urlsplit(target)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _is_secret(name)]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path


def _public(content: object) -> object:
    if isinstance(content, dict):
        return {name: _public(value) for name, value in content.items() if not _is_secret(name)}
    return [_public(item) for item in content] if isinstance(content, list) else content


def _secrets_in(content: object) -> Iterable[str]:
    if isinstance(content, list):
        for item in content:
            yield from _secrets_in(item)
    elif isinstance(content, dict):
        for name, value in content.items():
            if _is_secret(name) and isinstance(value, str):
                yield value
            else:
                yield from _secrets_in(value)
