"""Speech whose sound cannot be that of its text is never kept; speech whose times are at fault is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from unicodedata import east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.generation import Speaker
from pipeline.engines.hearing import hear
from pipeline.engines.plausibility import refuse_broken_sound
from pipeline.engines.ssml import Said
from pipeline.errors import RemoteProtocolError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, TimedCharacters, Utterance, Voice, VoiceSettings
from pipeline.production.speaking import speak_missing
from pipeline.store import Store, content_key
from tests.truth_voice import TruthVoice

TEXT = "Twenty letters are here now"
REQUEST = SpeechRequest(TEXT, Voice("v"), "", "en")


def timed(each_ms: int) -> SpeechChunk:
    """The whole text's characters, each so long."""
    starts = tuple(each_ms * number for number in range(len(TEXT)))
    return SpeechChunk(b"", Alignment(tuple(TEXT), starts, (each_ms,) * len(TEXT)))


def sound(total_ms: int, first_ms: int = 0) -> Utterance:
    """An utterance so long, heard from `first_ms` to its end."""
    return Utterance("k", 1000, total_ms, first_ms, total_ms, TimedCharacters((), (), ()))


def test_speech_of_a_sensible_length_is_taken() -> None:
    """With times, without any, and with times of another text or far too long for a part of it."""
    other = SpeechChunk(b"", Alignment(("x",), (0,), (10**9,)))
    for chunks in ([timed(60)], [], [other], [timed(60), other]):
        refuse_broken_sound(REQUEST, sound(27 * 60), chunks)


def test_a_short_text_may_be_short() -> None:
    """A single letter has no least length."""
    refuse_broken_sound(SpeechRequest("A.", Voice("v"), "", "en"), sound(5), [])


@pytest.mark.parametrize(
    ("utterance", "chunks", "words"),
    [
        (Utterance("k", 24000, 0, 0, 0, TimedCharacters((), (), ())), [], "nothing but silence"),
        (sound(2000, 2000), [timed(60)], "nothing but silence"),
        (sound(100), [], "0.1 s of sound for 23 letters"),
        (sound(27 * 30), [timed(60)], "0.8 s of sound for 1.6 s of characters"),
    ],
)
def test_missing_sound_is_refused(utterance: Utterance, chunks: list[SpeechChunk], words: str) -> None:
    """Silence, hardly any sound, half of what the characters say."""
    with pytest.raises(RemoteProtocolError, match=words):
        refuse_broken_sound(REQUEST, utterance, chunks)


# ── speech that ends before its text ───────────────────────────────────────────────────────────────────────────────

LONG = "The harbour opened in the year 1887, and a ship with three masts came in."
RATE = 8000
MARKUP = re.compile(r"<[^>]*>|\[[^\]]*\]")


def each_for(text: str, each_ms: float) -> Alignment:
    """A text's characters, each so long; a syllable of a script that writes them lasts twice that."""
    lengths = [each_ms * (2 if east_asian_width(char) == "W" else 1) for char in text]
    return Alignment(tuple(text), tuple(accumulate(lengths, initial=0.0))[:-1], tuple(lengths))


def kept(times: Alignment, places: list[int]) -> Alignment:
    """The characters at these places."""
    rows = (times.chars, times.starts_ms, times.durations_ms)
    chars, starts, durations = ([row[at] for at in places] for row in rows)
    return Alignment(tuple(map(str, chars)), tuple(map(float, starts)), tuple(map(float, durations)))


def until(times: Alignment, count: int) -> Alignment:
    """The first so many characters."""
    return kept(times, list(range(min(count, len(times.chars)))))


def end_of(times: Alignment) -> float:
    """When the last character ends."""
    return times.starts_ms[-1] + times.durations_ms[-1]


def judge(request: SpeechRequest, sound_ms: float, *chunks: SpeechChunk) -> None:
    """Judge so much loud sound, all of it in the first of some chunks."""
    sounding = [replace(chunks[0], audio=b"\0\x20" * round(sound_ms * RATE / 1000)), *chunks[1:]]
    heard = hear(request.output_format, sounding)
    count = len(heard.samples) // 2
    refuse_broken_sound(request, Utterance("k", RATE, count, 0, count, heard.characters, heard.repairs), sounding)


def asked(text: str, speed: float = 1.0) -> SpeechRequest:
    """A request at a speed."""
    return SpeechRequest(text, Voice("v", VoiceSettings(speed=speed)), "", "en", f"pcm_{RATE}")


@pytest.mark.parametrize(
    "text", [LONG, LONG.upper(), "「港は千八百八十七年に開かれ、三本の帆柱を持つ大きな船が最初に入港した。」"]
)
@pytest.mark.parametrize("share", [0.15, 0.4, 0.8])
@pytest.mark.parametrize("speed", [0.7, 1.0, 4.0])
def test_speech_that_ends_early_is_refused(text: str, share: float, speed: float) -> None:
    """Whichever alignment tells of it, whatever its letters' case; with a space and a pause at its end, too."""
    whole = each_for(text.lower(), 60 / speed)
    cut = until(whole, int(share * len(text)))
    end = end_of(cut)
    paused = Alignment((*cut.chars, " "), (*cut.starts_ms, end), (*cut.durations_ms, 360.0))
    for chunk in (SpeechChunk(b"", cut), SpeechChunk(b"", None, cut), SpeechChunk(b"", cut, cut)):
        with pytest.raises(RemoteProtocolError, match="ends after"):
            judge(asked(text, speed), end, chunk)
    with pytest.raises(RemoteProtocolError, match="ends after"):
        judge(asked(text, speed), end, SpeechChunk(b"", paused))
    judge(asked(text, speed), end_of(whole), SpeechChunk(b"", whole))


def test_what_comes_back_otherwise_than_written_is_taken() -> None:
    """Text as spoken, times that reach the text's end by either alignment, and times of nothing."""
    text = "The ticket costs $17.50 in the new shop"
    said = each_for("the ticket costs seventeen dollars fifty in the new shop", 60)
    sent = each_for(text, 90)
    judge(asked(text), end_of(said), SpeechChunk(b"", None, said))
    # A pronunciation dictionary can make the text as sent end early, with times that are right for its beginning.
    early = each_for(text[:18], end_of(said) / 18)
    judge(asked(text), end_of(said), SpeechChunk(b"", early, said))
    # So it may where the text ends in what is said otherwise, its times stretched over all of the sound.
    for text, spoken in (
        ("For all of it the ticket costs $17.50", "for all of it the ticket costs seventeen dollars fifty"),
        ("She was the chairman of the UN", "she was the chairman of the united nations"),
    ):
        said = each_for(spoken, 60)
        early = each_for(text[:20], end_of(said) / 20)
        judge(asked(text), end_of(said), SpeechChunk(b"", early, said))
        judge(replace(asked(text), dictionaries=(("d", "1"),)), end_of(said), SpeechChunk(b"", early))
    text = "The ticket costs $17.50 in the new shop"
    judge(asked(text), end_of(sent), SpeechChunk(b""))
    judge(asked("… — !"), 300, SpeechChunk(b"", until(each_for("… — !", 60), 1)))


WORDS = [
    "harbour",
    "Straße",
    "12,000",
    "—",
    "…",
    '<break time="1s"/>',
    "[laughs]",
    "港に",
    "船が来た",
    "a",
    "I'm",
    "ÎLES,",
]


@st.composite
def truncated(draw: st.DrawFn) -> tuple[SpeechRequest, float, list[SpeechChunk]]:
    """Speech of which all the sound came, at the pace of the fastest reader or slower, and not all of the times."""
    text = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14)))
    speed = draw(st.sampled_from([0.25, 0.7, 1.0, 1.2, 2.0, 4.0]))
    whole = each_for(text, draw(st.floats(40, 200)) / max(1.0, speed))
    places = list(range(len(text)))
    if draw(st.booleans()):  # what is told of how to speak may be left out of the times
        hidden = {at for found in MARKUP.finditer(text) for at in range(*found.span())}
        places = [at for at in places if at not in hidden]
    if draw(st.booleans()):
        whole = replace(whole, chars=tuple(char.upper() if len(char.upper()) == 1 else char for char in whole.chars))
    cuts = sorted(draw(st.lists(st.integers(0, len(places)), max_size=3)))
    bounds = [0, *cuts, len(places)]
    parts = [kept(whole, places[first:end]) for first, end in pairwise(bounds)]
    shares = [draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])) for _ in parts]
    left = [until(part, round(share * len(part.chars))) for part, share in zip(parts, shares, strict=True)]
    spoken = draw(st.sampled_from(["none", "same"]))
    chunks = [SpeechChunk(b"", times or None, times if spoken == "same" else None) for times in left]
    return asked(text, speed), end_of(whole), chunks


@settings(max_examples=300, deadline=None)
@given(truncated())
def test_times_alone_that_end_early_are_no_reason(case: tuple[SpeechRequest, float, list[SpeechChunk]]) -> None:
    """All the sound is there: it is kept, at any speed, in any script, with markup that comes back or not."""
    request, sound_ms, chunks = case
    judge(request, sound_ms, *chunks)


class Hasty:
    """An engine of the truth voice that says it is done after ten characters, so many times; then it speaks whole."""

    name, most_at_once = "hasty", 1

    def __init__(self, times: int) -> None:
        self.left, self.tries = times, 0

    def shaped_by(self, _: SpeechRequest) -> str:
        """Nothing."""
        return ""

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Speak all of a text, or its beginning."""
        self.tries, self.left = self.tries + 1, self.left - 1
        text = request.text if self.left < 0 else request.text[:10]
        voice = TruthVoice(RATE)
        speaker = Speaker(lambda said, name: voice(said, "en", name, 1.0), "v", request.output_format, in_sync=True)
        for timed in speaker.speak([Said(text)]):
            yield timed.chunk


@pytest.mark.parametrize(("times", "tries"), [(1, 2), (9, 3)])
def test_an_early_end_is_spoken_again_and_never_kept(
    times: int, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once is an accident; three times is refused, and nothing of it lies in the store."""
    monkeypatch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.001)
    engine, store, request = Hasty(times), Store(tmp_path), asked(LONG)
    key = content_key(request, "hasty")
    speaking = speak_missing(engine, {key: request}, store, lambda _: None)
    if times < tries:
        asyncio.run(speaking)
        stored = store.get(key)
        assert stored is not None
        assert "".join(stored.characters.chars).strip() == LONG
    else:
        with pytest.raises(RemoteProtocolError, match="ends after 9 of 57 letters"):
            asyncio.run(speaking)
        assert store.get(key) is None
    assert engine.tries == tries
