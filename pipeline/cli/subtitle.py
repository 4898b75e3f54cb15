"""`cueline subtitle`: a script or word times → caption files."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import (
    common_options,
    environment_access,
    given_settings,
    refuse_standard_input,
    setting_options,
    store_of,
)
from pipeline.cli.terminal import ends_resumably, progress_display, remark, show, show_json, silent
from pipeline.cli.wording import plain


@click.command("subtitle")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "outputs",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="A caption file to write: .srt, .vtt, or .json for word times. May be repeated.",
)
@setting_options
@common_options
@ends_resumably
def command(source: Path, outputs: tuple[Path, ...], **options: object) -> None:
    """Make caption files of a script, which is spoken without a video, or of a words.json, which is not.

    \b
    cueline subtitle talk.md -o talk.srt -o talk.vtt --engine offline
    cueline subtitle output/talk/talk.words.json -o talk.srt
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    from pipeline.production import Job, subtitle

    refuse_standard_input(source, "subtitle")
    access = environment_access(options)
    quiet = bool(options["quiet"] or options["as_json"])
    job = Job(
        script=source.absolute(),
        output=Path.cwd(),
        name=source.stem,
        engine="elevenlabs" if access.key else "offline",
        store=store_of(options, source),
        options=given_settings(options),
        allow_outside=bool(options["allow_outside"]),
    )
    with progress_display(quiet=quiet)() as progress:
        outcome = subtitle(job, outputs, access, progress, silent if quiet else remark)
    if options["as_json"]:
        told = {"files": list(outcome.files), "spoken": outcome.spoken, "from_store": outcome.stored}
        show_json({**told, "remarks": list(outcome.remarks), "repairs": list(outcome.repairs)})
        return
    for file in outcome.files:
        show(plain(file))
