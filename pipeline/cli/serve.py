"""`cueline serve`: the offline voice → a local server that speaks the service's protocol."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.terminal import aside, ends_cleanly, remark, show
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.engines.faults import Faults
    from pipeline.engines.tls import ServerTls

PORT = 8765
# What the list of faults is followed by in the help.
OCCASIONS = """A fault is made on every occasion (a connection, a request, a message), unless it says otherwise:
NAME,every=3 on each third, NAME,chance=0.1,seed=7 by chance, the same chance in every run. Without a name,
every=…, chance=… and seed=… hold for all faults."""


class _Command(click.Command):
    """Lists the faults in its help, which are read when it is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        from pipeline.engines.faults import fault_rows

        super().format_epilog(ctx, formatter)
        with formatter.section("Faults"):
            formatter.write_dl(fault_rows(), col_max=32)
        with formatter.indentation():
            formatter.write_paragraph()
            formatter.write_text(OCCASIONS)


@click.command("serve", cls=_Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Another is taken when it is not free.",
)
@click.option("--record", type=click.Path(path_type=Path), help="Keep the messages of every connection in this file.")
@click.option("--replay", type=click.Path(path_type=Path), help="Play back a recording instead of speaking.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Fail on purpose, as listed below; may be repeated.",
)
@click.option(
    "--tls-cert", type=click.Path(path_type=Path), help="Be wss:// with this certificate (PEM, its chain too)."
)
@click.option(
    "--tls-key", type=click.Path(path_type=Path), help="The certificate's private key, where it is not in its file."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@ends_cleanly
def command(
    *,
    port: int,
    record: Path | None,
    replay: Path | None,
    faults: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    debug: bool,  # noqa: ARG001
) -> None:
    """Run a local speech server that speaks the service's protocol with the offline voice.

    It has the sockets stream-input and multi-stream-input of text-to-speech, that of text-to-dialogue, text to speech
    over HTTP, and the listings of voices, models and the user. Any key will do.

    Prints its address first; Ctrl-C ends it. It listens on this machine only. Point a client at it:

    \b
    ELEVENLABS_BASE_URL=ws://127.0.0.1:8765 ELEVENLABS_API_KEY=any cueline narrate talk.md
    """  # noqa: D301  # the mark is for click, which then keeps the lines
    if record is not None and replay is not None:
        from pipeline.production.collisions import refuse_collisions

        refuse_collisions({"recording that is played back": replay}, (), str(record))
    # Ctrl-C is how it is meant to end: nothing was interrupted.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(port, record, replay, _faults(faults), _tls(tls_cert, tls_key)))


def _faults(written: tuple[str, ...]) -> Faults:
    from pipeline.engines.faults import parse_faults

    return parse_faults(written)


def _tls(certificate: Path | None, key: Path | None) -> ServerTls | None:
    from pipeline.engines.tls import ServerTls

    if certificate is None:
        if key is not None:
            raise UsageError("--tls-key is the key of a certificate: give that with --tls-cert")
        return None
    return ServerTls(str(certificate), str(key or certificate))


async def _serve(port: int, record: Path | None, replay: Path | None, faults: Faults, tls: ServerTls | None) -> None:
    from pipeline.engines import offline
    from pipeline.engines.loopback import serve

    def choose(voice: str, _language: str) -> str:
        """Give a voice that this machine does not have to one that it has, the same every time."""
        return voice if offline.known_voice(voice) else offline.variant_for(voice)

    recording, recorded = (str(path) if path else None for path in (record, replay))
    async with serve(
        offline.speak, port=port, record=recording, replay=recorded, choose_voice=choose, tls=tls, faults=faults
    ) as address:
        if port and not address.endswith(f":{port}"):
            # Below 1024 a port may be free, but kept for those who run the system.
            reason = "is in use" if port >= 1024 else "is in use, or needs rights that you do not have"
            remark(f"port {port} {reason}, so another one is taken")
        show(address)
        aside("Ctrl-C ends it")
        await asyncio.Event().wait()
