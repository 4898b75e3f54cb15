"""Human captions → how near our breaks come to them, beside a greedy baseline in the same run.

    CUELINE_EVAL=folder python benchmarks/caption_breaks.py

The folder holds files named `*.en`, `*.fr` and so on, after their language: a sentence a line, `<eol>` where a line ends
inside a cue, `<eob>` where a cue ends. Words are given times of 15 characters a second, 0.2 s of pause after a comma and
0.6 s after a sentence. Needs sacrebleu: `pip install sacrebleu`.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.captions.languages import token
from pipeline.captions.profiles import Profile, profile
from pipeline.captions.segmentation import break_into_cues
from pipeline.model import Cue, Word

LINE, CUE = "<eol>", "<eob>"
Cutter = Callable[[Sequence[Word], Profile, frozenset[int]], Sequence[Cue]]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of a sentence, and what ends after each: nothing, a line, a cue."""

    words: tuple[str, ...]
    ends: tuple[str, ...]

    @property
    def inner(self) -> dict[int, str]:
        """Breaks before the sentence's end: which word they follow, of which kind."""
        return {n: end for n, end in enumerate(self.ends[:-1]) if end}

    def tagged(self) -> str:
        """Write words and breaks as one text, each break a token of its own."""
        signs = {LINE: " □", CUE: " ■", "": ""}
        return " ".join(word + signs[end] for word, end in zip(self.words, self.ends, strict=True))


def read_sentences(path: Path) -> list[Sentence]:
    """Sentences of a file, as people cut them."""
    sentences = []
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        words: list[str] = []
        ends: list[str] = []
        for part in re.sub(rf"({LINE}|{CUE})", r" \1 ", line).split():
            if part in (LINE, CUE):
                ends[-1] = part
            else:
                words.append(part)
                ends.append("")
        sentences.append(Sentence(tuple(words), tuple(ends)))
    return sentences


def is_captions(path: Path) -> bool:
    """Whether a file is named after a language and has a cue's end in each of its lines."""
    if not re.fullmatch(r"\.[a-z]{2}", path.suffix) or not path.is_file():
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return bool(lines) and all(CUE in line for line in lines if line.strip())


def time_words(sentences: Iterable[Sentence]) -> tuple[list[Word], frozenset[int]]:
    """Words with times made up evenly, and the index of each sentence's first."""
    words: list[Word] = []
    firsts: set[int] = set()
    clock = 0.0
    for sentence in sentences:
        firsts.add(len(words))
        for text in sentence.words:
            end = clock + 1000 * (len(text) + 1) / 15
            words.append(Word(text, round(clock), round(end)))
            clock = end + 200 * text.endswith(",")
        clock += 600
    return words, frozenset(firsts)


def greedy(words: Sequence[Word], limits: Profile, forced: frozenset[int]) -> list[Cue]:
    """Fill line after line, two lines a cue: the baseline."""
    lines: list[list[int]] = []
    for n, word in enumerate(words):
        text = " ".join([*(words[k].text for k in lines[-1]), word.text]) if lines else ""
        if not lines or n in forced or len(text) > limits.line_width:
            lines.append([])
        lines[-1].append(n)
    cues: list[Cue] = []
    for line in lines:
        text = " ".join(words[n].text for n in line)
        first, end = line[0], line[-1] + 1
        if cues and first not in forced and len(cues[-1].lines) < limits.lines:
            last = cues.pop()
            cues.append(Cue(last.start_ms, words[end - 1].end_ms, (*last.lines, text), last.first_word, end))
        else:
            cues.append(Cue(words[first].start_ms, words[end - 1].end_ms, (text,), first, end))
    return cues


def cut_sentences(sentences: Sequence[Sentence], cues: Iterable[Cue]) -> list[Sentence]:
    """The same sentences with the breaks of these cues."""
    ends: dict[int, str] = {}
    for cue in cues:
        last = cue.first_word - 1
        for line in cue.lines:
            last += len(line.split())
            ends[last] = LINE
        ends[cue.end_word - 1] = CUE
    found, first = [], 0
    for sentence in sentences:
        numbers = range(first, first + len(sentence.words))
        found.append(Sentence(sentence.words, tuple(ends.get(n, "") for n in numbers)))
        first += len(sentence.words)
    return found


def sigma(reference: Sequence[Sentence], system: Sequence[Sentence]) -> float:
    """Segmentation score of Karakanta, Buet et al. (LREC 2022): BLEU with breaks over the most that BLEU could be."""
    from sacrebleu.metrics import BLEU

    bleu = BLEU()
    plain = bleu.corpus_score([" ".join(s.words) for s in system], [[" ".join(s.words) for s in reference]])
    broken = bleu.corpus_score([s.tagged() for s in system], [[s.tagged() for s in reference]])
    share = sum(1 for s in system for end in s.ends if end) / sum(len(s.words) for s in system)
    best = [(plain.precisions[0] + 100 * share) / (1 + share)]
    for n in (2, 3, 4):
        with_break = n * share * plain.precisions[n - 2]
        best.append(((1 - (n - 1) * share) * plain.precisions[n - 1] + with_break) / (1 + share))
    return 100.0 * float(broken.score) / (broken.bp * math.exp(sum(math.log(p) for p in best) / 4))


def f1(reference: Sequence[Sentence], system: Sequence[Sentence], kinds: tuple[str, ...]) -> float:
    """F1 of breaks inside sentences, of these kinds."""
    wanted = [{n for n, kind in s.inner.items() if kind in kinds} for s in reference]
    found = [{n for n, kind in s.inner.items() if kind in kinds} for s in system]
    both = sum(len(w & f) for w, f in zip(wanted, found, strict=True))
    return 200 * both / max(1, sum(map(len, wanted)) + sum(map(len, found)))


def conformity(sentences: Iterable[Sentence], limits: Profile) -> float:
    """Share of cues of at most two lines that all fit, in percent."""
    cues = [cue for s in sentences for cue in re.split("■", s.tagged()) if cue.strip()]
    fits = [[len(line.strip()) <= limits.line_width for line in cue.split("□")] for cue in cues]
    return 100 * sum(all(fit) and len(fit) <= limits.lines for fit in fits) / len(cues)


def dangling(sentences: Iterable[Sentence], language: str) -> float:
    """Share of breaks inside sentences right after a function word, by our own lists, in percent."""
    classes = [token(s.words[n], language) for s in sentences for n in s.inner]
    return 100 * sum(1 for found in classes if found.last and not found.mark) / max(1, len(classes))


def report(path: Path) -> None:
    """Print a table for one file: people, us, and the baseline."""
    language = path.suffix[1:]
    limits = profile("netflix", language, 24)
    human = read_sentences(path)
    words, firsts = time_words(human)
    rows: list[tuple[str, Sequence[Sentence], float]] = [("human", human, 0.0)]
    cutters: dict[str, Cutter] = {"cueline": break_into_cues, "greedy": greedy}
    for name, cut in cutters.items():
        began = time.perf_counter()
        cues = cut(words, limits, firsts)
        took = time.perf_counter() - began
        rows.append((name, cut_sentences(human, cues), took * 10_000 / len(words)))
    print(f"{path.name}: {len(human)} sentences, {len(words)} words")
    print(f"{'':10}{'Sigma':>8}{'CPL %':>8}{'dangling %':>12}{'F1 cue':>8}{'F1 any':>8}{'s / 10k words':>15}")
    scores: dict[str, float] = {}
    for name, cut_text, took in rows:
        scores[name] = sigma(human, cut_text)
        figures = (scores[name], conformity(cut_text, limits), dangling(cut_text, language))
        agreement = (f1(human, cut_text, (CUE,)), f1(human, cut_text, (LINE, CUE)))
        print("{:10}{:8.2f}{:8.1f}{:12.2f}{:8.1f}{:8.1f}{:15.2f}".format(name, *figures, *agreement, took))
    print(f"Sigma is {scores['cueline'] / scores['greedy']:.2f} times that of the greedy baseline\n")


def main() -> None:
    """Score every file of the folder."""
    folder = os.environ.get("CUELINE_EVAL")
    if not folder:
        sys.exit(
            "set CUELINE_EVAL to a folder of captions: a sentence a line, <eol> and <eob> in it, named *.en or *.fr"
        )
    try:
        import sacrebleu  # noqa: F401
    except ImportError:
        sys.exit("Sigma is measured with sacrebleu, which is not installed: pip install sacrebleu")
    files = sorted(path for path in Path(folder).iterdir() if is_captions(path))
    if not files:
        sys.exit(f"{folder} holds no file named *.en, *.fr or the like")
    for path in files:
        report(path)


if __name__ == "__main__":
    main()
