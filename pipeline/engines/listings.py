"""What clients ask of an account before they speak → JSON: its voices, models, plan, as the service lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from pipeline.engines.handshake import RefusedHandshakeError, detail, invalid
from pipeline.engines.models import MOST_CHARACTERS_OF_OTHERS, model_of
from pipeline.model import VoiceSettings

# Of `GET /v2/voices`.
PAGE, MOST_PAGE = 10, 100
_VOICE = re.compile(r"/v1/voices/(?P<voice>[^/]+)(?P<settings>/settings)?")


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice as a listing shows it."""

    id: str
    name: str
    language: str
    labels: Mapping[str, str] = field(default_factory=dict)


Catalogue = Callable[[], Sequence[ListedVoice]]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as the listing shows it; `multiplier` is the credits that a character costs."""

    id: str
    name: str
    most_characters: int
    multiplier: float
    languages: tuple[str, ...]


def _listed(name: str, shown: str, multiplier: float) -> ListedModel:
    model = model_of(name)
    assert model is not None
    return ListedModel(name, shown, model.most_characters, multiplier, tuple(sorted(model.languages)))


MODELS = (
    _listed("eleven_multilingual_v2", "Multilingual v2", 1.0),
    _listed("eleven_flash_v2_5", "Flash v2.5", 0.5),
    _listed("eleven_turbo_v2_5", "Turbo v2.5", 0.5),
    _listed("eleven_flash_v2", "Flash v2", 0.5),
    _listed("eleven_turbo_v2", "Turbo v2", 0.5),
    _listed("eleven_v3", "v3", 1.0),
)
# By the models' names, and where no model is named.
MOST_CHARACTERS = {model.id: model.most_characters for model in MODELS} | {"": MOST_CHARACTERS_OF_OTHERS}


def offline_voices() -> Sequence[ListedVoice]:
    """The voices of this machine: the natural one, its variants, further ones, and espeak-ng's languages.

    Raises EngineError when espeak-ng cannot be asked.
    """
    from pipeline.engines import espeak, neural, neural_voices, offline

    natural = [*offline.VARIANTS, *filter(neural_voices.is_fetched, neural_voices.listed())] if neural.is_here() else []
    robotic = sorted(espeak.languages()) if espeak.is_here() else []
    return [
        *(ListedVoice(name, name.capitalize(), "en", {"kind": "neural"}) for name in natural),
        *(
            ListedVoice(f"{offline.ESPEAK}{tag}", f"espeak-ng {tag}", tag.partition("-")[0], {"kind": "espeak-ng"})
            for tag in robotic
        ),
    ]


def is_listing(path: str) -> bool:
    """Whether a path is one that `listing` answers; others are sockets, or nothing."""
    return path in _PLAIN or path in {"/v1/voices", "/v2/voices"} or _VOICE.fullmatch(path) is not None


def listing(target: str, catalogue: Catalogue) -> object:
    """Answer a request's path and query, as values for JSON; may take as long as the catalogue does.

    Raises RefusedHandshakeError, and EngineError when the voices cannot be listed.
    """
    path, _, asked = target.partition("?")
    if path in _PLAIN:
        return _PLAIN[path]()
    if path == "/v1/voices":
        return {"voices": [_voice(each) for each in catalogue()]}
    if path == "/v2/voices":
        return _page(catalogue(), dict(parse_qsl(asked)))
    found = _VOICE.fullmatch(path)
    assert found is not None
    wanted = unquote(found["voice"])
    voice = next((each for each in catalogue() if each.id == wanted), None)
    if voice is None:
        words = f"A voice for the voice_id {wanted[:100]!r} was not found."
        raise RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("voice_not_found", words, "voice_id"))
    return _settings() if found["settings"] else _voice(voice)


def _page(voices: Sequence[ListedVoice], query: Mapping[str, str]) -> object:
    """One page of the voices that match: `search` in names and ids, `voice_ids`; the token is where the next begins."""
    size = _number(query, "page_size", PAGE)
    first = _number(query, "next_page_token", 0)
    if not 1 <= size <= MOST_PAGE:
        raise invalid("page_size", f"page_size takes a number from 1 to {MOST_PAGE}")
    wanted = query.get("search", "").casefold()
    matching = [each for each in voices if wanted in f"{each.name} {each.id} {each.language}".casefold()]
    if ids := query.get("voice_ids"):
        matching = [each for each in matching if each.id in ids.split(",")]
    end = first + size
    has_more = end < len(matching)
    return {
        "voices": [_voice(each) for each in matching[first:end]],
        "has_more": has_more,
        "total_count": len(matching),
        "next_page_token": str(end) if has_more else None,
    }


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise invalid(name, f"{name} takes a whole number")
    return int(given)


def _voice(voice: ListedVoice) -> dict[str, object]:
    return {
        "voice_id": voice.id,
        "name": voice.name,
        "samples": None,
        "category": "premade",
        "labels": {"language": voice.language, **voice.labels},
        "description": None,
        "preview_url": None,
        "available_for_tiers": [],
        "settings": _settings(),
        "high_quality_base_model_ids": [model.id for model in MODELS],
        "verified_languages": [{"language": voice.language, "model_id": model.id} for model in MODELS[:2]],
    }


def _settings() -> dict[str, object]:
    stored = VoiceSettings()
    return {name: getattr(stored, name) for name in VoiceSettings.__dataclass_fields__}


def _models() -> object:
    return [
        {
            "model_id": model.id,
            "name": model.name,
            "can_be_finetuned": False,
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "can_use_style": False,
            "can_use_speaker_boost": False,
            "serves_pro_voices": False,
            "token_cost_factor": model.multiplier,
            "maximum_text_length_per_request": model.most_characters,
            "languages": [{"language_id": language, "name": language} for language in model.languages],
            "model_rates": {"character_cost_multiplier": model.multiplier},
            "concurrency_group": "standard" if model.multiplier == 1 else "turbo",
        }
        for model in MODELS
    ]


def _user() -> object:
    return {
        "user_id": "local",
        "workspace_id": "local",
        "subscription": _subscription(),
        "is_new_user": False,
        "can_use_delayed_payment_methods": False,
        "is_onboarding_completed": True,
        "is_onboarding_checklist_completed": True,
        "xi_api_key_preview": None,
        "first_name": None,
        "created_at": 0,
        "seat_type": "workspace_admin",
    }


def _subscription() -> dict[str, object]:
    """A plan without a limit: nothing here costs anything."""
    return {
        "tier": "pro",
        "character_count": 0,
        "character_limit": 1_000_000_000,
        "max_credit_limit_extension": 0,
        "can_extend_character_limit": False,
        "allowed_to_extend_character_limit": False,
        "next_character_count_reset_unix": None,
        "voice_slots_used": 0,
        "professional_voice_slots_used": 0,
        "professional_voice_slots_used_in_workspace": 0,
        "voice_limit": 0,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 0,
        "can_extend_voice_limit": False,
        "can_use_instant_voice_cloning": False,
        "can_use_professional_voice_cloning": False,
        "currency": None,
        "current_overage": {"amount": "0", "currency": "usd"},
        "status": "active",
        "billing_period": None,
        "character_refresh_period": None,
        "next_invoice": None,
        "open_invoices": [],
        "has_open_invoices": False,
    }


_PLAIN: Mapping[str, Callable[[], object]] = {
    "/v1/voices/settings/default": _settings,
    "/v1/models": _models,
    "/v1/user": _user,
    "/v1/user/subscription": _subscription,
}
