"""Text of an author → runs of phonemes for the model, each phoneme knowing its word, each word its characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.errors import EngineError

if TYPE_CHECKING:
    from hibari.g2p import G2P

MOST_PHONEMES = 400
"""Longest run that is spoken at once: the model's memory grows with it, and its author cuts there too."""

SILENT = frozenset(' ;:,.!?—…"()“”')
"""Signs of the model's alphabet that are pauses or melody, never a sound."""

CLAUSE_ENDS = (",", ";", ":", "—")

LINE_BREAK = re.compile(r"(?<!\n)[\n\r\v\f](?![ \t]*\n)")
"""A line break inside a paragraph, which ends no sentence."""

ENDLESS_NUMBER = re.compile(r"\d(?:,?\d){15,}")
"""A number that has no name any more (hibari fails at some), or is none: it is read digit by digit."""

Joint = Literal["sentence", "clause", "word"]


@dataclass(frozen=True, slots=True)
class Sounds:
    """Phonemes `first` to `end` of a run, from the first to the last that sounds, of the spoken word `word`."""

    word: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """What the model speaks at once. `joint` says what parts it from the next run."""

    phonemes: str
    sounds: tuple[Sounds, ...]
    joint: Joint


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters `first` to `end` of the text, and the words that are spoken for them, with their phonemes."""

    first: int
    end: int
    words: tuple[str, ...]
    phonemes: tuple[str, ...]


def sentences(text: str, g2p: G2P, alphabet: Iterable[str]) -> Iterator[Sentence]:
    """Yield the sentences of a text, in order, with what is spoken for each; one with nothing to say has no words.

    A word of `words` stands between spaces of the normalised text: `10/12/2019` is `October`, `twelfth,`, `2019`.
    Raises EngineError where hibari's rules fail.
    """
    from hibari import Hibari

    known, end = frozenset(alphabet), 0
    line = LINE_BREAK.sub(" ", text)
    for sentence in Hibari.split_sentences(line):
        first = line.index(sentence, end)
        end = first + len(sentence)
        try:
            words, phonemes = _spoken(sentence, g2p)
        except Exception as error:  # rules of a young library, over whatever an author may write
            message = (
                f"the neural voice cannot read {sentence[:60]!r}; write it otherwise, or use the voice espeak:en-us"
            )
            raise EngineError(message) from error
        yield Sentence(first, end, words, tuple("".join(sign for sign in part if sign in known) for part in phonemes))


def normalised(text: str) -> str:
    """The text as it is read aloud, a space between its words, and nothing in it that hibari takes as markup.

    `[text](/phonemes/)` is its notation for a pronunciation; an author who writes it means a link.
    """
    from hibari.g2p.normalize import normalize

    apart = ENDLESS_NUMBER.sub(lambda match: " ".join(sign for sign in match[0] if sign.isdigit()), text)
    return str(normalize(apart)).replace("](", "] (")


def _spoken(sentence: str, g2p: G2P) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words of the normalised sentence, and the phonemes of each."""
    written = normalised(sentence)
    words, phonemes, starts_word = [], [], True
    for token in g2p.phonemize_tokens(g2p.tokenize(written)) if written else []:
        if starts_word:
            words.append("")
            phonemes.append("")
        words[-1] += token.text
        phonemes[-1] += token.phonemes or ""
        starts_word = bool(token.whitespace)
    return tuple(words), tuple(phonemes)


def runs(sentence: Sentence, most: int = MOST_PHONEMES) -> Iterator[Run]:
    """Yield a sentence's runs of at most so many phonemes: cut after a clause, else between words, else in a word."""
    pieces = [(word, piece) for word, phonemes in enumerate(sentence.phonemes) for piece in _pieces(phonemes, most)]
    while pieces:
        count = _that_fit(pieces, most)
        joint: Joint = "sentence"
        if count < len(pieces):
            clauses = [n for n in range(1, count + 1) if pieces[n - 1][1].endswith(CLAUSE_ENDS)]
            count, joint = (clauses[-1], "clause") if clauses else (count, "word")
        run = _run(pieces[:count], joint)
        if run.sounds:
            yield run
        pieces = pieces[count:]


def _pieces(phonemes: str, most: int) -> Iterator[str]:
    """Phonemes of a word, cut where they are too many for a run: at a space, else anywhere."""
    while len(phonemes) > most:
        at = phonemes.rfind(" ", 1, most)
        at = most if at < 0 else at
        yield phonemes[:at]
        phonemes = phonemes[at:].lstrip()
    if phonemes:
        yield phonemes


def _that_fit(pieces: Sequence[tuple[int, str]], most: int) -> int:
    """How many of the pieces, at least one, are at most so many phonemes with a space between them."""
    length = len(pieces[0][1])
    for count, (_, piece) in enumerate(pieces[1:], start=1):
        length += 1 + len(piece)
        if length > most:
            return count
    return len(pieces)


def _run(pieces: Sequence[tuple[int, str]], joint: Joint) -> Run:
    text, sounds = "", []
    for word, piece in pieces:
        text += " " * bool(text)
        heard = [n for n, sign in enumerate(piece) if sign not in SILENT]
        if heard:
            sounds.append(Sounds(word, len(text) + heard[0], len(text) + heard[-1] + 1))
        text += piece
    return Run(text, tuple(sounds), joint)


# ── the author's words ─────────────────────────────────────────────────────────────────────────────────────────────

WRITTEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Written:
    """A run between spaces of the author's text. `first` to `end` leaves out the marks at its edges.

    Where it has neither letter nor digit (`&`), all of it counts, and it is no `word`.
    """

    first: int
    end: int
    text: str
    is_word: bool


def written_words(text: str, first: int, end: int) -> list[Written]:
    """Runs between spaces that begin in these characters of the text, in order."""
    found = []
    for match in WRITTEN.finditer(text, first, end):
        inside = [n for n, sign in enumerate(match[0]) if sign.isalnum()]
        edges = (inside[0], inside[-1] + 1) if inside else (0, len(match[0]))
        found.append(Written(match.start() + edges[0], match.start() + edges[1], match[0], bool(inside)))
    return found
