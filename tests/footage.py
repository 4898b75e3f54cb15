"""Footage to narrate: B-frames, an own sound, 4 s of 25 pictures a second, and the labels that a phone writes."""

from __future__ import annotations

from pathlib import Path

from pipeline.encoder import run

# Every picture differs from its neighbours, so that a test sees which one is on screen.
MOVING = "testsrc2=s=320x180:r=25:d=4"
B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50", "-pix_fmt", "yuv420p")


def make_footage(path: Path) -> Path:
    """Write H.264 with B-frames and 3.5 s of AAC."""
    sources = ["-f", "lavfi", "-i", MOVING, "-f", "lavfi", "-i", "sine=d=3.5"]
    labels = ["-metadata", "location=+48.85+002.35/", "-metadata", "title=IMG_0001"]
    run([*sources, *B_FRAMES, "-c:a", "aac", *labels, f"file:{path}"], time_limit_s=60)
    return path
