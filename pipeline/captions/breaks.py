"""Words → what it costs to end a line, to end a cue, or to run on, in each gap between two words.

This is all that the segmenter knows of grammar and pauses; another judge of gaps takes the place of `gap_costs`.
Costs are in one arbitrary unit. The weights were set by hand and then fitted to how people cut English and French talks
into captions, both languages sharing them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from pipeline.captions.languages import Mark, Token, ends_sentence, may_begin_line, may_end_line, token
from pipeline.captions.word_classes import WordClass
from pipeline.model import Word

# What must not be is dear, not impossible: where nothing else is left it is still better than losing a word.
NEVER = 60.0


@dataclass(frozen=True, slots=True)
class GapWeights:
    """Weights of a gap's cost; less is a better place for a break.

    `after` is added where the word before the gap is of that class and carries no mark, `before` where the word after
    it is. `line_marks` and `cue_marks` are those of the punctuation before the gap. `run_on_sentence` is the cost of
    a cue that goes on past a sentence's end, `run_on_second` that of each second of pause inside a cue past the first
    `free_pause_ms`.
    """

    after: Mapping[WordClass, float] = field(
        default_factory=lambda: {
            "article": 5.0,
            "possessive": 5.0,
            "of": 4.5,
            "preposition": 3.5,
            "and": 4.0,
            "coordinator": 3.0,
            "relative": 3.0,
            "determiner": 2.5,
            "pronoun": 3.5,
            "auxiliary": 1.9,
            "adverb": 1.9,
            "title": 5.0,
        }
    )
    before: Mapping[WordClass, float] = field(
        default_factory=lambda: {
            "article": -1.0,
            "possessive": -0.8,
            "of": -0.6,
            "preposition": -1.4,
            "and": -1.9,
            "coordinator": -2.3,
            "relative": -1.7,
            "determiner": -0.2,
            "pronoun": -0.7,
            "auxiliary": -1.1,
            "adverb": -0.6,
            "title": 0.0,
        }
    )
    line_marks: Mapping[Mark, float] = field(
        default_factory=lambda: {"": 0.0, "sentence": -4.0, "clause": -2.0, "comma": -1.5, "close": -0.3}
    )
    cue_marks: Mapping[Mark, float] = field(
        default_factory=lambda: {"": 1.5, "sentence": -4.0, "clause": -4.2, "comma": -2.5, "close": 0.5}
    )
    quoted: float = -0.3
    name: float = 2.0
    number: float = 2.5
    run_on_sentence: float = 14.0
    run_on_second: float = 8.0
    free_pause_ms: int = 300


@dataclass(frozen=True, slots=True)
class GapCosts:
    """Costs of the gap before each word; those of the first word stand for nothing."""

    line: list[float]
    cue: list[float]
    run_on: list[float]


WEIGHTS = GapWeights()


def gap_costs(words: Sequence[Word], language: str, weights: GapWeights = WEIGHTS) -> GapCosts:
    """Judge the gap before each word: three costs a word, the first word's being nothing."""
    costs = GapCosts([0.0], [0.0], [0.0])
    cached = lru_cache(maxsize=65536)(
        lambda left, right, spaced: (
            _text_costs(left, right, language, weights) if spaced else _tight_costs(left, right, language, weights)
        )
    )
    for left, right in pairwise(words):
        line, cue, run_on = cached(left.text, right.text, right.space_before)
        pause_ms = right.start_ms - left.end_ms
        if pause_ms > weights.free_pause_ms:
            run_on += weights.run_on_second * (pause_ms - weights.free_pause_ms) / 1000
        costs.line.append(line)
        costs.cue.append(cue)
        costs.run_on.append(run_on)
    return costs


def _text_costs(
    left_text: str,
    right_text: str,
    language: str,
    weights: GapWeights,
) -> tuple[float, float, float]:
    """Judge one gap by what is written: costs of a line's end, a cue's end, and of going on."""
    left, right = token(left_text, language), token(right_text, language)
    run_on = weights.run_on_sentence if ends_sentence(left, right) else 0.0
    if right.closes or left.opens:
        return NEVER, NEVER, run_on
    mark: Mark = "clause" if left.mark == "sentence" and not run_on else left.mark
    cost = weights.before.get(right.first, 0.0) + (weights.quoted if right.quoted else 0.0)
    if not mark:
        cost += weights.after.get(left.last, 0.0) + _bond(left, right, weights)
    return cost + weights.line_marks[mark], cost + weights.cue_marks[mark], run_on


def _bond(left: Token, right: Token, weights: GapWeights) -> float:
    """What holds two words together beside the class of the first: a name, a number and its unit, `Dr.`."""
    if left.abbreviation and (right.capital or right.number):
        return weights.after["title"]
    if left.capital and right.capital:
        return weights.name
    return weights.number if left.number and right.lower else 0.0


def _tight_costs(left_text: str, right_text: str, language: str, weights: GapWeights) -> tuple[float, float, float]:
    """Judge a gap without a space: one within a word, but in scripts that write phrases without spaces."""
    line, cue, run_on = _text_costs(left_text, right_text, language, weights)
    spaceless = token(left_text, language).spaceless or token(right_text, language).spaceless
    if spaceless and may_end_line(left_text[-1:]) and may_begin_line(right_text[:1]):
        return line, cue, run_on
    return NEVER, NEVER, run_on
