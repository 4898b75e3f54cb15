"""Text, language, voice → samples and word times, by whichever offline voice speaks them.

English is spoken by the neural voice (`heart` and its variants), every other language by espeak-ng (`espeak:de`).
A speaker of a dialogue keeps the same place in both: the second speaker is `heart+low` in English, `espeak:de+f2` in
German.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.engines import espeak, neural, neural_model
from pipeline.engines.neural_variants import VARIANTS as NEURAL
from pipeline.engines.neural_voices import is_fetched, listed
from pipeline.errors import EngineError
from pipeline.model import SpokenText

VARIANTS: tuple[str, ...] = tuple(NEURAL)
"""Voices that the speakers of a dialogue take, in this order, whatever the language; the first speaks alone."""

ESPEAK = "espeak:"


@dataclass(frozen=True, slots=True)
class Availability:
    """What can speak on this machine. `remark` is a sentence for the person where something is missing, else ``."""

    neural: bool
    espeak: bool
    remark: str


def speak(text: str, language: str, voice: str, speed: float) -> SpokenText:
    """Speak: samples at about −16 LUFS, and the text's words in order with their times.

    `voice` is one of `VARIANTS`, a further voice of hibari's that is on this machine (`emma`; English only), or
    `espeak:` and a voice of espeak-ng. The same arguments give the same samples on
    one machine. A text with nothing to say gives no samples. Two threads are served at once. Raises EngineError
    when there is no such voice, or nothing that speaks the language.
    """
    engine, name = _speaker(language, voice)
    return neural.speak(text, name, speed) if engine == "neural" else espeak.speak(text, name, speed)


def identity(language: str, voice: str) -> str:
    """Everything besides text and speed that shapes what `speak` gives: part of the key of what is stored."""
    engine, name = _speaker(language, voice)
    return neural.identity(name) if engine == "neural" else espeak.identity(name)


def explicit(language: str, voice: str) -> str:
    """Name the voice that speaks: `heart` in German is `espeak:de`. Raises EngineError as `speak` does."""
    engine, name = _speaker(language, voice)
    return name if engine == "neural" else f"{ESPEAK}{name}"


def known_voice(voice: str) -> bool:
    """Whether a voice is one that can speak here by its own id, which no id of a cloud's voice is."""
    if voice.startswith(ESPEAK):
        return espeak.is_voice(voice.removeprefix(ESPEAK))
    return voice in VARIANTS or (neural.is_here() and is_fetched(voice))


def is_listed(voice: str) -> bool:
    """Whether this is one of the neural voice's further voices, be it on this machine or not."""
    return voice in listed()


def variant_for(strange_id: str) -> str:
    """One of `VARIANTS` for an id that is not ours, the same one always (SHA-256 of its UTF-8)."""
    digest = hashlib.sha256(strange_id.encode("utf-8", "replace")).digest()
    return VARIANTS[int.from_bytes(digest[:8]) % len(VARIANTS)]


def variants(language: str) -> Sequence[str]:
    """The explicit voices for the speakers of a dialogue in a language, in order."""
    return [explicit(language, voice) for voice in VARIANTS]


def availability() -> Availability:
    """Look up, without loading, what can speak here."""
    natural, robotic = neural.is_here(), espeak.is_here()
    remark = ""
    if not natural:
        remark = "the neural voice is not installed (hibari-tts; onnxruntime may have no wheel for this machine)"
        remark += ": espeak-ng speaks English too, and sounds robotic" if robotic else ""
    elif not robotic:
        remark = "espeak-ng is not installed (pip install espeakng-loader): only English can be spoken offline"
    return Availability(natural, robotic, remark)


def unload() -> None:
    """Let go of what speaking holds in memory, some two hundred megabytes; speaking again loads it again."""
    neural_model.unload()


def is_english(language: str) -> bool:
    """Whether a language tag is English of any country."""
    return language.lower().replace("_", "-").partition("-")[0] == "en"


def _speaker(language: str, voice: str) -> tuple[str, str]:
    """Which voice speaks: `neural` or `espeak`, and its name there."""
    if voice.startswith(ESPEAK):
        return "espeak", voice.removeprefix(ESPEAK)
    if voice not in VARIANTS:
        _check_further(language, voice)
        return "neural", voice
    if is_english(language) and neural.is_here():
        return "neural", voice
    cast = [f"+{name}" if name else "" for name in espeak.GAINS_DB]
    return "espeak", espeak.voice_for(language) + cast[VARIANTS.index(voice)]


def _check_further(language: str, voice: str) -> None:
    """Raise EngineError unless a voice is a further one of hibari's, on this machine, asked to speak English."""
    if voice not in listed() or not neural.is_here():
        raise EngineError(
            f"there is no offline voice {voice!r}; there are {', '.join(VARIANTS)}, and {ESPEAK}en-us and the like"
        )
    if not is_english(language):
        raise EngineError(
            f"the voice {voice} speaks English only, not {language!r}: use heart, or {ESPEAK}{espeak.voice_for(language)}"
        )
    neural.check_voice(voice)
