"""A caption track and a profile → where the track falls short, rule by rule.

The rules are told apart from the segmenter on purpose, so that each can prove the other wrong. A file holds whole
milliseconds while limits are in frames, so times are given one millisecond of grace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.captions.profiles import Profile
from pipeline.model import CaptionTrack, Cue

_GRACE_MS = 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a cue breaks: the cue's index from 0, when it comes, and in words what is wrong."""

    rule: str
    cue: int
    start_ms: int
    message: str


# A cue, the cue after it, the profile → what is wrong, or nothing.
Rule = Callable[[Cue, Cue | None, Profile], str]


def _no_text(cue: Cue, _after: Cue | None, _profile: Profile) -> str:
    return "" if cue.lines and all(line.strip() for line in cue.lines) else "a line without text"


def _too_many_lines(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    return f"{len(cue.lines)} lines, at most {profile.lines}" if len(cue.lines) > profile.lines else ""


def _line_too_wide(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    widest = max((profile.width(line) for line in cue.lines), default=0)
    return f"a line of {widest:g} characters, at most {profile.line_width:g}" if widest > profile.line_width else ""


def _fits_one_line(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    if len(cue.lines) < 2 or all(line[:1] in "-‐–—" for line in cue.lines):
        return ""  # two speakers have a line each, with a dash before it
    between = "" if profile.counting == "full-width" else " "
    width = profile.width(between.join(cue.lines))
    return f"{len(cue.lines)} lines that fit on one, {width:g} characters" if width <= profile.line_width else ""


def _too_short(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    seen = cue.end_ms - cue.start_ms
    wrong = seen + _GRACE_MS < profile.min_duration_ms
    return f"seen for {_seconds(seen)}, at least {_seconds(profile.min_duration_ms)}" if wrong else ""


def _too_long(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    seen = cue.end_ms - cue.start_ms
    wrong = seen - _GRACE_MS > profile.max_duration_ms
    return f"seen for {_seconds(seen)}, at most {_seconds(profile.max_duration_ms)}" if wrong else ""


def _too_fast(cue: Cue, _after: Cue | None, profile: Profile) -> str:
    seen = cue.end_ms - cue.start_ms
    width = sum(profile.width(line) for line in cue.lines)
    if width * 1000 <= profile.reading_speed * (seen + _GRACE_MS):
        return ""
    speed = f"{width * 1000 / seen:.1f}" if seen > 0 else "endless"
    return f"{speed} characters a second, at most {profile.reading_speed:g}"


def _out_of_order(cue: Cue, after: Cue | None, _profile: Profile) -> str:
    if cue.end_ms <= cue.start_ms:
        return "it goes before it comes"
    return "the next one comes before it" if after is not None and after.start_ms < cue.start_ms else ""


def _overlaps(cue: Cue, after: Cue | None, _profile: Profile) -> str:
    if after is None or after.start_ms < cue.start_ms or after.start_ms >= cue.end_ms:
        return ""
    return f"the next one comes {_seconds(cue.end_ms - after.start_ms)} before it goes"


def _bad_gap(cue: Cue, after: Cue | None, profile: Profile) -> str:
    gap = after.start_ms - cue.end_ms if after is not None else profile.chain_ms
    if gap < 0 or gap + _GRACE_MS >= profile.chain_ms or abs(gap - profile.gap_ms) <= _GRACE_MS:
        return ""
    return f"{gap} ms to the next one, neither {profile.gap_ms} ms nor at least {profile.chain_ms} ms"


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "text": _no_text,
        "lines": _too_many_lines,
        "line-width": _line_too_wide,
        "one-line": _fits_one_line,
        "min-duration": _too_short,
        "max-duration": _too_long,
        "reading-speed": _too_fast,
        "order": _out_of_order,
        "overlap": _overlaps,
        "gap": _bad_gap,
    }
)


def violations(track: CaptionTrack, profile: Profile) -> tuple[Violation, ...]:
    """Every place where the track breaks a rule, in the track's order and, within a cue, in the rules' order."""
    found: list[Violation] = []
    for n, cue in enumerate(track.cues):
        after = track.cues[n + 1] if n + 1 < len(track.cues) else None
        for name, broken in RULES.items():
            message = broken(cue, after, profile)
            if message:
                found.append(Violation(name, n, cue.start_ms, message))
    return tuple(found)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f} s"
