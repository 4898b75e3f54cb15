"""A message's characters and those of the one before → how many of them had come before, and come again."""

from __future__ import annotations

from pipeline.model import Alignment


def repeated_characters(
    before: Alignment | None, now: Alignment | None, expected_ms: float, *, may_open: bool = False
) -> int:
    """Count the characters at the beginning that are the whole message before once more, at the same times.

    A clock that starts anew with each generation gives the same times to the same words, which is no fault. Where
    `may_open` says that a generation may begin here, they are taken for that. Else what tells is `expected_ms`, by how
    much the sound of this message reaches beyond the characters so far: the reading that fills it better holds. Times
    that go back behind the repeated characters are sure to be a repetition.
    """
    if before is None or now is None:
        return 0
    count = len(before.chars)
    if count > len(now.chars) or _rows(now, 0, count) != _rows(before, 0, count):
        return 0
    end = now.starts_ms[-1] + now.durations_ms[-1]
    if count < len(now.chars) and now.starts_ms[count] < now.starts_ms[count - 1]:
        return count
    if may_open:
        return 0
    rest = end - now.starts_ms[count] if count < len(now.chars) else 0
    return count if abs(expected_ms - rest) < abs(expected_ms - (end - now.starts_ms[0])) else 0


def without_first(alignment: Alignment, count: int) -> Alignment:
    """Leave out so many characters at the beginning."""
    return Alignment(alignment.chars[count:], alignment.starts_ms[count:], alignment.durations_ms[count:])


def _rows(alignment: Alignment, first: int, end: int) -> tuple[tuple[object, ...], ...]:
    return alignment.chars[first:end], alignment.starts_ms[first:end], alignment.durations_ms[first:end]
