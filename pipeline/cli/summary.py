"""What a job made → the closing summary, as lines or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model import Outcome


def headline(outcome: Outcome) -> str:
    """Say in a line what was made."""
    length = clock(outcome.duration_ms)
    if not outcome.made:
        return f"Nothing to do: everything is there and unchanged ({length})."
    return f"Made {length} of narration: {spoken(outcome)}."


def spoken(outcome: Outcome) -> str:
    """Say how much was spoken, and how much was there already."""
    if not outcome.spoken:
        return "nothing had to be spoken"
    # What is spoken in one go is a paragraph or a part of one.
    parts = f"{outcome.spoken} {'part' if outcome.spoken == 1 else 'parts'} spoken"
    return f"{parts}, {outcome.stored} from the store" if outcome.stored else parts


def details(outcome: Outcome) -> Iterator[str]:
    """Yield what a person may ask next: how captions are given, and how good the sync is."""
    if outcome.captions:
        yield f"captions: {outcome.captions}"
    if "sound_offset_ms" in outcome.sync:
        drift = f", drift {outcome.sync['sound_drift_ms']:+.1f} ms" if "sound_drift_ms" in outcome.sync else ""
        yield f"sync, measured on the file: sound {outcome.sync['sound_offset_ms']:+.1f} ms{drift}"
    # The sound may be in sync while words in it are not where they are said to be.
    if parts := len({repair.partition(":")[0] for repair in outcome.repairs}):
        where = "1 part" if parts == 1 else f"{parts} parts"
        yield f"word times: came back at fault in {where} of the script, and were mended or filled in between"


def kind(file: str) -> str:
    """Name a file of the result by what it is."""
    endings = {".words.json": "words", ".job.json": "job", ".srt": "captions", ".vtt": "captions"}
    named = next((name for ending, name in endings.items() if file.endswith(ending)), None)
    return named or ("video" if file.lower().endswith(".mp4") else "sound")


def shortened(file: str) -> str:
    """Shorten a path to what the working folder leaves of it."""
    path = Path(file)
    try:
        here = Path.cwd()
    except OSError:  # it was deleted meanwhile
        return file
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def clock(milliseconds: int) -> str:
    """Write a length as minutes and seconds: `1:02:03` or `2:03`."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def as_json(outcome: Outcome) -> dict[str, object]:
    """Give the outcome as values that JSON can hold."""
    return {
        "made": outcome.made,
        "files": list(outcome.files),
        "duration": outcome.duration_ms / 1000,
        "spoken": outcome.spoken,
        "from_store": outcome.stored,
        "captions": outcome.captions,
        "remarks": list(outcome.remarks),
        "repairs": list(outcome.repairs),
        "sync": dict(outcome.sync),
    }
