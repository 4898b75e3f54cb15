"""`cueline verify`: a finished folder or video → how well sound, words and captions are in sync."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli.terminal import ends_cleanly, show, show_json
from pipeline.cli.wording import one_line, plain


@click.command("verify")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(output: Path, *, as_json: bool, debug: bool) -> None:  # noqa: ARG001  # read where errors end
    """Measure the sync of a finished video: OUTPUT is its folder, or the file itself.

    \b
    sound      its offset and drift against windows of the narration kept in the job file
    onsets     from each onset of sound after silence to the start of the nearest word
    captions   from each cue of the file's own track to its first word

    Ends with status 1 when something is beyond its limit.
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    from pipeline.measurement import is_judged, report_lines, to_json, what_is_wrong
    from pipeline.production import verify

    media, sync = verify(output)
    wrong = what_is_wrong(sync)
    if as_json:
        show_json({"file": str(media), **to_json(sync)})
    else:
        show(plain(str(media)))
        for line in report_lines(sync):
            show(f"  {plain(line)}")
        for sentence in wrong:
            show(f"  wrong: {one_line(sentence)}")
        if not wrong:
            show("  in sync" if is_judged(sync) else "  not judged: there is nothing to compare it with")
    if wrong:
        sys.exit(1)
