"""A segment and the times of what was spoken for it → its words, in the author's own spelling, every one with a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from pipeline.alignment.letters import Interval, Letter, Run, common_ends, letters_of, runs_of, shared
from pipeline.alignment.matching import SIMILAR, match_words
from pipeline.errors import AlignmentError
from pipeline.model import Segment, TimedCharacters, Token, Word

# Below this share of letters found again, what came back is another text, and its times are worth little.
LEAST_FOUND = 0.3
# How many letters' time a pause after a word takes, where nothing but the text tells.
PAUSE_WEIGHTS = {**dict.fromkeys(",;:、，；：", 2.0), **dict.fromkeys(".!?…。！？", 5.0)}


@dataclass(frozen=True, slots=True)
class TimedWords:
    """A segment's words in milliseconds from its utterance's first sample, and what had to be mended in their times."""

    words: tuple[Word, ...]
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A word as it is shown, and the letters said for it: `first` to `end` of its token's, by weight (half open)."""

    text: str
    space_before: bool
    said: str | None
    letters: tuple[int, int]
    share: tuple[float, float]


def words_from_characters(segment: Segment, characters: TimedCharacters, sound_end_ms: int = 0) -> TimedWords:
    """Time every word of a segment by the characters that came back, whatever became of the text on its way.

    A word starts with its first letter or digit and ends with its last; one that has neither takes no time, at the end
    of the word before. Where the characters are not the text that was sent, the two are matched, and what has no time
    of its own is filled in between its neighbours in proportion to letters: up to `sound_end_ms` at the end, where
    that is later than the last character. Raises AlignmentError where no letter came back though some were sent.
    """
    letters = letters_of(segment.text)
    heard = _heard(characters)
    if letters and not heard.letters:
        raise AlignmentError(
            f"no character times came back for segment {segment.index + 1}: speak it again", segment.index
        )
    found = _match_letters(segment.text, letters, heard)
    end = max([sound_end_ms, *characters.ends_ms[-1:]])
    words = _timed(segment, letters, _filled(letters, found.times, end))
    return TimedWords(words, _repairs(letters, found))


def words_by_share(segment: Segment, sound_first_ms: int, sound_end_ms: int) -> TimedWords:
    """Spread a segment's words over the sound, by their letters and punctuation, where no times came at all."""
    letters = letters_of(segment.text)
    weights = [letter.weight for letter in letters]
    pauses = [_pause(segment.text[letter.end : later.first]) for letter, later in pairwise(letters)]
    parts = [part for pair in zip(weights, [*pauses, 0.0], strict=True) for part in pair][:-1]
    times: list[Interval] = shared([(sound_first_ms, sound_end_ms)], parts)[::2] if letters else []
    repair = "no character times came; words were spread over the sound by their letters"
    return TimedWords(_timed(segment, letters, times), (repair,) if letters else ())


def _pause(between: str) -> float:
    """How many letters' time passes between two letters."""
    return max((PAUSE_WEIGHTS.get(char, 0.5 * char.isspace()) for char in between), default=0.0)


# ── characters that came back → times of the letters that were sent ────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Heard:
    """The text that came back, its letters and a time for each of them."""

    text: str
    letters: Sequence[Letter]
    times: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class _Found:
    """A time, or None, for every letter that was sent; and how many letters of words were found, of how many."""

    times: Sequence[Interval | None]
    found: int
    sought: int


def _heard(characters: TimedCharacters) -> _Heard:
    """The letters that came back: an item of several code points shares its time among them."""
    times: list[Interval] = []
    for char, start, end in zip(characters.chars, characters.starts_ms, characters.ends_ms, strict=True):
        if char:
            times += shared([(start, end)], [1.0] * len(char)) if len(char) > 1 else [(start, end)]
    text = "".join(characters.chars)
    letters = letters_of(text)
    return _Heard(text, letters, [(times[letter.first][0], times[letter.end - 1][1]) for letter in letters])


def _match_letters(text: str, letters: Sequence[Letter], heard: _Heard) -> _Found:
    """Find every letter that was sent among those that came back."""
    if [letter.text for letter in letters] == [letter.text for letter in heard.letters]:
        return _Found(heard.times, len(letters), len(letters))
    runs, heard_runs = runs_of(text, letters), runs_of(heard.text, heard.letters)
    times: list[Interval | None] = [None] * len(letters)
    found = 0
    for ours, theirs in _regions(runs, heard_runs):
        if not ours or not theirs:
            continue
        found += _place(letters, ours, theirs, heard, times)
    sought = sum(run.end - run.first for run in runs if run.key.isalpha())
    return _Found(times, found, sought)


def _regions(ours: Sequence[Run], theirs: Sequence[Run]) -> Iterator[tuple[Sequence[Run], Sequence[Run]]]:
    """Runs that are the same word, one by one, and all that lies between two such pairs, together."""
    pairs = match_words([run.key for run in ours], [run.key for run in theirs])
    first, other = 0, 0
    for one, two in [*pairs, (len(ours), len(theirs))]:
        yield ours[first:one], theirs[other:two]
        yield ours[one : one + 1], theirs[two : two + 1]
        first, other = one + 1, two + 1


def _place(
    letters: Sequence[Letter],
    ours: Sequence[Run],
    theirs: Sequence[Run],
    heard: _Heard,
    times: list[Interval | None],
) -> int:
    """Give the letters of some runs the time of others, and tell how many letters of words were truly found in them."""
    if _joined(ours) != _joined(theirs):
        for parts in (_singly, _by_words):
            here, there = parts(ours), parts(theirs)
            if len(here) == len(there) > 1:
                return sum(_place(letters, *pair, heard, times) for pair in zip(here, there, strict=True))
    first, end = ours[0].first, ours[-1].end
    other, other_end = theirs[0].first, theirs[-1].end
    front, back = common_ends(letters[first:end], heard.letters[other:other_end])
    times[first : first + front] = heard.times[other : other + front]
    times[end - back : end] = heard.times[other_end - back : other_end]
    between = heard.times[other + front : other_end - back]
    if between and first + front < end - back:
        weights = [letter.weight for letter in letters[first + front : end - back]]
        times[first + front : end - back] = shared(between, weights)
    alike = front + back >= SIMILAR * max(end - first, other_end - other)
    return sum(run.end - run.first for run in ours if run.key.isalpha()) if alike else front + back


def _singly(runs: Sequence[Run]) -> list[Sequence[Run]]:
    return [[run] for run in runs]


def _by_words(runs: Sequence[Run]) -> list[Sequence[Run]]:
    """Those between two spaces together."""
    return [list(word) for _, word in groupby(runs, key=lambda run: run.word)]


def _joined(runs: Sequence[Run]) -> str:
    return "".join(run.key for run in runs)


def _filled(letters: Sequence[Letter], times: Sequence[Interval | None], end: float) -> list[Interval]:
    """Fill in the times that are missing, between the known ones on either side, and hold all from going back."""
    filled: list[Interval] = []
    index = 0
    while index < len(times):
        known = times[index]
        latest = filled[-1][1] if filled else 0.0
        if known is not None:
            start = max(known[0], latest)
            filled.append((start, max(known[1], start)))
            index += 1
            continue
        until = next((n for n in range(index, len(times)) if times[n] is not None), len(times))
        following = times[until] if until < len(times) else None
        stop = max(latest, following[0] if following else end)
        filled += shared([(latest, stop)], [letter.weight for letter in letters[index:until]])
        index = until
    return filled


def _repairs(letters: Sequence[Letter], found: _Found) -> tuple[str, ...]:
    """Say in words what the times that came back were short of."""
    missing = sum(time is None for time in found.times)
    repairs: list[str] = []
    if found.sought and found.found < LEAST_FOUND * found.sought:
        repairs.append("the characters that came back are not those of the text; words were placed in proportion")
    if missing:
        repairs.append(f"{missing} of {len(letters)} letters came back without a time; they were placed between others")
    return tuple(repairs)


# ── times of letters → words ───────────────────────────────────────────────────────────────────────────────────────


def _timed(segment: Segment, letters: Sequence[Letter], times: Sequence[Interval]) -> tuple[Word, ...]:
    """All shown words of a segment with their times."""
    shown: list[tuple[_Shown, Interval | None]] = []
    offset, letter = 0, 0
    for number, token in enumerate(segment.tokens):
        offset += len(token.said) + (token.space_before and number > 0)
        first = letter
        while letter < len(letters) and letters[letter].first < offset:
            letter += 1
        shown += [(word, _interval(word, times[first:letter])) for word in _shown_words(token)]
    return tuple(_words(segment.index, shown))


def _interval(word: _Shown, times: Sequence[Interval]) -> Interval | None:
    """When a word is heard, of the times of its token's letters; None where it has no letter."""
    first, end = word.letters
    if first == end:
        return None
    if word.share == (0.0, 1.0):
        return times[first][0], times[end - 1][1]
    before, until = word.share
    parts = [(before, 1), (until - before, 0), (1 - until, 2)]
    weights = [weight for weight, _ in parts if weight > 0]
    return shared(times[first:end], weights)[1 if before > 0 else 0]


def _shown_words(token: Token) -> Iterator[_Shown]:
    """The words of one token: its own, or several where one thing is said for several words."""
    # Only spaces at which a line may break part words: one that holds two together (U+00A0) stays the author's.
    shown = [word for word in token.shown.split(" ") if word] or [token.shown]
    said = token.said.split()
    count = len(letters_of(token.said))
    if len(shown) == 1:
        different = token.said if token.said != token.shown else None
        yield _Shown(token.shown, token.space_before, different, (0, count), (0.0, 1.0))
    elif len(shown) == len(said):
        letter = 0
        for number, (word, form) in enumerate(zip(shown, said, strict=True)):
            first, letter = letter, letter + len(letters_of(form))
            yield _Shown(
                word, token.space_before or number > 0, form if form != word else None, (first, letter), (0.0, 1.0)
            )
    else:
        yield from _shared_out(token, shown, said, count)


def _shared_out(token: Token, shown: Sequence[str], said: Sequence[str], count: int) -> Iterator[_Shown]:
    """Words that have no counterpart one by one: they share what is said in proportion to their letters."""
    weights = [sum(letter.weight for letter in letters_of(word)) for word in shown]
    total = sum(weights) or 1.0
    edges = [0.0, *(weight / total for weight in accumulate(weights))]
    edges[-1] = 1.0
    lengths = [max(1, len(form)) for form in said]
    middles = [(end - length / 2) / sum(lengths) for end, length in zip(accumulate(lengths), lengths, strict=True)]
    for number, (word, (first, end)) in enumerate(zip(shown, pairwise(edges), strict=True)):
        form = " ".join(form for form, middle in zip(said, middles, strict=True) if first <= middle < end)
        letters = (0, count) if end > first else (0, 0)
        yield _Shown(word, token.space_before or number > 0, form if form != word else None, letters, (first, end))


def _words(segment: int, shown: Sequence[tuple[_Shown, Interval | None]]) -> Iterator[Word]:
    """Words in whole milliseconds; one without a time of its own stands at the end of the one before it."""
    latest = next((round(time[0]) for _, time in shown if time is not None), 0)
    for word, time in shown:
        start, end = (latest, latest) if time is None else (round(time[0]), round(time[1]))
        start = max(start, latest)
        latest = max(start, end)
        yield Word(word.text, start, latest, segment, word.space_before, word.said)
