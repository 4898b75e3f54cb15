"""Loudness and peak of every offline voice against −16 LUFS, before and after what brings it there.

    python benchmarks/loudness.py [voice …]

Measured by ffmpeg's `ebur128` (EBU R 128, ITU-R BS.1770) over the passages of `word_times.py`. The gains in
`pipeline/engines/` are measured here: the last column is what is still to be added to one.
"""

from __future__ import annotations

import re
import subprocess
import sys

import imageio_ffmpeg
from word_times import PASSAGES

from pipeline.engines import offline
from pipeline.pcm import silence

TARGET = -16.0


def main(voices: list[str]) -> None:
    """Print one line a voice."""
    print(f"{'voice':16} {'loudness':>12} {'true peak':>12} {'to add':>8}")
    for voice in voices or [*offline.VARIANTS, "espeak:en-us", "espeak:en-us+m3", "espeak:en-us+f2"]:
        spoken = [offline.speak(passage, "en", voice, 1.0) for passage in PASSAGES]
        rate = spoken[0].sample_rate
        loudness, peak = measured(silence(rate * 3 // 10).join(one.pcm for one in spoken), rate)
        print(f"{voice:16} {loudness:7.1f} LUFS {peak:7.1f} dBFS {TARGET - loudness:+8.1f}")


def measured(pcm: bytes, sample_rate: int) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBFS."""
    source = ["-f", "s16le", "-ar", str(sample_rate), "-ac", "1", "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *source, "-af", "ebur128=peak=true", "-f", "null", "-"]
    log = subprocess.run(command, input=pcm, capture_output=True, check=True).stderr.decode()
    summary = log[log.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)
    assert loudness is not None, summary
    assert peak is not None, summary
    return float(loudness[1]), float(peak[1])


if __name__ == "__main__":
    main(sys.argv[1:])
