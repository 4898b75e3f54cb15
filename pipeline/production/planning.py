"""An assignment → its plan: who speaks which text, under which key of the store, before anything is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.codecs import parse_output_format
from pipeline.engines import Access
from pipeline.engines.identity import shaped_by
from pipeline.errors import UsageError
from pipeline.model import Sayer, SpeechRequest
from pipeline.production.casting import (
    Cast,
    Line,
    OfflineVoices,
    cast_cloud,
    cast_offline,
    lines_of,
    unheeded_remarks,
)
from pipeline.production.jobs import Assignment
from pipeline.store import Store, content_key

# What is said when the engine was nobody's choice, but that of the key.
_CHOSEN: Mapping[str, str] = {
    "offline": "the offline voice speaks, for there is no key in ELEVENLABS_API_KEY",
    "elevenlabs": "the service speaks, for there is a key; --engine offline costs nothing",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be spoken: a line for every segment, and its key in the store (None: nothing to say)."""

    assignment: Assignment
    lines: tuple[Line, ...]
    keys: tuple[str | None, ...]

    @property
    def requests(self) -> Mapping[str, SpeechRequest]:
        """Every request by its key, each once, in the order of the script."""
        pairs = zip(self.keys, self.lines, strict=True)
        return {key: line.request for key, line in pairs if key is not None and line.request is not None}

    def missing(self, store: Store) -> Mapping[str, SpeechRequest]:
        """Return the requests that the store cannot answer."""
        return {key: request for key, request in self.requests.items() if store.get(key) is None}


def make_plan(assignment: Assignment, access: Access, say: Sayer) -> Plan:
    """Cast every segment, and say who speaks where nobody chose.

    Raises UsageError where the engine that was asked for cannot be reached at all, SettingError where there is no such
    format of sound.
    """
    engine = assignment.engine
    settings, script, path = assignment.settings, assignment.script, str(assignment.job.script)
    if engine == "elevenlabs" and not access.key:
        raise UsageError("the engine elevenlabs needs a key in ELEVENLABS_API_KEY; --engine offline needs none")
    if settings.text("output_format") != "auto":
        parse_output_format(settings.text("output_format"))
    if "engine" not in settings.given:
        say(_CHOSEN[engine])
    cast = _cast(assignment, access)
    for text in (*cast.remarks, *unheeded_remarks(settings, engine)):
        say(text)
    lines = lines_of(script, settings, cast, engine, path)
    keys = tuple(
        content_key(line.request, shaped_by(engine, access, line.request)) if line.request else None for line in lines
    )
    return Plan(assignment, lines, keys)


def _cast(assignment: Assignment, access: Access) -> Cast:
    if assignment.engine == "offline":
        from pipeline.engines import offline

        offered = OfflineVoices(offline.known_voice, offline.VARIANTS, offline.explicit)
        cast = cast_offline(assignment.script, assignment.settings, offered)
        return replace(cast, remarks=(*cast.remarks, *_voice_remarks(cast, assignment)))
    return cast_cloud(assignment.settings, remembered(access, assignment))


def _voice_remarks(cast: Cast, assignment: Assignment) -> tuple[str, ...]:
    """Say when the natural voice is not the one that speaks, and why."""
    from pipeline.engines import offline

    language = assignment.settings.text("language")
    if not any(voice.startswith(offline.ESPEAK) for voice in (cast.narrator, *cast.speakers.values())):
        return ()
    if offline.is_english(language) and (remark := offline.availability().remark):
        return (remark,)
    return (f"offline, espeak-ng speaks (language {language}): clear, but robotic",)


def remembered(access: Access, assignment: Assignment) -> Callable[[str], str]:
    """Make a resolver of voice names that asks the service once and keeps the answer beside the store."""
    from pipeline.engines.elevenlabs import resolve_voice
    from pipeline.production.voice_names import VoiceNames

    names = VoiceNames(assignment.job.store)
    return lambda name: names.resolve(name, lambda wanted: asyncio.run(resolve_voice(access, wanted)))
