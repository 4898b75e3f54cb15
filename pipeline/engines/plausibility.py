"""An utterance's sound against its text and the times that came with it → whether it can be what was asked for.

Times that are at fault are mended and told; sound that is missing cannot be, so what fails here is spoken again
rather than kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, TimedCharacters, Utterance

# The fastest readers of auctions say some 25 letters a second, and a voice may be asked for four times its speed.
LEAST_MS_A_LETTER = 10.0
# Shorter texts are let pass: one letter may stand for anything.
LEAST_LETTERS = 10
# By how much the characters of a whole text may last longer than its sound.
SHORT_SHARE, SHORT_MS = 0.05, 500.0
# From how many letters, or what share of them, on the end of a text is missing: fewer are no sure sign of anything.
MISSING_LETTERS, MISSING_SHARE = 10, 0.15
# What letters take at the least that were spoken though their times never came: half of what the fastest readers need,
# by the letter and by the syllable of a script that writes syllables.
UNTIMED_MS, UNTIMED_SYLLABLE_MS = 20.0, 40.0
# Letters at the end of a text by which it is known that times reach there.
LAST_LETTERS = 5
# What a text may hold that is not spoken as it is written: markup, and a tag of how to speak, maybe cut off.
_MARKUP = re.compile(r"<[^>]*(?:>|$)|\[[^\]]*(?:\]|$)")


def refuse_broken_sound(request: SpeechRequest, utterance: Utterance, chunks: Sequence[SpeechChunk]) -> None:
    """Raise RemoteProtocolError for speech that is silent, ends before its text, or is far too short for it."""
    letters = sum(char.isalnum() for char in request.text)
    sounding_ms = (utterance.sound_end - utterance.sound_first) * 1000 / utterance.sample_rate
    if letters and utterance.sound_end == utterance.sound_first:
        raise RemoteProtocolError(_sentence(request, "nothing but silence"))
    _refuse_lost_end(request, utterance, chunks)
    if letters >= LEAST_LETTERS and sounding_ms < LEAST_MS_A_LETTER * letters:
        raise RemoteProtocolError(_sentence(request, f"{sounding_ms / 1000:.1f} s of sound for {letters} letters"))
    total_ms = utterance.sample_count * 1000 / utterance.sample_rate
    timed_ms = _timed_ms(request, chunks)
    if timed_ms - total_ms > max(SHORT_MS, SHORT_SHARE * timed_ms):
        raise RemoteProtocolError(
            _sentence(request, f"{total_ms / 1000:.1f} s of sound for {timed_ms / 1000:.1f} s of characters")
        )


def _refuse_lost_end(request: SpeechRequest, utterance: Utterance, chunks: Sequence[SpeechChunk]) -> None:
    """Raise RemoteProtocolError where times end early in the text, and the sound soon after them.

    Times alone may end early: the sound that follows them is then long enough for the letters that lack theirs.
    """
    sent, heard = _letters(request.text), _letters("".join(utterance.characters.chars))
    missing = sent[len(heard) :]
    enough = min(MISSING_LETTERS, MISSING_SHARE * len(sent))
    if not heard or len(sent) < LEAST_LETTERS or not sent.startswith(heard) or len(missing) < enough:
        return
    readings = (_letters(_joined(chunk.alignment for chunk in chunks)), _letters(_joined(c.normalized for c in chunks)))
    if any(reading.endswith(sent[-LAST_LETTERS:]) for reading in readings):
        return
    # Where something is said otherwise than written, the text as spoken goes on where the one as sent has no times.
    if request.dictionaries or (readings[1] and not readings[1].endswith(heard[-LAST_LETTERS:])):
        return
    if _untimed_ms(utterance) * max(1.0, request.voice.settings.speed) < sum(map(_least_ms, missing)):
        raise RemoteProtocolError(_sentence(request, f"speech that ends after {len(heard)} of {len(sent)} letters"))


def _untimed_ms(utterance: Utterance) -> float:
    """How long something is heard beyond the characters that have times, their last letter's own time included."""
    times, rate = utterance.characters, utterance.sample_rate
    last = max(number for number, char in enumerate(times.chars) if _letters(char))
    after_ms = utterance.sound_end * 1000 / rate - times.starts_ms[last]
    # Where a clock jumped, what characters last tells more than where they are.
    return max(after_ms, (utterance.sound_end - utterance.sound_first) * 1000 / rate - _length_ms(times))


def _length_ms(times: TimedCharacters) -> int:
    return sum(end - start for start, end in zip(times.starts_ms, times.ends_ms, strict=True))


def _least_ms(letter: str) -> float:
    return UNTIMED_SYLLABLE_MS if unicodedata.east_asian_width(letter) in "WF" else UNTIMED_MS


def _letters(text: str) -> str:
    """Letters and digits alone, without case and width; none of markup."""
    plain = unicodedata.normalize("NFKC", _MARKUP.sub(" ", text).casefold())
    return "".join(char for char in plain if char.isalnum())


def _joined(alignments: Iterable[Alignment | None]) -> str:
    return "".join(char for alignment in alignments if alignment for char in alignment.chars)


def _timed_ms(request: SpeechRequest, chunks: Sequence[SpeechChunk]) -> float:
    """How long the characters of the text last together, on whatever clock they are; 0 where they are not the text."""
    alignments = [chunk.alignment for chunk in chunks if chunk.alignment]
    if "".join(_joined(alignments).split()) != "".join(request.text.split()):
        return 0.0
    return sum(sum(alignment.durations_ms) for alignment in alignments)


def _sentence(request: SpeechRequest, what: str) -> str:
    start = request.text if len(request.text) <= 40 else f"{request.text[:40].rstrip()}…"
    return f"the speech service sent {what} (“{start}”); try again, or another voice"
