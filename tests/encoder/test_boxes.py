"""The caption track's flag in a finished MP4."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.encoder.boxes import switch_captions_off


def box(kind: bytes, content: bytes) -> bytes:
    """Make a box of ISO/IEC 14496-12."""
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def track(handler: bytes) -> bytes:
    """Make a track that is enabled, of this kind."""
    header = box(b"tkhd", b"\0\0\0\3" + bytes(80))
    return box(b"trak", header + box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12))))


def test_only_captions_are_switched_off(tmp_path: Path) -> None:
    """One bit of the caption track changes, behind a large sample box as well; picture and sound stay on."""
    large = b"\0\0\0\1mdat" + (16 + 40).to_bytes(8, "big") + bytes(40)
    start = box(b"ftyp", b"isom") + large
    index = box(b"moov", box(b"mvhd", bytes(20)) + track(b"vide") + track(b"soun") + track(b"sbtl"))
    path = tmp_path / "a.mp4"
    path.write_bytes(start + index)
    switch_captions_off(str(path))
    after = path.read_bytes()
    changed = [n for n, (a, b) in enumerate(zip(start + index, after, strict=True)) if a != b]
    assert len(changed) == 1
    assert after[changed[0]] == 2
    assert changed[0] > after.index(b"soun")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_other_files_end_too(data: bytes) -> None:
    """Whatever a file holds, it is walked to its end, and stays as it was where there is no index."""
    data = data.replace(b"moov", b"")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(data)
        switch_captions_off(str(path))
        assert path.read_bytes() == data
