"""A path that somebody named → the one safe form in which ffmpeg and PyAV may open it.

A bare name is read by ffmpeg as more than a name: `10:min.mp4` as a protocol, `-x.mp4` as an option, a text file
called .mp4 as a list of other files to open. So every address is `file:` and the absolute path, may be read through
the file protocol only, and as one of the formats that hold their own media and name no other files.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.filtergraph import Address

# Formats by the names of ffmpeg's demuxers. Left out on purpose: concat, hls, dash, imf and sdp (they name further
# addresses), image2 (patterns over a folder), and text formats.
MEDIA_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,mxf,nut,ogg,gif,apng,ivf,h264,hevc,"
    "wav,w64,aiff,caf,mp3,aac,flac,dv,rm"
)


def file_url(path: str | Path) -> str:
    """`file:` and the absolute path: safe where ffmpeg is to write or to read, whatever the name looks like."""
    return f"file:{Path(path).absolute()}"


def media_address(path: str | Path) -> Address:
    """Address of a video or a sound: for ffmpeg's arguments and for `av.open` alike."""
    return Address(file_url(path), (("protocol_whitelist", "file"), ("format_whitelist", MEDIA_FORMATS)))


def still_address(path: str | Path) -> Address:
    """Address of one picture: no pattern in its name is filled in (`slide%d.png` is that very file)."""
    options = (("protocol_whitelist", "file"), ("pattern_type", "none"))
    return Address(file_url(path), options, "image2")


def chapters_address(path: str | Path) -> Address:
    """Address of a file of chapters in ffmpeg's own metadata format."""
    return Address(file_url(path), (("protocol_whitelist", "file"),), "ffmetadata")


def video_stream_address(path: str | Path) -> Address:
    """Address of bare H.264 (ITU-T H.264 Annex B), which has no timestamps of its own."""
    return Address(file_url(path), (("protocol_whitelist", "file"),), "h264")
