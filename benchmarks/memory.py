"""Hours of narration → the most memory that a process of `cueline narrate` ever held, against that of one minute.

    python benchmarks/memory.py [HOURS]

Speaks a generated script with the offline voice and makes its video with burned captions. The figure is the largest
resident set of the command or of any process that it started, as the system counts it (Linux and macOS).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLACES = ("harbour", "market", "lighthouse", "station", "garden", "library", "bridge", "museum")
SENTENCE = "From the {a} it is a short walk to the {b}, where a bell has been rung at noon on every day but {n}. "
# What the voice needs for one paragraph of four such sentences, pauses included.
PARAGRAPH_SECONDS = 20.5


def script(seconds: float) -> str:
    """Write paragraphs, all different, that take about so long to speak."""
    paragraphs = []
    for number in range(max(1, round(seconds / PARAGRAPH_SECONDS))):
        sentences = (
            SENTENCE.format(a=PLACES[(number + n) % 8], b=PLACES[(3 * number + n + 1) % 8], n=number * 4 + n)
            for n in range(4)
        )
        paragraphs.append("".join(sentences).strip())
    return "\n\n".join(paragraphs)


def peak_mib(seconds: float, folder: Path) -> tuple[float, float]:
    """Narrate so much in a process of its own; returns its peak in MiB and the seconds that it took."""
    path = folder / f"{round(seconds)}.txt"
    path.write_text(script(seconds), encoding="utf-8")
    command = [
        "cueline",
        "narrate",
        str(path),
        "--engine",
        "offline",
        "-o",
        str(folder / "out"),
        "--store",
        str(folder),
    ]
    watch = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", watch, *command], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit / 2**20, time.perf_counter() - began


def main() -> None:
    """Print both peaks and their ratio."""
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as name:
        short, _ = peak_mib(60, Path(name))
        long, took = peak_mib(hours * 3600, Path(name))
    print(f"1 minute: {short:.0f} MiB; {hours:g} h: {long:.0f} MiB in {took:.0f} s; ratio {long / short:.2f}")


if __name__ == "__main__":
    main()
