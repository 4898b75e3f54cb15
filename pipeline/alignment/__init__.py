"""Messages' character times → one clock → words of the author's text."""

from __future__ import annotations

from pipeline.alignment.matching import match_words
from pipeline.alignment.time_base import TimeBase, finished_without_final
from pipeline.alignment.words import TimedWords, words_by_share, words_from_characters

__all__ = [
    "TimeBase",
    "TimedWords",
    "finished_without_final",
    "match_words",
    "words_by_share",
    "words_from_characters",
]
