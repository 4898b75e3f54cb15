"""How long `cueline --version` takes against an interpreter that only imports click, which is the least it could take.

    python benchmarks/startup.py [runs]

Both are run in turn, and the quickest run of each counts: what is slower was the machine's other work. Aim: 2 at most.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

AIM = 2.0
CUELINE = str(Path(sysconfig.get_path("scripts"), "cueline"))
BASELINE = [sys.executable, "-c", "import click"]
MEASURED = ([CUELINE, "--version"], [CUELINE, "--help"])


def main(runs: int) -> None:
    """Print the baseline, and each call with its ratio to it."""
    commands = [BASELINE, *MEASURED]
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(runs):
        for command, taken in zip(commands, times, strict=True):
            taken.append(seconds(command))
    baseline, *measured = (min(taken) for taken in times)
    print(f"python -c 'import click'  {baseline * 1000:6.0f} ms  1.00  the baseline, best of {runs}")
    for command, best in zip(MEASURED, measured, strict=True):
        print(f"cueline {command[1]:16}  {best * 1000:6.0f} ms  {best / baseline:.2f}  aim: {AIM:g} at most")


def seconds(command: list[str]) -> float:
    """Run a command to its end and tell how long that took."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
