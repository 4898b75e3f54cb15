"""Settings and requests → what to tell the person of the service's models, before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.engines.models import Model, language_code, model_of, speaker_of, speaks
from pipeline.model import SpeechRequest
from pipeline.production.casting import Line
from pipeline.settings import Settings

# What the service documents (its API's reference, `voice_settings.speed`); beyond it speech was seen to stay silent.
SLOWEST, FASTEST = 0.7, 1.2


def model_remarks(settings: Settings, lines: Iterable[Line], script: str) -> tuple[str, ...]:
    """Say what the models that are asked for do not heed, may refuse, or are not told; each once.

    `script` is the script's name as a person knows it, under which lines are told.
    """
    spoken: dict[str, list[tuple[int, SpeechRequest]]] = {}
    for line in lines:
        if line.request is not None:
            spoken.setdefault(line.request.model, []).append((line.segment.line, line.request))
    told = (_of_one(name, settings, requests, script) for name, requests in spoken.items())
    return tuple(dict.fromkeys(remark for remarks in told for remark in remarks))


def _of_one(name: str, settings: Settings, requests: Sequence[tuple[int, SpeechRequest]], script: str) -> Iterator[str]:
    request = requests[0][1]
    model = model_of(name)
    unheeded = model.unheeded if model else ()
    yield from (f"{setting} means nothing to the model {name}" for setting in unheeded if setting in settings.given)
    yield from _of_language(name, request.language)
    speed = request.voice.settings.speed
    if "voice_settings.speed" not in unheeded and not SLOWEST <= speed <= FASTEST:
        yield (
            f"voice_settings.speed {speed:g}: the service documents {SLOWEST:g} to {FASTEST:g}, and beyond it may "
            "refuse or stay silent without a word"
        )
    if model:
        yield from _of_settings(name, model, request)
        yield from _of_length(name, model, requests, script)


def _of_language(name: str, language: str) -> Iterator[str]:
    """Say that a model is not told the language, where that may matter: every model speaks English."""
    if language_code(name, language) is not None or speaks(name, language):
        return
    if (model := model_of(name)) is not None:
        other = speaker_of(language)
        hint = f"; {other} speaks it" if other else ""
        if model.languages == {"en"}:
            yield f"the model {name} speaks English only, and reads the language {language!r} as if it were{hint}"
            return
        yield f"the model {name} does not list the language {language!r}: it is left to hear it from the text{hint}"
    elif language.lower().partition("-")[0] != "en":
        yield (
            f"which languages the model {name} takes is not known here: it is not told {language!r}, but left to hear "
            "it from the text"
        )


def _of_settings(name: str, model: Model, request: SpeechRequest) -> Iterator[str]:
    stability = request.voice.settings.stability
    if model.stabilities and stability not in model.stabilities:
        takes = ", ".join(f"{one:g}" for one in model.stabilities)
        yield f"voice_settings.stability {stability:g}: the model {name} takes one of {takes}, and may refuse others"
    if model.is_normalizing_sold and request.normalization == "on":
        yield f"normalization: on is for enterprise accounts only with the model {name}; auto is for all"


def _of_length(name: str, model: Model, requests: Sequence[tuple[int, SpeechRequest]], script: str) -> Iterator[str]:
    """Say which paragraph is so long that its connection may break, and how many more are."""
    long = [(line, len(request.text)) for line, request in requests if len(request.text) > model.safe_characters]
    if not long:
        return
    line, count = long[0]
    more = f" (and {len(long) - 1} more so long)" if len(long) > 1 else ""
    yield (
        f"{script}:{line}: {count:,} characters in one paragraph{more} are many for the model {name}: its connections "
        f"were seen to break in the midst of such; part it by empty lines at {model.safe_characters:,} or less"
    )
