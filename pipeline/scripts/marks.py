"""What a script says, block by block, before it is cut into segments: text, and the marks between texts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of what is shown, spaces as written; `said` only where a span asks for it. `line` is its first."""

    shown: str
    line: int
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """A pause that was written."""

    milliseconds: int
    line: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time of the video at which what follows is to start."""

    milliseconds: int
    line: int


@dataclass(frozen=True, slots=True)
class Picture:
    """The path, as written, of what is seen from here on."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks from here to the paragraph's end."""

    name: str
    line: int


Mark = Text | Break | Anchor | Picture | Speaker


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Marks in the author's order."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: `title` as it is shown."""

    marks: tuple[Text, ...]
    title: str
    line: int


Block = Paragraph | Heading
