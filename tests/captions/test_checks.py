"""Each rule of a profile against a track that breaks it and one that just does not."""

import pytest

from pipeline.captions.checks import RULES, violations
from pipeline.captions.profiles import profile
from pipeline.model import CaptionTrack, Cue

LIMITS = profile("netflix", "en", 25)  # gap 80 ms
GOOD = Cue(1000, 3000, ("A quiet morning in the harbour.",))


def broken(*cues: Cue, language: str = "en") -> set[tuple[str, int]]:
    """Return the rules that are broken, and by which cue."""
    limits = LIMITS if language == "en" else profile("netflix", language, 25)
    return {(found.rule, found.cue) for found in violations(CaptionTrack(cues, language), limits)}


@pytest.mark.parametrize(
    ("rule", "cue"),
    [
        ("text", Cue(0, 2000, ())),
        ("text", Cue(0, 2000, ("one", " "))),
        ("lines", Cue(0, 6000, ("a" * 30, "b" * 30, "c" * 30))),
        ("line-width", Cue(0, 4000, ("a" * 43,))),
        ("one-line", Cue(0, 3000, ("a" * 20, "b" * 21))),
        ("min-duration", Cue(0, 832, ("short",))),
        ("max-duration", Cue(0, 7002, ("long",))),
        ("reading-speed", Cue(0, 1000, ("a" * 21,))),
        ("order", Cue(900, 900, ("never seen",))),
    ],
)
def test_a_cue_that_breaks_a_rule_is_found(rule: str, cue: Cue) -> None:
    """Every rule about one cue fires on the smallest fault."""
    assert (rule, 0) in broken(cue)


@pytest.mark.parametrize(
    "cue",
    [
        GOOD,
        Cue(0, 4000, ("a" * 42,)),
        Cue(0, 4500, ("a" * 42, "b" * 42)),
        Cue(0, 3000, ("a" * 21, "b" * 21)),
        Cue(0, 833, ("short",)),
        Cue(0, 7000, ("long",)),
        Cue(0, 1000, ("a" * 20,)),
        Cue(0, 2000, ("- Yes?", "- No.")),
    ],
)
def test_a_cue_at_its_limits_is_right(cue: Cue) -> None:
    """Limits themselves are allowed, and two speakers may share a cue."""
    assert broken(cue) == set()


@pytest.mark.parametrize(
    ("start_ms", "rules"),
    [
        (2999, {("overlap", 0)}),
        (3000, {("gap", 0)}),
        (3078, {("gap", 0)}),
        (3079, set()),
        (3080, set()),
        (3081, set()),
        (3082, {("gap", 0)}),
        (3498, {("gap", 0)}),
        (3499, set()),
        (3500, set()),
        (500, {("order", 0)}),
    ],
)
def test_what_lies_between_two_cues(start_ms: int, rules: set[tuple[str, int]]) -> None:
    """Two frames or at least half a second, to the millisecond; never over one another, never out of order."""
    assert broken(GOOD, Cue(start_ms, start_ms + 2000, ("And then another one.",))) == rules


def test_full_width_text_is_counted_full_width() -> None:
    """A Japanese line holds thirteen characters, and two lines that would fit on one are joined without a space."""
    assert broken(Cue(0, 4000, ("あ" * 14,)), language="ja") == {("line-width", 0)}
    assert broken(Cue(0, 4000, ("あ" * 6, "い" * 7)), language="ja") == {("one-line", 0)}
    assert broken(Cue(0, 4000, ("あ" * 13, "い" * 13)), language="ja") == set()


def test_a_violation_says_where_and_what() -> None:
    """The cue, its time and a sentence with the figure and the limit."""
    (found,) = violations(CaptionTrack((GOOD, Cue(5000, 6000, ("x" * 43,) * 1))), LIMITS)[:1]
    assert (found.rule, found.cue, found.start_ms) == ("line-width", 1, 5000)
    assert "43" in found.message
    assert "42" in found.message


def test_every_rule_has_a_case() -> None:
    """No rule is in the table that nothing above breaks."""
    assert set(RULES) == {
        "text", "lines", "line-width", "one-line", "min-duration", "max-duration", "reading-speed", "order", "overlap",
        "gap",
    }  # fmt: skip
