"""In every format, on every clock, however messages are cut: words are where they are heard, after an hour as well.

Sound is found again in what real encoders and our decoders made of it. What an hour adds is only the count of samples
that the times are held against: it lags, by what a codec holds back, but by no more at its end than at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random

import numpy as np
import pytest

from pipeline import pcm
from pipeline.alignment import TimeBase, words_from_characters
from pipeline.codecs import speech_decoder, speech_encoder
from pipeline.codecs.formats import FORMATS
from pipeline.engines.hearing import WITHOUT_LAG, hear, lag_ms
from pipeline.model import SpeechChunk, TimedCharacters
from tests.alignment.messages import (
    CLOCKS,
    Generation,
    Message,
    messages,
    random_text,
    segment_of,
    spoken,
    true_words,
)
from tests.truth_voice import TruthVoice, onsets, truth_times

SOURCE_RATE = 24_000
PLAIN = [name for name in FORMATS if name.startswith("pcm_")]
CODED = [name for name in FORMATS if name not in PLAIN]
SLOW_CODED = [pytest.param(name, marks=pytest.mark.slow) for name in CODED]
HOUR_MS, HOUR_GENERATIONS = 3_600_000, 360


def within_ms(output_format: str) -> float:
    """How far a word may be from its sound."""
    return 2.0 if output_format in PLAIN else 3.0


def worst_error(text: str, characters: TimedCharacters, truth: Sequence[tuple[float, float]]) -> float:
    """How far the word that is farthest from where it is heard is from it, in milliseconds."""
    words = words_from_characters(segment_of(text), characters).words
    pairs = zip(words, truth, strict=True)
    return max(max(abs(word.start_ms - start), abs(word.end_ms - end)) for word, (start, end) in pairs)


# ── the sound ──────────────────────────────────────────────────────────────────────────────────────────────────────


def cut_anywhere(random: Random, audio: bytes) -> Iterator[bytes]:
    """Cut bytes into portions of any size."""
    first = 0
    while first < len(audio):
        size = random.choice([1, 2, 3, 417, 1000, 4096, 60_001])
        yield audio[first : first + size]
        first += size


@pytest.mark.parametrize("output_format", [*PLAIN, *SLOW_CODED])
def test_sound_stays_where_it_was_spoken(output_format: str) -> None:
    """Every burst of a minute is within a millisecond and a half of where it was, and nothing drifts."""
    text = random_text(Random(1), 150)
    said = TruthVoice(SOURCE_RATE)(text, "en", "v", 1.0)
    encoder, decoder = speech_encoder(output_format, SOURCE_RATE), speech_decoder(output_format)
    coded = encoder.feed(said.pcm) + encoder.finish()
    decoded = b"".join([*map(decoder.feed, cut_anywhere(Random(2), coded)), decoder.finish()])
    truth = [start for start, _ in truth_times(text, 1.0, SOURCE_RATE)]
    found = onsets(np.frombuffer(decoded, "<i2"), decoder.sample_rate)
    off = np.array(found) - np.array(truth)
    assert np.abs(off).max() <= 1.5
    half = len(off) // 2
    assert abs(np.median(off[half:]) - np.median(off[:half])) <= 0.1
    longer = len(decoded) / 2 / decoder.sample_rate - len(said.pcm) / 2 / SOURCE_RATE
    assert -0.001 <= longer <= (0.001 if output_format in PLAIN else 0.055)


# ── the words ──────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=2)
def speech(count: int, words: int, sample_rate: int) -> tuple[str, list[Generation]]:
    """So many generations of so many words, and their text."""
    random = Random(7)
    texts = [random_text(random, words) for _ in range(count)]
    return " ".join(texts), [spoken(random, text, sample_rate) for text in texts]


@lru_cache(maxsize=1)
def encoded(output_format: str, parts: tuple[int, ...]) -> tuple[bytes, ...]:
    """Noise of so many samples each, as an encoder gives it out part by part; the last has the rest besides."""
    rate = FORMATS[output_format].sample_rate
    encoder, noise = speech_encoder(output_format, rate), np.random.default_rng(1)
    blocks = [encoder.feed(noise.normal(0, 3000, part).astype("<i2").tobytes()) for part in parts]
    return (*blocks[:-1], blocks[-1] + encoder.finish())


def as_sent(output_format: str, sent: Sequence[Message]) -> list[SpeechChunk]:
    """Messages with their sound in a format."""
    blocks = encoded(output_format, tuple(message.samples_in for message in sent))
    return [
        SpeechChunk(block, message.alignment, message.normalized) for block, message in zip(blocks, sent, strict=True)
    ]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("output_format", [*PLAIN, *SLOW_CODED])
def test_words_are_exact_in_every_format(output_format: str, clock: str) -> None:
    """Several generations on one socket, with sound that lags behind the times as the codec has it."""
    rate = FORMATS[output_format].sample_rate
    text, generations = speech(6, 20, rate)
    heard = hear(output_format, as_sent(output_format, list(messages(generations, clock, rate))))
    assert heard.repairs == ()
    assert worst_error(text, heard.characters, true_words(generations, rate)) <= within_ms(output_format)


# ── an hour ────────────────────────────────────────────────────────────────────────────────────────────────────────

# By how many milliseconds the count of decoded samples was measured to lag, and the codec's frame in samples.
LAGS = {
    "pcm_24000": (0.0, 0.0, 1),
    "pcm_44100": (0.0, 0.0, 1),
    "ulaw_8000": (2.0, 2.0, 1),
    "mp3_22050_32": (20.0, 182.0, 576),
    "mp3_44100_32": (20.0, 261.0, 1152),
    "mp3_44100_128": (20.0, 131.0, 1152),
    "opus_48000_64": (20.0, 47.0, 960),
}


def lagging(output_format: str, sent: Sequence[Message]) -> Iterator[Message]:
    """The same messages with the counts of samples that a decoder gives, which only at the end are all."""
    rate = FORMATS[output_format].sample_rate
    least, most, frame = LAGS[output_format]
    random, given = Random(3), 0
    for number, message in enumerate(sent, 1):
        all_of_them = message.samples_before + message.samples_in
        held = pcm.ms_to_samples(random.uniform(least, most), rate) - frame + 1
        count = all_of_them if number == len(sent) else max(given, (all_of_them - held) // frame * frame)
        yield Message(message.alignment, message.normalized, given, count - given)
        given = count


def error_of(output_format: str, clock: str, text: str, generations: Sequence[Generation]) -> float:
    """How far the worst word of one utterance is from its sound, in milliseconds; nothing was to be mended."""
    rate = FORMATS[output_format].sample_rate
    base = TimeBase(rate, slack_ms=lag_ms(output_format))
    for message in lagging(output_format, list(messages(generations, clock, rate))):
        base.add(message.alignment, message.normalized, message.samples_before, message.samples_in)
    # A codec of frames pads the last of them.
    padding = 0 if output_format.startswith(WITHOUT_LAG) else 2 * LAGS[output_format][2]
    characters, repairs = base.finish(sum(generation.samples for generation in generations) + padding)
    assert repairs == ()
    return worst_error(text, characters, true_words(generations, rate))


def an_hour(output_format: str) -> tuple[list[str], list[Generation]]:
    """Generations of an hour, and the text of each."""
    rate = FORMATS[output_format].sample_rate
    text, generations = speech(HOUR_GENERATIONS, 32, rate)
    words = text.split(" ")
    assert sum(generation.samples for generation in generations) * 1000 / rate > HOUR_MS
    return [" ".join(words[first : first + 32]) for first in range(0, len(words), 32)], generations


@pytest.mark.slow
@pytest.mark.parametrize("output_format", LAGS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_hour_of_paragraphs_is_exact(clock: str, output_format: str) -> None:
    """Each on a socket of its own, of as many generations as the longest: none is off more than another."""
    texts, generations = an_hour(output_format)
    for first in range(0, HOUR_GENERATIONS, 8):
        part = slice(first, first + 8)
        assert error_of(output_format, clock, " ".join(texts[part]), generations[part]) <= within_ms(output_format)


@pytest.mark.slow
@pytest.mark.parametrize("output_format", LAGS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_hour_on_one_socket(clock: str, output_format: str) -> None:
    """Where samples are counted one by one it is as exact as a minute.

    A codec of frames tells a seam only to the frame, so the rounding of every generation to milliseconds stays: that
    is a millisecond's share a generation, by chance up or down, and about 8 ms after the 360 of this hour.
    """
    texts, generations = an_hour(output_format)
    most = within_ms(output_format) if output_format.startswith(WITHOUT_LAG) else 10.0
    assert error_of(output_format, clock, " ".join(texts), generations) <= most
