"""A script's file as read → text that every reader can rely on, its lines where they were."""

from __future__ import annotations

import re
import unicodedata

from pipeline.errors import ScriptError

# What no text holds: controls other than tab and line ends, halves of surrogate pairs, which cannot be written out, and
# the two characters that force a direction upon letters, so that a text shows another one than it is (UAX #9, 2.2).
STRANGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")
_BLANK_LINE = re.compile(r"^[^\S\n]+$", re.MULTILINE)


def clean(text: str, path: str) -> str:
    """Drop byte order marks, end lines with line feeds and empty the blank ones; the count of lines stays.

    Such a mark stands in the middle where files were put together; it is neither seen nor spoken.

    Raises ScriptError where a control character stands, which would neither be seen nor spoken.
    """
    text = _LINE_END.sub("\n", text.replace("\ufeff", ""))
    refuse_strange(text, path, 1)
    return _BLANK_LINE.sub("", text)


def refuse_strange(text: str, path: str, first_line: int) -> None:
    """Raise ScriptError at the first character that is no text, `first_line` being the line of the first one."""
    if found := STRANGE.search(text):
        line = first_line + text.count("\n", 0, found.start())
        name = f"U+{ord(found[0]):04X}"
        raise ScriptError(f"the character {name} is no text; take it out, and save the file as UTF-8", path, line)


def stem(path: str) -> str:
    """Return a file's name without folder and extension; `script` where there is none, as of a pipe."""
    name = "" if path in {"-", "<stdin>"} else re.split(r"[/\\]", path)[-1]
    return readable(name.rpartition(".")[0] or name) or "script"


def readable(name: str) -> str:
    """Read a file's name whose bytes the system's encoding did not know as UTF-8; what is none becomes U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if STRANGE.search(name) else name


def extension(path: str) -> str:
    """Return a file's extension in small letters with its dot, or nothing."""
    name = re.split(r"[/\\]", path)[-1]
    before, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and before else ""


def is_spoken(text: str) -> bool:
    """Tell whether there is a letter or a digit, so that a voice has something to say."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)
