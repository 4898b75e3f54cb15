"""What all connections of the speech server share: the voice, its threads, the recording, the faults."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from pipeline.engines.connecting import is_loopback
from pipeline.engines.faulting import Misfortune
from pipeline.engines.faults import NO_FAULTS, Fault, Faults
from pipeline.engines.generation import DialogueSpeaker, Speaker
from pipeline.engines.handshake import RefusedHandshakeError, Terms, detail
from pipeline.engines.listings import Catalogue, offline_voices
from pipeline.engines.recording import Recorder, Replay
from pipeline.engines.speaking import Speaking
from pipeline.engines.turns import Turns
from pipeline.errors import EngineError, RefusedError
from pipeline.model import OfflineVoice, SpokenText

# A voice's id as it was asked for, and the language → the id to speak with, or None for an unknown voice.
VoiceChoice = Callable[[str, str], str | None]


def as_named(voice: str, _language: str) -> str | None:
    """Speak with the voice that was asked for, by its own id."""
    return voice


@dataclass(slots=True)
class House:
    """The voice and who may speak with it; used from one event loop."""

    voice: OfflineVoice
    turns: Turns
    choose_voice: VoiceChoice = as_named
    faults: Faults = NO_FAULTS
    recorder: Recorder | None = None
    replay: Replay | None = None
    catalogue: Catalogue = offline_voices
    misfortune: Misfortune = field(init=False)

    def __post_init__(self) -> None:
        self.misfortune = Misfortune(self.faults)

    def admit(self, hosts: Sequence[str], origins: Sequence[str]) -> None:
        """Refuse a foreign page, by a request's `Host` and `Origin` headers. Raises RefusedHandshakeError."""
        # Programs send no `Origin` (RFC 6454 7.3): a page of another site must not speak through this machine.
        if not all(_is_of_this_machine(origin) for origin in origins):
            body = detail("foreign_origin", "pages of this machine only", kind="forbidden")
            raise RefusedHandshakeError(HTTPStatus.FORBIDDEN, body)
        # A page whose own name was made to point here asks as if from here, and need not name its origin.
        if not all(_is_of_this_machine(f"//{host}") for host in hosts):
            words = "this server answers to localhost and to addresses of this machine such as 127.0.0.1 only"
            raise RefusedHandshakeError(HTTPStatus.FORBIDDEN, detail("foreign_host", words, kind="forbidden"))

    def meet_fault(self) -> None:
        """Refuse a request where a fault asks for that. Raises RefusedHandshakeError."""
        if fault := self.misfortune.refusal():
            raise RefusedHandshakeError(*_refusal(fault))

    def is_known(self, voice: str, language: str) -> bool:
        """Whether there is such a voice. Raises RefusedHandshakeError, with the reason, for one that cannot speak."""
        try:
            return self.replay is not None or self.choose_voice(voice, language) is not None
        except EngineError as error:
            raise RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("voice_unavailable", str(error))) from None

    def begin(self, terms: Terms, client: Hashable, speed: float, kind: type[Speaker] = Speaker) -> Speaking:
        """Begin a speech for a client, at a speed; `kind` is of those that are no dialogue."""

        def say(text: str, voice: str) -> SpokenText:
            chosen = self.choose_voice(voice, terms.language)
            if chosen is None:
                raise RefusedError(f"a voice for the id {voice!r} was not found", "voice_not_found")
            return self.voice(text, terms.language, chosen, speed)

        speaker = (DialogueSpeaker if terms.is_dialogue else kind)(say, terms.voice, terms.output_format, terms.in_sync)
        return Speaking(speaker, self.turns, client)

    def headers(self) -> Mapping[str, str]:
        """What every answer tells of itself and of how much is under way."""
        return {
            "request-id": uuid.uuid4().hex,
            "current-concurrent-requests": str(self.turns.under_way),
            "maximum-concurrent-requests": str(self.turns.most),
        }


def _is_of_this_machine(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _refusal(fault: Fault) -> tuple[HTTPStatus, str]:
    if fault.name == "http-429":
        words = "Too many requests are under way, or came too quickly: wait and try again."
        return HTTPStatus.TOO_MANY_REQUESTS, detail(str(fault.value), words, kind="rate_limit_error")
    status = HTTPStatus(int(fault.value))
    return status, detail("internal_server_error", f"{status.phrase}.", kind="server_error")
