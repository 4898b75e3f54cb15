"""Letters against the language: an error for a segment, a remark for a word."""

from __future__ import annotations

import pytest

from pipeline.errors import ScriptError
from pipeline.scripts import read_script


@pytest.mark.parametrize(
    ("language", "text", "script"),
    [
        ("en", "Привет, как дела? Hi!", "Cyrillic"),
        ("en", "これはテストです", "Hiragana"),
        ("ru", "This is English.", "Latin"),
        ("ja", "Thank you.", "Latin"),
        ("sr-Latn", "Добар дан", "Cyrillic"),
        ("el", "Привет", "Cyrillic"),
    ],
)
def test_a_segment_in_other_letters_is_an_error(language: str, text: str, script: str) -> None:
    """It names `language:`, the letters and the line."""
    with pytest.raises(ScriptError, match=f"mostly in {script} .*`language:`") as raised:
        read_script(f"12:34\n\n{text}", "a.md", {}, {"language": language})
    assert raised.value.line == 3


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Fünf Straßen, 10 µm, ½ ª"),
        ("ru", "Привет 😀 — №5"),
        ("sr", "Добар dan"),
        ("ja", "々ー東京タワーのNHK、ﾃｽﾄ"),
        ("zh-Hans", "你好 DVD，再见"),
        ("ko", "안녕하세요 漢字 TV"),
        ("hi", "नमस्ते दुनिया"),
        ("xx", "Whatever"),
        ("en", '[Привет]{say="Privet"} to all'),
    ],
)
def test_letters_of_the_language_are_not_remarked(language: str, text: str) -> None:
    """Each language has its letters; what counts is what is said."""
    assert read_script(text, "a.md", {}, {"language": language}).remarks == ()


def test_a_foreign_word_is_remarked() -> None:
    """One remark a segment, with its line and its words."""
    script = read_script("One.\n\nThe word привет means hello, and мир means peace.", "a.md", {}, {})
    assert [(r.line, r.text.rpartition(": ")[2]) for r in script.remarks] == [(3, "привет, мир")]


@pytest.mark.parametrize(("language", "lines"), [("en", [3]), ("de-AT", [3]), ("es", []), ("es-MX", []), ("gl", [])])
def test_inverted_marks_are_worth_a_remark(language: str, lines: list[int]) -> None:
    """Spanish without its language has Latin letters, but its own marks: told once, where the first one stands."""
    script = read_script("Hola.\n\n¿Qué tal?\n\n¡Adiós! ¿Vale?", "a.md", {}, {"language": language})
    assert [remark.line for remark in script.remarks] == lines
    assert all("`language: es`" in remark.text for remark in script.remarks)
