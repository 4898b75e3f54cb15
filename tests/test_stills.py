"""Coded pictures repeated by skipped slices, judged by a decoder."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stills import CodedStreamError, constant_rate_stream, find_pictures
from pipeline.stills.bitstream import START_CODE, BitWriter, nal_spans, nal_type, protected
from pipeline.stills.parameters import Coding, parse_coding, parse_sequence
from pipeline.stills.slices import IDR, picture_id, skipped_slice, with_picture_id

SUITABLE = "cabac=0:ref=1:bframes=0:weightp=0:rc-lookahead=0:scenecut=0:8x8dct=1:slices=1:sliced-threads=0"
# Whole macroblocks, a cropped size, and an odd number of macroblocks.
SIZES = [(64, 48), (320, 180), (114, 62)]


def coded(size: tuple[int, int], count: int, options: str = SUITABLE) -> bytes:
    """Encode grey pictures, each lighter than the one before, as keyframes in annex B."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 30)
    context.framerate = Fraction(30)
    context.options = {"x264-params": options, "forced-idr": "1", "preset": "superfast", "crf": "20"}
    stream = b""
    for number in range(count):
        grey = np.full((size[1], size[0], 3), 20 + 200 * number // count, dtype=np.uint8)
        grey[: size[1] // 2, : size[0] // 3] = np.random.default_rng(number).integers(0, 255, 3)
        frame = av.VideoFrame.from_ndarray(grey, "rgb24")
        frame.pts = number
        frame.pict_type = av.video.frame.PictureType.I
        stream += b"".join(bytes(packet) for packet in context.encode(frame))
    return stream + b"".join(bytes(packet) for packet in context.encode(None))


def decoded(stream: bytes) -> list[bytes]:
    """Decode every frame of an annex B stream, and fail on anything that the decoder remarks."""
    with av.logging.Capture() as remarks, av.open(io.BytesIO(stream), "r", "h264") as container:
        frames = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
    assert [text for level, _, text in remarks if level <= av.logging.WARNING] == []
    return frames


def repeated(stream: bytes, counts: list[int], most_between_keyframes: int = 150) -> bytes:
    """Repeat the pictures of a stream, each so many times."""
    pictures = find_pictures(stream)
    units = ((stream[start:end], count) for (start, end), count in zip(pictures.spans, counts, strict=True))
    return b"".join(constant_rate_stream(pictures.coding, units, most_between_keyframes))


@pytest.mark.parametrize("size", SIZES)
def test_every_picture_is_seen_for_its_frames(size: tuple[int, int]) -> None:
    """A decoder shows each picture for exactly as many frames as asked, and nothing else."""
    stream = coded(size, 5)
    counts = [1, 40, 1, 2, 17]
    alone = decoded(stream)
    assert len(set(alone)) == 5
    expected = [picture for picture, count in zip(alone, counts, strict=True) for _ in range(count)]
    assert decoded(repeated(stream, counts)) == expected


@given(st.lists(st.integers(1, 40), min_size=4, max_size=4), st.integers(1, 20))
@settings(max_examples=15, deadline=None)
def test_any_lengths_and_any_keyframe_interval(counts: list[int], interval: int) -> None:
    """Whatever the lengths, the frames are right, and no two keyframes are further apart than asked."""
    stream = repeated(STREAM, counts, interval)
    frames = decoded(stream)
    assert len(frames) == sum(counts)
    assert frames == [picture for picture, count in zip(ALONE, counts, strict=True) for _ in range(count)]
    kinds = [nal_type(stream[start:end]) for start, end in nal_spans(stream)]
    keyframes = [at for at, kind in enumerate([kind for kind in kinds if kind in (1, IDR)]) if kind == IDR]
    assert all(
        after - before <= interval for before, after in zip(keyframes, [*keyframes[1:], len(frames)], strict=True)
    )


STREAM = coded((64, 48), 4)
ALONE = decoded(STREAM)


def test_neighbouring_keyframes_have_different_ids() -> None:
    """Two IDR pictures in a row never share an idr_pic_id (ITU-T H.264, 7.4.3), even of one and the same picture."""
    pictures = find_pictures(STREAM)
    start, end = pictures.spans[0]
    stream = b"".join(constant_rate_stream(pictures.coding, [(STREAM[start:end], 4)], 1))
    slices = [stream[a:b] for a, b in nal_spans(stream) if nal_type(stream[a:b]) == IDR]
    assert len(slices) == 4
    assert all(before != after for before, after in pairwise(slices))
    assert len(set(decoded(stream))) == 1


@pytest.mark.parametrize("start_id", [0, 1, 5])
def test_a_changed_id_changes_nothing_else(start_id: int) -> None:
    """Giving a picture another id and then its own again leaves the very same bytes."""
    pictures = find_pictures(STREAM)
    start, end = pictures.spans[0]
    unit = with_picture_id(STREAM[start:end], pictures.coding, start_id)
    there = with_picture_id(unit, pictures.coding, 77)
    assert picture_id(unit, pictures.coding) == start_id
    assert picture_id(there, pictures.coding) == 77
    assert with_picture_id(there, pictures.coding, start_id) == unit


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("cabac=1", "CABAC"),
        ("ref=3:no-mbtree=1", "reference frame"),
        ("bframes=2", "picture order count"),
        ("interlaced=1", "picture order count"),
    ],
)
def test_what_cannot_be_repeated_is_refused(changed: str, reason: str) -> None:
    """Streams coded in another way are refused with the reason."""
    with pytest.raises(CodedStreamError, match=reason):
        find_pictures(coded((320, 180), 2, f"{SUITABLE}:{changed}"))


def test_several_slices_are_refused() -> None:
    """A picture of several slices is refused when it is to be repeated."""
    stream = coded((320, 180), 1, SUITABLE.replace("slices=1", "slices=2"))
    pictures = find_pictures(stream)
    assert len(pictures.spans) == 2
    with pytest.raises(CodedStreamError, match="several slices"):
        repeated(stream, [1, 1])


def test_predicted_pictures_are_refused() -> None:
    """A stream that already has pictures referring to others is refused."""
    stream = STREAM + START_CODE + skipped_slice(find_pictures(STREAM).coding, 1)
    with pytest.raises(CodedStreamError, match="type 1"):
        find_pictures(stream)


def test_a_stream_of_nothing_is_refused() -> None:
    """No pictures, no repeats."""
    with pytest.raises(CodedStreamError):
        find_pictures(b"")


@given(st.binary(max_size=60), st.binary(max_size=30))
def test_any_bytes_as_parameter_sets(sequence: bytes, picture: bytes) -> None:
    """Parameter sets of any bytes are read or refused, nothing else happens."""
    try:
        coding = parse_coding(b"\x67" + sequence, b"\x68" + picture)
    except CodedStreamError:
        return
    assert coding.macroblocks >= 1


@given(st.data())
def test_damaged_parameter_sets(data: st.DataObject) -> None:
    """A real parameter set with a few bits turned is read or refused, nothing else happens."""
    coding = find_pictures(STREAM).coding
    sequence = bytearray(coding.sequence_unit)
    for at in data.draw(st.lists(st.integers(8, 8 * len(sequence) - 1), max_size=4)):
        sequence[at // 8] ^= 0x80 >> at % 8
    try:
        changed = parse_coding(bytes(sequence), coding.picture_unit)
    except CodedStreamError:
        return
    assert 4 <= changed.frame_num_bits <= 16


@given(st.integers(0, 31), st.integers(0, 12), st.integers(1, 300), st.integers(1, 300))
def test_written_sequence_sets_are_read(identity: int, bits_minus4: int, width: int, height: int) -> None:
    """Field widths and the number of macroblocks come back from a parameter set written field by field."""
    writer = BitWriter()
    writer.bits(66, 8)  # Baseline: no chroma format
    writer.bits(0, 8)
    writer.bits(40, 8)
    writer.unsigned(identity)
    writer.unsigned(bits_minus4)
    writer.unsigned(2)
    writer.unsigned(1)
    writer.bits(0, 1)
    writer.unsigned(width - 1)
    writer.unsigned(height - 1)
    writer.bits(1, 1)
    writer.end()
    sequence = parse_sequence(b"\x67" + protected(writer.payload()))
    assert (sequence.id, sequence.frame_num_bits, sequence.macroblocks) == (identity, bits_minus4 + 4, width * height)


def test_a_repeat_is_a_dozen_bytes() -> None:
    """Repeating a 1080p picture costs at most twelve bytes a frame, start code included."""
    coding = Coding(b"", b"", picture_id=0, frame_num_bits=4, macroblocks=120 * 68)
    assert max(len(START_CODE + skipped_slice(coding, number)) for number in range(16)) <= 12
