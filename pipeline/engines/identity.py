"""An engine's name and a request → what of the engine shapes the speech, without opening it or a connection."""

from __future__ import annotations

from pipeline.engines import Access
from pipeline.model import SpeechRequest


def shaped_by(engine: str, access: Access, request: SpeechRequest) -> str:
    """Tell what besides the request shapes the speech of the engine of this name: part of the store's key."""
    if engine == "offline":
        from pipeline.engines import offline

        return offline.identity(request.language, request.voice.id)
    from pipeline.engines.elevenlabs import served_by

    return served_by(access)
