"""Texts from anywhere → what a terminal may be given: no control characters, no more than a person reads."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TextIO

# A sentence is shorter; what is longer holds words from outside, such as a page that a server sent.
MOST_CHARACTERS = 400
# Of what is left of a longer one, so much is its end, where it says what to do.
_END_CHARACTERS = 140
# Controls, separators of lines, marks that turn the direction of what follows, and halves of surrogate pairs: bytes of
# a file's name that are no text come as the latter.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    r"""Write what cannot be seen as Python does: an escape character is `\x1b`, a byte that is no text `\xff`."""
    return _UNSEEN.sub(_escaped, text)


def one_line(text: str) -> str:
    """Make one line of a sentence, with nothing unseen in it, and with its middle left out where it is too long."""
    line = plain(" ".join(text.split()) if len(text) < 100 * MOST_CHARACTERS else _cut(text))
    return _cut(line)


def _cut(line: str) -> str:
    if len(line) <= MOST_CHARACTERS:
        return line
    head = line[: MOST_CHARACTERS - _END_CHARACTERS - 3]
    return f"{head.rstrip()} … {line[-_END_CHARACTERS:].lstrip()}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def mended(line: str, stream: TextIO | None) -> str:
    """Escape the characters of a line that a stream's encoding lacks, such as a dash where there is ASCII only."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return line.encode(encoding, "backslashreplace").decode(encoding)
    return line


def of_os_error(error: OSError) -> str:
    """Say what the system refused, and where, in a sentence."""
    try:
        Path.cwd()
    except OSError:
        return "the working folder is gone: change to another one with cd, and run the command there"
    reason = error.strerror or f"{type(error).__name__} {error}".rstrip()
    return f"{os.fsdecode(error.filename)}: {reason}" if isinstance(error.filename, str | bytes) else reason


def of_exception(error: Exception) -> str:
    """Say that this is nobody's fault but the program's, with what to report."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    words = said if len(said) <= 200 else f"{said[:200].rstrip()}…"
    return f"this is a fault of Cueline itself ({words}); please report it with what --debug shows"


def let_go(stream: TextIO | None) -> None:
    """Send the rest of what is written to a stream that takes no more to nowhere, so that the process can end well.

    Python writes out what it still holds when it ends, and would fail once more.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]  # None has no number either
        finally:
            os.close(nowhere)
