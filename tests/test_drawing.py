"""Videos that are drawn: looked at frame by frame, as a player shows them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pipeline import drawing, encoder, fonts
from pipeline.captions.lettering import Lettering
from pipeline.drawing import Drawing, draw_video
from pipeline.encoder.burning import missing_from
from pipeline.errors import FfmpegError, MediaError, OutputError, PipelineError
from pipeline.model import Card, Cue, Still
from pipeline.pictures import State, picture_states

Pixels = npt.NDArray[np.uint8]
SIZE = (320, 180)
TEXTS = (("One line.",), ("A first line that is", "followed by a second."), ("Три — «кавычки»",))
ROBOTO = (fonts.shipped_font(), fonts.shipped_font("Medium"))


def a_drawing(
    cues: Sequence[Cue],
    duration_ms: int,
    pictures: tuple[Still | Card, ...] = (Card("A tour of the harbour"),),
    fps: int = 30,
    size: tuple[int, int] = SIZE,
    starts_ms: Sequence[int] = (0,),
) -> Drawing:
    """A small drawing of these cues over these pictures."""
    states = picture_states(cues, duration_ms, fps, starts_ms)
    medium = Lettering("Roboto Medium")
    return Drawing(states, cues, pictures, size, fps, ROBOTO, title_lettering=medium)


def shown(path: Path) -> list[Pixels]:
    """Every frame that a player shows; fails on anything that the decoder remarks, and on a frame out of time."""
    with av.logging.Capture() as remarks, av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        assert rate is not None
        frames = []
        for number, frame in enumerate(container.decode(stream)):
            assert frame.time is not None
            assert round(frame.time * rate, 3) == number
            frames.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
    assert [text for level, _, text in remarks if level <= av.logging.WARNING] == []
    return frames


def changes(frames: Sequence[Pixels]) -> list[int]:
    """The frames that differ from the one before, the first among them."""
    return [0, *(at for at in range(1, len(frames)) if not np.array_equal(frames[at], frames[at - 1]))]


def spaced_cues(count: int) -> list[Cue]:
    """Cues of odd lengths, some adjoining, some apart by a few frames."""
    cues, time = [], 333
    for number in range(count):
        length = 700 + 137 * (number % 5)
        cues.append(Cue(time, time + length, TEXTS[number % len(TEXTS)]))
        time += length + (0, 85, 1009)[number % 3]
    return cues


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture whose left half is red and whose right half is blue, of an odd size, under a difficult name."""
    pixels = np.zeros((51, 101, 3), dtype=np.uint8)
    pixels[:, :50, 0] = 255
    pixels[:, 50:, 2] = 255
    path = tmp_path / "it's 100%d: [a] pic,ture;.png"
    path.write_bytes(encoded_picture(pixels, "png", "rgb24"))
    return path


def encoded_picture(pixels: Pixels, codec: str, pixel_format: str) -> bytes:
    """A still picture in one of ffmpeg's formats."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(pixels, "rgba" if pixels.shape[2] == 4 else "rgb24")
    packets = [*context.encode(frame.reformat(format=pixel_format)), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


@pytest.mark.slow
@pytest.mark.parametrize("fps", [10, 25, 30, 60])
def test_every_change_is_on_its_frame(tmp_path: Path, fps: int) -> None:
    """Each state begins at its very frame and lasts as long as it should; the number of frames is exact."""
    cues = spaced_cues(9)
    made = a_drawing(cues, cues[-1].end_ms + 700, fps=fps)
    draw_video(made, str(tmp_path / "drawn.mp4"), encoder.run)
    frames = shown(tmp_path / "drawn.mp4")
    assert changes(frames) == [state.first_frame for state in made.states]
    assert len(frames) == made.states[-1].first_frame + made.states[-1].frame_count
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.mp4"]


def test_like_states_look_alike_and_others_do_not(tmp_path: Path) -> None:
    """All frames of one text are the same picture, and each text is another one."""
    cues = spaced_cues(6)
    made = a_drawing(cues, cues[-1].end_ms)
    draw_video(made, str(tmp_path / "drawn.mp4"), encoder.run)
    frames = shown(tmp_path / "drawn.mp4")
    looks: dict[tuple[str, ...], set[bytes]] = {}
    for state in made.states:
        lines = cues[state.cue].lines if state.cue is not None else ()
        looks.setdefault(lines, set()).add(frames[state.first_frame].tobytes())
    assert len(looks) == 4
    assert len(set.union(*looks.values())) == 4


def test_a_player_finds_a_keyframe_every_five_seconds(tmp_path: Path) -> None:
    """Keyframes are at most five seconds apart, and from each of them a seek shows the right picture."""
    made = a_drawing([Cue(6000, 19_000, ("A long one.",))], 21_000)
    draw_video(made, str(tmp_path / "drawn.mp4"), encoder.run)
    with av.open(str(tmp_path / "drawn.mp4")) as container:
        stream = container.streams.video[0]
        keys = [round(p.pts * p.time_base * 30) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
        assert keys == [0, 150, 180, 330, 480, 570]
        container.seek(16_500_000)
        frame = next(container.decode(stream))
        assert frame.time == 16.0
    assert np.array_equal(frame.to_ndarray(format="rgb24"), shown(tmp_path / "drawn.mp4")[200])


def test_the_file_is_what_players_expect(tmp_path: Path) -> None:
    """H.264 High, 4:2:0, tagged BT.709, limited range, one constant rate."""
    draw_video(a_drawing(spaced_cues(3), 5000, size=(640, 360)), str(tmp_path / "drawn.mp4"), encoder.run)
    with av.open(str(tmp_path / "drawn.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert stream.average_rate == Fraction(30)
        assert (stream.width, stream.height, stream.frames) == (640, 360, 150)


def test_colours_are_those_asked_for(tmp_path: Path, picture: Path) -> None:
    """A still keeps its colours and its shape, and lies in the middle of the ground."""
    draw_video(a_drawing([], 200, (Still(str(picture)),)), str(tmp_path / "drawn.mp4"), encoder.run)
    (first, *_) = shown(tmp_path / "drawn.mp4")
    red, blue, edge = first[90, 60].astype(int), first[90, 260].astype(int), first[4, 160].astype(int)
    assert np.abs(red - (255, 0, 0)).max() < 8
    assert np.abs(blue - (0, 0, 255)).max() < 8
    assert np.abs(edge - (0x16, 0x1E, 0x2B)).max() < 8


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("mjpeg", "yuvj420p"), ("libwebp", "yuv420p"), ("gif", "rgb8"), ("bmp", "bgr24"), ("tiff", "rgb24")],
)
def test_other_formats_of_pictures(tmp_path: Path, codec: str, pixel_format: str) -> None:
    """A picture is known by what it holds, not by its name."""
    if codec == "gif":
        data = gif_of_one_colour()
    else:
        data = encoded_picture(np.full((40, 80, 3), (250, 10, 10), dtype=np.uint8), codec, pixel_format)
    (tmp_path / "picture.dat").write_bytes(data)
    draw_video(a_drawing([], 100, (Still(str(tmp_path / "picture.dat")),)), str(tmp_path / "o.mp4"), encoder.run)
    middle = shown(tmp_path / "o.mp4")[0][90, 160].astype(int)
    assert np.abs(middle - (250, 10, 10)).max() < 30


def gif_of_one_colour() -> bytes:
    """A GIF of two by one pixels, both red (GIF89a: header, palette of two, one image of LZW codes)."""
    screen = struct.pack("<6sHHBBB", b"GIF89a", 2, 1, 0x80, 0, 0) + bytes([250, 10, 10, 0, 0, 0])
    codes = bytes([2, 2, 0x04, 0x0A])  # clear, 0, 0, end: 3 bits each, from the lowest bit on
    return screen + struct.pack("<BHHHHB", 0x2C, 0, 0, 2, 1, 0) + codes + b"\0\x3b"


def test_a_transparent_picture_lies_on_the_ground(tmp_path: Path) -> None:
    """What is half transparent is half ground."""
    pixels = np.full((18, 32, 4), (255, 0, 0, 128), dtype=np.uint8)
    (tmp_path / "half.png").write_bytes(encoded_picture(pixels, "png", "rgba"))
    draw_video(a_drawing([], 100, (Still(str(tmp_path / "half.png")),)), str(tmp_path / "o.mp4"), encoder.run)
    middle = shown(tmp_path / "o.mp4")[0][90, 160].astype(int)
    assert np.abs(middle - ((255 + 0x16) // 2, 0x1E // 2, 0x2B // 2)).max() < 8


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    """A JPEG whose EXIF says that it was taken on its side is shown upright."""
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, :40, 0] = 255
    pixels[:, 40:, 2] = 255
    plain = encoded_picture(pixels, "mjpeg", "yuvj420p")
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    (tmp_path / "p.jpg").write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:])
    draw_video(a_drawing([], 100, (Still(str(tmp_path / "p.jpg")),)), str(tmp_path / "o.mp4"), encoder.run)
    frame = shown(tmp_path / "o.mp4")[0].astype(int)
    assert np.abs(frame[30, 160] - (255, 0, 0)).max() < 40
    assert np.abs(frame[150, 160] - (0, 0, 255)).max() < 40


@pytest.mark.parametrize("shape", [(1, 1), (2000, 2), (3, 2001), (181, 321)])
def test_any_shape_of_picture(tmp_path: Path, shape: tuple[int, int]) -> None:
    """However narrow or small a picture is, something of it is seen in the middle."""
    pixels = np.full((*shape, 3), (255, 255, 255), dtype=np.uint8)
    (tmp_path / "p.png").write_bytes(encoded_picture(pixels, "png", "rgb24"))
    draw_video(a_drawing([], 100, (Still(str(tmp_path / "p.png")),)), str(tmp_path / "o.mp4"), encoder.run)
    assert shown(tmp_path / "o.mp4")[0][80:100, 150:170].max() > 100


def test_pictures_follow_one_another(tmp_path: Path, picture: Path) -> None:
    """A card and a still in turn, with captions across their change, each on its frame."""
    cues = [Cue(400, 1400, ("Across the change.",)), Cue(1500, 1900, ("After it.",))]
    pictures = (Card("First"), Still(str(picture)), Card("Last"))
    made = a_drawing(cues, 3000, pictures, starts_ms=(0, 1000, 2000))
    draw_video(made, str(tmp_path / "drawn.mp4"), encoder.run)
    frames = shown(tmp_path / "drawn.mp4")
    assert changes(frames) == [state.first_frame for state in made.states] == [0, 12, 30, 42, 45, 57, 60]
    assert len({frames[state.first_frame].tobytes() for state in made.states}) == 6


class _OtherCoding:
    """Runs ffmpeg with an encoder that is told to use CABAC, whose pictures cannot be repeated."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, arguments: Sequence[str], *, folder: str) -> str:
        self.runs += 1
        return encoder.run([argument.replace("cabac=0", "cabac=1") for argument in arguments], folder=folder)


def test_where_repeating_fails_every_frame_is_encoded(tmp_path: Path) -> None:
    """With pictures that cannot be repeated the video has the same frames, only by another way."""
    made = a_drawing(spaced_cues(4), 5000, (Card("First"), Card("Second")), starts_ms=(0, 2000))
    run = _OtherCoding()
    draw_video(made, str(tmp_path / "other.mp4"), run)
    assert run.runs == 4
    draw_video(made, str(tmp_path / "usual.mp4"), encoder.run)
    other, usual = shown(tmp_path / "other.mp4"), shown(tmp_path / "usual.mp4")
    assert len(other) == len(usual) == 150
    for at in (state.first_frame + offset for state in made.states for offset in (0, state.frame_count - 1)):
        assert np.abs(other[at].astype(int) - usual[at]).mean() < 2


def test_the_authors_text_is_drawn_on_one_line(tmp_path: Path) -> None:
    """Backslashes and braces make no commands: such a caption is as high as a plain one, and nothing is remarked."""
    logs: list[str] = []

    def run(arguments: Sequence[str], *, folder: str) -> str:
        logs.append(encoder.run(arguments, folder=folder))
        return logs[-1]

    cues = [
        Cue(0, 500, ("plain New text",)),
        Cue(500, 1000, (r"C:\New {\b1} \h {",)),
        Cue(1000, 1500, ("two", "lines")),
    ]
    draw_video(a_drawing(cues, 2000, (Card(""),), size=(640, 360)), str(tmp_path / "o.mp4"), run)
    frames = shown(tmp_path / "o.mp4")
    plain, special, two, bare = (frames[at].astype(int) for at in (0, 15, 30, 50))
    heights = [int((np.abs(frame - bare).max(axis=(1, 2)) > 16).sum()) for frame in (plain, special, two)]
    assert heights[0] > 10
    assert abs(heights[0] - heights[1]) <= 1
    assert heights[2] > 1.5 * heights[0]
    assert missing_from("\n".join(logs)) == ()


def test_captions_keep_clear_of_the_edges(tmp_path: Path) -> None:
    """Two lines of 42 characters stay inside the safe area, in wide and in upright videos."""
    line = "the quick brown fox jumps over the lazy do"
    for size in ((640, 360), (360, 640)):
        made = a_drawing([Cue(0, 500, (line, line))], 1000, (Card(""),), size=size)
        draw_video(made, str(tmp_path / "o.mp4"), encoder.run)
        frames = shown(tmp_path / "o.mp4")
        drawn = np.abs(frames[0].astype(int) - frames[20]).max(axis=2) > 16
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        assert 0.03 * size[0] < columns[0] < columns[-1] < 0.97 * size[0]
        assert 0.6 * size[1] < rows[0] < rows[-1] < 0.95 * size[1]


def test_a_title_is_in_the_middle(tmp_path: Path) -> None:
    """The title stands centred, a little above the middle."""
    draw_video(a_drawing([], 100, size=(640, 360)), str(tmp_path / "o.mp4"), encoder.run)
    (first, *_) = shown(tmp_path / "o.mp4")
    bright = first.min(axis=2) > 150
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert abs((columns[0] + columns[-1]) / 2 - 320) < 6
    assert 0.3 * 360 < rows.mean() < 0.5 * 360


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_what_is_no_picture_is_named(tmp_path: Path, data: bytes) -> None:
    """A file that is no picture is an error that names it, and nothing is left behind."""
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"picture\.png"):
        draw_video(a_drawing([], 100, (Still(str(path)),)), str(tmp_path / "o.mp4"), encoder.run)
    assert [left.name for left in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("data", [b"not a picture", b"\x89PNG\r\n\x1a\n and then nothing", None])
def test_an_error_reads_as_the_others_do(tmp_path: Path, data: bytes | None) -> None:
    """The place first, then a sentence without a capital or a full stop."""
    path = tmp_path / "picture.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        draw_video(a_drawing([], 100, (Still(str(path)),)), str(tmp_path / "o.mp4"), encoder.run)
    sentence = str(caught.value).removeprefix(f"{path}: ")
    assert sentence[0].islower()
    assert not sentence.endswith(".")


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_a_word_wider_than_the_picture_stays_inside(tmp_path: Path, size: tuple[int, int]) -> None:
    """An address of 76 characters and a word without a place to break are drawn whole, clear of the edges."""
    address = "https://www.example.org/harbour/lighthouse-keepers/archive.php?year=1887&n=4"
    word = "Supercalifragilisticexpialidociousantidisestablishmentarianism"
    made = a_drawing([Cue(0, 500, (address,)), Cue(500, 1000, (word,))], 1500, (Card(""),), size=size)
    draw_video(made, str(tmp_path / "o.mp4"), encoder.run)
    frames = shown(tmp_path / "o.mp4")
    for at in (0, 15):
        drawn = np.abs(frames[at].astype(int) - frames[-1]).max(axis=2) > 16
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        assert 0.03 * size[0] < columns[0] < columns[-1] < 0.97 * size[0]
        assert 0.55 * size[1] < rows[0] < rows[-1] < 0.95 * size[1]


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    """A picture that is not there is an error that names it."""
    with pytest.raises(MediaError, match="gone"):
        draw_video(a_drawing([], 100, (Still(str(tmp_path / "gone.png")),)), str(tmp_path / "o.mp4"), encoder.run)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is not there is an error that names the output."""
    with pytest.raises(OutputError, match=r"o\.mp4"):
        draw_video(a_drawing([], 100), str(tmp_path / "none" / "o.mp4"), encoder.run)


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    """A video of no frames is refused."""
    with pytest.raises(PipelineError, match="no frames"):
        draw_video(a_drawing([], 0), str(tmp_path / "o.mp4"), encoder.run)


def test_a_failing_ffmpeg_is_told(tmp_path: Path) -> None:
    """What ffmpeg fails with reaches the caller, and no scratch folder is left."""

    def run(arguments: Sequence[str], *, folder: str) -> str:
        return encoder.run([*arguments[:-1], "-f", "nosuchformat", arguments[-1]], folder=folder)

    with pytest.raises(FfmpegError):
        draw_video(a_drawing([], 100), str(tmp_path / "o.mp4"), run)
    assert list(tmp_path.iterdir()) == []


def test_templates_are_found() -> None:
    """Both templates lie where the program looks for them; another name is an error."""
    assert "Style: Caption" in drawing.read_template("captions.ass")
    assert "Style: Title" in drawing.read_template("card.ass")
    with pytest.raises(PipelineError, match=r"none\.ass"):
        drawing.read_template("none.ass")


@pytest.mark.slow
def test_an_hour_is_drawn_without_being_held(tmp_path: Path) -> None:
    """An hour with a change every two seconds has every frame, and keyframes where the states begin."""
    states = tuple(State(60 * index, 60, index if index % 2 else None) for index in range(1800))
    cues = [Cue(0, 1, (f"Caption {index}",)) for index in range(1800)]
    made = Drawing(states, cues, (Card("An hour"),), (160, 90), 30, ROBOTO)
    draw_video(made, str(tmp_path / "hour.mp4"), encoder.run)
    with av.open(str(tmp_path / "hour.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == 108_000
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == list(range(0, 108_000, 60))
