"""Text in over a hundred languages → the samples of espeak-ng and the time of every word.

espeak-ng (GPL-3.0-or-later) runs in a process of its own; what is here speaks to it over pipes and takes in no part of it.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

from pipeline.engines import espeak_times
from pipeline.engines.audibility import loud
from pipeline.engines.espeak_pipe import package_folder, processes
from pipeline.engines.espeak_times import Event
from pipeline.engines.limiter import as_pcm, decibels, limited
from pipeline.errors import EngineError
from pipeline.model import SpokenText, SpokenWord
from pipeline.pcm import sample_count, silence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SOUND_VERSION = 1
"""Counts up when anything here changes what is heard: it is part of the key under which speech is stored."""

WORDS_A_MINUTE = 165
"""At a speed of 1: a little under espeak-ng's own 175, which hurries."""

RATES = (80, 450)
LEAD_MS, TAIL_MS = 20, 80

GAINS_DB: Mapping[str, float] = {"": 8.6, "f2": 4.8, "m3": 8.1, "f4": 4.9, "m7": 6.4}
"""Speakers by the name of espeak-ng's variant, in the order in which a dialogue takes them, and the gain in decibels
that brings each to −16 LUFS: measured by `benchmarks/loudness.py`."""

OTHER_GAIN_DB = 6.4
"""Of its other hundred variants."""

SAMPLE_RATE = 22_050
"""Of everything that espeak-ng speaks, and of what it says nothing for."""

FIRST_PICTURE = "\u2190"
"""Symbols from here on (arrows, boxes, emoji and what joins them) have no sound; ° and © stand before."""

SAME_LANGUAGE: Mapping[str, str] = {
    "en": "en-us", "fr": "fr-fr", "zh": "cmn", "zh-hk": "yue", "no": "nb", "sh": "hr", "iw": "he", "in": "id"
}  # fmt: skip
"""Languages whose plain name means one of espeak-ng's several, or one that it calls otherwise."""

MUTE = frozenset({"xex", "kaa", "fo"})
"""Languages that espeakng-loader 0.2.4 lists but has no dictionary of: it says nothing in them."""


def speak(text: str, voice: str, speed: float) -> SpokenText:
    """Speak with a voice of espeak-ng (`de`, `de+m3`): 22.05 kHz samples at about −16 LUFS, every word in order.

    The same arguments give the same samples. A text with nothing to say gives no samples. Raises EngineError when
    there is no such voice or espeak-ng fails.
    """
    import numpy as np

    sayable = _sayable(text)
    rate = round(min(max(WORDS_A_MINUTE * speed, RATES[0]), RATES[1]))
    request = {"text": sayable, "voice": _file(voice), "rate": rate}
    if not any(sign.isalnum() for sign in sayable):
        return SpokenText(b"", SAMPLE_RATE, ())
    head, body = processes().ask(request, len(text))
    sample_rate = int(cast("int", head["sample_rate"]))
    samples = np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32768)
    told = cast("list[tuple[int, int, int, int, str]]", head["events"])
    events = [Event(kind, time, character, phoneme) for kind, time, character, _, phoneme in told]
    gain = decibels(GAINS_DB.get(voice.partition("+")[2], OTHER_GAIN_DB))
    return _cut(samples * np.float32(gain), sample_rate, sayable, events)


def _cut(samples: npt.NDArray[np.float32], sample_rate: int, text: str, events: Sequence[Event]) -> SpokenText:
    """Cut the silence at the ends to the lead and the tail, and time the words on the clock that remains."""
    heard = loud(samples, sample_rate)
    words = espeak_times.word_times(text, events, heard)
    first, last = heard.sound()
    begin, end = max(0, first - LEAD_MS), last + TAIL_MS
    kept = samples[begin * sample_rate // 1000 : end * sample_rate // 1000] if last else samples[:0]
    moved = (SpokenWord(word.first, word.end, word.start_ms - begin, word.end_ms - begin) for word in words)
    pcm = as_pcm(limited(kept, sample_rate))
    room = silence((end - begin) * sample_rate // 1000 - sample_count(pcm)) if last else b""
    return SpokenText(pcm + room, sample_rate, tuple(moved))


def _sayable(text: str) -> str:
    """The text, character for character, without what espeak-ng would read out by its name: emoji, controls."""
    return "".join(" " if _is_pictured(sign) else sign for sign in text)


def _is_pictured(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return kind in {"Cc", "Cs", "Co"} or (kind in {"So", "Sk", "Cf", "Mn"} and sign >= FIRST_PICTURE)


# ── which voice ────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def languages() -> Mapping[str, str]:
    """Languages that espeak-ng speaks, by their tag, with the file of the voice that speaks each best.

    Raises EngineError when espeak-ng cannot be asked.
    """
    head, _ = processes().ask({"voices": True})
    listed = cast("list[tuple[list[tuple[int, str]], str]]", head["voices"])
    best_last = sorted(((rank, tag.lower(), file) for tags, file in listed for rank, tag in tags), reverse=True)
    return {tag: file for _, tag, file in best_last if tag not in MUTE}


def voice_for(language: str) -> str:
    """Name of the voice for a language (BCP 47): `pt-BR` → `pt-br`, `de-AT` → `de`.

    Raises EngineError, which names the nearest ones, when espeak-ng does not speak it.
    """
    parts = language.lower().replace("_", "-").split("-")
    for count in range(len(parts), 0, -1):
        tag = "-".join(parts[:count])
        tag = SAME_LANGUAGE.get(tag, tag)
        if tag in languages():
            return tag
    near = difflib.get_close_matches(language.lower(), list(languages()), n=4, cutoff=0.4)
    hint = f"the nearest are {', '.join(near)}" if near else "there are en, de, fr, es, it and many more"
    raise EngineError(f"no offline voice speaks the language {language!r}: {hint}")


def is_voice(voice: str) -> bool:
    """Whether a voice is one of espeak-ng's languages, with or without one of its variants after a `+`."""
    language, plus, variant = voice.partition("+")
    return language in languages() and (not plus or variant in variants())


@cache
def variants() -> frozenset[str]:
    """Names of espeak-ng's variants of a voice (`m3`, `f2`): the files of its data."""
    package = package_folder()
    folder = package / "espeak-ng-data" / "voices" / "!v" if package else None
    return frozenset(file.name for file in folder.iterdir()) if folder and folder.is_dir() else frozenset()


def _file(voice: str) -> str:
    """A voice as espeak-ng finds it: a language's tag (`fr-fr`) cannot carry a variant, its file (`roa/fr`) can."""
    language, plus, variant = voice.partition("+")
    if is_voice(voice):
        return f"{languages()[language]}{plus}{variant}"
    if language in languages():
        near = difflib.get_close_matches(variant, sorted(variants()), n=4, cutoff=0.3)
        raise EngineError(f"espeak-ng has no variant {plus}{variant}; near it are {', '.join(near) or 'm3, f2'}")
    near = difflib.get_close_matches(language, list(languages()), n=4, cutoff=0.4)
    raise EngineError(f"espeak-ng has no voice {language!r}; near it are {', '.join(near) or 'en-us, de, fr'}")


def identity(voice: str) -> str:
    """Everything besides the text and the speed that shapes the samples and times of a voice, as one line."""
    gain = GAINS_DB.get(voice.partition("+")[2], OTHER_GAIN_DB)
    versions = f"sound {SOUND_VERSION} times {espeak_times.VERSION} gain {gain}"
    return f"espeak:{voice} (espeakng-loader {_version()}; {versions})"


def _version() -> str:
    try:
        return version("espeakng-loader")
    except PackageNotFoundError:
        return "missing"


def is_here() -> bool:
    """Whether espeak-ng is installed: looked up, not loaded."""
    return package_folder() is not None
