"""`cueline speak`: text as it arrives → its sound as it is spoken, and live captions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline import interrupts
from pipeline.cli.options import (
    chosen_setting_options,
    common_options,
    environment_access,
    given_settings,
    schedule_of,
    store_of,
)
from pipeline.cli.terminal import ends_cleanly, listed, remark, show_json, silent
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.engines import LiveOptions
    from pipeline.production.performing import Performance

# The settings that mean something to live speech.
SETTINGS = (
    "language",
    "voice",
    "model",
    "output_format",
    "voice_settings.stability",
    "voice_settings.similarity_boost",
    "voice_settings.style",
    "voice_settings.use_speaker_boost",
    "voice_settings.speed",
    "dictionaries",
    "seed",
    "normalization",
    "ssml",
    "pauses.paragraph",
    "pauses.chapter",
    "speak_headings",
    "captions.profile",
    "engine",
)


@click.command("speak")
@click.argument("script", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("output"),
    help="A sound file (.mp3 .wav .pcm .opus .ogg .ulaw .alaw), a folder, or - for standard output.  [default: output]",
)
@click.option(
    "--schedule",
    metavar="N,N,…",
    help="After how many characters the first, second… stretch is spoken, each 50-500.  [default: the service's]",
)
@click.option("--auto-mode", is_flag=True, help="Speak each sentence as soon as it is whole.")
@click.option(
    "--flush-after",
    type=click.FloatRange(0.05, 60),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Speak what was written when the writer pauses for so long.",
)
@chosen_setting_options(*SETTINGS)
@common_options
@ends_cleanly
def command(script: Path | None, output: Path, **options: object) -> None:
    """Speak text as it arrives: sound is written as it is spoken, captions are shown live.

    Without SCRIPT, or with -, plain text is taken from standard input as it is written: type it, or pipe another
    program into it; a blank line begins a paragraph. A file is read as a script (.md, .txt), its segments spoken one
    after another with its pauses.

    Writes output/<name>/<name>.mp3 (`speech` for standard input) with .srt, .vtt and .words.json beside it; Ctrl-C
    leaves what was spoken until then. Nothing is stored: speaking it again costs again. --output-format takes
    wav_24000 and the like too.

    \b
    cueline speak talk.md --engine offline
    my-program | cueline speak -o - | ffplay -nodisp -autoexit -
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    from pipeline.cli.live_captions import audience
    from pipeline.production.live_jobs import LiveJob, plan_live
    from pipeline.production.performing import perform

    to_stdout = str(output) == "-"
    source = None if script is None or str(script) == "-" else script.absolute()
    _refuse_terminal(options, to_stdout=to_stdout)
    access = environment_access(options)
    quiet = bool(options["quiet"] or options["as_json"])
    say = silent if quiet else remark
    job = LiveJob(
        script=source,
        output=None if to_stdout else output.absolute(),
        engine="elevenlabs" if access.key else "offline",
        store=store_of(options, source or Path.cwd() / "any.md"),
        options=given_settings(options),
        live=_live_options(options),
        allow_outside=bool(options["allow_outside"]),
    )
    plan = plan_live(job, access, say)
    if source is None and sys.stdin is not None and sys.stdin.isatty():
        say(f"type what is to be spoken; {'Ctrl-Z and Enter' if sys.platform == 'win32' else 'Ctrl-D'} ends it")
    performance = perform(plan, access, audience(quiet=quiet), say)
    for repair in performance.repairs:
        say(repair)
    _tell(performance, as_json=bool(options["as_json"]), to_stdout=to_stdout)
    if performance.end in {"interrupted", "unwatched"}:
        sys.exit(interrupts.status())


def _refuse_terminal(options: Mapping[str, object], *, to_stdout: bool) -> None:
    if not to_stdout:
        return
    if options["as_json"]:
        raise UsageError("--json prints to standard output, where -o - puts the sound: leave one of them out")
    if sys.stdout.isatty():
        raise UsageError(
            "-o -: sound on a terminal is noise; pipe it into a player: cueline speak -o - | ffplay -nodisp -autoexit -"
        )


def _live_options(options: Mapping[str, object]) -> LiveOptions:
    from pipeline.engines import LiveOptions

    written = options["schedule"]
    if written is not None and options["auto_mode"]:
        raise UsageError("--auto-mode speaks each sentence by itself, so --schedule has no meaning: leave one out")
    return LiveOptions(
        schedule=None if written is None else schedule_of(str(written)),
        auto_mode=bool(options["auto_mode"]),
        flush_after_seconds=float(str(options["flush_after"])),
    )


def _tell(performance: Performance, *, as_json: bool, to_stdout: bool) -> None:
    """Say what there is now: on stdout, unless the sound is there."""
    from pipeline.cli.summary import clock, kind, shortened

    ends = {"interrupted": "Interrupted after", "unheard": "The player was gone after"}
    words = f"{performance.words} word{'' if performance.words == 1 else 's'}"
    title = f"{ends.get(performance.end, 'Spoke')} {clock(performance.duration_ms)}, {words}."
    if as_json:
        show_json(
            {
                "end": performance.end,
                "files": [str(file) for file in performance.files],
                "duration": performance.duration_ms / 1000,
                "words": performance.words,
                "repairs": list(performance.repairs),
            }
        )
    elif to_stdout or not performance.files:
        if performance.end in ends:
            remark(title)
    else:
        listed(title, [(kind(str(file)), shortened(str(file))) for file in performance.files])
