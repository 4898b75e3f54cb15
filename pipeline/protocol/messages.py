"""What the two ends of a speech socket say to each other: frozen messages, whatever their spelling on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.model import SpeechChunk, VoiceSettings

# ── messages of the client ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SentSettings:
    """Voice settings as a message carries them; None leaves one to what the voice has stored."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None

    @classmethod
    def whole(cls, settings: VoiceSettings) -> SentSettings:
        """All five settings, none left to the voice."""
        return cls(
            settings.stability,
            settings.similarity_boost,
            settings.style,
            settings.use_speaker_boost,
            settings.speed,
        )


@dataclass(frozen=True, slots=True)
class InitializeConnection:
    """The first message of a socket: how to speak. `text` is one space, though some clients already send words.

    `schedule` holds how many characters are to be buffered before the first, second… generation.
    `dictionaries` are pairs of a pronunciation dictionary's id and version. The secrets appear in no `repr`.
    """

    text: str = " "
    voice_settings: SentSettings | None = None
    schedule: tuple[float, ...] | None = None
    dictionaries: tuple[tuple[str, str | None], ...] = ()
    key: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    try_trigger_generation: bool = False
    flush: bool = False
    single_use_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SendText:
    """More text to speak. `flush` generates what is buffered, `try_trigger_generation` does so if it is enough."""

    text: str
    flush: bool = False
    try_trigger_generation: bool = False
    voice_settings: SentSettings | None = None
    schedule: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """One space: the client is still there, and a word that it had begun has ended."""


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """The empty text: speak what is buffered, send the final frame, close."""


ClientMessage = InitializeConnection | SendText | KeepAlive | CloseConnection

# ── messages of the server ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SpeechMessage:
    """Sound, character times, or both."""

    chunk: SpeechChunk


@dataclass(frozen=True, slots=True)
class FinalMessage:
    """The speech is whole. `chunk` is empty, but for a frame that brings sound and says that it is the last."""

    chunk: SpeechChunk = field(default_factory=SpeechChunk)


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Why there will be no (more) speech: the service's words, its name for the reason, the close code to follow."""

    message: str
    error: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A frame of no kind that is known here. It means nothing to us and is no fault. `keys` are its names, sorted."""

    keys: tuple[str, ...] = ()


ServerMessage = SpeechMessage | FinalMessage | ErrorMessage | UnknownMessage
