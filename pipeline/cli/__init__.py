"""Command line → one command of the group, imported only when it is called, so that `--help` is quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from pipeline import __version__
from pipeline.cli.terminal import ending_cleanly

# A command is one module that holds a click command of its name, and one line here with what it does.
COMMANDS: Mapping[str, str] = {
    "narrate": "Make a narrated, captioned video of a script.",
    "subtitle": "Make caption files of a script or of word times.",
    "speak": "Speak text as it arrives, with live captions.",
    "verify": "Measure the sync of a finished video.",
    "voices": "List the voices of an engine, hear one, or fetch one more.",
    "latency": "Measure how soon speech comes, and how fast.",
    "serve": "Run a local speech server with the offline voice.",
    "doctor": "Tell what works on this machine.",
}


class Commands(click.Group):
    """A group whose commands are imported when they are called and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """List the names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pipeline.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401  # click's signature
    ) -> click.Context:
        """Read the options that stand before the command."""
        with ending_cleanly(debug="--debug" in args):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's signature
        """Run what was called; what goes wrong while it is imported, or its options are read, ends in a sentence too."""
        with ending_cleanly(debug="--debug" in ctx.args):
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named, or say which one is near."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from pipeline.settings import nearest

            ctx.fail(f"there is no command {args[0]!r}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cueline", message="%(prog)s %(version)s")
def main() -> None:
    """Turn scripts into narrated, captioned videos.

    A first video, without a key:  cueline narrate script.md --engine offline
    """
