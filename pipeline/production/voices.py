"""An engine's voices → those that match, the one that is meant, and a line spoken with it, paid for once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines import Access
from pipeline.engines.identity import shaped_by
from pipeline.engines.voice_listing import ListedVoice, Listing
from pipeline.engines.voice_resolving import CLOUD_ID
from pipeline.errors import StoreError, UsageError
from pipeline.model import Clip, ProgressCallback, SpeechRequest, Voice
from pipeline.production.casting import AUTOMATIC_FORMAT, DEFAULT_MODEL, DEFAULT_VOICE, OFFLINE_MODEL
from pipeline.production.speaking import speak
from pipeline.production.voice_lines import line_in
from pipeline.production.voice_names import VoiceNames
from pipeline.scripts.source import is_spoken
from pipeline.settings import nearest
from pipeline.store import Store, content_key

# A line to judge a voice by, not a script: what is longer is a mistake, and could be a dear one.
MOST_CHARACTERS = 1000
MOST_NAMED = 6
TAG = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Line:
    """What is asked of an engine, and the samples that came: 16-bit mono. `is_stored` says that they were there."""

    request: SpeechRequest
    samples: bytes
    sample_rate: int
    is_stored: bool


def list_voices(engine: str, access: Access, store: Path) -> Listing:
    """List all voices of an engine, and remember the names of the service's beside the store.

    Names of a server that only speaks the service's protocol are not remembered: its ids mean nothing to the service.
    Raises UsageError, EngineError or RemoteProtocolError where the listing cannot be had.
    """
    from pipeline.engines.voice_listing import cloud_voices, offline_voices

    if engine == "offline":
        return offline_voices()
    from pipeline.engines.elevenlabs import served_by

    listing = cloud_voices(access)
    if served_by(access) == "elevenlabs":
        VoiceNames(store).remember(names_of(listing.voices), {voice.id for voice in listing.voices})
    return listing


def names_of(voices: Sequence[ListedVoice]) -> dict[str, str]:
    """Return ids by name, whole and up to a dash (`Rachel - calm`); the first of a name has it, whole names first."""
    named = [(voice.name, voice.id) for voice in voices if voice.name != voice.id]
    short = [(name.partition(" - ")[0].strip(), identifier) for name, identifier in named]
    names: dict[str, str] = {}
    for name, identifier in (*named, *short):
        names.setdefault(name, identifier)
    return names


def speaking(listing: Listing, language: str) -> Listing:
    """Leave the voices of a language: `en` takes `en-GB` as well (RFC 4647 3.3.1).

    Where none speaks `de-AT`, those of `de` are given, with a remark (RFC 4647 3.4). Raises UsageError for what is no
    language tag, and where no voice speaks it.
    """
    if not TAG.fullmatch(language):
        raise UsageError(f"--language: {language!r} is no language's tag: write one such as en, de or pt-BR")
    parts = language.lower().replace("_", "-").split("-")
    for count in range(len(parts), 0, -1):
        wanted = "-".join(parts[:count])
        found = tuple(voice for voice in listing.voices if any(_is_of(tag, wanted) for tag in voice.languages))
        if found:
            told = [f"no voice is of {language}: these are of {wanted}"] if count < len(parts) else []
            silent = sum(not voice.languages for voice in listing.voices)
            told += [f"{silent} more name no language and may speak it too"] if silent else []
            return Listing(found, (*listing.remarks, *told))
    raise UsageError(
        f"no voice here is of the language {language!r}: a language is named by its tag, such as de or pt-BR"
    )


def _is_of(tag: str, wanted: str) -> bool:
    return f"{tag.lower().replace('_', '-')}-".startswith(f"{wanted}-")


def matching(listing: Listing, text: str) -> Listing:
    """Leave the voices of which every word of `text` begins a word: in its id, name, languages or labels.

    So `male` is not found in `female`. Upper and lower case are alike.
    """
    patterns = [re.compile(rf"(?<!\w){re.escape(word)}") for word in text.casefold().split()]
    found = tuple(voice for voice in listing.voices if all(pattern.search(_told(voice)) for pattern in patterns))
    return Listing(found, listing.remarks if found else (*listing.remarks, f"no voice matches {text!r}"))


def _told(voice: ListedVoice) -> str:
    return "\n".join((voice.id, voice.name, *voice.languages, *voice.labels.values())).casefold()


def choose(listing: Listing, wanted: str, engine: str, language: str = "") -> ListedVoice:
    """Return the voice that is meant: by its id or its name, whatever its language, else as the only one that matches.

    An id that is not listed is taken where the engine may know it all the same. Raises UsageError for none or several.
    """
    voice = _called(listing.voices, wanted) or unlisted(wanted, engine)
    if voice:
        return voice
    found = matching(speaking(listing, language) if language else listing, wanted).voices
    if not found:
        near = nearest(wanted, (name for one in listing.voices for name in (one.id, one.name)))
        of = f" of the language {language}" if language else ""
        raise UsageError(f"the engine {engine} has no voice {wanted!r}{of}{near or '; cueline voices lists them'}")
    return _only(found, wanted)


def _only(found: Sequence[ListedVoice], wanted: str) -> ListedVoice:
    if len(found) == 1:
        return found[0]
    named = ", ".join(
        voice.id if voice.id == voice.name else f"{voice.name} ({voice.id})" for voice in found[:MOST_NAMED]
    )
    raise UsageError(
        f"{len(found)} voices match {wanted!r}: name one of {named}{', …' if len(found) > MOST_NAMED else ''}"
    )


def _called(voices: Sequence[ListedVoice], wanted: str) -> ListedVoice | None:
    """Find a voice by its id, or by its name as a script's `voice` is: whole, else up to a dash."""
    name = wanted.strip().casefold()
    tests: Iterable[Callable[[ListedVoice], bool]] = (
        lambda voice: voice.id == wanted,
        lambda voice: voice.name.strip().casefold() == name,
        lambda voice: voice.name.partition(" - ")[0].strip().casefold() == name,
    )
    return next((voice for is_meant in tests for voice in voices if is_meant(voice)), None)


def unlisted(wanted: str, engine: str) -> ListedVoice | None:
    """Take an id that no listing holds: a variant of espeak-ng's, or what looks like an id of the service; else None."""
    if engine != "offline":
        return ListedVoice(wanted, wanted) if CLOUD_ID.fullmatch(wanted) else None
    from pipeline.engines import offline

    if not (wanted.startswith(offline.ESPEAK) and offline.known_voice(wanted)):
        return None
    language = wanted.removeprefix(offline.ESPEAK).partition("+")[0]
    return ListedVoice(wanted, wanted, (language,), is_here=True)


def default_voice(engine: str, language: str) -> ListedVoice:
    """Return who speaks where nobody was chosen. Raises EngineError where nothing offline speaks the language."""
    if engine != "offline":
        return ListedVoice(DEFAULT_VOICE, DEFAULT_VOICE)
    from pipeline.engines import offline

    name = offline.explicit(language, offline.VARIANTS[0])
    return ListedVoice(name, name, (language,), is_here=True)


def line_request(engine: str, voice: ListedVoice, language: str, text: str | None) -> SpeechRequest:
    """Ask for a line: `text`, else a sentence in the language, which is the voice's own where none is given ("").

    Raises UsageError for a text with nothing to say or too long, and for a voice that is yet to be fetched; EngineError
    for one that does not speak the language.
    """
    own = language or (voice.languages[0] if voice.languages else "en")
    if engine == "offline" and not voice.is_here:
        raise UsageError(f"the voice {voice.id} is not on this machine: cueline voices --get {voice.id} fetches it")
    line = line_in(own) if text is None else text
    if not is_spoken(line):
        raise UsageError("--text: there is nothing to say in it; give it a word")
    if len(line) > MOST_CHARACTERS:
        raise UsageError(
            f"--text: has {len(line)} characters, and a line may have {MOST_CHARACTERS}: narrate speaks scripts"
        )
    identifier, model = voice.id, DEFAULT_MODEL
    if engine == "offline":
        from pipeline.engines import offline

        identifier, model = offline.explicit(own, voice.id), OFFLINE_MODEL
    return SpeechRequest(line, Voice(identifier), model, own, AUTOMATIC_FORMAT)


def is_stored(engine: str, access: Access, request: SpeechRequest, store: Path) -> bool:
    """Tell whether a line was spoken before: then hearing it costs nothing."""
    return Store(store).get(content_key(request, shaped_by(engine, access, request))) is not None


def spoken_line(engine: str, access: Access, request: SpeechRequest, store: Path, progress: ProgressCallback) -> Line:
    """Speak a line, or take it from the store. Raises UsageError, EngineError or StoreError."""
    place, key = Store(store), content_key(request, shaped_by(engine, access, request))
    before = place.get(key)
    if before is None:
        speak(engine, access, {key: request}, place, progress)
    utterance = before or place.get(key)
    if utterance is None:
        raise StoreError("the line that was just spoken is gone from the store: was it pruned meanwhile?")
    samples = b"".join(place.samples(Clip(key, 0, utterance.sample_count)))
    return Line(request, samples, utterance.sample_rate, before is not None)
