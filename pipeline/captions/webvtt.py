"""CaptionTrack ↔ WebVTT text (.vtt), by the W3C's "WebVTT: The Web Video Text Tracks Format"."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pipeline.errors import ScriptError
from pipeline.model import CaptionTrack, Cue

_STAMP = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"[ \t]*{_STAMP}[ \t]+-->[ \t]+{_STAMP}(?:[ \t].*)?")
_TAG = re.compile(r"<[^>]*>")
# Where a language is told: in the note that we write, and in the header that YouTube writes.
_LANGUAGE = re.compile(r"^Language:[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)[ \t]*$", re.MULTILINE)
_NO_CUES = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")


def compose(track: CaptionTrack) -> str:
    """WebVTT text of a track: times with hours, line feeds; its language stands in a note, as the format has no place."""
    blocks = ["WEBVTT", f"NOTE\nLanguage: {track.language}"]
    blocks += (f"{stamp(cue.start_ms)} --> {stamp(cue.end_ms)}\n{_written(cue)}" for cue in track.cues)
    return "\n\n".join(blocks) + "\n"


def parse(text: str, path: str = "") -> CaptionTrack:
    """Cues of a WebVTT text, in its order, without tags and settings. Raises ScriptError with file and line."""
    clean = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    header, _, _ = clean.partition("\n")
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", header):
        raise ScriptError("a WebVTT file begins with the line WEBVTT", path, 1)
    cues: list[Cue] = []
    language = ""
    for number, lines in _blocks(clean):
        if number == 1 or _NO_CUES.match(lines[0]):
            told = _LANGUAGE.search("\n".join(lines))
            language = language or (told[1] if told else "")
        else:
            cues.append(_cue(lines, number, path))
    return CaptionTrack(tuple(cues), language or "en")


def stamp(milliseconds: int) -> str:
    """Write a time as WebVTT has it, always with hours: `00:01:02.345`."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def escape(text: str) -> str:
    """Write a text so that nothing in it is taken for a tag, a reference or an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _written(cue: Cue) -> str:
    return "\n".join(escape(line) for line in cue.lines if line.strip())


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between empty ones, each with the number of its first line."""
    block: list[str] = []
    first = 1
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line and not block:
            first = number
        if line:
            block.append(line)
        elif block:
            yield first, block
            block = []


def _cue(lines: list[str], number: int, path: str) -> Cue:
    where = next((n for n, line in enumerate(lines[:2]) if "-->" in line), None)
    if where is None:
        raise ScriptError("no cue can be read here: a line `00:01.000 --> 00:02.500` is expected", path, number)
    found = _TIMING.fullmatch(lines[where])
    if not found:
        message = "the times of this cue cannot be read; write them as 00:01.000 --> 00:02.500"
        raise ScriptError(message, path, number + where)
    fields = [int(field or 0) for field in found.groups()]
    text = [html.unescape(_TAG.sub("", line)).strip() for line in lines[where + 1 :]]
    return Cue(_milliseconds(*fields[:4]), _milliseconds(*fields[4:]), tuple(line for line in text if line))


def _milliseconds(hours: int, minutes: int, seconds: int, thousandths: int) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths
