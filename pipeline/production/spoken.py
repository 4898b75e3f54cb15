"""A plan and its stored utterances → the narration, and its samples in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline import pcm
from pipeline.alignment import TimedWords, words_by_share, words_from_characters
from pipeline.errors import StoreError
from pipeline.model import Clip, Narration, Segment, Silence, Utterance, Word
from pipeline.narration import NarrationAssembly, SpokenSegment
from pipeline.production.planning import Plan
from pipeline.scripts.source import is_spoken
from pipeline.store import BLOCK_SAMPLES, Store


def narration_of(plan: Plan, store: Store) -> tuple[Narration, tuple[str, ...]]:
    """Join a plan's utterances. Returns the narration, and what had to be mended, each with its line.

    Raises StoreError when an utterance is gone from the store.
    """
    assembly = NarrationAssembly(plan.assignment.script, plan.assignment.settings.text("language"))
    repairs: list[str] = []
    for line, key in zip(plan.lines, plan.keys, strict=True):
        utterance = None if key is None else store.get(key)
        if key is not None and utterance is None:
            raise StoreError("an utterance that was just spoken is gone from the store: was it pruned meanwhile?")
        one, mended = spoken_segment(line.segment, utterance)
        assembly.add(one)
        repairs += mended
    return assembly.finish(), tuple(repairs)


def spoken_segment(segment: Segment, utterance: Utterance | None) -> tuple[SpokenSegment, list[str]]:
    """Time the words of a segment (None: not spoken). Returns it, and what had to be mended, with its line."""
    if utterance is None:
        return SpokenSegment(segment, None, _words_without_time(segment)), []
    timed = _words(segment, utterance)
    repairs = [f"line {segment.line}: {what}" for what in (*utterance.repairs, *timed.repairs)]
    return SpokenSegment(segment, utterance, timed.words), repairs


def _words(segment: Segment, utterance: Utterance) -> TimedWords:
    """Time a segment's words by its characters; where none came, spread them over the sound, which is reported."""
    sound_end_ms = pcm.samples_to_ms(utterance.sound_end, utterance.sample_rate)
    if not is_spoken("".join(utterance.characters.chars)):
        return words_by_share(segment, pcm.samples_to_ms(utterance.sound_first, utterance.sample_rate), sound_end_ms)
    return words_from_characters(segment, utterance.characters, sound_end_ms)


def _words_without_time(segment: Segment) -> tuple[Word, ...]:
    """Make the words of a segment that is not spoken; the narration gives them their neighbour's edge."""
    return tuple(
        Word(text, 0, 0, segment.index, space_before=token.space_before or n > 0)
        for token in segment.tokens
        for n, text in enumerate(word for word in token.shown.split(" ") if word)
    )


def blocks(pieces: Iterable[Clip | Silence], store: Store) -> Iterator[bytes]:
    """Yield the samples of pieces, 16-bit mono, in blocks of a second or two; no more is held."""
    for piece in pieces:
        if isinstance(piece, Clip):
            yield from store.samples(piece)
        else:
            for first in range(0, piece.count, BLOCK_SAMPLES):
                yield pcm.silence(min(BLOCK_SAMPLES, piece.count - first))
