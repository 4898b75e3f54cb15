"""Fonts: what draws a text, read from font files, with small ones made here."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import fonts
from pipeline.fonts.sfnt import read_faces

UNITS = 1000


def group_map(glyphs: Mapping[int, int]) -> bytes:
    """A character map of format 12, one group a character."""
    groups = b"".join(struct.pack(">III", code, code, glyph) for code, glyph in sorted(glyphs.items()))
    return struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(glyphs)) + groups


def segment_map(glyphs: Mapping[int, int]) -> bytes:
    """A character map of format 4: one segment a character, every other one through the array of glyphs."""
    codes = [*sorted(glyphs), 0xFFFF]
    count = len(codes)
    deltas: list[int] = []
    reaches: list[int] = []
    array: list[int] = []
    for index, code in enumerate(codes):
        if code == 0xFFFF:
            deltas, reaches = [*deltas, 1], [*reaches, 0]
        elif index % 2:
            deltas.append(0)
            reaches.append(2 * (count - index) + 2 * len(array))
            array.append(glyphs[code])
        else:
            deltas.append((glyphs[code] - code) % 65536)
            reaches.append(0)
    numbers = [*codes, 0, *codes, *deltas, *reaches, *array]
    body = struct.pack(f">{len(numbers)}H", *numbers)
    return struct.pack(">7H", 4, 14 + len(body), 0, 2 * count, 0, 0, 0) + body


def font(family: str, characters: bytes, widths: list[int], outlines: bytes = b"glyf", weight: int = 400) -> bytes:
    """A font file with what choosing a font reads, and nothing that could be drawn."""
    name = family.encode("utf-16-be")
    platform = 10 if struct.unpack_from(">H", characters)[0] == 12 else 1
    tables = {
        b"OS/2": struct.pack(">HhHH54xH10xHH", 4, 0, weight, 5, 0, 800, 200),
        b"cmap": struct.pack(">HHHHI", 0, 1, 3, platform, 12) + characters,
        outlines: b"\0",
        b"head": struct.pack(">18xH", UNITS),
        b"hhea": struct.pack(">4xhh26xH", 800, -200, len(widths)),
        b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in widths),
        b"name": struct.pack(">HHH", 0, 1, 18) + struct.pack(">6H", 3, 1, 0x409, 1, len(name), 0) + name,
    }
    offset, directory, body = 12 + 16 * len(tables), b"", b""
    for tag, table in sorted(tables.items()):
        directory += struct.pack(">4sIII", tag, 0, offset + len(body), len(table))
        body += table
    return struct.pack(">IHHHH", 0x00010000, len(tables), 0, 0, 0) + directory + body


@pytest.fixture
def system_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the fonts of the machine."""

    def files() -> Iterator[str]:
        return (str(path) for path in sorted(tmp_path.iterdir()))

    monkeypatch.setattr(fonts, "system_font_files", files)
    return tmp_path


GLYPHS = st.dictionaries(st.integers(0x20, 0xFFFE), st.integers(1, 9), max_size=30)


@given(GLYPHS, st.sampled_from([group_map, segment_map]), st.integers(0, 0x10FFFF))
def test_character_maps_are_read(
    tmp_path_factory: pytest.TempPathFactory, glyphs: Mapping[int, int], write: object, other: int
) -> None:
    """Both forms of character map give every character its glyph, and none to others."""
    assert callable(write)
    path = tmp_path_factory.getbasetemp() / "written.ttf"
    path.write_bytes(font("Written", write(glyphs), [100 * number for number in range(10)]))
    (face,) = read_faces(str(path))
    assert {code: face.glyph(chr(code)) for code in glyphs} == glyphs
    assert face.glyph(chr(other)) == glyphs.get(other, 0)
    assert all(face.width(chr(code)) == glyph / 10 for code, glyph in glyphs.items())


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_damaged_fonts_are_passed_over(tmp_path_factory: pytest.TempPathFactory, at: int, bad: bytes) -> None:
    """A font file with some bytes overwritten is read or left out, nothing else happens."""
    whole = font("Whole", group_map({65: 1, 66: 2}), [500, 600, 700])
    path = tmp_path_factory.getbasetemp() / "damaged.ttf"
    path.write_bytes((whole[:at] + bad + whole[at + len(bad) :])[: len(whole)])
    for face in read_faces(str(path)):
        assert isinstance(face.family, str)


def test_the_shipped_font_is_read() -> None:
    """Roboto draws Latin, Greek and Cyrillic letters, and neither Chinese nor Hebrew ones nor arrows."""
    assert fonts.missing_glyphs("Grüße, Ελλάδα, Привет — “don’t” €…", fonts.shipped_font()) == set()
    assert fonts.missing_glyphs("a漢→ש b", fonts.shipped_font()) == set("漢→ש")
    (face,) = read_faces(fonts.shipped_font("Medium"))
    assert (face.family, face.weight, face.is_italic, face.has_outlines) == ("Roboto Medium", 500, False, True)
    assert 0.35 < face.width("n") < 0.5


def test_what_leaves_no_ink_is_never_missing() -> None:
    """Spaces, joiners and variant selectors need no glyph."""
    assert fonts.missing_glyphs("a\u00a0b\u200d\u2003\ufe0f\n\u2060", fonts.shipped_font()) == set()


def test_the_systems_fonts_are_not_looked_at_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that the shipped font draws opens no other font."""

    def forbidden() -> Iterator[str]:
        raise AssertionError("looked at the system's fonts")

    monkeypatch.setattr(fonts, "system_font_files", forbidden)
    choice = fonts.choose_fonts("Plain text")
    assert choice.files == (fonts.shipped_font(),)
    assert choice.missing == frozenset()
    assert choice.lettering.fallbacks == {}


def test_a_system_font_draws_what_is_missing(system_fonts: Path) -> None:
    """The font that draws most of it is taken, then one for the rest; what nobody draws is told."""
    (system_fonts / "a.ttf").write_bytes(font("One", group_map({ord("漢"): 1}), [1000, 900]))
    (system_fonts / "b.otf").write_bytes(font("Two", group_map({ord("漢"): 1, ord("字"): 1}), [1000, 800], b"CFF "))
    (system_fonts / "c.ttf").write_bytes(font("Arrows", segment_map({ord("→"): 1}), [1000, 700]))
    (system_fonts / "d.ttf").write_bytes(b"no font at all")
    choice = fonts.choose_fonts("a 漢字 → ש")
    assert choice.lettering.fallbacks == {"漢": "Two", "字": "Two", "→": "Arrows"}
    assert choice.lettering.widths["字"] == 0.8
    assert choice.missing == frozenset("ש")
    assert [Path(path).name for path in choice.files] == ["Roboto-Regular.ttf", "b.otf", "c.ttf"]


def test_fonts_of_bitmaps_are_left_out(system_fonts: Path) -> None:
    """A colour emoji font, which libass cannot draw, is no font for us."""
    (system_fonts / "emoji.ttf").write_bytes(font("Emoji", group_map({ord("😀"): 1}), [1000, 900], b"CBDT"))
    assert fonts.choose_fonts("hi 😀").missing == frozenset("😀")


def test_the_plain_upright_form_is_taken(system_fonts: Path) -> None:
    """Of a family's weights the regular one draws captions."""
    for number, weight in enumerate((200, 400, 700)):
        (system_fonts / f"{number}.ttf").write_bytes(
            font(f"Sans {weight}", group_map({ord("→"): 1}), [9, 9], weight=weight)
        )
    assert fonts.choose_fonts("→").lettering.fallbacks == {"→": "Sans 400"}


@pytest.mark.parametrize(("language", "family"), [("ja", "Sans JP"), ("zh-Hant-TW", "Sans TC"), ("zh-CN", "Sans SC")])
def test_the_language_decides_the_form(system_fonts: Path, language: str, family: str) -> None:
    """Of faces for several languages in one collection, the one for the text's language is taken."""
    parts = [font(f"Sans {region}", group_map({ord("漢"): 1}), [9, 9]) for region in ("HK", "JP", "KR", "SC", "TC")]
    start, offsets, body = 12 + 4 * len(parts), [], b""
    for part in parts:
        offsets.append(start + len(body))
        body += _moved(part, offsets[-1])
    collection = struct.pack(">4sII", b"ttcf", 0x00010000, len(parts)) + struct.pack(f">{len(parts)}I", *offsets) + body
    (system_fonts / "cjk.ttc").write_bytes(collection)
    assert fonts.choose_fonts("漢", language).lettering.fallbacks == {"漢": family}


def _moved(part: bytes, offset: int) -> bytes:
    """A font whose tables count from the beginning of the collection that it lies in at `offset`."""
    moved = bytearray(part)
    for index in range(struct.unpack_from(">H", part, 4)[0]):
        (start,) = struct.unpack_from(">I", part, 12 + 16 * index + 8)
        struct.pack_into(">I", moved, 12 + 16 * index + 8, start + offset)
    return bytes(moved)


def test_system_fonts_are_found_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Font files are found at any depth, other files and missing folders are passed over."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.TTF", "deep/er/a.ttc", "readme.txt"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(fonts, "_system_folders", lambda: (tmp_path, tmp_path / "none"))
    assert [Path(path).name for path in fonts.system_font_files()] == ["b.TTF", "a.ttc"]


def test_a_damaged_map_draws_nothing_and_ends_nothing(system_fonts: Path) -> None:
    """A map that is cut off has no glyph for what would follow, and the others still count."""
    whole = group_map({ord("→"): 1, 0x3000: 1, ord("漢"): 1})
    (system_fonts / "cut.ttf").write_bytes(font("Sans Cut", whole[:-12], [9, 9]))
    choice = fonts.choose_fonts("→漢")
    assert choice.lettering.fallbacks == {"→": "Sans Cut"}
    assert choice.missing == frozenset("漢")


def test_a_face_without_height_is_left_out(system_fonts: Path) -> None:
    """Whatever is asked of it is divided by its height."""
    flat = font("Sans Flat", group_map({ord("→"): 1}), [9, 9])
    for height in (struct.pack(">hh", 800, -200), struct.pack(">HH", 800, 200), struct.pack(">H", UNITS)):
        flat = flat.replace(height, bytes(len(height)))
    (system_fonts / "flat.ttf").write_bytes(flat)
    assert fonts.choose_fonts("→").missing == frozenset("→")


def test_what_is_missing_is_not_drawn(system_fonts: Path) -> None:
    """The lettering names what to leave out; across all fonts together it is told what none of them draws."""
    (system_fonts / "a.ttf").write_bytes(font("One", group_map({ord("漢"): 1}), [1000, 900]))
    (system_fonts / "b.ttf").write_bytes(font("Two", group_map({ord("→"): 1}), [1000, 900]))
    assert fonts.choose_fonts("a漢ש").lettering.undrawn == frozenset("ש")
    assert fonts.drawn_by_none("a漢→ש b") == frozenset("ש")
