"""What was asked, used, spoken, mended and measured → the contents of a job file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.costs import billed_characters, estimated_credits
from pipeline.measurement import FileSync, ReferenceWindows, to_json
from pipeline.model import Narration, SpeechRequest
from pipeline.production.picturing import Sight
from pipeline.production.planning import Plan


@dataclass(frozen=True, slots=True)
class Spoken:
    """What this run spoke (by key), what was mended, the narration's reference windows, and the file's sync."""

    requests: Mapping[str, SpeechRequest]
    repairs: tuple[str, ...]
    references: ReferenceWindows
    sync: FileSync


def job_contents(
    plan: Plan, sight: Sight, narration: Narration, spoken: Spoken, remarks: Sequence[str]
) -> dict[str, Any]:
    """Gather a job file's contents as values that JSON can hold. Nothing of a key is among them."""
    assignment = plan.assignment
    return {
        "script": assignment.job.script.name,
        "title": assignment.script.title,
        "language": narration.language,
        "engine": assignment.engine,
        "models": sorted({request.model for request in plan.requests.values()}),
        "voices": sorted({request.voice.id for request in plan.requests.values()}),
        "settings": {name: msgspec.to_builtins(value) for name, value in assignment.settings.values.items()},
        "captions": sight.captions,
        "duration": narration.duration_ms / 1000,
        "spoken": _accounts(plan, spoken.requests),
        "segments": [
            {"index": line.segment.index, "line": line.segment.line, "key": key}
            for line, key in zip(plan.lines, plan.keys, strict=True)
        ],
        "remarks": list(remarks),
        "repairs": list(spoken.repairs),
        "sync": to_json(spoken.sync),
        "reference": spoken.references.to_json(),
    }


def _accounts(plan: Plan, spoken: Mapping[str, SpeechRequest]) -> dict[str, float]:
    """Count what was spoken in this run, and estimate what the service bills for it; the offline voice is free."""
    free = plan.assignment.engine == "offline"
    return {
        "utterances": len(spoken),
        "from_store": len(plan.requests) - len(spoken),
        "characters": sum(billed_characters(request.text) for request in spoken.values()),
        "credits_estimated": 0.0
        if free
        else sum(estimated_credits(request.text, request.model) for request in spoken.values()),
    }
