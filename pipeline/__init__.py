"""Script → narrated, captioned video."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.production.live import AudioEvent, LiveOptions, VoiceSettings, WordEvent, speak

__version__ = "0.1.0"
__all__ = ["AudioEvent", "LiveOptions", "VoiceSettings", "WordEvent", "__version__", "speak"]


def __getattr__(name: str) -> object:
    """Import what a program speaks live with when it is asked for: a command that does not speak starts quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.production import live

    value: object = getattr(live, name)
    globals()[name] = value
    return value
