"""What a model is told of a language, and how much it takes: the right code or none, by one table for all who ask."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import LIVE
from pipeline.engines.connecting import Address
from pipeline.engines.dialogue import Dialogue
from pipeline.engines.elevenlabs import endpoint_of
from pipeline.engines.listings import MODELS, MOST_CHARACTERS, listing
from pipeline.engines.models import (
    FAMILIES,
    NAMED,
    SAME_LANGUAGE,
    is_of_dialogues,
    language_code,
    model_of,
    most_characters,
    speaker_of,
    speaks,
)
from pipeline.model import SpeechRequest, Voice

V2, FLASH, TURBO, V3, V4 = (
    "eleven_multilingual_v2",
    "eleven_flash_v2_5",
    "eleven_turbo_v2_5",
    "eleven_v3",
    "eleven_v4",
)
# language: what v2.5, v3 and v4 are told of it
CODES = [
    ("en", "en", "en", "en"),
    ("en-GB", "en", "en", "en"),
    ("EN_us", "en", "en", "en"),
    ("pt-BR", "pt", "pt", "pt"),
    ("nb", "no", "no", "no"),
    ("nn-NO", "no", "no", "no"),
    ("no", "no", "no", "no"),
    ("tl", "fil", "fil", "fil"),
    ("fil-PH", "fil", "fil", "fil"),
    ("in", "id", "id", "id"),
    ("iw", None, "he", "he"),
    ("he-IL", None, "he", "he"),
    ("jw", None, "jv", "jv"),
    ("mo", "ro", "ro", "ro"),
    ("fa", None, "fa", "fa"),
    ("prs", None, "fa", "fa"),
    ("swh", None, "sw", "sw"),
    ("arb", "ar", "ar", "ar"),
    ("sr-Latn", None, "sr", "sr"),
    ("cmn", "zh", "zh", "zh"),
    ("zh-Hant-TW", "zh", "zh", "zh"),
    ("zh-cmn-Hans", "zh", "zh", "zh"),
    ("zh-HK", "zh", "zh", "yue"),
    ("zh-Hant-HK", "zh", "zh", "yue"),
    ("zh-yue", None, None, "yue"),
    ("yue", None, None, "yue"),
    ("wuu", None, None, None),
    ("zh-wuu", None, None, None),
    ("mt", None, None, "mt"),
    ("my", None, None, "my"),
    ("ory", None, None, "or"),
    ("eo", None, None, None),
    ("xx", None, None, None),
    ("", None, None, None),
]


@pytest.mark.parametrize(("language", "v2_5", "v3", "v4"), CODES)
def test_a_model_is_told_a_code_that_it_takes_or_none(
    language: str, v2_5: str | None, v3: str | None, v4: str | None
) -> None:
    """In the addresses of both sockets; whoever takes none is told none, and so is a model that nobody knows."""
    told = {
        FLASH: v2_5,
        TURBO: v2_5,
        V3: v3,
        "eleven_v3_conversational": v3,
        V4: v4,
        "eleven_v4_turbo": v4,
        V2: None,
        "eleven_flash_v2": None,
        "eleven_turbo_v2": None,
        "eleven_flash_v5": None,
        "": None,
    }
    for model, code in told.items():
        assert language_code(model, language) == code, model
        request = SpeechRequest("Hi", Voice("v"), model, language)
        target = endpoint_of(request).target(Address("wss://host.test"), request, LIVE)
        assert (f"language_code={code}" in target) == (code is not None), model
        assert ("language_code" in target) == (code is not None), model


@given(st.text(max_size=12), st.sampled_from([*NAMED, *FAMILIES, "other"]))
@settings(max_examples=100)
def test_whatever_a_language_is_called(language: str, name: str) -> None:
    """What is told is one of the model's own codes, and no model is told what it does not speak."""
    model, code = model_of(name), language_code(name, language)
    assert code is None or (model is not None and model.is_told and code in model.languages)
    assert code is None or speaks(name, language)


def test_every_code_that_stands_for_others_is_one_that_is_taken() -> None:
    """And none of those is taken itself, or it would never be told."""
    taken = set().union(*(model.languages for model in (*NAMED.values(), *FAMILIES.values())))
    assert set(SAME_LANGUAGE.values()) <= taken
    assert not set(SAME_LANGUAGE) & taken


def test_how_many_languages_there_are() -> None:
    """As the service's page of models counts them; each list holds the one before."""
    sizes = {name: len(model.languages) for name, model in {**NAMED, **FAMILIES}.items()}
    assert sizes == {
        FLASH: 32, TURBO: 32, "eleven_flash_v2": 1, "eleven_turbo_v2": 1, V2: 29, V3: 74, V4: 84,
    }  # fmt: skip
    assert NAMED[V2].languages < NAMED[FLASH].languages < FAMILIES[V3].languages < FAMILIES[V4].languages
    assert NAMED[FLASH].languages - NAMED[V2].languages == {"hu", "no", "vi"}


@pytest.mark.parametrize(
    ("language", "model"), [("de", FLASH), ("nb", FLASH), ("fa-IR", V3), ("mt", V4), ("yue", V4), ("eo", "")]
)
def test_who_speaks_a_language(language: str, model: str) -> None:
    """The cheapest that is known to."""
    assert speaker_of(language) == model


@pytest.mark.parametrize(
    ("model", "most"),
    [
        (V2, 10_000),
        (FLASH, 40_000),
        (TURBO, 40_000),
        ("eleven_flash_v2", 30_000),
        (V3, 5_000),
        ("eleven_v3_conversational", 5_000),
        (V4, 5_000),
        ("eleven_v4_turbo", 5_000),
        ("new", 10_000),
    ],
)
def test_how_much_a_model_takes(model: str, most: int) -> None:
    """By the beginning of its name where a family has one limit."""
    assert most_characters(model) == most
    assert is_of_dialogues(model) == isinstance(endpoint_of(SpeechRequest("Hi", Voice("v"), model, "en")), Dialogue)


def test_the_listing_has_the_same_figures() -> None:
    """What a client reads of the models, and what a request may have over HTTP."""
    listed = json.loads(json.dumps(listing("/v1/models", list)))
    assert [model["model_id"] for model in listed] == [model.id for model in MODELS]
    for model in listed:
        name = model["model_id"]
        known = model_of(name)
        assert known is not None
        assert model["maximum_text_length_per_request"] == most_characters(name) == MOST_CHARACTERS[name]
        assert {language["language_id"] for language in model["languages"]} == known.languages
    assert MOST_CHARACTERS[""] == most_characters("")
