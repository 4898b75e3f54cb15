"""A font file → its faces: family, weight, which characters it draws and how wide (OpenType 1.9: cmap, hmtx, name, OS/2).

Only what choosing a font needs is read, so that a folder of a thousand fonts is looked through in about a second.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_TABLES_READ = ("cmap", "head", "hhea", "hmtx", "name", "OS/2")
_OUTLINES = frozenset({"glyf", "CFF ", "CFF2"})
_MOST_FACES = 64
_MOST_TABLES = 128
_MOST_TABLE_BYTES = 16 * 1024 * 1024
# Platform and encoding of the character maps that hold Unicode, best first: full repertoire, then the basic plane.
_UNICODE_MAPS = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3), (0, 2), (0, 1), (0, 0))
_WINDOWS, _MAC = 3, 1
_ENGLISH = 0x409
_FAMILY_NAME = 1


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a font file. `has_outlines` is false for bitmap fonts such as colour emoji.

    `line_height` is what libass makes equal to a font size (OS/2 winAscent + winDescent), in the font's units.
    """

    path: str
    family: str
    weight: int
    is_italic: bool
    has_outlines: bool
    line_height: int
    characters: bytes
    advances: tuple[int, ...]

    def glyph(self, character: str) -> int:
        """The index of a character's glyph; 0 where the face has none, or its character map is damaged there."""
        code = ord(character)
        try:
            if _u16(self.characters, 0) == 12:
                return _glyph_of_groups(self.characters, code)
            return _glyph_of_segments(self.characters, code)
        except struct.error:
            return 0

    def width(self, character: str) -> float:
        """How far a character moves on, per unit of font size as libass counts it; the missing glyph's where it has none."""
        return self.advances[min(self.glyph(character), len(self.advances) - 1)] / self.line_height


def read_faces(path: str) -> tuple[Face, ...]:
    """Read the faces of a .ttf, .otf, .ttc or .otc file; those that are damaged or hold no Unicode map are left out.

    Raises OSError where the file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a plain path, thousands of times
        faces = []
        for offset in _face_offsets(file):
            try:
                face = _read_face(path, file, offset)
            except (struct.error, IndexError, ValueError, UnicodeDecodeError):
                continue
            if face is not None:
                faces.append(face)
        return tuple(faces)


def _face_offsets(file: BinaryIO) -> tuple[int, ...]:
    """Where the faces begin: one, or those of a collection ('ttcf')."""
    head = file.read(12)
    if len(head) < 12:
        return ()
    if head[:4] != b"ttcf":
        return (0,)
    count = min(struct.unpack_from(">I", head, 8)[0], _MOST_FACES)
    offsets = file.read(4 * count)
    return struct.unpack(f">{len(offsets) // 4}I", offsets[: len(offsets) // 4 * 4])


def _read_face(path: str, file: BinaryIO, offset: int) -> Face | None:
    file.seek(offset)
    count = min(struct.unpack(">4xH6x", file.read(12))[0], _MOST_TABLES)
    records = [struct.unpack(">4s4xII", file.read(16)) for _ in range(count)]
    names = {tag.decode("latin-1"): (start, length) for tag, start, length in records}
    tables = {name: _table(file, *names[name]) for name in _TABLES_READ if name in names}
    if len(tables) != len(_TABLES_READ):
        return None
    characters = _unicode_map(tables["cmap"])
    family = _family(tables["name"])
    if characters is None or family is None:
        return None
    os2 = tables["OS/2"]
    return Face(
        path=path,
        family=family,
        weight=_u16(os2, 4),
        is_italic=bool(_u16(os2, 62) & 1),
        has_outlines=bool(_OUTLINES & names.keys()),
        line_height=_line_height(os2, tables["hhea"], tables["head"]),
        characters=characters,
        advances=_advances(tables["hhea"], tables["hmtx"]),
    )


def _table(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(min(length, _MOST_TABLE_BYTES))


def _line_height(os2: bytes, hhea: bytes, head: bytes) -> int:
    """Ascent and descent together: of OS/2 as Windows counts them, else of hhea, else the em.

    Raises ValueError where all of them are 0.
    """
    windows = _u16(os2, 74) + _u16(os2, 76)
    ascent, descent = struct.unpack_from(">hh", hhea, 4)
    height = windows or max(0, ascent - descent) or _u16(head, 18)
    if not height:
        raise ValueError("no height")
    return height


def _advances(hhea: bytes, hmtx: bytes) -> tuple[int, ...]:
    """Advance widths by glyph index; glyphs past the last one share its width."""
    count = _u16(hhea, 34)
    if count < 1:
        raise ValueError("no widths")
    return struct.unpack(">" + "Hxx" * count, hmtx[: 4 * count])


def _unicode_map(cmap: bytes) -> bytes | None:
    """The best subtable from characters to glyphs, of a form that `Face.glyph` reads."""
    found = {}
    for index in range(_u16(cmap, 2)):
        platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
        if _u16(cmap, offset) in (4, 12):
            found[platform, encoding] = cmap[offset:]
    return next((found[key] for key in _UNICODE_MAPS if key in found), None)


def _family(names: bytes) -> str | None:
    """The family's name, in English where there is one: the name by which libass finds a face."""
    found: dict[tuple[int, int], str] = {}
    count, texts = struct.unpack_from(">HH", names, 2)
    for index in range(count):
        platform, _, language, kind, length, offset = struct.unpack_from(">6H", names, 6 + 12 * index)
        if kind == _FAMILY_NAME and platform in (_WINDOWS, _MAC):
            text = names[texts + offset : texts + offset + length]
            found.setdefault((platform, language), text.decode("utf-16-be" if platform == _WINDOWS else "mac-roman"))
    windows = [name for (platform, _), name in found.items() if platform == _WINDOWS]
    return found.get((_WINDOWS, _ENGLISH)) or next(iter([*windows, *found.values()]), None)


def _glyph_of_groups(table: bytes, code: int) -> int:
    """Look up subtable format 12: sorted groups of first code, last code, first glyph."""
    low, high = 0, struct.unpack_from(">I", table, 12)[0]
    while low < high:
        middle = (low + high) // 2
        first, last, glyph = struct.unpack_from(">III", table, 16 + 12 * middle)
        if code > last:
            low = middle + 1
        elif code < first:
            high = middle
        else:
            return int(glyph + code - first)
    return 0


def _glyph_of_segments(table: bytes, code: int) -> int:
    """Look up subtable format 4: segments of the basic plane, in four parallel arrays."""
    doubled = _u16(table, 6)
    low, high = 0, doubled // 2
    while low < high:
        middle = (low + high) // 2
        if _u16(table, 14 + 2 * middle) < code:
            low = middle + 1
        else:
            high = middle
    at = 16 + 2 * low
    if low >= doubled // 2 or _u16(table, at + doubled) > code:
        return 0
    delta = _u16(table, at + 2 * doubled)
    reach = _u16(table, at + 3 * doubled)
    if reach == 0:
        return (code + delta) % 65536
    glyph = _u16(table, at + 3 * doubled + reach + 2 * (code - _u16(table, at + doubled)))
    return (glyph + delta) % 65536 if glyph else 0


def _u16(table: bytes, offset: int) -> int:
    value: int = struct.unpack_from(">H", table, offset)[0]
    return value
