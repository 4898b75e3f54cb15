"""Timed scripts (SRT, WebVTT) → refused, until speech can be fitted into their slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from pipeline.errors import ScriptError


def refuse_timed(text: str, path: str, project: Mapping[str, object], options: Mapping[str, object]) -> NoReturn:
    """Raise ScriptError: speaking cues at their times is not made yet."""
    del text, project, options
    message = "timed scripts are not made yet; put the text without its times into a .txt or .md file"
    raise ScriptError(message, path)
