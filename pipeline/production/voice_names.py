"""A voice's name → its id, asked of the service once and remembered beside the store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.store import make_private_folder

FILE = "voices.json"


@dataclass(frozen=True, slots=True)
class VoiceNames:
    """Names that were resolved before, in `<store>/voices.json`."""

    store: Path

    def resolve(self, name: str, ask: Callable[[str], str]) -> str:
        """Return the id of a name: the remembered one, else what `ask` says; only a true answer is remembered."""
        known = self._read()
        if name in known:
            return known[name]
        identifier = ask(name)
        if identifier != name:
            self._write({**known, name: identifier})
        return identifier

    def remember(self, names: Mapping[str, str], present: Collection[str]) -> None:
        """Add the names of a fresh listing; a remembered name keeps its id as long as that is `present`.

        So a second voice of one name does not take the place of the first, which a script may have been spoken with.
        """
        known = self._read()
        fresh = {name: identifier for name, identifier in names.items() if known.get(name) not in present}
        if fresh:
            self._write({**known, **fresh})

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads((self.store / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def _write(self, names: dict[str, str]) -> None:
        # Forgetting a name costs one more question, so a folder that cannot be written is no failure.
        with contextlib.suppress(OSError):
            make_private_folder(self.store)
            partial = self.store / f"{FILE}.partial"
            partial.write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")
            partial.replace(self.store / FILE)
