"""A harbour at dusk, computed → `harbour.mp4` (video with sound) and `harbour.png`, to narrate and to caption.

    python samples/make_footage.py [FOLDER] [--seconds 80]

Sky, hills, sea and boats are formulas, so the footage is nobody's: it may be used for anything. H.264 with B-frames,
1280x720 at 25 pictures a second, with the sound of the sea and of a bell; the picture is 1920x1080.
"""

from __future__ import annotations

import argparse
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.addresses import file_url
from pipeline.encoder.process import FfmpegProcess

Picture = npt.NDArray[np.float32]
FPS = 25
SOUND_RATE = 48000
HORIZON = 0.56  # of the height
SUN = (0.66, 0.47)
DUSK = ((0.00, (24, 38, 84)), (0.45, (92, 84, 134)), (0.78, (224, 136, 112)), (1.00, (255, 198, 128)))
# Outlines in units of their own height, x to the right, y up from the water.
SAIL = [[(-0.42, 0.0), (0.5, 0.0), (0.62, 0.14), (-0.5, 0.14)], [(-0.02, 0.16), (-0.02, 1.0), (0.5, 0.2)]]
SAIL += [[(-0.06, 0.2), (-0.06, 0.86), (-0.42, 0.2)]]
FERRY = [[(-1.5, 0.0), (1.5, 0.0), (1.75, 0.42), (-1.6, 0.42)], [(-1.3, 0.42), (1.1, 0.42), (1.0, 0.72), (-1.2, 0.72)]]
FERRY += [[(0.2, 0.72), (0.55, 0.72), (0.5, 1.0), (0.25, 1.0)]]
TOWER = [[(-0.1, 0.0), (0.1, 0.0), (0.06, 0.8), (-0.06, 0.8)], [(-0.09, 0.8), (0.09, 0.8), (0.09, 0.83), (-0.09, 0.83)]]
TOWER += [
    [(-0.05, 0.83), (-0.035, 0.83), (-0.035, 0.92), (-0.05, 0.92)],
    [(0.035, 0.83), (0.05, 0.83), (0.05, 0.92), (0.035, 0.92)],
]
TOWER += [[(-0.07, 0.92), (0.07, 0.92), (0.0, 1.0)]]
LAMP_HEIGHT = 0.3 * 0.875  # of the picture, above the foot of the tower


@dataclass(frozen=True)
class Scene:
    """What does not move, drawn once for one size: heights and widths in pixels, colours from 0 to 255."""

    width: int
    height: int
    sky: Picture  # wider than the picture: clouds drift by showing another part of it
    glow: Picture
    land: Picture  # how opaque the hills are, and their colour, in one
    depth: Picture  # 0 at the horizon, 1 at the bottom, a column

    @property
    def shore(self) -> int:
        """The row at which the sea begins."""
        return int(self.height * HORIZON)


def make_scene(width: int, height: int) -> Scene:
    """Draw the sky with its clouds, the sun's glow and the hills."""
    shore = int(height * HORIZON)
    rows = np.linspace(0, 1, shore, dtype=np.float32)
    gradient = np.stack([np.interp(rows, [s for s, _ in DUSK], [c[n] for _, c in DUSK]) for n in range(3)], axis=-1)
    clouds = _clouds(shore, width * 2)
    lit = np.array([255, 176, 140], np.float32)
    sky = (
        gradient[:, None, :] * (1 - clouds[..., None]) + (0.55 * gradient[:, None, :] + 0.45 * lit) * clouds[..., None]
    )
    y, x = np.mgrid[0:shore, 0:width].astype(np.float32)
    distance = np.hypot(x - SUN[0] * width, (y - SUN[1] * height) * 1.1) / height
    disc = np.clip((0.052 - distance) * height / 2, 0, 1)
    glow = (0.75 * np.exp(-distance * 5) + 0.35 * np.exp(-distance * 16))[..., None] * np.array(
        [150, 92, 40], np.float32
    )
    glow += disc[..., None] * np.array([120, 110, 90], np.float32)
    depth = ((np.arange(height - shore, dtype=np.float32) + 1) / (height - shore))[:, None]
    return Scene(
        width, height, sky.astype(np.float32), glow.astype(np.float32), _hills(shore, width), depth.astype(np.float32)
    )


def _clouds(height: int, width: int) -> Picture:
    """Long soft streaks: noise of which only slow changes are kept, slower along the horizon than across it."""
    spectrum = np.fft.rfft2(np.random.default_rng(3).standard_normal((height, width)))
    across = np.fft.fftfreq(height)[:, None] * height
    along = np.fft.rfftfreq(width)[None, :] * width
    noise = np.fft.irfft2(spectrum / (1 + (across / 5) ** 2 + (along / 9) ** 2) ** 1.3, (height, width))
    return np.asarray(np.clip((noise / noise.std() - 0.2) * 0.45, 0, 0.8), np.float32)


def _hills(shore: int, width: int) -> Picture:
    """Two ridges, the farther one paler: colour and opacity for every pixel above the water."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    y = np.arange(shore, dtype=np.float32)[:, None]
    land = np.zeros((shore, width, 4), np.float32)
    for waves, tall, colour in (((3.1, 7.3, 17.0), 0.13, (112, 84, 118)), ((2.0, 5.2, 23.0), 0.085, (52, 46, 78))):
        ridge = sum(np.sin(x * w * 2 + w) / (1 + n * 1.4) for n, w in enumerate(waves))
        top = shore * (1 - tall * (1 + 0.45 * ridge) * (0.35 + 1.3 * np.abs(x - 0.6)))
        opaque = np.clip(y - top, 0, 1)[..., None]
        land[..., :3] = land[..., :3] * (1 - opaque) + np.array(colour, np.float32) * opaque
        land[..., 3:] = np.maximum(land[..., 3:], opaque)
    return land


def draw(scene: Scene, seconds: float) -> npt.NDArray[np.uint8]:
    """Draw the harbour at a time: pixels (height, width, RGB)."""
    canvas = np.empty((scene.height, scene.width, 3), np.float32)
    drift = int(seconds * scene.width / 160) % scene.width
    above = canvas[: scene.shore]
    np.add(scene.sky[:, drift : drift + scene.width], scene.glow, out=above)
    above *= 1 - scene.land[..., 3:]
    above += scene.land[..., :3] * scene.land[..., 3:]
    _add_beam(scene, above, seconds)
    canvas[scene.shore :] = _sea(scene, above, seconds)
    _add_outline(canvas, TOWER, 0.13, HORIZON + 0.012, 0.3)
    bob = np.sin(seconds * 1.7) * 0.003
    _add_outline(canvas, FERRY, 1.25 - seconds * 0.021, HORIZON + 0.035 + bob / 2, 0.075)
    _add_outline(canvas, SAIL, -0.1 + seconds * 0.0135, HORIZON + 0.13 + bob, 0.27)
    _add_outline(canvas, SAIL, 0.42 + seconds * 0.004, HORIZON + 0.03 + bob / 3, 0.085)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _sea(scene: Scene, above: Picture, seconds: float) -> Picture:
    """Mirror the sky in waves that grow towards the viewer, and lay the sun's path over it."""
    count = scene.height - scene.shore
    depth = scene.depth
    x = np.arange(scene.width, dtype=np.float32)[None, :] / scene.width
    far = 1 / (depth + 0.035)  # waves look the smaller the farther they are
    swell = np.sin(far * 9 + seconds * 1.3 + 5 * x) + 0.6 * np.sin(far * 23 - seconds * 1.9 + 17 * x * (1 + far / 9))
    ripple = np.sin(far * 61 + seconds * 3.1 + 43 * x * (1 + far / 6)) * np.sin(37 * x * far**0.5 + seconds * 2.3)
    mirrored = np.clip(
        scene.shore - 1 - np.arange(count)[:, None] * 0.8 - swell * depth * count * 0.035, 0, scene.shore - 1
    )
    sea = above[mirrored.astype(np.int32), np.arange(scene.width)[None, :]] * np.float32(0.62)
    sea += np.array([-6, 2, 16], np.float32)
    sea += ((swell * 0.5 + ripple * 0.5) * (5 + 9 * depth))[..., None]
    path = np.exp(-(((x - SUN[0]) / (0.028 + 0.1 * depth)) ** 2)) * np.clip(swell * 0.35 + ripple * 0.9 - 0.05, 0, 1)
    return np.asarray(sea + path[..., None] * np.array([235, 165, 95], np.float32), np.float32)


def _add_beam(scene: Scene, above: Picture, seconds: float) -> None:
    """Turn the lighthouse's light: seen from the side, a beam that swings, widens and fades."""
    turn = np.cos(seconds * 0.9)
    y, x = np.mgrid[0 : scene.shore, 0 : scene.width].astype(np.float32)
    dx, dy = x / scene.height - 0.13 * scene.width / scene.height, y / scene.height - (HORIZON + 0.012 - LAMP_HEIGHT)
    along = dx * np.sign(turn)
    wide = np.maximum(along, 0) * 0.16 + 0.002
    light = np.exp(-((dy / wide) ** 2)) * np.exp(-np.maximum(along, 0) * (1.5 + 6 * (1 - abs(turn)))) * (along > 0)
    lamp = np.exp(-(dx**2 + dy**2) * 9000) * (1.2 + np.sin(seconds * 1.8) * 0.4)
    above += (light * abs(turn) * 0.32 + lamp)[..., None] * np.array([190, 175, 130], np.float32)


def _add_outline(canvas: Picture, parts: list[list[tuple[float, float]]], x: float, y: float, tall: float) -> None:
    """Fill the parts of an outline, dark, its foot at (x, y) of the picture, with soft edges."""
    height, width = canvas.shape[:2]
    size = tall * height
    left, right = int(x * width - size * 2), int(x * width + size * 2) + 1
    top, bottom = int(y * height - size) - 1, int(y * height) + 2
    left, right = max(0, left), min(width, right)
    if left >= right:
        return
    fine = 3
    rows, columns = np.mgrid[0 : (bottom - top) * fine, 0 : (right - left) * fine].astype(np.float32)
    px = ((columns + 0.5) / fine + left - x * width) / size
    py = (y * height - ((rows + 0.5) / fine + top)) / size
    inside = np.zeros(px.shape, bool)
    for points in parts:
        part = np.zeros(px.shape, bool)
        for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            if y1 != y2:
                part ^= ((y1 > py) != (y2 > py)) & (px < (x2 - x1) * (py - y1) / (y2 - y1) + x1)
        inside |= part
    opaque = inside.reshape(bottom - top, fine, right - left, fine).mean(axis=(1, 3), dtype=np.float32)[..., None]
    spot = canvas[top:bottom, left:right]
    spot *= 1 - 0.88 * opaque
    spot += opaque * np.array([22, 18, 34], np.float32) * 0.88


def sound(seconds: float) -> bytes:
    """Compute the sea, in slow swells, and a bell now and then: 16-bit mono samples at 48 kHz."""
    count = int(seconds * SOUND_RATE)
    time = np.arange(count) / SOUND_RATE
    spectrum = np.fft.rfft(np.random.default_rng(5).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SOUND_RATE)
    surf = np.fft.irfft(spectrum * (hertz > 60) / (1 + (hertz / 420) ** 1.5), count)
    surf *= (0.45 + 0.3 * np.sin(time * 0.7) + 0.2 * np.sin(time * 0.43 + 1)) / surf.std() * 0.06
    since = time % 9.5
    bell = sum(
        np.sin(2 * np.pi * hz * since) * np.exp(-since * fade) * loud
        for hz, fade, loud in ((523, 1.1, 1.0), (1259, 2.0, 0.5), (1570, 3.1, 0.3))
    )
    mixed = (surf + 0.05 * bell) * np.minimum(1, np.minimum(time, seconds - time) / 1.5)
    return bytes((np.clip(mixed, -1, 1) * 32767).astype("<i2").tobytes())


def pictures(scene: Scene, seconds: float) -> Iterator[bytes]:
    """Yield the footage, picture by picture."""
    for n in range(int(seconds * FPS)):
        yield draw(scene, n / FPS).tobytes()


def raw(width: int, height: int) -> list[str]:
    """Arguments that read bare pictures from standard input."""
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FPS), "-i", "pipe:0"]


def make_video(path: Path, seconds: float) -> None:
    """Write the footage. Raises FfmpegError or OutputError."""
    scene = make_scene(960, 540)
    to_bt709 = "scale=1280:720:flags=lanczos:out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    to_bt709 += "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    coded = ["-c:v", "libx264", "-preset", "fast", "-crf", "25", "-bf", "3", "-g", "125", "-vf", to_bt709]
    with tempfile.TemporaryDirectory() as scratch:
        voice = Path(scratch) / "sea.wav"
        with wave.open(str(voice), "wb") as writer:
            writer.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
            writer.writeframes(sound(seconds))
        arguments = [
            *raw(960, 540),
            "-i",
            file_url(voice),
            *coded,
            "-c:a",
            "aac",
            "-b:a",
            "128k",
            "-movflags",
            "+faststart",
        ]
        feed([*arguments, file_url(path)], pictures(scene, seconds))


def make_picture(path: Path) -> None:
    """Write one moment of it as a still. Raises FfmpegError or OutputError."""
    still = draw(make_scene(1920, 1080), 30.4).tobytes()
    feed([*raw(1920, 1080), "-frames:v", "1", "-update", "1", file_url(path)], iter([still]))


def feed(arguments: list[str], blocks: Iterator[bytes]) -> None:
    """Run ffmpeg on what it is given."""
    with FfmpegProcess(arguments, None, 1800) as process:
        for block in blocks:
            process.write(block, 60)
        process.finish(300)


def main() -> None:
    """Make both files and say where they are."""
    parser = argparse.ArgumentParser(description="Make a video and a picture to narrate.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "footage")
    parser.add_argument("--seconds", type=float, default=80.0)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    makers: list[tuple[str, Callable[[Path], None]]] = [
        ("harbour.png", make_picture),
        ("harbour.mp4", lambda path: make_video(path, asked.seconds)),
    ]
    for name, make in makers:
        make(asked.folder / name)
        print(asked.folder / name)


if __name__ == "__main__":
    main()
