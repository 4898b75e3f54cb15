"""`cueline voices`: an engine's voices → a list, the sound of one, or one more on this machine."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import environment_access, store_of
from pipeline.cli.terminal import ends_cleanly, progress_display, remark, show, show_json, silent
from pipeline.cli.wording import plain
from pipeline.errors import EngineError, RemoteProtocolError, UsageError

if TYPE_CHECKING:
    from pipeline.engines import Access
    from pipeline.engines.voice_listing import ListedVoice, Listing
    from pipeline.model import Sayer

HEADINGS = ("ID", "NAME", "LANGUAGES", "WHERE", "WHAT IS SAID OF IT")
MOST_LANGUAGES = 4
# Columns of a terminal; what is longer pushes the rest of its own line only.
WIDEST = 26
# Where a line is written that nothing here can play.
OUTPUT = Path("output") / "voices"


@click.command("voices")
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option("--engine", help="offline, or elevenlabs.  [default: elevenlabs with a key, else offline]")
@click.option("--language", default="", help="Only voices of this language, such as en, de or pt-BR.")
@click.option(
    "--play",
    is_flag=False,
    flag_value="",
    metavar="[VOICE]",
    help="Speak a line with this voice, or with the one that FILTER leaves.",
)
@click.option("--text", help="The line that --play speaks.  [default: a sentence in the voice's language]")
@click.option("--get", "name", metavar="NAME", help="Download one more neural voice (8 MB), such as emma.")
@click.option("--store", type=click.Path(path_type=Path), help="Where spoken lines and the voices' names are kept.")
@click.option("--base-url", metavar="URL", help="Another address of the service.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(words: tuple[str, ...], play: str | None, text: str | None, name: str | None, **options: object) -> None:
    """List the voices of an engine, hear one, or fetch one more for use without a network.

    FILTER leaves the voices in whose id, name, languages or labels all of its words are found.

    \b
    cueline voices --language en british
    cueline voices --play heart+male --text "Good evening."
    cueline voices --get emma --play
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    if text is not None and play is None:
        raise UsageError("--text is what --play speaks: add --play")
    if name is not None and play is None and words:
        raise UsageError(f"--get fetches one voice at a time: {name}, or {' '.join(words)}?")
    visit = _visit(options, fetches=name)
    results: dict[str, object] = {}
    if name is not None:
        results |= _fetch(visit, name)
    if play is not None:
        # `--get emma --play` plays what was fetched.
        results |= _play(visit, " ".join((play, *words)).strip() or name or "", text)
    if name is None and play is None:
        _list(visit, " ".join(words))
    elif visit.as_json:
        show_json(results)


@dataclass(frozen=True, slots=True)
class _Visit:
    """Whose voices are asked for, and how the person is told."""

    engine: str
    access: Access
    store: Path
    language: str
    as_json: bool
    quiet: bool

    @property
    def say(self) -> Sayer:
        return silent if self.quiet else remark

    def listing(self) -> Listing:
        """All voices, or those of the language."""
        from pipeline.production.voices import list_voices, speaking

        listing = list_voices(self.engine, self.access, self.store)
        return speaking(listing, self.language) if self.language else listing

    def tell(self, listing: Listing) -> None:
        for sentence in listing.remarks:
            self.say(sentence)


def _visit(options: Mapping[str, object], fetches: str | None) -> _Visit:
    access = environment_access(options)
    quiet = bool(options["quiet"] or options["as_json"])
    engine = _engine(options["engine"], access, fetches)
    if not options["engine"] and fetches is None and not quiet:
        offline = "the voices of the offline engine, for there is no key in ELEVENLABS_API_KEY"
        remark("the service's voices, for there is a key; --engine offline costs nothing" if access.key else offline)
    store = store_of(options, Path.cwd() / "any.md")
    return _Visit(engine, access, store, str(options["language"]), bool(options["as_json"]), quiet)


def _engine(asked: object, access: Access, fetches: str | None) -> str:
    from pipeline.settings import ENGINE_NAMES, nearest

    if asked is None:
        return "elevenlabs" if access.key and fetches is None else "offline"
    engine = str(asked)
    if engine not in ENGINE_NAMES:
        raise UsageError(f"--engine: {engine!r} is none of {', '.join(ENGINE_NAMES)}{nearest(engine, ENGINE_NAMES)}")
    if fetches is not None and engine != "offline":
        raise UsageError("--get fetches voices of the offline engine: leave --engine out")
    return engine


# ── list ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list(visit: _Visit, words: str) -> None:
    from pipeline.production.voices import matching

    listing = visit.listing()
    listing = matching(listing, words) if words else listing
    if visit.as_json:
        show_json([_as_json(voice) for voice in listing.voices])
    else:
        for line in _table(listing.voices, visit.engine):
            show(plain(line))
    visit.tell(listing)


def _as_json(voice: ListedVoice) -> dict[str, object]:
    return {
        "id": voice.id,
        "name": voice.name,
        "languages": list(voice.languages),
        "labels": dict(voice.labels),
        "here": voice.is_here,
        "bytes_to_fetch": voice.bytes,
    }


def _table(voices: Sequence[ListedVoice], engine: str) -> Iterator[str]:
    """Lay voices out in columns; on a terminal under headings, and no line longer than it is wide."""
    rows = [_row(voice, engine) for voice in voices]
    if not rows:
        return
    terminal = sys.stdout.isatty()
    shown = [HEADINGS, *rows] if terminal else rows
    widths = [min(WIDEST, max(_width(row[column]) for row in shown)) for column in range(len(HEADINGS) - 1)]
    most = shutil.get_terminal_size().columns if terminal else 0
    for row in shown:
        line = "  ".join(
            (*(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)), row[-1])
        )
        yield _cut(line.rstrip(), most)


def _row(voice: ListedVoice, engine: str) -> tuple[str, ...]:
    many = len(voice.languages) - MOST_LANGUAGES
    languages = ", ".join(voice.languages[:MOST_LANGUAGES]) + (f" +{many}" if many > 0 else "")
    where = "here" if voice.is_here else "to fetch" if engine == "offline" else "cloud"
    return voice.id, voice.name, languages or "-", where, ", ".join(voice.labels.values())


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: two for each ideograph."""
    from rich.cells import cell_len

    return cell_len(text)


def _cut(line: str, most: int) -> str:
    from rich.cells import set_cell_size

    return f"{set_cell_size(line, most - 1).rstrip()}…" if most and _width(line) > most else line


# ── fetch ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fetch(visit: _Visit, name: str) -> dict[str, object]:
    from pipeline.engines.fetching import fetch

    with progress_display(quiet=visit.quiet)() as progress:
        place = fetch(name, progress)
    if not visit.as_json:
        show(plain(f"{name} is on this machine: {place}"))
    return {"voice": name, "model": str(place)}


# ── play ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _play(visit: _Visit, wanted: str, text: str | None) -> dict[str, object]:
    from pipeline.production.playing import play_or_write, players
    from pipeline.production.voices import is_stored, line_request, spoken_line

    voice = _chosen(visit, wanted)
    request = line_request(visit.engine, voice, visit.language, text)
    if visit.engine != "offline" and not is_stored(visit.engine, visit.access, request, visit.store):
        visit.say(f"{len(request.text)} characters are spoken by the service, once: hearing them again costs nothing")
    with progress_display(quiet=visit.quiet)() as progress:
        line = spoken_line(visit.engine, visit.access, request, visit.store, progress)
    if not visit.quiet:
        show(plain(f"{voice.name}: {request.text}"))
    file = (OUTPUT / f"{re.sub(r'[^A-Za-z0-9+-]+', '-', request.voice.id)}.wav").absolute()
    played = play_or_write(line.samples, line.sample_rate, file, players())
    if played.file:
        _tell_file(visit, played.file, played.reasons)
    return {
        "voice": request.voice.id,
        "text": request.text,
        "language": request.language,
        "from_store": line.is_stored,
        "player": played.player or None,
        "file": str(played.file) if played.file else None,
    }


def _tell_file(visit: _Visit, file: Path, reasons: Sequence[str]) -> None:
    why = f"no player could play it ({'; '.join(reasons)})" if reasons else "no player was found on this machine"
    visit.say(f"{why}: the sound is in a file")
    if not visit.as_json:
        show(plain(str(file)))


def _chosen(visit: _Visit, wanted: str) -> ListedVoice:
    """Find the voice that is meant: the one that was asked for, else the usual one."""
    from pipeline.production.voices import choose, default_voice, list_voices, unlisted

    if not wanted:
        return default_voice(visit.engine, visit.language or "en")
    try:
        listing = list_voices(visit.engine, visit.access, visit.store)
    except (EngineError, RemoteProtocolError):
        if (voice := unlisted(wanted, visit.engine)) is None:
            raise
        return voice
    return choose(listing, wanted, visit.engine, visit.language)
