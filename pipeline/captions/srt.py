"""CaptionTrack ↔ SubRip text (.srt), through the `srt` library.

SubRip has no way to escape, so the text is written as it is, byte for byte: the same that a video's own track holds.
A player may take what looks like a tag (`<b>`) for one; WebVTT, which can escape, shows it on every player.
"""

from __future__ import annotations

import re
from datetime import timedelta

import srt

from pipeline.errors import ScriptError
from pipeline.model import CaptionTrack, Cue

# What other programs write to style a cue: tags, and SubStation overrides in braces.
_STYLING = re.compile(r"</?(?:b|i|u|s|font)(?:\s[^<>\n]*)?>|\{\\[^{}\n]*\}", re.IGNORECASE)


def compose(track: CaptionTrack) -> str:
    """SubRip text of a track: cues numbered from 1, line feeds, an empty line after each; nothing for no cue."""
    cues = (
        srt.Subtitle(number, _delta(cue.start_ms), _delta(cue.end_ms), _written(cue))
        for number, cue in enumerate(track.cues, start=1)
    )
    return str(srt.compose(cues, reindex=False))


def parse(text: str, path: str = "") -> CaptionTrack:
    """Cues of a SubRip text, in its order, without styling. Raises ScriptError with the line that cannot be read."""
    clean = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not clean.strip():
        return CaptionTrack(())
    try:
        return CaptionTrack(tuple(_cue(found) for found in srt.parse(clean)))
    except srt.SRTParseError as error:
        line = clean.count("\n", 0, error.expected_start) + 1
        message = "no cue can be read here: a number, a line `00:00:01,000 --> 00:00:02,500`, then text is expected"
        raise ScriptError(message, path, line) from None
    except (srt.TimestampParseError, OverflowError):
        raise ScriptError("a time of a cue cannot be read; write it as 00:00:01,000", path) from None


def _cue(found: srt.Subtitle) -> Cue:
    text = _STYLING.sub("", found.content)
    lines = tuple(line.strip() for line in text.split("\n") if line.strip())
    return Cue(found.start // _MS, found.end // _MS, lines)


def _written(cue: Cue) -> str:
    return "\n".join(line for line in cue.lines if line.strip())


_MS = timedelta(milliseconds=1)


def _delta(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)
