"""An engine → the voices that it has: the offline ones from this machine, the cloud's from its listing's pages."""

from __future__ import annotations

import http.client
import urllib.error
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from pipeline.engines import Access
from pipeline.engines.connecting import Address
from pipeline.engines.elevenlabs import address_of
from pipeline.engines.fetching import Published, published
from pipeline.engines.neural_variants import VARIANTS
from pipeline.engines.neural_voices import BUNDLED, is_fetched
from pipeline.engines.voice_pages import listed_voices, refusal
from pipeline.errors import ConnectionLostError, EngineError, PipelineError, RemoteProtocolError

VARIANT_LABELS: Mapping[str, Mapping[str, str]] = {
    "heart+low": {"description": "heart, lower"},
    "heart+male": {"gender": "male", "description": "heart, as a man"},
    "heart+mellow": {"gender": "female", "description": "heart, softer"},
    "heart+bright": {"gender": "female", "description": "heart, brighter"},
}


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice of an engine. `languages` are BCP 47 tags; none where the service says none, for a voice of many.

    `labels` are what is said of it: gender, accent, age, use case, category, description. `is_here` tells whether it
    speaks on this machine as it is, `bytes` what fetching it takes (0: nothing to fetch).
    """

    id: str
    name: str
    languages: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    is_here: bool = False
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """The voices in the engine's own order, and sentences for the person where something is missing."""

    voices: tuple[ListedVoice, ...]
    remarks: tuple[str, ...] = ()


def offline_voices() -> Listing:
    """List what speaks on this machine, and what can be fetched: the neural voices, then espeak-ng's languages.

    Nothing is fetched. Raises EngineError where espeak-ng is installed and cannot be asked.
    """
    from pipeline.engines import espeak, offline

    there = offline.availability()
    natural = list(_neural()) if there.neural else []
    robotic = list(_espeak(espeak.languages())) if there.espeak else []
    return Listing((*natural, *robotic), (there.remark,) if there.remark else ())


def cloud_voices(access: Access) -> Listing:
    """Read the account's listing whole, in at most `voice_pages.LISTING_SECONDS`.

    Raises UsageError for a base URL or a key that may not be used, RefusedError or BusyError in the service's words,
    ConnectionLostError where it cannot be reached, RemoteProtocolError for an answer that is no listing.
    """
    address = address_of(access)
    try:
        return _listed(address)
    except urllib.error.HTTPError as error:
        failure: PipelineError = refusal(error, address)
    except TimeoutError:
        failure = ConnectionLostError("the listing of the voices did not come in time; try again")
    except OSError:
        failure = ConnectionLostError("the listing of the voices cannot be reached; check the network and the base URL")
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        failure = RemoteProtocolError("what answers there gives no listing of voices; check the base URL")
    # Raised here, outside, so that no frame which held the key hangs on the error as its context.
    raise failure


def _listed(address: Address) -> Listing:
    found, has_more = listed_voices(address)
    voices = tuple(map(_cloud_voice, found))
    return Listing(voices, (f"the account has more voices: these are its first {len(voices)}",) if has_more else ())


def _cloud_voice(voice: Mapping[str, object]) -> ListedVoice:
    """Read one voice of the listing (its names: the service's API reference, `GET /v2/voices`)."""
    identifier = printable(str(voice["voice_id"]))
    told = cast("Mapping[str, object]", voice.get("labels") or {})
    labels = {name.replace("_", " "): value for name, value in told.items()}
    own_language = labels.pop("language", None)
    labels |= {name: voice[name] for name in ("category", "description") if voice.get(name)}
    verified = cast("Iterable[Mapping[str, object]]", voice.get("verified_languages") or ())
    tags = [own_language, *(one.get("locale") or one.get("language") for one in verified)]
    return ListedVoice(
        identifier,
        printable(str(voice.get("name") or "")) or identifier,
        tuple(dict.fromkeys(printable(str(tag)) for tag in tags if tag)),
        {printable(name): text for name, value in labels.items() if value and (text := printable(str(value)))},
    )


def printable(text: str) -> str:
    """Make a foreign text one line that does nothing to a terminal: control characters and line ends are left out."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def _neural() -> Iterator[ListedVoice]:
    """Hibari's voices: the one in its wheel with its variants, and those that can be fetched."""
    listed = published()
    own = listed.get(BUNDLED, Published("", "", "en-US"))
    for name in VARIANTS:
        labels = VARIANT_LABELS.get(name, {"gender": own.gender})
        yield ListedVoice(name, name, (own.language,), _told({"accent": own.accent, **labels}), is_here=True)
    for name, voice in listed.items():
        if name != BUNDLED:
            labels = _told({"accent": voice.accent, "gender": voice.gender})
            here = _is_here(name)
            yield ListedVoice(name, name, (voice.language,), labels, is_here=here, bytes=0 if here else voice.bytes)


def _is_here(name: str) -> bool:
    try:
        return is_fetched(name)
    except EngineError:
        return False


def _told(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}


def _espeak(languages: Mapping[str, str]) -> Iterator[ListedVoice]:
    """espeak-ng's voices: one for each of its files, by the tag that `offline.explicit` gives it."""
    from pipeline.engines.espeak import SAME_LANGUAGE

    tags: dict[str, list[str]] = {}
    for tag, file in languages.items():
        tags.setdefault(file, []).append(tag)
    for file, own in sorted(tags.items(), key=lambda item: min(item[1])):
        # A tag that is read as another one (`fr` as `fr-fr`) is a voice by that other's name.
        names = [tag for tag in own if SAME_LANGUAGE.get(tag, tag) == tag] or own
        first = min(names, key=lambda tag: (tag not in SAME_LANGUAGE.values(), len(tag), tag))
        other = [tag for tag, meant in SAME_LANGUAGE.items() if meant == first]
        labels = {"description": "robotic"}
        yield ListedVoice(
            f"espeak:{first}", _language_name(file), tuple(dict.fromkeys((first, *own, *other))), labels, is_here=True
        )


def _language_name(file: str) -> str:
    """Name the language of a voice's file in English: its line `name` (espeak-ng, docs/voices.md)."""
    from pipeline.engines.espeak_pipe import package_folder

    package = package_folder()
    try:
        text = (package / "espeak-ng-data" / "lang" / file).read_text("utf-8", "replace") if package else ""
    except OSError:
        text = ""
    lines = (line.partition(" ") for line in text.splitlines())
    return next((printable(value) for key, _, value in lines if key == "name" and value.strip()), file)
