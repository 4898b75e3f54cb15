"""Language tags → three letters."""

from __future__ import annotations

import pytest

from pipeline.encoder.languages import _THREE_LETTERS, tag_to_iso639_2


@pytest.mark.parametrize(
    ("tag", "letters"),
    [
        *[("en", "eng"), ("en-US", "eng"), ("pt_BR", "por"), ("zh-Hant-TW", "zho"), ("DE", "deu"), ("fr", "fra")],
        *[("fil", "fil"), ("cmn-Hans", "cmn"), ("x-mine", "und"), ("", "und"), ("qq", "und"), ("日本語", "und")],
    ],
)
def test_the_first_part_of_a_tag_says_it(tag: str, letters: str) -> None:
    """Region and script do not matter; what is no language is undetermined."""
    assert tag_to_iso639_2(tag) == letters


def test_the_table_is_whole() -> None:
    """The 184 languages of ISO 639-1 (with `sh`, which was withdrawn), each with three letters of its own."""
    assert len(_THREE_LETTERS) == 184
    assert len(set(_THREE_LETTERS.values())) == len(_THREE_LETTERS)
    assert all(len(two) == 2 and len(three) == 3 for two, three in _THREE_LETTERS.items())
