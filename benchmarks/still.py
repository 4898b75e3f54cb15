"""How long a captioned still of ten minutes takes to draw, against ffmpeg drawing every frame of it.

    python benchmarks/still.py [minutes]

Both make 1080p at 30 frames a second with the same captions, font, preset and quality, without sound, from a PNG. The
baseline (`ffmpeg -loop 1 -i still.png -vf ass=…`) takes the same time for every second, so it is measured as the
difference between 25 s and 5 s of video, and scaled. Aim: a fiftieth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from pipeline import encoder
from pipeline.drawing import Drawing, draw_video
from pipeline.drawing.sources import CAPTION_FILTER, put_captions, put_fonts
from pipeline.fonts import choose_fonts
from pipeline.model import Cue, Still
from pipeline.pictures import picture_states

AIM = 50
FPS = 30
SIZE = (1920, 1080)
CUE_MS = 2000
LINES = (
    ("The harbour opened a long time ago,", "and it still works today."),
    ("Every morning the pilots",),
    ("walk down to the quay,", "look at the sky, and say little."),
    ("Then the first ferry comes in.",),
)
# As rich in detail as a photograph: a PNG of 1.7 MB, 0.24 MB as one H.264 picture of this quality.
PICTURE = "mandelbrot=s=1920x1080:start_scale=0.6"
QUALITY = ("-c:v", "libx264", "-preset", "superfast", "-crf", "20", "-pix_fmt", "yuv420p", "-g", str(5 * FPS))


def main(minutes: float) -> None:
    """Print the times and their ratio."""
    length_ms = round(minutes * 60_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawing = captioned_still(folder, length_ms)
        begun = time.perf_counter()
        draw_video(drawing, str(folder / "ours.mp4"), encoder.run)
        ours = time.perf_counter() - begun
        put_fonts(drawing.fonts, folder)
        put_captions(drawing, drawing.cues, folder)
        short, long = (every_frame(folder, seconds) for seconds in (5, 25))
        size = (folder / "ours.mp4").stat().st_size / 1e6
    baseline = (long - short) / 20 * length_ms / 1000
    print(f"{minutes:g} min, {len(drawing.cues)} captions, {SIZE[0]}x{SIZE[1]} at {FPS}")
    print(f"ffmpeg -loop 1, every frame  {baseline:8.1f} s  scaled from 20 s, which took {long - short:.1f} s")
    print(f"pipeline.drawing             {ours:8.1f} s  {size:.1f} MB")
    print(f"1/{baseline / ours:.0f} of the baseline; aim: 1/{AIM}")


def captioned_still(folder: Path, length_ms: int) -> Drawing:
    """Make a picture, and say what is to be drawn: a caption in every two seconds."""
    still = folder / "still.png"
    encoder.run(("-f", "lavfi", "-i", PICTURE, "-frames:v", "1", str(still)), folder=str(folder))
    starts = range(0, length_ms - CUE_MS + 1, CUE_MS)
    cues = tuple(Cue(start, start + CUE_MS - 100, LINES[n % len(LINES)]) for n, start in enumerate(starts))
    fonts = choose_fonts(" ".join(line for lines in LINES for line in lines))
    return Drawing(
        states=picture_states(cues, length_ms, FPS),
        cues=cues,
        pictures=(Still(str(still)),),
        size=SIZE,
        fps=FPS,
        fonts=fonts.files,
        caption_lettering=fonts.lettering,
    )


def every_frame(folder: Path, seconds: int) -> float:
    """Tell how long ffmpeg takes to draw and encode every frame of so many seconds."""
    still = ("-loop", "1", "-framerate", str(FPS), "-i", "still.png")
    begun = time.perf_counter()
    encoder.run((*still, "-vf", CAPTION_FILTER, "-t", str(seconds), *QUALITY, f"{seconds}.mp4"), folder=str(folder))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
