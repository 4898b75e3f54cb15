"""A text → the fonts that can draw it: ours, else a system font for what ours lacks, and what nothing draws."""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.captions.lettering import Lettering
from pipeline.fonts.sfnt import Face, read_faces

__all__ = ["FontChoice", "choose_fonts", "drawn_by_none", "missing_glyphs", "shipped_font", "system_font_files"]

Weight = Literal["Regular", "Medium"]
_FONT_FILES = (".ttf", ".otf", ".ttc", ".otc")
_MOST_FONT_FILES = 5000
_MOST_FALLBACKS = 4
# Separators, controls and format characters leave no ink, nor do the selectors of a glyph's variant.
_WITHOUT_INK = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_VARIANT_SELECTORS = frozenset(chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
# The families drawn for several languages of Chinese characters name the one that each face is for.
_REGIONS = {"ja": "JP", "ko": "KR", "zh-hans": "SC", "zh-hant": "TC", "zh-tw": "TC", "zh-hk": "HK", "zh": "SC"}


@dataclass(frozen=True, slots=True)
class FontChoice:
    """What draws a text: how it is lettered, the font files for that, and the characters that nothing here draws."""

    lettering: Lettering
    files: tuple[str, ...]
    missing: frozenset[str]


def shipped_font(weight: Weight = "Regular") -> str:
    """The path of the font that comes with the program: Roboto, for Latin, Greek and Cyrillic letters."""
    from font_roboto import font_directory

    return str(Path(font_directory) / f"Roboto-{weight}.ttf")


def missing_glyphs(text: str, font_file: str) -> set[str]:
    """The characters of a text that leave ink and that no face of the font file has a glyph for."""
    faces = _faces(font_file)
    return {character for character in _inked(text) if not any(face.glyph(character) for face in faces)}


def choose_fonts(text: str, language: str = "en", weight: Weight = "Regular") -> FontChoice:
    """Choose the fonts that draw `text`: the shipped one, and of the system's those that draw most of what it lacks.

    `language` (BCP 47) decides between forms of Chinese characters. The system's fonts are looked through only
    where the shipped one is not enough.
    """
    path = shipped_font(weight)
    (own,) = _faces(path)
    lacking = {character for character in _inked(text) if not own.glyph(character)}
    chosen: list[Face] = []
    if lacking:
        candidates = _candidates(lacking, system_font_files())
        while lacking and candidates and len(chosen) < _MOST_FALLBACKS:
            best = min(candidates, key=functools.partial(_rank, lacking=lacking, language=language))
            drawn = {character for character in lacking if best.glyph(character)}
            if not drawn:
                break
            chosen.append(best)
            lacking -= drawn
    drawn_by = dict.fromkeys(set(text), own)
    for face in reversed(chosen):
        drawn_by |= {c: face for c in set(text) if not own.glyph(c) and face.glyph(c)}
    lettering = Lettering(
        family=own.family,
        widths={character: face.width(character) for character, face in drawn_by.items()},
        fallbacks={character: face.family for character, face in drawn_by.items() if face is not own},
        undrawn=frozenset(lacking),
    )
    return FontChoice(lettering, (path, *dict.fromkeys(face.path for face in chosen)), frozenset(lacking))


def drawn_by_none(text: str) -> frozenset[str]:
    """The characters of a text that leave ink and that no font draws, neither the shipped one nor the system's."""
    lacking = missing_glyphs(text, shipped_font())
    faces = _candidates(lacking, system_font_files()) if lacking else []
    return frozenset(each for each in lacking if not any(face.glyph(each) for face in faces))


def system_font_files() -> Iterator[str]:
    """Yield the font files of this machine, at most 5000, from where its system and its user keep them."""
    count = 0
    for folder in _system_folders():
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                if name.lower().endswith(_FONT_FILES):
                    count += 1
                    if count > _MOST_FONT_FILES:
                        return
                    yield str(Path(parent) / name)


def _system_folders() -> tuple[Path, ...]:
    """Where fonts are by each system's custom (the XDG base directories, Apple's and Microsoft's documentation)."""
    from platformdirs import user_data_path

    home = Path("~").expanduser()
    if sys.platform == "darwin":
        return (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts")
    if sys.platform == "win32":
        return (Path(os.path.expandvars(r"%WINDIR%\Fonts")), user_data_path() / "Microsoft" / "Windows" / "Fonts")
    return (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), user_data_path() / "fonts", home / ".fonts")


def _inked(text: str) -> set[str]:
    return {c for c in set(text) if unicodedata.category(c) not in _WITHOUT_INK and c not in _VARIANT_SELECTORS}


@functools.lru_cache(maxsize=8)
def _faces(path: str) -> tuple[Face, ...]:
    return read_faces(path)


def _candidates(lacking: Iterable[str], paths: Iterable[str]) -> list[Face]:
    """The faces with outlines that draw at least one of the characters; unreadable files are passed over."""
    found: list[Face] = []
    for path in paths:
        try:
            faces = read_faces(path)
        except OSError:
            continue
        found += [face for face in faces if face.has_outlines and any(face.glyph(each) for each in lacking)]
    return found


def _rank(face: Face, lacking: Iterable[str], language: str) -> tuple[int, int, int, int, str]:
    """Order faces, the best first: draws most, made for the language, upright regular, plain sans, by path."""
    drawn = sum(1 for character in lacking if face.glyph(character))
    tag = language.lower()
    region = next((_REGIONS[known] for known in _REGIONS if tag == known or tag.startswith(f"{known}-")), "")
    is_regional = bool(region) and face.family.endswith(region)
    plainness = 400 * face.is_italic + abs(face.weight - 400)
    is_sans = "Sans" in face.family and "Mono" not in face.family
    return (-drawn, 0 if is_regional else 1, plainness, 0 if is_sans else 1, face.path)
