"""Phrases without spaces that are wider than a line."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.captions.folding import fold, part
from pipeline.captions.profiles import profile

JAPANESE = profile("netflix", "ja", 25)


def test_a_phrase_parts_after_kana() -> None:
    """Where kana ends and another script begins, a Japanese phrase mostly ends."""
    assert fold("私たちは港の美しい景色を眺めました。", JAPANESE) == ("私たちは港の美しい", "景色を眺めました。")


def test_no_line_begins_with_a_mark() -> None:
    """Kinsoku: small kana, long marks and closing marks stay with what is before them."""
    folded = fold("コンピューターシステムアーキテクチャー", JAPANESE)
    assert folded is not None
    assert folded[1][0] not in "ーャュョ"


def test_what_fits_no_two_lines_is_left() -> None:
    """A phrase of three lines, or a word in Latin letters, has no place for a break."""
    assert fold("港" * 27, JAPANESE) is None
    assert fold("x" * 40, JAPANESE) is None


@given(st.text(alphabet="港の美しい、。「」ーAb", min_size=1, max_size=40))
def test_folding_changes_no_character(text: str) -> None:
    """Both lines together are the phrase, and both fit."""
    folded = fold(text, JAPANESE)
    if folded is not None:
        assert "".join(folded) == text
        assert all(0 < JAPANESE.width(line) <= JAPANESE.line_width for line in folded)


def test_a_long_phrase_parts_where_phrases_end() -> None:
    """After kana before another script, and evenly where nothing tells; what cannot be parted stays whole."""
    assert part("私たちは港の美しい景色を", 13, JAPANESE) == ("私たちは", "港の", "美しい", "景色を")
    assert part("港" * 27, 13, JAPANESE) == ("港" * 9,) * 3
    assert part("x" * 40, 13, JAPANESE) == ("x" * 40,)


@given(st.text(alphabet="港の美しい、。「」ーAb", min_size=1, max_size=60), st.integers(1, 16))
def test_parting_changes_no_character(text: str, most: int) -> None:
    """All parts together are the phrase, none empty, none wider than asked but where no break may be."""
    parts = part(text, most, JAPANESE)
    assert "".join(parts) == text
    assert all(parts)
    for piece in parts:
        assert JAPANESE.width(piece) <= most or len(part(piece, most, JAPANESE)) == 1
