"""A speech model's name → what is known of it: its languages, how much it takes in one go, which settings it heeds.

The service's pages of models (elevenlabs.io/docs/overview/models) have the figures and the languages that each model
speaks. A code that is not among those that a model takes is refused (`Model '…' does not support language_code '…'`)
and ends the speech, so one that is in doubt is left out: the model then hears the language from the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def _together(*lists: str) -> frozenset[str]:
    return frozenset(" ".join(lists).split())


# As the service's page writes them. Norwegian is `no` there, Filipino `fil`, Mandarin `zh`.
_MULTILINGUAL_V2 = _together("ar bg cs da de el en es fi fil fr hi hr id it ja ko ms nl pl pt ro ru sk sv ta tr uk zh")
_V2_5 = _MULTILINGUAL_V2 | _together("hu no vi")
# The codes that the API accepts for v3 and v4, as pipecat 1.14.0 notes them (`services/elevenlabs/tts_base.py`): for v4
# that is more than the page lists.
_V3 = _V2_5 | _together(
    "af as az be bn bs ca ceb cy et fa ga gl gu ha he hy is jv ka kk kn ky lb ln lt lv mk ml mr ne ny pa ps sd sl so",
    "sr sw te th ur",
)
_V4 = _V3 | _together("ast mi mn mt my oc or tg uz yue")
_ENGLISH = _together("en")
# Other codes of the same languages: deprecated ones, and those that one of these codes takes in (IANA Language Subtag
# Registry: `Preferred-Value`, `Macrolanguage`).
SAME_LANGUAGE: Mapping[str, str] = {
    "nb": "no", "nn": "no", "nob": "no", "nno": "no",
    "tl": "fil", "tgl": "fil",
    "iw": "he", "in": "id", "jw": "jv", "mo": "ro",
    "cmn": "zh", "arb": "ar", "ekk": "et", "lvs": "lv", "swh": "sw", "zsm": "ms", "npi": "ne", "ory": "or",
    "pes": "fa", "prs": "fa", "azj": "az", "uzn": "uz", "khk": "mn",
}  # fmt: skip
# Where Chinese that is read aloud is Cantonese, as a rule.
_CANTONESE_REGIONS = frozenset({"hk", "mo"})


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model.

    `languages` are those it speaks, by the service's codes; `is_told` says that it takes one of these codes, where
    others find the language out by themselves. `most_characters` is the length of a text that is refused beyond;
    beyond `safe_characters` connections were seen to break off. `unheeded` are settings, by their dotted names, that
    mean nothing to it, `stabilities` the only values it takes where not all will do, and `is_normalizing_sold` says
    that writing out numbers by command (`normalization: on`) is for enterprise accounts.
    """

    languages: frozenset[str]
    is_told: bool
    most_characters: int
    safe_characters: int
    unheeded: tuple[str, ...] = ()
    stabilities: tuple[float, ...] = ()
    is_normalizing_sold: bool = False


# Of its voice settings a model of dialogues heeds the stability only, and it reads no SSML.
_UNHEEDED_IN_DIALOGUES = (
    "voice_settings.similarity_boost",
    "voice_settings.style",
    "voice_settings.use_speaker_boost",
    "voice_settings.speed",
    "ssml",
)
# Cheapest first: of these the first that speaks a language is the one to name.
NAMED: Mapping[str, Model] = {
    "eleven_flash_v2_5": Model(_V2_5, True, 40_000, 40_000, is_normalizing_sold=True),
    "eleven_turbo_v2_5": Model(_V2_5, True, 40_000, 40_000, is_normalizing_sold=True),
    "eleven_flash_v2": Model(_ENGLISH, False, 30_000, 30_000),
    "eleven_turbo_v2": Model(_ENGLISH, False, 30_000, 30_000),
    "eleven_multilingual_v2": Model(_MULTILINGUAL_V2, False, 10_000, 10_000),
}
# These and all whose names begin so: models that `stream-input` refuses and `text-to-dialogue` speaks. Their limit was
# 3,000 characters once and is 5,000 by newer pages: the larger one, for the service itself refuses what is too long.
# v3 takes three stabilities (`Invalid TTD stability value. Must be one of: [0.0, 0.5, 1.0]`); nothing of the kind is
# known of v4.
FAMILIES: Mapping[str, Model] = {
    "eleven_v3": Model(_V3, True, 5_000, 1_500, _UNHEEDED_IN_DIALOGUES, (0.0, 0.5, 1.0)),
    "eleven_v4": Model(_V4, True, 5_000, 1_500, _UNHEEDED_IN_DIALOGUES),
}
# What a model of which nothing is known is asked at most.
MOST_CHARACTERS_OF_OTHERS = 10_000


def model_of(name: str) -> Model | None:
    """Return what is known of a model; None where nothing is."""
    of_family = (model for prefix, model in FAMILIES.items() if name.startswith(prefix))
    return NAMED.get(name) or next(of_family, None)


def is_of_dialogues(name: str) -> bool:
    """Whether a model speaks at `text-to-dialogue`, and not at `stream-input`."""
    return name.startswith(tuple(FAMILIES))


def most_characters(name: str) -> int:
    """Return how many characters a model takes in one go, of one that nobody knows as many as most take."""
    model = model_of(name)
    return model.most_characters if model else MOST_CHARACTERS_OF_OTHERS


def language_code(name: str, language: str) -> str | None:
    """Return the code by which a model is told a language (BCP 47); None where it takes none for it.

    A model that nobody knows is told none: one too many ends the speech, one too few costs no more than the
    certainty that it reads the text in the right language.
    """
    model = model_of(name)
    return _code_in(model.languages, language) if model and model.is_told else None


def speaks(name: str, language: str) -> bool:
    """Whether a language (BCP 47) is among those that a model is known to speak, whether it can be told so or not."""
    model = model_of(name)
    return model is not None and _code_in(model.languages, language) is not None


def speaker_of(language: str) -> str:
    """Name a model that speaks a language, the cheapest and quickest; "" where none is known to."""
    models = {**NAMED, **FAMILIES}
    return next((name for name, model in models.items() if _code_in(model.languages, language)), "")


def _code_in(known: frozenset[str], language: str) -> str | None:
    """Find the first of a language's codes that is known."""
    return next((code for code in _codes(language) if code in known), None)


def _codes(language: str) -> tuple[str, ...]:
    """Reduce a tag to the codes that may stand for it, the best first. Scripts and most regions say nothing here."""
    primary, *others = language.lower().replace("_", "-").split("-")
    if primary == "zh" and others and len(others[0]) == 3 and others[0].isalpha():
        primary = others[0]  # the languages of Chinese may be written as its extension (RFC 5646 2.2.2)
    code = SAME_LANGUAGE.get(primary, primary)
    return ("yue", code) if primary == "zh" and _CANTONESE_REGIONS.intersection(others) else (code,)
