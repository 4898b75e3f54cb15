"""Utterances end to end → a narration: pieces of sound by name and count, and words on one clock.

A pause is the audible silence between two sounds. The silence that a voice leaves at the ends of an utterance
counts towards it: what is missing is added, what is too much is cut, both in samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from pipeline import pcm
from pipeline.errors import AlignmentError, ScriptError
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
class NarrationAssembly:
    """Lays segments end to end as they come; what is settled may be encoded while the rest is still being spoken.

    The pieces are in order, and only the last one may still be cut. Word times are whole milliseconds of the
    narration, each converted from samples once, so that an hour does not drift.
    """

    script: Script
    language: str = "en"
    sample_rate: int = 0
    _pieces: list[Clip | Silence] = field(default_factory=list)
    _words: list[Word] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)
    _starts: dict[int, int] = field(default_factory=dict)
    _cursor: int = 0
    _tail: int = 0
    _waiting_pause_ms: int = 0
    _last_end_ms: int = 0
    _leading: int = 0
    _settled: int = 0

    def add(self, one: SpokenSegment) -> None:
        """Lay out the next segment. Raises AlignmentError when its sound is of another rate than the others'."""
        self._waiting_pause_ms = max(self._waiting_pause_ms, one.segment.pause_before_ms)
        if one.utterance is None:
            self._add_unspoken(one)
            return
        self.sample_rate = self.sample_rate or one.utterance.sample_rate
        if one.utterance.sample_rate != self.sample_rate:
            rates = f"{self.sample_rate} and {one.utterance.sample_rate} Hz"
            raise AlignmentError(f"sounds of {rates} cannot be joined: ask for one output_format", one.segment.index)
        self._add_spoken(one, one.utterance)

    def settled(self) -> Iterator[Clip | Silence]:
        """Yield, once each, the pieces that nothing to come can change."""
        while self._settled < len(self._pieces) - 1:
            self._settled += 1
            yield self._pieces[self._settled - 1]

    def finish(self) -> Narration:
        """Close with a pause. Raises ScriptError when nothing was spoken at all."""
        if not self.sample_rate:
            raise ScriptError("there is nothing to speak: no paragraph holds a letter or a digit")
        self._close(pcm.ms_to_samples(max(self.script.pause_after_ms, CLOSING_PAUSE_MS), self.sample_rate))
        words = _with_leading_tokens_placed(self._words, self._leading)
        narration = Narration(self.sample_rate, tuple(self._pieces), words, tuple(self._spans), (), self.language)
        return replace(narration, chapters=self._chapter_marks(narration.duration_ms))

    def _append(self, piece: Clip | Silence) -> None:
        if piece.count > 0:
            self._pieces.append(piece)
            self._cursor += piece.count

    def _cut_tail(self, kept: int) -> None:
        """Shorten the silence at the end of the last clip to `kept` samples."""
        excess = self._tail - kept
        if excess > 0 and self._pieces and isinstance(last := self._pieces[-1], Clip):
            self._pieces[-1] = replace(last, count=last.count - excess)
            self._cursor -= excess
            self._tail = kept

    def _add_spoken(self, one: SpokenSegment, utterance: Utterance) -> None:
        silent = utterance.sound_end <= utterance.sound_first
        lead = utterance.sample_count if silent else utterance.sound_first
        pause = pcm.ms_to_samples(self._waiting_pause_ms, self.sample_rate)
        kept_lead = self._join(lead, pause) if pause > 0 else lead
        first = lead - kept_lead
        origin = self._cursor - first
        self._starts[one.segment.index] = self._cursor
        self._append(Clip(utterance.key, first, utterance.sample_count - first))
        self._tail = 0 if silent else utterance.sample_count - utterance.sound_end
        self._waiting_pause_ms = 0
        self._add_words(one, origin)

    def _join(self, lead: int, pause: int) -> int:
        """Make the silence since the last sound `pause` samples long; returns how many of the next lead belong to it."""
        if self._tail + lead <= pause:
            kept_lead = lead
        elif not self._pieces:
            return lead
        else:
            kept_lead = min(lead, pause, pcm.ms_to_samples(KEPT_LEAD_MS, self.sample_rate))
        self._cut_tail(pause - kept_lead)
        self._append(Silence(pause - self._tail - kept_lead))
        return kept_lead

    def _add_words(self, one: SpokenSegment, origin: int) -> None:
        """Move words from the utterance's clock to the narration's, never backwards and never past its clip's end."""
        limit = pcm.samples_to_ms(self._cursor, self.sample_rate)
        offset = origin * 1000 / self.sample_rate
        placed = []
        for word in one.words:
            start = min(max(round(offset + word.start_ms), self._last_end_ms), limit)
            end = min(max(round(offset + word.end_ms), start), limit)
            placed.append(replace(word, start_ms=start, end_ms=end, segment=one.segment.index))
            self._last_end_ms = end
        self._words += placed
        if placed:
            self._spans.append(self._span(one.segment, placed[0].start_ms, placed[-1].end_ms))

    def _add_unspoken(self, one: SpokenSegment) -> None:
        """Give the tokens of a segment with nothing to say no time, at the end of the word before them."""
        at = self._last_end_ms
        self._words += [replace(word, start_ms=at, end_ms=at, segment=one.segment.index) for word in one.words]
        self._starts[one.segment.index] = self._cursor
        if not self._pieces:
            self._leading += len(one.words)
        if one.words:
            self._spans.append(self._span(one.segment, at, at))

    def _span(self, segment: Segment, start_ms: int, end_ms: int) -> Span:
        chapter = self.script.chapters[segment.chapter].title if segment.chapter is not None else None
        return Span(segment.index, start_ms, end_ms, segment.speaker, chapter, segment.starts_paragraph)

    def _close(self, pause: int) -> None:
        """End with so much silence after the last sound, the voice's own counted in."""
        self._cut_tail(pause)
        self._append(Silence(pause - self._tail))

    def _chapter_marks(self, duration_ms: int) -> tuple[ChapterMark, ...]:
        """Chapters without a gap: the first from 0, each to the next one's first clip, the last to the end."""
        chapters = self.script.chapters
        starts = [pcm.samples_to_ms(self._starts[chapter.first_segment], self.sample_rate) for chapter in chapters]
        starts[:1] = [0] * len(starts[:1])
        ends = [*starts[1:], duration_ms]
        spans = zip(chapters, starts, ends, strict=False)
        return tuple(ChapterMark(chapter.title, start, end) for chapter, start, end in spans)


def assemble_narration(script: Script, spoken: Iterable[SpokenSegment], language: str = "en") -> Narration:
    """Lay utterances end to end with the pauses that the script asks for.

    Raises ScriptError when nothing was spoken at all, AlignmentError when the sounds are of several rates.
    """
    assembly = NarrationAssembly(script, language)
    for one in spoken:
        assembly.add(one)
    return assembly.finish()


def _with_leading_tokens_placed(words: list[Word], leading: int) -> tuple[Word, ...]:
    """Move the tokens of unspoken segments that stand before the first spoken word to that word's start."""
    if leading == len(words):
        return tuple(words)
    at = words[leading].start_ms
    return (*(replace(word, start_ms=at, end_ms=at) for word in words[:leading]), *words[leading:])
