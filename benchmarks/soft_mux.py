"""Soft captions on a 10-minute 1080p video: our mux against the bare ffmpeg command that does the same by copy.

    python benchmarks/soft_mux.py

Makes its own input (a minute of moving picture, looped by copy), then runs both by turns and prints the ratios of
the fastest runs and of the medians. The bare command converts an SRT to mov_text, copies picture and sound, and puts the index first, as
anyone would write it; ours writes the text byte for byte, the chapters and the labels besides.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.encoder import run
from pipeline.encoder.muxing import MuxPlan, PictureFile, mux
from pipeline.encoder.process import ffmpeg_path
from pipeline.encoder.sound import SoundEncoder
from pipeline.media import probe_footage
from pipeline.model import CaptionTrack, ChapterMark, Cue

MINUTES = 10
END_MS = MINUTES * 60_000
ROUNDS = 10
RATE = 24000


def make_picture(folder: Path) -> Path:
    """Ten minutes of 1080p30 at about 5 Mb/s, with B-frames."""
    minute, whole = folder / "minute.mp4", folder / "picture.mp4"
    moving = "testsrc2=s=1920x1080:r=30:d=10,noise=alls=6:allf=t"
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b:v", "5M", "-pix_fmt", "yuv420p"]
    run(["-f", "lavfi", "-i", moving, *coded, f"file:{minute}"], time_limit_s=600)
    run(["-stream_loop", str(MINUTES * 6 - 1), "-i", f"file:{minute}", "-c", "copy", f"file:{whole}"], time_limit_s=600)
    return whole


def make_sound(folder: Path) -> Path:
    """Ten minutes of AAC."""
    path = folder / "narration.m4a"
    with SoundEncoder(str(path), RATE) as encoder:
        for second in range(MINUTES * 60):
            encoder.feed(bytes((second * 31 + n * 7) % 251 for n in range(RATE // 10)) * 20)
        encoder.finish()
    return path


def make_captions() -> CaptionTrack:
    """A cue every two seconds."""
    cues = tuple(Cue(at, at + 1800, (f"Caption {at // 2000}", "in two lines")) for at in range(0, END_MS, 2000))
    return CaptionTrack(cues, "en")


def srt_of(track: CaptionTrack) -> str:
    """Write the cues as SubRip, for the bare command."""

    def stamp(ms: int) -> str:
        return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

    return "\n".join(f"{n}\n{stamp(c.start_ms)} --> {stamp(c.end_ms)}\n{c.text}\n" for n, c in enumerate(track.cues, 1))


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> None:
    """Make the input, measure both by turns, print the ratio."""
    with tempfile.TemporaryDirectory(prefix="soft_mux-") as scratch:
        folder = Path(scratch)
        picture, sound, track = make_picture(folder), make_sound(folder), make_captions()
        (folder / "captions.srt").write_text(srt_of(track), encoding="utf-8")
        inputs = ["-i", str(picture), "-i", str(sound), "-i", str(folder / "captions.srt")]
        maps = ["-map", "0:v", "-map", "1:a", "-map", "2:s", "-c", "copy", "-c:s", "mov_text"]
        labels = ["-metadata:s:s:0", "language=eng", "-movflags", "+faststart"]
        bare = [ffmpeg_path(), "-v", "error", "-y", *inputs, *maps, *labels, str(folder / "bare.mp4")]
        chapters = tuple(ChapterMark(f"Minute {n}", n * 60000, n * 60000 + 60000) for n in range(MINUTES))
        end_ms = probe_footage(str(picture)).end_ms
        file = PictureFile(str(picture), end_ms)
        plan = MuxPlan(str(sound), END_MS, picture=file, captions=track, chapters=chapters, title="Benchmark")
        takes: dict[str, list[float]] = {"bare": [], "ours": []}
        acts: dict[str, Callable[[], object]] = {
            "bare": lambda: subprocess.run(bare, check=True),
            "ours": lambda: mux(plan, str(folder / "ours.mp4")),
        }
        for turn in range(ROUNDS):
            for name in ("bare", "ours") if turn % 2 else ("ours", "bare"):
                (folder / f"{name}.mp4").unlink(missing_ok=True)
                os.sync()  # what the run before left to write is not this one's work
                takes[name].append(timed(acts[name]))
        size = picture.stat().st_size / 1e6
    print(f"{MINUTES} min of 1080p30, {size:.0f} MB, {len(track.cues)} captions, {ROUNDS} runs of each by turns")
    for name, measure in (("fastest", min), ("median", statistics.median)):
        bare_s, ours_s = measure(takes["bare"]), measure(takes["ours"])
        print(f"{name}: bare ffmpeg {bare_s:.2f} s, ours {ours_s:.2f} s, ratio {ours_s / bare_s:.2f} (target 1.2)")


if __name__ == "__main__":
    main()
