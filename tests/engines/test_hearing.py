"""What the messages brought, whatever was wrong with their times: the words, the samples, and what was mended."""

from __future__ import annotations

import asyncio
from functools import lru_cache

import pytest

from pipeline import pcm
from pipeline.alignment import words_from_characters
from pipeline.engines.connecting import Address
from pipeline.engines.faults import parse_faults
from pipeline.engines.hearing import Unheard, hear, is_all_of, text_after
from pipeline.engines.loopback import serve
from pipeline.engines.retries import speak_into
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.model import Alignment, Segment, SpeechChunk, SpeechRequest, Token, Voice
from tests.truth_voice import TruthVoice, truth_times

TEXT = " ".join(
    f"The ship number {word} came in late. It was {word}, and nobody waited; then the {word} one followed, ha ha ha."
    for word in ("one", "two", "three")
)
SEGMENT = Segment(0, tuple(Token(word, word) for word in TEXT.split()), 1)
FORMATS = {"pcm_24000": 2.0, "pcm_44100": 2.0, "ulaw_8000": 3.0, "mp3_44100_128": 3.0, "opus_48000_64": 3.0}
BASES = ["session", "generation", "message", "chain", "absolute"]


def request(output_format: str) -> SpeechRequest:
    """Everything that is said here."""
    return SpeechRequest(TEXT, Voice("v"), "eleven_flash_v2_5", "en", output_format)


@lru_cache(maxsize=64)
def spoken(output_format: str, *faults: str) -> tuple[SpeechChunk, ...]:
    """What a server with these faults answers."""

    async def run() -> tuple[SpeechChunk, ...]:
        async with serve(TruthVoice(), port=0, faults=parse_faults(faults)) as base:
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "")
            return await speak_into(tuple, engine, request(output_format))

    return asyncio.run(run())


def judged(output_format: str, *faults: str) -> tuple[float, tuple[str, ...]]:
    """How far the worst word is from its sound, in milliseconds, and what was mended."""
    heard = hear(output_format, spoken(output_format, *faults))
    end = heard.characters.ends_ms[-1]
    timed = words_from_characters(SEGMENT, heard.characters, end)
    assert [word.text for word in timed.words] == TEXT.split()
    worst = max(
        max(abs(word.start_ms - start), abs(word.end_ms - until))
        for word, (start, until) in zip(timed.words, truth_times(TEXT), strict=True)
    )
    return worst, (*heard.repairs, *timed.repairs)


@pytest.mark.slow
@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("base", BASES)
def test_whatever_times_count_from(base: str, output_format: str) -> None:
    """In every format, and nothing is said to be mended."""
    worst, repairs = judged(output_format, f"time-base={base}")
    assert worst <= FORMATS[output_format]
    assert repairs == ()


@pytest.mark.slow
@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("base", BASES[:4])
@pytest.mark.parametrize(
    "fault", ["repeat-alignment", "repeat-alignment,every=2", "clock-jump", "clock-jump=20000,every=3"]
)
def test_what_came_twice_or_jumped_is_mended_and_told(fault: str, base: str, output_format: str) -> None:
    """Words are where they would be without the fault."""
    worst, repairs = judged(output_format, fault, f"time-base={base}")
    assert worst <= FORMATS[output_format]
    assert repairs


@pytest.mark.slow
@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("fault", ["split-words", "alignment-without-audio", "alignment-without-audio,every=2"])
def test_how_messages_are_cut_is_no_fault(fault: str, output_format: str) -> None:
    """Times may come in a message of their own."""
    worst, repairs = judged(output_format, fault)
    assert worst <= FORMATS[output_format]
    assert repairs == ()


@pytest.mark.slow
@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize(
    "fault", ["truncate-alignment", "truncate-alignment,every=2", "audio-without-alignment,every=2"]
)
def test_what_is_missing_is_filled_in_and_told(fault: str, output_format: str) -> None:
    """All words are there, in order, within the sound; samples are those without the fault."""
    _, repairs = judged(output_format, fault)
    assert repairs
    heard, plain = hear(output_format, spoken(output_format, fault)), hear(output_format, spoken(output_format))
    assert heard.samples == plain.samples


@pytest.mark.parametrize("output_format", FORMATS)
def test_all_is_there_without_a_final_frame(output_format: str) -> None:
    """Told by characters and decoded samples in every format; anything less is not all."""
    chunks = spoken(output_format, "no-final")
    assert is_all_of(request(output_format), chunks)
    assert not is_all_of(request(output_format), chunks[: len(chunks) // 2])
    assert not is_all_of(request(output_format), [SpeechChunk(b"", chunk.alignment) for chunk in chunks])
    assert not is_all_of(request(output_format), [SpeechChunk(chunk.audio) for chunk in chunks])


@pytest.mark.parametrize(
    "fault", ["drop-after=9000,every=2", "http-429,every=2", "http-5xx,every=2", "busy=9000,every=2"]
)
def test_faults_of_transport_leave_nothing_in_the_result(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample for sample, and time for time."""
    monkeypatch.setattr("pipeline.engines.retries.FIRST_PAUSE", 0.01)

    async def run() -> list[tuple[SpeechChunk, ...]]:
        async with serve(TruthVoice(), port=0, faults=parse_faults([fault])) as base:
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "")
            return [await speak_into(tuple, engine, request("pcm_24000")) for _ in range(3)]

    assert asyncio.run(run()) == [spoken("pcm_24000")] * 3


def test_the_first_character_does_not_begin_in_silence() -> None:
    """Where only the text as sent came, whose first character has absorbed it."""
    silence, tone = pcm.silence(480), b"\x00\x40" * 480
    times = Alignment(("a", " "), (0, 40), (40, 0))
    assert hear("pcm_24000", [SpeechChunk(silence + tone, times)]).characters.starts_ms == (20, 40)
    both = SpeechChunk(silence + tone, times, Alignment((" ", "a", " "), (0, 10, 40), (10, 30, 0)))
    assert hear("pcm_24000", [both]).characters.starts_ms[0] == 10


@pytest.mark.parametrize(
    ("heard", "rest"),
    [("", "Hi you. "), ("Hi ", "you. "), ("Hi you.", ""), ("Hi yo", None), ("Ho", None), ("Hi you. And", None)],
)
def test_what_follows_is_found_at_the_end_of_a_word(heard: str, rest: str | None) -> None:
    """Else nothing can go on there."""
    assert text_after("Hi you. ", heard) == rest


def test_coded_sound_goes_on_only_where_all_or_nothing_was_heard() -> None:
    """It is not known to the millisecond."""
    chunks = spoken("mp3_44100_128")
    unheard = Unheard("mp3_44100_128")
    unheard.sent(TEXT + " ")
    assert unheard.is_owed
    for chunk in chunks[:3]:
        unheard.add(chunk)
    assert unheard.rest() is None
    assert Unheard("mp3_44100_128").rest() == ""
