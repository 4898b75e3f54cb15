"""Addresses: whatever a file is called, that file is opened and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.addresses import MEDIA_FORMATS, chapters_address, file_url, media_address, still_address
from pipeline.encoder import run
from pipeline.errors import FfmpegError, MediaError
from pipeline.media import probe

NAMES = ["10:min.mp4", "-i.mp4", "slide%d.mp4", "a b'c\"d;e.mp4", "ünï🙂.mp4", "concat:x.mp4", "file:y.mp4", "pipe:0"]


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_name_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Ffmpeg writes and reads, and PyAV reads, the very file, from a relative path too."""
    monkeypatch.chdir(tmp_path)
    run(["-f", "lavfi", "-i", "sine=d=0.2", "-f", "mp4", file_url(name)], time_limit_s=60)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert probe(name).sounds[0].codec == "aac"
    run([*media_address(name).arguments, "-f", "null", "-"], time_limit_s=60)


def test_a_list_of_files_is_no_video(tmp_path: Path) -> None:
    """Text that would have ffmpeg open its neighbours is refused by both."""
    secret = tmp_path / "secret.wav"
    run(["-f", "lavfi", "-i", "sine=d=0.2", file_url(secret)], time_limit_s=60)
    for text in ("ffconcat version 1.0\nfile secret.wav\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"):
        trap = tmp_path / "trap.mp4"
        trap.write_text(text)
        with pytest.raises(MediaError, match=r"trap\.mp4: is no video or sound"):
            probe(str(trap))
        with pytest.raises(FfmpegError):
            run([*media_address(trap).arguments, "-f", "null", "-"], time_limit_s=60)


def test_a_picture_is_that_picture(tmp_path: Path) -> None:
    """A pattern in a picture's name is not filled in."""
    path = tmp_path / "slide%d.png"
    run(["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", "-update", "1", file_url(path)], time_limit_s=60)
    path.rename(tmp_path / "slide%d.png")
    run([*still_address(path).arguments, "-frames:v", "1", "-f", "null", "-"], time_limit_s=60)


def test_what_an_address_allows() -> None:
    """The file protocol and formats that name no other files, on every address."""
    assert media_address("/x/a.mp4").arguments == [
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        MEDIA_FORMATS,
        "-i",
        "file:/x/a.mp4",
    ]
    assert not {"concat", "hls", "dash", "image2", "sdp", "lavfi"} & set(MEDIA_FORMATS.split(","))
    assert still_address("/x/a.png").arguments[:2] == ["-f", "image2"]
    assert chapters_address("/x/c.txt").arguments == [
        "-f",
        "ffmetadata",
        "-protocol_whitelist",
        "file",
        "-i",
        "file:/x/c.txt",
    ]
