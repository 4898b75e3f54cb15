"""`cueline.toml` → typed settings, errors naming the line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.errors import ScriptError
from pipeline.scripts.front_matter import LONGEST
from pipeline.scripts.source import clean
from pipeline.settings import Written, typed

_NAME = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')"
_DOTTED = rf"({_NAME}(?:[ \t]*\.[ \t]*{_NAME})*)"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*{_DOTTED}[ \t]*\]")
_ENTRY = re.compile(rf"[ \t]*{_DOTTED}[ \t]*=")
# No setting's name has more parts.
_DEEPEST = 3


def parse_project(text: str, path: str) -> dict[str, object]:
    """Read a project's settings: dotted names → values.

    Raises ScriptError, with the line where it can be told, for what is no TOML and for what is no setting.
    """
    import tomllib

    if len(text) > LONGEST:
        raise ScriptError(f"this is longer than {LONGEST} characters; shorten it", path)
    text = clean(text, path)
    try:
        tables = tomllib.loads(text)
        return typed(_table(tables, _Lines(text), ()), "project", path)
    except tomllib.TOMLDecodeError as error:
        reason, line = _where(str(error), text)
        raise ScriptError(f"this is no TOML: {reason}", path, line) from None
    except (ValueError, RecursionError):
        raise ScriptError(
            "this is no TOML of settings: a number is too long or a value nested too deep", path
        ) from None


def _where(message: str, text: str) -> tuple[str, int]:
    """Part the library's message into its reason and its line."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if not found:
        return message, 0
    reason = found[1][:1].lower() + found[1][1:]
    return reason, int(found[2]) if found[2] else text.rstrip("\n").count("\n") + 1


class _Lines:
    """Finds the line of a setting by its name, as the library tells none."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.split("\n"), 1):
            if header := _HEADER.match(line):
                table = _names(header[1])
                self._note(table, 0, number)
            elif entry := _ENTRY.match(line):
                self._note((*table, *_names(entry[1])), len(table), number)

    def _note(self, names: tuple[str, ...], known: int, number: int) -> None:
        for count in range(known + 1, min(len(names), _DEEPEST) + 1):
            self._lines.setdefault(names[:count], number)

    def of(self, names: tuple[str, ...]) -> int:
        """Find the line of a dotted name: its own, else its table's; 0 where neither is found."""
        found = (self._lines.get(names[:count]) for count in range(min(len(names), _DEEPEST), 0, -1))
        return next((line for line in found if line), 0)


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))


def _table(table: Mapping[str, object], lines: _Lines, names: tuple[str, ...]) -> dict[str, Written]:
    return {name: _written(value, lines, (*names, name)) for name, value in table.items()}


def _written(value: object, lines: _Lines, names: tuple[str, ...]) -> Written:
    """Turn a value back into what was written, as the settings' own types read it."""
    line = lines.of(names)
    if isinstance(value, Mapping):
        return Written(_table(value, lines, names), line)
    if isinstance(value, list):
        return Written(tuple(_written(item, lines, names) for item in value), line)
    return Written(str(value).lower() if isinstance(value, bool) else str(value), line)
