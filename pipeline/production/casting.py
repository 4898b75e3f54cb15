"""Segments and settings → who speaks what: a request for every segment with something to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.errors import ScriptError
from pipeline.model import Script, Segment, SpeechRequest, Voice, VoiceSettings
from pipeline.scripts.source import is_spoken
from pipeline.settings import Settings, unheeded

DEFAULT_VOICE = "Xb7hH8MSUJpSbSDYk0k2"
DEFAULT_MODEL = "eleven_multilingual_v2"
OFFLINE_MODEL = "offline"
AUTOMATIC_FORMAT = "pcm_24000"
# Unified ideographs with their extension A, the compatibility ones and the planes of ideographs; the sign that repeats one.
_HAN = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_ESPEAK = "espeak:"


@dataclass(frozen=True, slots=True)
class Line:
    """A segment and what is asked of the engine for it: None where it has neither letter nor digit."""

    segment: Segment
    request: SpeechRequest | None


@dataclass(frozen=True, slots=True)
class Cast:
    """Who speaks: the voice of what nobody else speaks, the speakers' voices, and what to tell the person."""

    narrator: str
    speakers: Mapping[str, str]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfflineVoices:
    """What the offline engine offers.

    `variants` are the ids that differ as two people do, the first of them the narrator's; `explicit` names who
    really speaks an id in a language; `is_fetchable` tells that a voice is not here but could be.
    """

    is_known: Callable[[str], bool]
    variants: tuple[str, ...]
    explicit: Callable[[str, str], str]
    is_fetchable: Callable[[str], bool] = lambda _: False


def has_something_to_say(segment: Segment) -> bool:
    """Tell whether a segment holds a letter or a digit; one without is not sent."""
    return is_spoken(segment.text)


def cast_offline(script: Script, settings: Settings, offered: OfflineVoices) -> Cast:
    """Give every speaker an offline voice, no two alike as long as there are enough.

    A voice that the offline engine knows by its id is taken as it is. Whatever else is asked for is the language's
    first voice, for what nobody else speaks, and its variants in the order of the table for the speakers; the first
    speaker has the first voice where nothing is left to the narrator.
    """
    language = settings.text("language")
    variants = offered.variants
    asked = settings.voice.for_engine("offline") if settings.voice else None
    narrator = asked if asked and offered.is_known(asked) else variants[0]
    used = [speaker for speaker in settings.voices if any(s.speaker == speaker for s in script.segments)]
    explicit = {
        speaker: name
        for speaker in used
        if (name := settings.voices[speaker].for_engine("offline")) and offered.is_known(name)
    }
    narrates = any(s.speaker is None and has_something_to_say(s) for s in script.segments)
    taken = {*explicit.values(), *([narrator] if narrates else [])}
    free = [voice for voice in variants if voice not in taken]
    speakers: dict[str, str] = {}
    for number, speaker in enumerate(speaker for speaker in used if speaker not in explicit):
        speakers[speaker] = free[number] if number < len(free) else variants[number % len(variants)]
    chosen = {speaker: offered.explicit(language, voice) for speaker, voice in {**speakers, **explicit}.items()}
    remarks = []
    if asked and asked != narrator:
        how = f"; cueline voices --get {asked} fetches it" if offered.is_fetchable(asked) else ""
        speaks = offered.explicit(language, narrator)
        remarks.append(f"the offline engine has no voice {asked!r} here: {speaks} speaks{how}")
    if speakers:
        remarks.append("offline voices: " + ", ".join(f"{who} is {chosen[who]}" for who in used))
    cast = Cast(offered.explicit(language, narrator), chosen)
    return replace(cast, remarks=(*remarks, *_kanji_remarks(script, language, cast)))


def _kanji_remarks(script: Script, language: str, cast: Cast) -> tuple[str, ...]:
    """Say, where espeak-ng is to speak Japanese with Han characters in it, that it knows few of their readings."""
    if language.replace("_", "-").partition("-")[0].lower() != "ja":
        return ()
    with_kanji = [segment.speaker for segment in script.segments if _HAN.search(segment.text)]
    if not any(cast.speakers.get(who or "", cast.narrator).startswith(_ESPEAK) for who in with_kanji):
        return ()
    how = 'write in kana how they are said, [東京]{say="とうきょう"}, or let the engine elevenlabs speak'
    return (f"espeak-ng reads kanji badly in Japanese: {how}",)


def cast_cloud(settings: Settings, resolve: Callable[[str], str]) -> Cast:
    """Give every speaker the service's voice of the name or id that the settings say."""
    asked = settings.voice.for_engine("elevenlabs") if settings.voice else None
    speakers = {
        speaker: resolve(name)
        for speaker, voice in settings.voices.items()
        if (name := voice.for_engine("elevenlabs")) is not None
    }
    return Cast(resolve(asked) if asked else DEFAULT_VOICE, speakers)


def lines_of(script: Script, settings: Settings, cast: Cast, engine: str, path: str) -> tuple[Line, ...]:
    """Make the request of every segment. Raises ScriptError where a speaker has no voice on this engine."""
    return tuple(Line(segment, _request(segment, settings, cast, engine, path)) for segment in script.segments)


def _request(segment: Segment, settings: Settings, cast: Cast, engine: str, path: str) -> SpeechRequest | None:
    if not has_something_to_say(segment):
        return None
    if segment.speaker is not None and segment.speaker not in cast.speakers:
        sentence = f"{segment.speaker} has no voice for the engine {engine}: name one under voices:"
        raise ScriptError(sentence, path, segment.line)
    voice = cast.speakers[segment.speaker] if segment.speaker is not None else cast.narrator
    wanted = settings.text("output_format")
    offline = engine == "offline"
    # What means nothing to the offline voice is left out, so that changing it speaks nothing anew.
    heeded = VoiceSettings(speed=settings.number("voice_settings.speed")) if offline else settings.voice_settings
    return SpeechRequest(
        text=segment.text,
        voice=Voice(voice, heeded),
        model=OFFLINE_MODEL if offline else settings.optional_text("model") or DEFAULT_MODEL,
        language=settings.text("language"),
        output_format=AUTOMATIC_FORMAT if wanted == "auto" else wanted,
        dictionaries=() if offline else settings.dictionaries,
        seed=None if offline else settings.seed,
        normalization="auto" if offline else settings.normalization,
        ssml=False if offline else settings.flag("ssml"),
    )


def unheeded_remarks(settings: Settings, engine: str) -> tuple[str, ...]:
    """Say which of the given settings mean nothing to the engine that speaks."""
    return tuple(f"{name} means nothing to the engine {engine}" for name in unheeded(settings, engine))
