"""A message that is about to be sent → nothing, or a LocalProtocolError: what is known to end a socket is not sent.

Speed is not among it: the service's documents disagree about its range. Neither is text of any length: the limit is
the model's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pipeline.errors import LocalProtocolError
from pipeline.protocol.buffering import LEAST_THRESHOLD, MOST_THRESHOLD, is_schedule
from pipeline.protocol.dialogue import MOST_VOICES, DialogueInput, InitializeDialogue, SendInputs
from pipeline.protocol.messages import InitializeConnection, SendText, SentSettings

# By the service's reference, for one request.
MOST_DICTIONARIES = 3


def is_given(settings: SentSettings | None) -> bool:
    """Whether a message says anything about the voice: `{}` is as good as nothing."""
    return settings not in {None, SentSettings()}


def check_first(message: InitializeConnection) -> None:
    """Raise LocalProtocolError when the service would refuse this first message."""
    check_words([message.text, *_secrets(message)])
    _check_settings(message.voice_settings)
    check_schedule(message.schedule)
    check_dictionaries(message.dictionaries)


def check_text(message: SendText, first: SentSettings | None) -> None:
    """Raise LocalProtocolError when the service would refuse this text; `first` are the first message's settings."""
    check_words([message.text])
    _check_settings(message.voice_settings)
    check_schedule(message.schedule)
    if is_given(message.voice_settings) and message.voice_settings != first:
        raise LocalProtocolError(
            "voice settings go with the first message and may not change later, or the service closes the socket; "
            "leave them out of this text, or speak it over a new connection or context"
        )


def check_schedule(schedule: tuple[float, ...] | None) -> None:
    """Raise LocalProtocolError for a schedule that the service would refuse."""
    if schedule is not None and not is_schedule(schedule):
        raise LocalProtocolError(
            f"the chunk length schedule {_listed(schedule)} is not possible; "
            f"give one or more numbers from {LEAST_THRESHOLD} to {MOST_THRESHOLD}"
        )


def check_dictionaries(dictionaries: Sequence[tuple[str, str | None]]) -> None:
    """Raise LocalProtocolError for more pronunciation dictionaries than the service takes."""
    if len(dictionaries) > MOST_DICTIONARIES:
        raise LocalProtocolError(
            f"{len(dictionaries)} pronunciation dictionaries are too many; the service takes {MOST_DICTIONARIES}"
        )
    check_words([part for pair in dictionaries for part in pair if part is not None])


def check_words(words: Iterable[str]) -> None:
    """Raise LocalProtocolError for text that UTF-8 cannot carry (RFC 6455 8.1: the service would close with 1007)."""
    for text in words:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise LocalProtocolError(
                f"character {error.start + 1} of a text of {len(text)} is half a character (U+{ord(text[error.start]):04X}); "
                "read the text as UTF-8"
            ) from None


# ── dialogues ──────────────────────────────────────────────────────────────────────────────────────────────────────


def check_first_of_dialogue(message: InitializeDialogue) -> None:
    """Raise LocalProtocolError when the service would refuse this first message."""
    if not 1 <= len(message.voices) <= MOST_VOICES:
        raise LocalProtocolError(f"a dialogue has from 1 to {MOST_VOICES} voices, not {len(message.voices)}")
    check_words([*message.voices, *_secrets(message)])
    _check_finite([message.stability, message.clone_strength])
    check_dictionaries(message.dictionaries)
    check_inputs(SendInputs(message.inputs), message.voices)


def check_inputs(message: SendInputs, voices: Sequence[str]) -> None:
    """Raise LocalProtocolError for a line of a voice that the first message did not name."""
    check_words([line.text for line in message.inputs])
    if (stranger := strange_voice(message.inputs, voices)) is not None:
        raise LocalProtocolError(f"the dialogue has no voice {stranger!r}; name it in the first message")


def strange_voice(inputs: Sequence[DialogueInput], voices: Sequence[str]) -> str | None:
    """Find a line's voice that is none of the dialogue's; None when all are."""
    return next((line.voice for line in inputs if line.voice not in voices), None)


def _secrets(message: InitializeConnection | InitializeDialogue) -> list[str]:
    return [secret for secret in (message.key, message.authorization, message.single_use_token) if secret]


def _check_settings(settings: SentSettings | None) -> None:
    if settings is not None:
        _check_finite([settings.stability, settings.similarity_boost, settings.style, settings.speed])


def _check_finite(numbers: Iterable[float | None]) -> None:
    if not all(math.isfinite(number) for number in numbers if number is not None):
        raise LocalProtocolError("a voice setting is no number; give one that is finite")


def _listed(schedule: tuple[float, ...]) -> str:
    return ", ".join(f"{threshold:g}" for threshold in schedule[:8]) or "without a number"
