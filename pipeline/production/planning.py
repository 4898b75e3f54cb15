"""An assignment → its plan: who speaks which text, under which key of the store, before anything is spent."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.codecs import parse_output_format
from pipeline.engines import Access
from pipeline.engines.identity import shaped_by
from pipeline.engines.models import most_characters
from pipeline.errors import ScriptError, UsageError
from pipeline.model import Sayer, SpeechRequest
from pipeline.production.casting import (
    OFFLINE_MODEL,
    Cast,
    Line,
    OfflineVoices,
    cast_cloud,
    cast_offline,
    lines_of,
    unheeded_remarks,
)
from pipeline.production.jobs import Assignment
from pipeline.production.model_remarks import model_remarks
from pipeline.store import Store, content_key

# What is said when the engine was nobody's choice, but that of the key.
_CHOSEN: Mapping[str, str] = {
    "offline": "the offline voice speaks, for there is no key in ELEVENLABS_API_KEY",
    "elevenlabs": "the service speaks, for there is a key; --engine offline costs nothing",
}
# The most characters that the offline voice takes in one go; those of the service's models are theirs.
MOST_CHARACTERS_OFFLINE = 40_000


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

    Raises UsageError where the engine that was asked for cannot be reached at all or has no voice of a name,
    RefusedError where it does not let this key in, SettingError where there is no such format of sound, ScriptError
    where a text is too long to be spoken in one go.
    """
    engine = assignment.engine
    settings, script, path = assignment.settings, assignment.script, str(assignment.job.script)
    if engine == "elevenlabs" and not (access.key or access.bearer or access.single_use_token):
        raise UsageError("the engine elevenlabs needs a key in ELEVENLABS_API_KEY; --engine offline needs none")
    if settings.text("output_format") != "auto":
        parse_output_format(settings.text("output_format"))
    if "engine" not in settings.given:
        say(_CHOSEN[engine])
    cast = _cast(assignment, access, say)
    lines = lines_of(script, settings, cast, engine, path)
    for text in (*cast.remarks, *unheeded_remarks(settings, engine)):
        say(text)
    _refuse_too_long(lines, path)
    if engine == "elevenlabs":
        for text in model_remarks(settings, lines, assignment.job.script.name):
            say(text)
    keys = tuple(
        content_key(line.request, shaped_by(engine, access, line.request)) if line.request else None for line in lines
    )
    return Plan(assignment, lines, keys)


def _refuse_too_long(lines: Iterable[Line], path: str) -> None:
    """Raise ScriptError at the first text that its model does not take."""
    for line in lines:
        if line.request is None:
            continue
        model, count = line.request.model, len(line.request.text)
        most = MOST_CHARACTERS_OFFLINE if model == OFFLINE_MODEL else most_characters(model)
        if count > most:
            who = "the offline voice" if model == OFFLINE_MODEL else f"the model {model}"
            message = (
                f"the paragraph that starts here has {count:,} characters, and {who} takes {most:,} in one go; "
                "part it by empty lines"
            )
            raise ScriptError(message, path, line.segment.line)


def _cast(assignment: Assignment, access: Access, say: Sayer) -> Cast:
    if assignment.engine == "offline":
        from pipeline.engines import offline

        offered = OfflineVoices(offline.known_voice, offline.VARIANTS, offline.explicit, offline.is_listed)
        cast = cast_offline(assignment.script, assignment.settings, offered)
        return replace(cast, remarks=(*cast.remarks, *_voice_remarks(cast, assignment)))
    return cast_cloud(assignment.settings, remembered(access, assignment, say))


def _voice_remarks(cast: Cast, assignment: Assignment) -> tuple[str, ...]:
    """Say when the natural voice is not the one that speaks, and why."""
    from pipeline.engines import offline

    language = assignment.settings.text("language")
    if not any(voice.startswith(offline.ESPEAK) for voice in (cast.narrator, *cast.speakers.values())):
        return ()
    if offline.is_english(language) and (remark := offline.availability().remark):
        return (remark,)
    return (f"offline, espeak-ng speaks (language {language}): clear, but robotic",)


def remembered(access: Access, assignment: Assignment, say: Sayer) -> Callable[[str], str]:
    """Make a resolver of voice names that asks the service once and keeps the answer beside the store.

    Whatever it says of a name is said once, however many speakers have it. Says and raises what `resolve_voice` does.
    """
    from pipeline.engines.voice_resolving import resolve_voice
    from pipeline.production.voice_names import VoiceNames

    names = VoiceNames(assignment.job.store)

    @functools.cache
    def resolve(name: str) -> str:
        return names.resolve(name, lambda wanted: asyncio.run(resolve_voice(access, wanted, say)))

    return resolve
