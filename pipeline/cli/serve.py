"""`cueline serve`: the offline voice → a local server that speaks the service's protocol."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click

from pipeline.cli.terminal import ends_cleanly

PORT = 8765


@click.command("serve")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Another is taken when it is not free.",
)
@click.option("--record", type=click.Path(path_type=Path), help="Keep the messages of every connection in this file.")
@click.option("--replay", type=click.Path(path_type=Path), help="Play back a recording instead of speaking.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(port: int, record: Path | None, replay: Path | None, *, debug: bool) -> None:  # noqa: ARG001
    """Run a local speech server that speaks the service's streaming protocol with the offline voice.

    Prints its address first; Ctrl-C ends it. It listens on this machine only. Point a client at it:

    \b
    ELEVENLABS_BASE_URL=ws://127.0.0.1:8765 ELEVENLABS_API_KEY=any cueline narrate talk.md
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    # Ctrl-C is how it is meant to end: nothing was interrupted.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(port, record, replay))


async def _serve(port: int, record: Path | None, replay: Path | None) -> None:
    from pipeline.engines import offline
    from pipeline.engines.loopback import serve

    def choose(voice: str, _language: str) -> str:
        """Give a voice that this machine does not have to one that it has, the same every time."""
        return voice if offline.known_voice(voice) else offline.variant_for(voice)

    recording, recorded = (str(path) if path else None for path in (record, replay))
    async with serve(offline.speak, port=port, record=recording, replay=recorded, choose_voice=choose) as address:
        click.echo(address)
        click.echo("Ctrl-C ends it", err=True)
        await asyncio.Event().wait()
