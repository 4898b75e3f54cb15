"""Utterances end to end → a narration: pieces of sound by name and count, and words on one clock.

A pause is the audible silence between two sounds. The silence that a voice leaves at the ends of an utterance
counts towards it: what is missing is added, what is too much is cut, both in samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline import pcm
from pipeline.errors import ScriptError
from pipeline.model import ChapterMark, Clip, Narration, Script, Segment, Silence, Span, Utterance, Word

# What is kept of the silence before a sound when most of it must go: a soft first consonant lies there.
KEPT_LEAD_MS = 20
# Silence after the last sound, so that the last caption can be read and no player cuts the voice off.
CLOSING_PAUSE_MS = 500


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A segment, how it was spoken (None where there was nothing to say), and its words.

    The words' times count from the utterance's first sample; those of an unspoken segment are not looked at.
    """

    segment: Segment
    utterance: Utterance | None
    words: tuple[Word, ...]


@dataclass(slots=True)
class _Assembly:
    """What has been laid out so far: a cursor in samples, and the voice's own silence that still stands at the end."""

    sample_rate: int
    pieces: list[Clip | Silence] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)
    cursor: int = 0
    tail: int = 0
    waiting_pause: int = 0
    last_end_ms: int = 0
    leading: int = 0

    def add(self, piece: Clip | Silence) -> None:
        if piece.count > 0:
            self.pieces.append(piece)
            self.cursor += piece.count

    def cut_tail(self, kept: int) -> None:
        """Shorten the silence at the end of the last clip to `kept` samples."""
        excess = self.tail - kept
        if excess > 0 and self.pieces and isinstance(last := self.pieces[-1], Clip):
            self.pieces[-1] = replace(last, count=last.count - excess)
            self.cursor -= excess
            self.tail = kept


def assemble_narration(script: Script, spoken: Sequence[SpokenSegment], language: str = "en") -> Narration:
    """Lay utterances end to end with the pauses that the script asks for.

    Word times are whole milliseconds of the narration, in order, each converted from samples once, so that an hour
    does not drift. Raises ScriptError when nothing was spoken at all.
    """
    rates = {one.utterance.sample_rate for one in spoken if one.utterance is not None}
    if len(rates) != 1:
        raise ScriptError(
            "there is nothing to speak: no paragraph holds a letter or a digit"
            if not rates
            else f"utterances of several sample rates cannot be joined: {sorted(rates)}"
        )
    work = _Assembly(sample_rate=rates.pop())
    for one in spoken:
        chapter = script.chapters[one.segment.chapter].title if one.segment.chapter is not None else None
        work.waiting_pause = max(work.waiting_pause, one.segment.pause_before_ms)
        if one.utterance is None:
            _add_unspoken(work, one, chapter)
        else:
            _add_spoken(work, one, one.utterance, chapter)
    _close(work, max(script.pause_after_ms, CLOSING_PAUSE_MS))
    words = _with_leading_tokens_placed(work.words, work.leading)
    narration = Narration(work.sample_rate, tuple(work.pieces), words, tuple(work.spans), (), language)
    return replace(narration, chapters=_chapter_marks(script, work, narration.duration_ms))


def _add_spoken(work: _Assembly, one: SpokenSegment, utterance: Utterance, chapter: str | None) -> None:
    silent = utterance.sound_end <= utterance.sound_first
    lead = utterance.sample_count if silent else utterance.sound_first
    pause = pcm.ms_to_samples(work.waiting_pause, work.sample_rate)
    first = 0
    if pause > 0 or not work.pieces:
        kept_lead = min(lead, pause, pcm.ms_to_samples(KEPT_LEAD_MS, work.sample_rate)) if work.pieces else lead
        if work.pieces and work.tail + lead <= pause:
            kept_lead = lead
        work.cut_tail(max(0, pause - kept_lead))
        work.add(Silence(pause - work.tail - kept_lead))
        first = lead - kept_lead
    origin = work.cursor - first
    work.starts[one.segment.index] = work.cursor
    work.add(Clip(utterance.key, first, utterance.sample_count - first))
    work.tail = 0 if silent else utterance.sample_count - utterance.sound_end
    work.waiting_pause = 0
    _add_words(work, one, origin, chapter)


def _add_words(work: _Assembly, one: SpokenSegment, origin: int, chapter: str | None) -> None:
    """Move words from the utterance's clock to the narration's, never backwards and never past its clip's end."""
    limit = pcm.samples_to_ms(work.cursor, work.sample_rate)
    offset = origin * 1000 / work.sample_rate
    for word in one.words:
        start = min(max(round(offset + word.start_ms), work.last_end_ms), limit)
        end = min(max(round(offset + word.end_ms), start), limit)
        work.words.append(replace(word, start_ms=start, end_ms=end, segment=one.segment.index))
        work.last_end_ms = end
    placed = work.words[len(work.words) - len(one.words) :]
    if placed:
        work.spans.append(_span(one.segment, placed[0].start_ms, placed[-1].end_ms, chapter))


def _add_unspoken(work: _Assembly, one: SpokenSegment, chapter: str | None) -> None:
    """Give the tokens of a segment with nothing to say no time, at the end of the word before them."""
    at = work.last_end_ms
    work.words += [replace(word, start_ms=at, end_ms=at, segment=one.segment.index) for word in one.words]
    work.starts[one.segment.index] = work.cursor
    if not work.pieces:
        work.leading += len(one.words)
    if one.words:
        work.spans.append(_span(one.segment, at, at, chapter))


def _span(segment: Segment, start_ms: int, end_ms: int, chapter: str | None) -> Span:
    return Span(segment.index, start_ms, end_ms, segment.speaker, chapter, segment.starts_paragraph)


def _close(work: _Assembly, pause_ms: int) -> None:
    """End with so much silence after the last sound, the voice's own counted in."""
    pause = pcm.ms_to_samples(pause_ms, work.sample_rate)
    work.cut_tail(pause)
    work.add(Silence(pause - work.tail))


def _with_leading_tokens_placed(words: list[Word], leading: int) -> tuple[Word, ...]:
    """Move the tokens of unspoken segments that stand before the first spoken word to that word's start."""
    if leading == len(words):
        return tuple(words)
    at = words[leading].start_ms
    return (*(replace(word, start_ms=at, end_ms=at) for word in words[:leading]), *words[leading:])


def _chapter_marks(script: Script, work: _Assembly, duration_ms: int) -> tuple[ChapterMark, ...]:
    """Chapters without a gap: the first from 0, each to the next one's first clip, the last to the end."""
    starts = [pcm.samples_to_ms(work.starts[chapter.first_segment], work.sample_rate) for chapter in script.chapters]
    starts[:1] = [0] * len(starts[:1])
    ends = [*starts[1:], duration_ms]
    return tuple(
        ChapterMark(chapter.title, start, end)
        for chapter, start, end in zip(script.chapters, starts, ends, strict=False)
    )
