"""Cues, or a title → Advanced SubStation Alpha text, as libass draws it onto a picture.

What the letters look like stands in templates: ASS sections in which `$name` is replaced by a figure of the picture.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.captions.lettering import (
    Lettering,
    break_long_words,
    drawable,
    fit_title,
    has_long_word,
    size_that_fits,
)
from pipeline.errors import SettingError
from pipeline.model import CaptionTrack, Cue

_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
# Between a backslash and what follows, so that the two are no command: a word joiner, which has no width.
_WORD_JOINER = "\u2060"
_LATEST_MS = 359_999_990  # the format's hours have two digits here, though libass reads more
# Shares of a picture's shorter side, or of its width or height where so named.
_CAPTION_SIZE = 0.062
_CAPTION_WIDTH = 0.86
_SMALLEST_CAPTION = 0.5
# A word that needs less than this share of the usual size is broken; it does not make the whole film's captions small.
_SMALLEST_UNBROKEN = 0.8
# A caption of more lines than take this share of the height is drawn smaller than the others.
_CAPTION_HEIGHT = 0.3
_SMALLER = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3)
_TITLE_WIDTH = 0.78
_TITLE_CHOICES = ((0.125, 2), (0.100, 3), (0.078, 4), (0.060, 5))


@dataclass(frozen=True, slots=True)
class Layer:
    """Styles and events (whole lines of the format) that are drawn together."""

    styles: tuple[str, ...]
    events: tuple[str, ...]


def compose(track: CaptionTrack, size: tuple[int, int], lettering: Lettering, template: str) -> str:
    """Write a track as a whole ASS file for a picture of `size` (width, height in pixels).

    Times are rounded down to the format's hundredths of a second, so that a caption is there in the frame in which
    it begins. Raises SettingError where the template names a figure that there is not.
    """
    font_size = caption_size(track.cues, size, lettering)
    return compose_layers((caption_layer(track.cues, size, lettering, template, font_size),), size)


def compose_layers(layers: Iterable[Layer], size: tuple[int, int]) -> str:
    """Write layers, from the lowest to the highest, as a whole ASS file in the picture's own pixels."""
    parts = tuple(layers)
    header = (
        "[Script Info]",
        "ScriptType: v4.00+",
        f"PlayResX: {size[0]}",
        f"PlayResY: {size[1]}",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: TV.709",
    )
    styles = [line for layer in parts for line in layer.styles]
    events = [line for layer in parts for line in layer.events]
    lines = (
        *header,
        "",
        "[V4+ Styles]",
        f"Format: {_STYLE_FIELDS}",
        *styles,
        "",
        "[Events]",
        f"Format: {_EVENT_FIELDS}",
        *events,
    )
    return "\n".join(lines) + "\n"


def caption_size(cues: Iterable[Cue], size: tuple[int, int], lettering: Lettering) -> int:
    """The font size, in pixels, for all captions of a picture: the usual one, or the one that the widest line allows.

    A line that would need less than half the usual size is left to be wrapped, and one with a word that would need
    less than four fifths of it, as addresses do, is broken.
    """
    usual, most_width = _CAPTION_SIZE * min(size), _CAPTION_WIDTH * size[0]
    lines = (line for cue in cues for line in drawn_lines(cue, lettering))
    unbroken = [line for line in lines if not has_long_word(line, lettering, most_width / (_SMALLEST_UNBROKEN * usual))]
    fitting = size_that_fits(unbroken, lettering, most_width, usual)
    return int(max(fitting, _SMALLEST_CAPTION * usual))


def caption_layer(
    cues: Sequence[Cue], size: tuple[int, int], lettering: Lettering, template: str, font_size: int
) -> Layer:
    """Lay out cues in the template's style `Caption`, without what cannot be drawn; words too wide are broken.

    The template may use `$width`, `$height`, `$font`, `$caption_size`, `$margin_x`, `$margin_y` and `$padding`.
    """
    width, height = size
    is_upright = height > width
    layer = _filled(
        template,
        {
            "width": width,
            "height": height,
            "font": lettering.family,
            "caption_size": font_size,
            "margin_x": round(width * 0.05),
            # Players of upright videos lay their own controls over the bottom.
            "margin_y": round(height * (0.14 if is_upright else 0.075)),
            "padding": round(font_size * 0.22),
        },
    )
    events = [
        f"Dialogue: 10,{time_code(cue.start_ms)},{time_code(cue.end_ms)},Caption,,0,0,0,,{text}"
        for cue in cues
        if (text := _event_text(cue, size, lettering, font_size))
    ]
    return Layer(layer.styles, (*layer.events, *events))


def drawn_lines(cue: Cue, lettering: Lettering) -> tuple[str, ...]:
    """The lines of a cue without what cannot be drawn; those that hold nothing else are left out."""
    lines = (drawable(line, lettering) for line in cue.lines)
    return tuple(line for line in lines if line.strip())


def _event_text(cue: Cue, size: tuple[int, int], lettering: Lettering, font_size: int) -> str:
    """What is drawn of a cue, in a size of its own where its broken words would fill the picture."""
    lines = drawn_lines(cue, lettering)
    event_size, broken = font_size, lines
    for share in _SMALLER:
        event_size = max(1, int(font_size * share))
        broken = break_long_words(lines, lettering, _CAPTION_WIDTH * size[0] / event_size)
        if len(broken) == len(lines) or len(broken) * event_size <= _CAPTION_HEIGHT * size[1]:
            break
    text = lettered("\n".join(broken), lettering)
    return text if event_size == font_size else f"{{\\fs{event_size}}}{text}"


def card_layer(title: str, end_ms: int, size: tuple[int, int], lettering: Lettering, template: str) -> Layer:
    """Lay out a title card that is seen until `end_ms`, its title wrapped and made smaller until it fits.

    The template may use `$width`, `$height`, `$end`, `$font`, `$title`, `$title_size`, `$title_x`, `$title_y` (the
    middle of the title) and `$title_bar_left`, `$title_bar_right`, `$title_bar_top`, `$title_bar_bottom` (a line
    under it). Without a title, events that use a figure of the title's are left out.
    """
    width, height = size
    unit = min(size)
    choices = [(share * unit, lines) for share, lines in _TITLE_CHOICES]
    title_size, lines = fit_title(
        drawable(" ".join(title.split()), lettering), lettering, _TITLE_WIDTH * width, choices
    )
    thickness = max(2, round(unit * 0.006))
    gap = round(unit * 0.035)
    block = len(lines) * title_size
    # The title and its line together stand a little above the middle, out of the captions' way.
    top = round(height * 0.45 - (block + gap + thickness) / 2)
    bar_top = round(top + block + gap)
    bar_width = round(unit * 0.12)
    values = {
        "width": width,
        "height": height,
        "end": time_code(end_ms),
        "font": lettering.family,
        "title": lettered("\n".join(lines), lettering),
        "title_size": round(title_size),
        "title_x": width // 2,
        "title_y": round(top + block / 2),
        "title_bar_left": width // 2 - bar_width // 2,
        "title_bar_right": width // 2 - bar_width // 2 + bar_width,
        "title_bar_top": bar_top,
        "title_bar_bottom": bar_top + thickness,
    }
    if not lines:
        template = "\n".join(line for line in template.splitlines() if not _is_titled_event(line))
    return _filled(template, values)


def time_code(time_ms: int) -> str:
    """Write a time as `H:MM:SS.cc`, rounded down to hundredths of a second."""
    hundredths = min(time_ms, _LATEST_MS) // 10
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 100:02}.{rest % 100:02}"


def escape(text: str) -> str:
    """Write a text so that libass draws it exactly: braces and backslashes as themselves, line feeds as breaks.

    Control characters, which cannot be drawn, are left out; a tab is a space.
    """
    shown = (_escaped(character) for character in text)
    return "".join(shown)


def lettered(text: str, lettering: Lettering) -> str:
    """Escape a text and name the font for each run of characters that needs another family than the style's."""
    parts: list[str] = []
    family = lettering.family
    for character in text:
        wanted = lettering.fallbacks.get(character, lettering.family)
        # Spaces, joiners and marks stay with the letter before them.
        if wanted != family and unicodedata.category(character)[0] not in "ZCM":
            parts.append(f"{{\\fn{wanted}}}")
            family = wanted
        parts.append(_escaped(character))
    return "".join(parts)


def _escaped(character: str) -> str:
    if character in "{}":
        return f"\\{character}"
    if character == "\\":
        return character + _WORD_JOINER
    if character in "\n\u2028\u2029":
        return "\\N"
    if character == "\t":
        return " "
    return "" if unicodedata.category(character) == "Cc" else character


def _filled(template: str, values: Mapping[str, object]) -> Layer:
    """Take the styles and events of a template, every figure put in."""
    lines = [line.strip() for line in template.splitlines()]
    filled = [_put_in(line, values) for line in lines if line.startswith(("Style:", "Dialogue:"))]
    styles = tuple(line for line in filled if line.startswith("Style:"))
    return Layer(styles, tuple(line for line in filled if line.startswith("Dialogue:")))


def _put_in(line: str, values: Mapping[str, object]) -> str:
    try:
        return string.Template(line).substitute(values)
    except (KeyError, ValueError) as error:
        known = ", ".join(f"${name}" for name in values)
        message = f"a template has a line with {error} that cannot be put in: {line!r}; there are {known}, and $$ is $"
        raise SettingError(message) from None


def _is_titled_event(line: str) -> bool:
    return line.strip().startswith("Dialogue:") and "$title" in line
