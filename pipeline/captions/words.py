"""Words ↔ words.json, the interchange form: every word with its times, in seconds of three decimals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn, TypeVar, cast

from pipeline.errors import ScriptError, SettingError
from pipeline.model import Narration, Span, Word
from pipeline.settings import Written, typed_one

VERSION = 1
# No narration lasts for a thousand hours, and later times are no longer exact in every format.
LATEST_SECONDS = 3_600_000
# Characters of a text that an error repeats.
LONGEST_SHOWN = 60
# Halves of surrogate pairs, which JSON can spell and no file can hold.
_HALVES = re.compile("[\ud800-\udfff]")
# Controls other than tabs and line ends, which become spaces, and what forces a direction upon letters: a script, too,
# holds none of them.
_STRANGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e]")
_BREAKS = re.compile("[\t\n\r ]+")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TimedWords:
    """Words and when they are said, with what is known beside them; `language` is None where nobody said."""

    words: tuple[Word, ...]
    duration_ms: int
    language: str | None = None
    sample_rate: int | None = None
    spans: tuple[Span, ...] = ()


def words_of_narration(narration: Narration) -> TimedWords:
    """What words.json tells of a narration."""
    return TimedWords(
        narration.words, narration.duration_ms, narration.language, narration.sample_rate, narration.spans
    )


def compose(narration: Narration) -> str:
    """Write words.json of a narration: one word a line."""
    return compose_words(words_of_narration(narration))


def compose_words(timed: TimedWords) -> str:
    """Write words.json of timed words: one word a line. What is not known (a sample rate, segments) is left out."""
    head: dict[str, object] = {"version": VERSION, "language": timed.language or "en"}
    head["duration"] = timed.duration_ms / 1000
    if timed.sample_rate is not None:
        head["sample_rate"] = timed.sample_rate
    parts = [_written(head)[1:-1]]
    if timed.spans:
        parts.append(f'"segments": {_rows(_segment(span) for span in timed.spans)}')
    parts.append(f'"words": {_rows(_word(word) for word in timed.words)}')
    return "{" + ",\n".join(parts) + "}\n"


def parse(text: str, path: str = "") -> TimedWords:
    """Read words.json, or a bare list of `{"text", "start", "end"}`. Raises ScriptError: what is wrong, in which item."""
    try:
        read = json.loads(text.lstrip("\ufeff"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ScriptError(f"this is no JSON: {error.msg}", path, error.lineno) from None
    except (ValueError, RecursionError):
        raise ScriptError("this is no JSON that word times can be in", path) from None
    return _read_whole({"words": read} if isinstance(read, list) else read, path)


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rows(rows: Iterable[Mapping[str, object]]) -> str:
    written = ",\n  ".join(_written(row) for row in rows)
    return f"[\n  {written}\n]" if written else "[]"


def _segment(span: Span) -> dict[str, object]:
    row: dict[str, object] = {"index": span.index, "speaker": span.speaker, "chapter": span.chapter}
    row |= {"start": span.start_ms / 1000, "end": span.end_ms / 1000}
    if not span.starts_paragraph:
        row["starts_paragraph"] = False
    return row


def _word(word: Word) -> dict[str, object]:
    row: dict[str, object] = {"text": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
    if word.segment is not None:
        row["segment"] = word.segment
    if not word.space_before:
        row["space_before"] = False
    if word.language is not None:
        row["language"] = word.language
    if word.said is not None:
        row["said"] = word.said
    return row


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _read_whole(read: object, path: str) -> TimedWords:
    top = _Entry(read, "the file", path)
    version = top.optional("version", int)
    if version not in (None, VERSION):
        raise ScriptError(f"it is of version {version}, of which only {VERSION} can be read", path)
    words = tuple(_read_word(entry) for entry in top.rows("words", "word"))
    _refuse_disorder(words, path)
    spans = tuple(_read_span(entry) for entry in top.rows("segments", "segment"))
    spoken_ms = max((word.end_ms for word in words), default=0)
    return TimedWords(
        words,
        max(spoken_ms, top.milliseconds("duration") if top.has("duration") else 0),
        top.language(),
        top.optional("sample_rate", int),
        spans,
    )


def _read_word(entry: _Entry) -> Word:
    text = _BREAKS.sub(" ", entry.required("text", str).replace("\ufeff", "")).strip()
    if not text:
        entry.refuse("has no text")
    start_ms, end_ms = entry.milliseconds("start"), entry.milliseconds("end")
    if end_ms < start_ms:
        entry.refuse(f"({_short(text)}) ends at {end_ms / 1000} s, before it starts at {start_ms / 1000} s")
    spaced = entry.optional("space_before", bool)
    return Word(
        text,
        start_ms,
        end_ms,
        segment=entry.optional("segment", int),
        space_before=spaced is not False,
        said=entry.optional("said", str),
        language=entry.language(),
    )


def _refuse_disorder(words: Sequence[Word], path: str) -> None:
    """Raise ScriptError at the first word that starts before the one that it follows."""
    for number, (one, other) in enumerate(pairwise(words), 1):
        if other.start_ms < one.start_ms:
            message = (
                f"word {number} ({_short(other.text)}) starts at {other.start_ms / 1000} s, before word {number - 1} "
                f"at {one.start_ms / 1000} s; put the words in the order in which they are said"
            )
            raise ScriptError(message, path)


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def _read_span(entry: _Entry) -> Span:
    return Span(
        entry.required("index", int),
        entry.milliseconds("start"),
        entry.milliseconds("end"),
        entry.optional("speaker", str),
        entry.optional("chapter", str),
        entry.optional("starts_paragraph", bool) is not False,
    )


_KINDS: Mapping[type, str] = {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object of the file and where it stands, for what is said when it is not as it should be."""

    value: object
    where: str
    path: str

    def refuse(self, what: str) -> NoReturn:
        raise ScriptError(f"{self.where} {what}", self.path)

    def has(self, name: str) -> bool:
        return self._fields().get(name) is not None

    def optional(self, name: str, kind: type[_T]) -> _T | None:
        value = self._fields().get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(f"has a {name!r} that is not {_KINDS[kind]}")
        if isinstance(value, str) and _HALVES.search(value):
            self.refuse(f"has a {name!r} with half a character (a lone surrogate)")
        if isinstance(value, str) and (strange := _STRANGE.search(value)):
            self.refuse(f"has a {name!r} with the character U+{ord(strange[0]):04X}, which is no text; take it out")
        return value

    def language(self) -> str | None:
        """The language tag, by the rule that the setting of this name follows."""
        written = self.optional("language", str)
        if written is None:
            return None
        try:
            return str(typed_one("language", Written(written), "script"))
        except SettingError:
            self.refuse(f"has a 'language' that is no language tag such as en, de or pt-BR: {_short(written)}")

    def required(self, name: str, kind: type[_T]) -> _T:
        value = self.optional(name, kind)
        if value is None:
            self.refuse(f"has no {name!r}, which is {_KINDS[kind]}")
        return value

    def milliseconds(self, name: str) -> int:
        value = self._fields().get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.refuse(f"has no {name!r} that is a number of seconds")
        if not 0 <= value <= LATEST_SECONDS:
            self.refuse(f"has a {name!r} that is no time: {value}")
        return round(value * 1000)

    def rows(self, name: str, one: str) -> list[_Entry]:
        listed = self.optional(name, list) if name != "words" else self.required(name, list)
        return [_Entry(row, f"{one} {n}", self.path) for n, row in enumerate(listed or [])]

    def _fields(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            self.refuse('is not an object such as {"text": "Hello,", "start": 0.0, "end": 0.412}')
        return cast("dict[str, object]", self.value)
