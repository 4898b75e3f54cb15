"""A script's front matter → what was written, with lines, and the script without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.errors import ScriptError
from pipeline.scripts.source import refuse_strange
from pipeline.settings import Written

# No front matter that a person writes comes near these; they bound what reading one can cost.
LONGEST = 262_144
DEEPEST = 6


def part_front_matter(text: str, path: str) -> tuple[dict[str, Written], str]:
    """Part a cleaned script into its settings and its body, in which empty lines stand for the front matter.

    Front matter is YAML between a first line `---` and the next line `---` or `...`. Raises ScriptError where it is
    not closed, is no mapping, or names one thing twice.
    """
    start = len(text) - len(text.lstrip("\n"))
    lines = text[start:].split("\n")
    if lines[0].rstrip() != "---":
        return {}, text
    first_line = start + 1
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() in {"---", "..."}), None)
    if end is None:
        message = "the front matter that starts here is not closed; end it with a line ---, or write *** for a rule"
        raise ScriptError(message, path, first_line)
    written = read_yaml("\n".join(lines[1:end]), path, first_line + 1)
    return written, "\n" * (start + end + 1) + "\n".join(lines[end + 1 :])


def read_yaml(text: str, path: str, first_line: int) -> dict[str, Written]:
    """Read a YAML mapping whose every value stays the text that was written.

    `first_line` is the line of the file at which the text starts. Raises ScriptError for what is no mapping, for a
    key that comes twice, and for anchors, aliases and tags, which settings have no use for.
    """
    if len(text) > LONGEST:
        raise ScriptError(f"the front matter is longer than {LONGEST} characters; shorten it", path, first_line)
    import yaml

    try:
        return _Composer(text, path, first_line).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (text.count("\n", 0, mark.index) if mark else 0)
        raise ScriptError(f"this is no YAML: {error.problem or error.context}; quote the value", path, line) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.count("\n", 0, error.position)
        raise ScriptError("this character may not stand in YAML; take it out", path, line) from None
    except (yaml.YAMLError, ValueError, OverflowError, IndexError):
        raise ScriptError("this is no YAML; quote its values", path, first_line) from None


class _Composer:
    """Puts the events of a YAML text together, without ever following an alias."""

    def __init__(self, text: str, path: str, first_line: int) -> None:
        import yaml

        self._text = text
        self._path = path
        self._first_line = first_line
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.BaseLoader))

    def compose(self) -> dict[str, Written]:
        import yaml

        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                written = self._value(next(self._events), 0)
                if written.value == "":
                    written = Written({}, written.line)
                if not isinstance(written.value, Mapping):
                    raise ScriptError(
                        "the front matter is no list of settings, such as title: …", self._path, written.line
                    )
                self._refuse_more()
                return dict(written.value)
        return {}

    def _refuse_more(self) -> None:
        import yaml

        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise ScriptError("the front matter ends before this; take it out", self._path, self._line(event))

    def _line(self, event: object) -> int:
        mark = getattr(event, "start_mark", None)
        return self._first_line + (self._text.count("\n", 0, mark.index) if mark else 0)

    def _value(self, event: object, depth: int) -> Written:
        import yaml

        line = self._line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise ScriptError(
                "anchors (&), aliases (*) and tags (!) mean nothing here; quote the value", self._path, line
            )
        if depth > DEEPEST:
            raise ScriptError("this is nested too deep for a setting", self._path, line)
        if isinstance(event, yaml.ScalarEvent):
            refuse_strange(event.value, self._path, line)
            return Written(event.value, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Written(tuple(self._items(depth)), line)
        return Written(self._entries(depth), line)

    def _items(self, depth: int) -> Iterator[Written]:
        import yaml

        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._value(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Written]:
        import yaml

        entries: dict[str, Written] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if not isinstance(key.value, str) or not key.value.strip():
                raise ScriptError("a name is missing before the colon", self._path, key.line)
            if key.value in entries:
                first = entries[key.value].line
                raise ScriptError(f"{key.value} stands here again, after line {first}; keep one", self._path, key.line)
            value = self._value(next(self._events), depth + 1)
            entries[key.value] = Written(value.value, key.line)
        return entries
