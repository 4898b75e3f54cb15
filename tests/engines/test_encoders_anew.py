"""Generations on one socket, each from an encoder of its own: words are where they are heard, as with one for all."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest

from pipeline.alignment import words_from_characters
from pipeline.codecs.formats import FORMATS
from pipeline.engines.hearing import hear
from pipeline.model import SpeechChunk
from tests.alignment.messages import CLOCKS, Generation, messages, random_text, segment_of, spoken, true_words
from tests.sound_files import recording

WITHIN_MS = 3.0


def as_sent(name: str, generations: list[Generation], clock: str) -> list[SpeechChunk]:
    """Messages, the bytes of each generation's recording spread over its own."""
    sent = messages(generations, clock, FORMATS[name].sample_rate)
    chunks = []
    for number, generation in enumerate(generations):
        noise = np.random.default_rng(number).normal(0, 3000, generation.samples).astype("<i2")
        data = recording(noise, name)
        bounds = [0, *(len(data) * sound // generation.samples for _, sound in generation.cuts)]
        for first, end in pairwise(bounds):
            message = next(sent)
            chunks.append(SpeechChunk(data[first:end], message.alignment, message.normalized))
    return chunks


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("name", ["mp3_44100_128", "mp3_22050_32", "opus_48000_64"])
def test_words_are_exact_over_encoders_that_begin_anew(name: str, clock: str) -> None:
    """On every clock, with nothing to mend."""
    random, rate = Random(7), FORMATS[name].sample_rate
    texts = [random_text(random, 12) for _ in range(6)]
    generations = [spoken(random, text, rate) for text in texts]
    heard = hear(name, as_sent(name, generations, clock))
    assert heard.repairs == ()
    assert len(heard.samples) // 2 == sum(generation.samples for generation in generations)
    words = words_from_characters(segment_of(" ".join(texts)), heard.characters).words
    truth = true_words(generations, rate)
    pairs = zip(words, truth, strict=True)
    assert max(max(abs(word.start_ms - start), abs(word.end_ms - end)) for word, (start, end) in pairs) <= WITHIN_MS
