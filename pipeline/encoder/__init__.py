"""Ffmpeg arguments → a file made, its progress on the way, or one clear error.

The ffmpeg that is run is the one inside imageio-ffmpeg. Every call has a time limit, and no child outlives its caller.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.encoder.process import FfmpegProcess
from pipeline.model import Progress, ProgressCallback

HOUR_S = 3600.0
REPORTING = ("-progress", "pipe:1", "-nostats")


def run(
    arguments: Sequence[str],
    *,
    folder: str | None = None,
    duration_ms: int = 0,
    progress: ProgressCallback | None = None,
    stage: str = "encode",
    time_limit_s: float = 4 * HOUR_S,
) -> str:
    """Run ffmpeg to its end in `folder`; returns the last lines of its log.

    `progress` is told, in seconds of `duration_ms`, how much is made; what it raises ends the run.
    Raises FfmpegError with the log's tail, or OutputError when the disk is full or the place may not be written to.
    """
    with FfmpegProcess([*REPORTING, *arguments], folder, time_limit_s) as process:
        for line in process.lines():
            name, _, value = line.partition("=")
            # Ffmpeg reports N/A until the first packet is written.
            if name == "out_time_us" and progress and value.lstrip("-").isdigit():
                done = max(0.0, int(value) / 1e6)
                total = duration_ms / 1000
                progress(Progress(stage, min(done, total) if total else done, total, "s"))
        process.finish(time_limit_s)
        return process.log
