"""A script's text → Script, by the extension of its file; what each form holds is told by its own module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipeline.errors import ScriptError
from pipeline.model import Script
from pipeline.scripts.markdown import read_markdown
from pipeline.scripts.plain import read_plain
from pipeline.scripts.project import parse_project
from pipeline.scripts.source import extension
from pipeline.scripts.timed import refuse_timed

__all__ = ["READERS", "Reader", "parse_project", "read_script", "refuse_unbuilt"]


class Reader(Protocol):
    """Reads one form of script. Any text gives a Script, or a ScriptError that says where and what to do."""

    def __call__(self, text: str, path: str, project: Mapping[str, object], options: Mapping[str, object]) -> Script:
        """Read a text; `path` names it in errors, `project` and `options` are typed settings by dotted name."""


READERS: Mapping[str, Reader] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain,
    ".text": read_plain,
    ".srt": refuse_timed,
    ".vtt": refuse_timed,
}


def read_script(text: str, path: str, project: Mapping[str, object], options: Mapping[str, object]) -> Script:
    """Read a script by its file's extension; one without an extension (a pipe) is plain text.

    `project` and `options` are layers of typed settings, weaker and stronger than the script's own. The Script's
    `settings` are its own only. Raises ScriptError with the file and, where there is one, the line.
    """
    kind = extension(path)
    reader = READERS.get(kind) if kind else read_plain
    if reader is None:
        raise ScriptError(f"a script ends in {', '.join(READERS)}, not in {kind}; rename or convert it", path)
    return reader(text, path, project, options)


def refuse_unbuilt(script: Script, path: str) -> None:
    """Raise ScriptError at the first mark that asks for what is understood, but has no effect yet."""
    for segment in script.segments:
        if segment.anchor_ms is not None:
            message = "a time of the video for this text has no effect yet in this version; take the [mm:ss] out"
            raise ScriptError(message, path, segment.anchor_line)
        if segment.picture is not None:
            message = (
                "a picture in the text has no effect yet in this version; name one as picture: in the front matter"
            )
            raise ScriptError(message, path, segment.picture_line)
