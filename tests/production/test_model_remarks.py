"""What a person is told of the service's models before anything is spent, and what he is spared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engines import Access
from pipeline.production.jobs import assign
from pipeline.production.planning import make_plan
from tests.production.jobs import job_of


def told(folder: Path, options: Mapping[str, object], text: str = "Hi.", engine: str = "elevenlabs") -> list[str]:
    """Plan a script for an engine that was asked for; what was said meanwhile."""
    said: list[str] = []
    job = replace(job_of(folder, text), options={**options, "engine": engine})
    make_plan(assign(job), Access(key="any"), said.append)
    return said


@pytest.mark.parametrize(
    ("model", "language", "remark"),
    [
        (
            "eleven_flash_v2_5",
            "is",
            "the model eleven_flash_v2_5 does not list the language 'is': * eleven_v3 speaks it",
        ),
        ("eleven_multilingual_v2", "hu", "the model eleven_multilingual_v2 does not list *; eleven_flash_v2_5 speaks"),
        (
            "eleven_turbo_v2",
            "de-AT",
            "the model eleven_turbo_v2 speaks English only, and reads the language 'de-AT' as if it were; *flash_v2_5 speaks",
        ),
        ("eleven_v3", "mt", "the model eleven_v3 does not list the language 'mt': * eleven_v4 speaks it"),
        ("eleven_v4_turbo", "eo", "the model eleven_v4_turbo does not list the language 'eo': * hear it from the text"),
        ("eleven_next", "de", "which languages the model eleven_next takes is not known here: it is not told 'de'"),
    ],
)
def test_a_language_that_is_not_told(folder: Path, model: str, language: str, remark: str) -> None:
    """Once, however many paragraphs there are, with a model that speaks it where there is one."""
    (said,) = told(folder, {"model": model, "language": language}, "Hi.\n\nThere.")
    place = 0
    for part in remark.split("*"):
        place = said.index(part.strip(), place) + len(part.strip())
    assert said.endswith("speaks it") == ("speaks" in remark)


@pytest.mark.parametrize(
    ("model", "language"),
    [
        ("eleven_flash_v2_5", "nb"),
        ("eleven_multilingual_v2", "de"),
        ("eleven_flash_v2", "en-GB"),
        ("eleven_v3", "nn"),
        ("eleven_next", "en-US"),
    ],
)
def test_languages_of_which_nothing_is_said(folder: Path, model: str, language: str) -> None:
    """A model is told them, or is made to hear them from the text, or they are English."""
    assert told(folder, {"model": model, "language": language}) == []


@pytest.mark.parametrize(("speed", "is_told"), [(0.69, True), (0.7, False), (1.2, False), (1.21, True), (4.0, True)])
def test_speeds_that_the_service_does_not_document(folder: Path, speed: float, is_told: bool) -> None:  # noqa: FBT001
    """A setting all the same, which the offline voice heeds."""
    said = told(folder, {"voice_settings.speed": speed})
    assert [f"voice_settings.speed {speed:g}: the service documents 0.7 to 1.2" in each for each in said] == (
        [True] * is_told
    )
    assert not any("speed" in each for each in told(folder, {"voice_settings.speed": speed}, engine="offline"))


def test_what_dialogues_do_not_heed(folder: Path) -> None:
    """Every setting by its name; a speed that means nothing is not judged besides."""
    given = {"voice_settings.speed": 3.0, "voice_settings.style": 0.5, "ssml": True, "voice_settings.stability": 0.5}
    said = told(folder, {"model": "eleven_v4", **given})
    assert sorted(said) == [
        f"{name} means nothing to the model eleven_v4" for name in sorted(given) if name != "voice_settings.stability"
    ]


@pytest.mark.parametrize(
    ("model", "stability", "is_told"),
    [
        ("eleven_v3", 0.3, True),
        ("eleven_v3", 1.0, False),
        ("eleven_v4", 0.3, False),
        ("eleven_flash_v2_5", 0.3, False),
    ],
)
def test_stabilities_that_are_three(folder: Path, model: str, stability: float, is_told: bool) -> None:  # noqa: FBT001
    """One model takes no others."""
    said = told(folder, {"model": model, "voice_settings.stability": stability})
    assert [each.startswith("voice_settings.stability 0.3: the model eleven_v3") for each in said] == [True] * is_told


@pytest.mark.parametrize(
    ("model", "normalization", "is_told"),
    [
        ("eleven_flash_v2_5", "on", True),
        ("eleven_turbo_v2_5", "on", True),
        ("eleven_flash_v2_5", "off", False),
        ("eleven_multilingual_v2", "on", False),
    ],
)
def test_numbers_that_are_written_out_for_some(
    folder: Path,
    model: str,
    normalization: str,
    is_told: bool,  # noqa: FBT001
) -> None:
    """By two models, for who has an enterprise account."""
    said = told(folder, {"model": model, "normalization": normalization})
    assert ["enterprise" in each for each in said] == [True] * is_told


def test_paragraphs_that_are_long_for_their_model(folder: Path) -> None:
    """Told once, by the first of them; nothing is said of one letter less, or by a model that takes it."""
    text = f"Hi.\n\n{'x' * 1500}.\n\n{'x' * 1400}.\n\n{'y' * 2000}."
    (said,) = told(folder, {"model": "eleven_v3_conversational"}, text)
    assert said.startswith("tour.md:3: 1,501 characters in one paragraph (and 1 more so long)")
    assert told(folder, {"model": "eleven_v3"}, f"{'x' * 1499}.") == []
    assert told(folder, {"model": "eleven_flash_v2_5"}, text) == []
