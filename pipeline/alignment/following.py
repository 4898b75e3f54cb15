"""Text as it is sent, and its characters as they come back → words, each as soon as its end is known.

While the characters are those of the text, a word ends with its last letter, and is given in the moment when that
comes. Where they differ (the service speaks `£17` as words), what lies between is held until two words in a row are
found again, and then timed as `words_from_characters` times a whole segment.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.alignment.letters import letters_of, runs_of
from pipeline.alignment.matching import match_words
from pipeline.alignment.running import TimedChar
from pipeline.alignment.words import words_by_share, words_from_characters
from pipeline.errors import AlignmentError
from pipeline.model import Segment, TimedCharacters, Token, Word

# How much of either side is laid beside the other when their letters differ: more than any number is long in words.
MOST_TOKENS, MOST_HEARD = 60, 2000


@dataclass(frozen=True, slots=True)
class Expected:
    """A token that is to be heard, of which segment, and its sounding code points."""

    token: Token
    segment: int
    sound: str


@dataclass(frozen=True, slots=True)
class _Heard:
    """A code point that came back."""

    char: str
    start_ms: float
    end_ms: float


class WordFollower:
    """Follows a text through the characters that come back. Times are milliseconds, on the clock of what is fed."""

    def __init__(self) -> None:
        self.repairs: dict[str, None] = {}
        self._expected: list[Expected] = []
        self._heard: list[_Heard] = []
        # Of what was heard: how much has been compared. Of the first token: how many of its code points were found.
        self._compared = self._found = 0
        self._is_lost = False
        self._tried = 0
        self._latest_ms = 0
        self._has_begun = False

    @property
    def is_lost(self) -> bool:
        """Whether something else was heard than what was expected, and the two have not met again."""
        return self._is_lost

    @property
    def hears_more(self) -> bool:
        """Whether more was heard than what was expected."""
        return not self._expected and any(one.char.isalnum() for one in self._heard)

    def expect(self, tokens: Iterable[Token], segment: int) -> None:
        """Note what is to be heard next."""
        self._expected += [Expected(token, segment, sounding(token.said)) for token in tokens]

    def hear(self, characters: Iterable[TimedChar] = ()) -> Iterator[Word]:
        """Take characters, and yield the words that are whole by now."""
        for one in characters:
            self._heard += _single(one)
        yield from self._follow()

    def finish(self, sound_end_ms: int) -> Iterator[Word]:
        """Yield what is expected, of which nothing more is heard: what has no time is placed by its letters."""
        yield from self._follow()
        if self._expected:
            yield from self._timed(len(self._expected), len(self._heard), sound_end_ms)
        self._is_lost = False

    # ── letter by letter ───────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self) -> Iterator[Word]:
        while True:
            if not self._is_lost:
                yield from self._followed()
            if not self._is_lost:
                return
            boundary = self._boundary()
            if boundary is None:
                return
            count, heard = boundary
            if count:
                yield from self._timed(count, heard)
            else:
                del self._heard[:heard]  # nothing of the text
                self._compared = self._found = 0
            self._is_lost = False

    def _followed(self) -> Iterator[Word]:
        """Go through what was heard as long as it is what was expected."""
        while self._expected:
            if self._has_begun and not self._expected[0].sound:
                yield from self._silent(self._expected.pop(0))
                continue
            # What stands before the first word of all is placed with it.
            number = next((n for n, one in enumerate(self._expected) if one.sound), None)
            if number is None or not self._is_heard(self._expected[number].sound):
                return
            yield from self._timed(number + 1, self._compared)

    def _is_heard(self, sound: str) -> bool:
        """Compare on, and tell whether all of a token was heard; where something else was, it is lost."""
        while self._compared < len(self._heard) and self._found < len(sound):
            before = self._heard[self._compared - 1].char if self._compared else " "
            char = self._heard[self._compared].char
            if is_sounding(char, before):
                if char.casefold() != sound[self._found].casefold():
                    self._is_lost = True
                    return False
                self._found += 1
            self._compared += 1
        return self._found == len(sound)

    def _silent(self, one: Expected) -> Iterator[Word]:
        """Give a token without letters its place at the end of the word before."""
        at = self._latest_ms
        for n, text in enumerate(_shown(one.token)):
            yield Word(text, at, at, one.segment, one.token.space_before or n > 0)

    # ── what differs ───────────────────────────────────────────────────────────────────────────────────────────────

    def _boundary(self) -> tuple[int, int] | None:
        """Find where both sides go on alike: before which token, and before which character. None: not yet."""
        if len(self._heard) < self._tried:
            return None
        text, firsts = _sent(self._expected[:MOST_TOKENS])
        heard_text = "".join(one.char for one in self._heard[:MOST_HEARD])
        letters, heard_letters = letters_of(text), letters_of(heard_text)
        ours, theirs = runs_of(text, letters), runs_of(heard_text, heard_letters)
        if theirs and heard_text[-1].isalnum():
            theirs.pop()  # it may go on
        pairs = match_words([run.key for run in ours], [run.key for run in theirs])
        for (one, two), following in pairwise(pairs):
            alike = ours[one].key == theirs[two].key and ours[following[0]].key == theirs[following[1]].key
            if alike and following == (one + 1, two + 1):
                token = firsts.get(letters[ours[one].first].first)
                first = heard_letters[theirs[two].first].first
                if token is not None and token + first:
                    self._tried = 0
                    return token, first
        # Trying again is worth it only when a good deal more has come.
        self._tried = len(self._heard) + 1 + len(self._heard) // 8
        return None

    def _timed(self, count: int, heard: int, until_ms: int = 0) -> Iterator[Word]:
        """Time the first tokens by the first characters heard, and forget both.

        `until_ms` is when the sound ends, where no more comes.
        """
        tokens, self._expected = self._expected[:count], self._expected[count:]
        chars, self._heard = self._heard[:heard], self._heard[heard:]
        self._compared = self._found = 0
        segment = Segment(tokens[0].segment, tuple(one.token for one in tokens), 0)
        owners = [one.segment for one in tokens for _ in _shown(one.token)]
        for word, owner in zip(self._words(segment, chars, until_ms), owners, strict=True):
            start = max(word.start_ms, self._latest_ms)
            self._latest_ms = max(start, word.end_ms)
            self._has_begun = True
            yield replace(word, segment=owner, start_ms=start, end_ms=self._latest_ms)

    def _words(self, segment: Segment, chars: Sequence[_Heard], until_ms: int) -> tuple[Word, ...]:
        times = TimedCharacters(
            tuple(one.char for one in chars),
            tuple(round(one.start_ms) for one in chars),
            tuple(round(one.end_ms) for one in chars),
        )
        try:
            timed = words_from_characters(segment, times, until_ms)
        except AlignmentError:
            timed = words_by_share(segment, self._latest_ms, max(self._latest_ms, until_ms))
        self.repairs.update(dict.fromkeys(timed.repairs))
        return timed.words


def sounding(text: str) -> str:
    """The letters and digits of a text with the marks that follow them.

    >>> sounding("don’t — 3.14!")
    'dont314'
    """
    return "".join(text[letter.first : letter.end] for letter in letters_of(text))


def is_sounding(char: str, before: str) -> bool:
    """Whether a code point is a letter or digit, or a mark that belongs to the one `before` it."""
    return char.isalnum() or (unicodedata.category(char).startswith("M") and not before.isspace())


def _single(one: TimedChar) -> Iterator[_Heard]:
    """Share an item's time among its code points."""
    step = (one.end_ms - one.start_ms) / (len(one.char) or 1)
    for n, char in enumerate(one.char):
        yield _Heard(char, one.start_ms + n * step, one.start_ms + (n + 1) * step)


def _sent(expected: Sequence[Expected]) -> tuple[str, dict[int, int]]:
    """Join what is said, and tell of which token each first letter is."""
    text, firsts = "", {}
    for number, one in enumerate(expected):
        text += " " * one.token.space_before
        for letter in letters_of(one.token.said)[:1]:
            firsts[len(text) + letter.first] = number
        text += one.token.said
    return text, firsts


def _shown(token: Token) -> Sequence[str]:
    """The words that a token is shown as."""
    return [word for word in token.shown.split(" ") if word] or [token.shown]
