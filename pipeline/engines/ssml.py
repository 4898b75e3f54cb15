"""A text with SSML tags → what is said and what is silence, every character of the text in one of them.

`<break time="1.5s"/>` is silence; the words inside other tags are said, the tags are not (W3C SSML 1.1, 3.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The service takes breaks of three seconds at most.
LONGEST_BREAK_MS = 3000.0
# W3C SSML 1.1 leaves to the voice how long a strength is; without `time` and `strength` it means `medium`.
STRENGTHS_MS = {"none": 0.0, "x-weak": 100.0, "weak": 200.0, "medium": 400.0, "strong": 700.0, "x-strong": 1000.0}
# Stands for white space inside a tag while text is buffered, which is cut at white space: of Unicode's private use.
HELD_SPACE = "\ue000"

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_TIME = re.compile(r"""\btime\s*=\s*["']\s*\+?(\d{0,6}(?:\.\d{0,6})?)(ms|s)\s*["']""")
_STRENGTH = re.compile(r"""\bstrength\s*=\s*["']([a-z-]+)["']""")


@dataclass(frozen=True, slots=True)
class Said:
    """Text that a voice speaks; an empty `voice` is that of the socket."""

    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """What is written and not said: so much silence, and what stands for it in the text as spoken."""

    text: str
    milliseconds: float = 0.0
    spoken: str = ""


Piece = Said | Silent


def read_tags(text: str) -> tuple[Piece, ...]:
    """Cut a text at its tags; the pieces' texts, joined, are the text."""
    return tuple(_pieces(text))


def hold_tags(text: str) -> str:
    """Replace white space inside tags, so that no tag is cut where text is cut at white space."""
    return _TAG.sub(lambda tag: re.sub(r"\s", HELD_SPACE, tag[0]), text)


def release_tags(text: str) -> str:
    """Give the tags their spaces back."""
    return text.replace(HELD_SPACE, " ")


def _pieces(text: str) -> Iterator[Piece]:
    done = 0
    for tag in _TAG.finditer(text):
        if tag.start() > done:
            yield Said(text[done : tag.start()])
        is_break = re.match(r"<break\b", tag[0]) is not None
        yield Silent(tag[0], _break_ms(tag[0]), ".") if is_break else Silent(tag[0])
        done = tag.end()
    if done < len(text):
        yield Said(text[done:])


def _break_ms(tag: str) -> float:
    if (time := _TIME.search(tag)) and time[1].strip("."):
        return min(float(time[1]) * (1000 if time[2] == "s" else 1), LONGEST_BREAK_MS)
    strength = _STRENGTH.search(tag)
    return STRENGTHS_MS.get(strength[1] if strength else "medium", STRENGTHS_MS["medium"])
