"""What it costs to break between two words: grammar, punctuation, pauses."""

import pytest

from pipeline.captions.breaks import NEVER, GapCosts, gap_costs
from pipeline.model import Word


def judged(text: str, language: str = "en", pause_ms: int = 60) -> GapCosts:
    """Costs of the gaps of a text in which `_` parts words that no space parts."""
    words: list[Word] = []
    clock = 0
    for run in text.split():
        for n, part in enumerate(run.split("_")):
            words.append(Word(part, clock, clock + 300, space_before=n == 0))
            clock += 300 + pause_ms
    return gap_costs(words, language)


@pytest.mark.parametrize(
    ("better", "worse", "language"),
    [
        ("harbour, where", "harbour where", "en"),
        ("harbour; where", "harbour, where", "en"),
        ("harbour and", "and harbour", "en"),
        ("boats of", "of boats", "en"),
        ("boats because", "boats sail", "en"),
        ("boats sail", "the boats", "en"),
        ("boats sail", "they sail", "en"),
        ("boats sail", "Anna Harrow", "en"),
        ("boats sail", "Dr. Harrow", "en"),
        ("boats sail", "1887 boats", "en"),
        ("bateaux qui", "bateaux blancs", "fr"),
        ("bateaux blancs", "les bateaux", "fr"),
        ("Schiffe weil", "Schiffe fahren", "de"),
        ("Schiffe fahren", "der Schiffe", "de"),
        ("barcos porque", "los barcos", "es"),
        ("barche perché", "delle barche", "it"),
        ("barcos porque", "os barcos", "pt"),
        ("boten omdat", "de boten", "nl"),
    ],
)
def test_some_places_are_better_than_others(better: str, worse: str, language: str) -> None:
    """Before a clause and after a mark rather than within a phrase, for lines and for cues alike."""
    good, bad = judged(better, language), judged(worse, language)
    assert good.line[1] < bad.line[1]
    assert good.cue[1] < bad.cue[1]


@pytest.mark.parametrize("text", ["wait —", "wait ?", "( when", "well_known", "wait 😀"])
def test_some_breaks_must_not_be(text: str) -> None:
    """Not before a mark that stands alone, not after an opening one, not within a word."""
    costs = judged(text)
    assert costs.line[1] == costs.cue[1] == NEVER


def test_a_phrase_without_spaces_may_end_a_line() -> None:
    """Japanese phrases part without a space, but not before a closing mark."""
    assert judged("港の_景色を", "ja").line[1] < NEVER
    assert judged("港の_」と", "ja").line[1] == NEVER


@pytest.mark.parametrize(
    ("text", "ends"), [("came. Then", 1), ("came then", 0), ("Mr. Harrow", 0), ("came... then", 0)]
)
def test_running_on_past_a_sentence_is_dear(text: str, ends: int) -> None:
    """A cue that goes on after a sentence's end pays for it; an abbreviation's full stop ends none."""
    assert (judged(text).run_on[1] > 10) is bool(ends)


def test_a_longer_pause_inside_a_cue_costs_more() -> None:
    """A breath costs nothing, a second of silence much."""
    breath, second, two = (judged("one two", pause_ms=pause).run_on[1] for pause in (200, 1000, 2000))
    assert breath == 0 < second < two


def test_there_is_one_cost_a_word() -> None:
    """Three lists as long as the words, also of a single one."""
    for text in ("one", "one two three"):
        costs = judged(text)
        assert len(costs.line) == len(costs.cue) == len(costs.run_on) == len(text.split())
