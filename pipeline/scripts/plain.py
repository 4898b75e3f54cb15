"""Plain text → Script: blank lines part the paragraphs, and every word is read as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline.errors import ScriptError
from pipeline.model import Script
from pipeline.scripts.marks import Paragraph, Text
from pipeline.scripts.segments import make_script
from pipeline.scripts.source import clean
from pipeline.settings import merged

# What is never meant to be read aloud: the marks of the other form of script.
_MARKS = re.compile(r"</?break\b|<!--|\{\s*say\s*=", re.IGNORECASE)
# The same where a line starts: a time, a speaker, a picture.
_MARKS_AT_START = re.compile(
    r"^[^\S\n]*(?:\[[\d:.,]{0,9}\d:\d[\d:.,]{0,9}\]|\*\*[^*\n]{1,200}[:：][^\S\n]*\*\*|!\[[^\]\n]*\]\([^)\n]*\))",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"\n*---[ \t]*\n+[A-Za-z_.]+[ \t]*:[^\n]*\n(?:[^\n]*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|$)")


def read_plain(text: str, path: str, project: Mapping[str, object], options: Mapping[str, object]) -> Script:
    """Read a plain text. It holds no settings and no marks: where one stands, ScriptError says to name the file .md."""
    text = clean(text, path)
    way_out = "is read in Markdown only; rename the file to end in .md"
    if front := _FRONT_MATTER.match(text):
        raise ScriptError(f"front matter {way_out}", path, front[0].index("---") + 1)
    found = [mark for pattern in (_MARKS, _MARKS_AT_START) if (mark := pattern.search(text))]
    if found:
        mark = min(found, key=lambda one: one.start())
        raise ScriptError(f"{mark[0].strip()} {way_out}", path, text.count("\n", 0, mark.start()) + 1)
    return make_script(list(_paragraphs(text)), merged(project, options), {}, [], path)


def _paragraphs(text: str) -> Iterator[Paragraph]:
    texts: list[Text] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line:
            texts.append(Text(f"{line}\n", number))
        elif texts:
            yield Paragraph(tuple(texts))
            texts = []
