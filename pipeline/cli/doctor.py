"""`cueline doctor`: this machine → what works on it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli.terminal import ends_cleanly, show, show_json
from pipeline.cli.wording import plain


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(*, as_json: bool, debug: bool) -> None:  # noqa: ARG001
    """Tell what works on this machine: ffmpeg, libass, fonts, the offline voices, the store, the key.

    Ends with status 1 when something that a first video needs is missing.
    """
    from pipeline.cli.options import environment_access, store_of
    from pipeline.production.examining import examine

    access = environment_access({})
    findings = examine(store_of({}, Path.cwd() / "script.md"), has_key=access.key is not None)
    if as_json:
        show_json(
            [{"what": one.what, "works": one.works, "needed": one.needed, "detail": one.detail} for one in findings]
        )
    else:
        width = max(len(one.what) for one in findings)
        for one in findings:
            mark = "ok" if one.works else ("missing" if one.needed else "absent")
            show(plain(f"{mark:<8} {one.what:<{width}}  {one.detail}"))
    if any(one.needed and not one.works for one in findings):
        sys.exit(1)
