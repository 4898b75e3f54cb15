"""`cueline narrate`: a script → a narrated, captioned video and its side files."""

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
from pipeline.cli.summary import as_json, details, headline, kind, shortened
from pipeline.cli.terminal import ends_resumably, listed, progress_display, remark, show, show_json, silent


@click.command("narrate")
@click.argument("script", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("output"),
    help="The folder for the results, or the media file's own name (talk.mp4).  [default: output]",
)
@setting_options
@common_options
@ends_resumably
def command(script: Path, output: Path, **options: object) -> None:
    """Make a narrated, captioned video of a script (plain text or Markdown).

    Writes output/<script name>/ with the video, the captions as .srt and .vtt, the word times, and a job file.
    Without --video or --picture a title card is drawn. Running it again speaks only what has changed.

    \b
    cueline narrate talk.md --engine offline
    cueline narrate tour.md --video tour.mp4 --captions both
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    from pipeline.production import Job, named_output, narrate

    refuse_standard_input(script, "narrate")
    access = environment_access(options)
    quiet = bool(options["quiet"] or options["as_json"])
    folder, name, media = named_output(script, output)
    job = Job(
        script=script.absolute(),
        output=folder.absolute(),
        name=name,
        engine="elevenlabs" if access.key else "offline",
        store=store_of(options, script),
        options=given_settings(options),
        media=media.absolute() if media else None,
        allow_outside=bool(options["allow_outside"]),
    )
    with progress_display(quiet=quiet)() as progress:
        outcome = narrate(job, access, progress, silent if quiet else remark)
    if options["as_json"]:
        show_json(as_json(outcome))
    else:
        listed(headline(outcome), [(kind(file), shortened(file)) for file in outcome.files])
        for line in details(outcome):
            show(f"  {line}")
