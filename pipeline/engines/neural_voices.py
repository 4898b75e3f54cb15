"""Names of hibari's further voices → their models on this machine, as its own program fetched them; nothing is fetched here.

The voice `heart` lies in hibari's wheel. Each other one is a model of the same architecture in a file of 8 MB, which
`cueline voices --get NAME` fetches into its cache on the user's wish.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from pipeline.errors import EngineError

BUNDLED = "heart"


class Listed(msgspec.Struct, frozen=True):
    """What hibari's list of voices says of one: the SHA-256 of its published model, whose English it speaks."""

    sha256: str
    british: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """The model of a voice on this machine."""

    path: Path
    sha256: str
    british: bool

    def read(self) -> bytes:
        """Read the model. Raises EngineError when it is not the one that was published, OSError as reading does."""
        model = self.path.read_bytes()
        if hashlib.sha256(model).hexdigest() != self.sha256:
            raise EngineError(f"the voice model {self.path} is not the published one; remove it and fetch it again")
        return model


@cache
def listed() -> Mapping[str, Listed]:
    """Voices that hibari lists besides the one in its wheel; none where it is not installed, or has no such list."""
    spec = find_spec("hibari")
    if spec is None or not spec.submodule_search_locations:
        return {}
    try:
        text = (Path(spec.submodule_search_locations[0]) / "assets" / "voices.json").read_bytes()
        voices = msgspec.json.decode(text, type=dict[str, Listed])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}
    return {name: voice for name, voice in voices.items() if name != BUNDLED}


def is_fetched(name: str) -> bool:
    """Whether a name is that of a further voice whose model is on this machine."""
    return name in listed() and _path(name) is not None


def fetched(name: str) -> Fetched:
    """Find the model of a listed voice. Raises EngineError, which says how to get it, where it is not on this machine."""
    voice, path = listed()[name], _path(name)
    if path is None:
        raise EngineError(
            f"the voice {name} is not on this machine; `cueline voices --get {name}` fetches it (8 MB), or use heart"
        )
    return Fetched(path, voice.sha256, voice.british)


def _path(name: str) -> Path | None:
    from hibari.voices import voice_path

    try:
        return Path(voice_path(name, download_missing=False))
    except (OSError, ValueError):
        return None
