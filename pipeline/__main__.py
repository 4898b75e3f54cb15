"""`python -m pipeline` and the `cueline` command → the click group."""

from __future__ import annotations

import contextlib
import os
import sys


def main() -> None:
    """Run the command line, and end the process: with 130 by Ctrl-C at any moment, with 143 by SIGTERM."""
    try:
        _open_closed_streams()
        _speak_utf8()
        from pipeline import heap, interrupts
        from pipeline.cli import main as commands

        heap.share_one_heap()
        interrupts.end_as_interrupted()
        commands(prog_name="cueline")
    except KeyboardInterrupt:  # before, or after, a command had its own end for it
        sys.exit(130)
    finally:
        # CPython notes an interrupt that leaves a text being executed, as named tuples are while they are imported, and
        # would kill itself by SIGINT although it was caught; the next such text takes the note back.
        exec("")  # noqa: S102


def _open_closed_streams() -> None:
    """Give the null device to each of the first three file descriptors that is closed.

    Otherwise the next file that is opened gets its number, and whatever a library says on stderr is written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _speak_utf8() -> None:
    """Begin anew in Python's UTF-8 mode where the system's encoding is another one.

    Titles and captions go to other programs as UTF-8, whatever a terminal is set to, and names of files must pass
    through unchanged.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.utf8_mode:
        return
    with contextlib.suppress(OSError):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
