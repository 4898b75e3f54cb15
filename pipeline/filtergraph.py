"""Addresses, lengths and labels → ffmpeg arguments: lists for copies, graphs (by ffmpeg-python) where pixels change.

Nothing is run here and nothing looked at: the same values give the same arguments, so tests hold them as golden lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import SettingError
from pipeline.model import ChapterMark
from pipeline.settings import wrong_media_kind

SoundContainer = Literal["m4a", "mp3", "wav"]
Container = Literal["mp4", "m4a", "mp3", "wav"]
# Muxers by container: ffmpeg's `ipod` is MP4 with the brand M4A, which players take for sound.
MUXERS: Mapping[str, str] = {"mp4": "mp4", "m4a": "ipod", "mp3": "mp3", "wav": "wav"}
# 48 kHz is the rate of sound for video (AES5-2018, 3.1); 128 kb/s AAC-LC is beyond reproach for one voice.
SOUND_RATE = 48000
SOUND_CODECS: Mapping[str, tuple[str, ...]] = {
    "m4a": ("-c:a", "aac", "-b:a", "128k", "-ar", str(SOUND_RATE)),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "128k", "-ar", str(SOUND_RATE)),
    "wav": ("-c:a", "pcm_s16le", "-rf64", "auto"),
}
# What MP4 holds and today's browsers and players show; any other picture is encoded anew.
COPIED_CODECS = frozenset({"h264", "hevc", "av1", "vp9"})
# Set on the frames, as `setparams` names them: on the output the encoder takes only the matrix.
BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "range": "tv"}
# Names in the scratch folder in which a graph with captions is run: a path inside a filter would need two levels of
# escaping, a constant name needs none.
CAPTIONS_FILE = "captions.ass"
FONTS_FOLDER = "fonts"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a medium is read, and how: `options` are ffmpeg's for this input, `format` forces a demuxer."""

    url: str
    options: tuple[tuple[str, str], ...] = ()
    format: str | None = None

    @property
    def arguments(self) -> list[str]:
        """The address as ffmpeg arguments, `-i` and all."""
        forced = ["-f", self.format] if self.format else []
        options = [part for name, value in self.options for part in (f"-{name}", value)]
        return [*forced, *options, "-i", self.url]

    def with_options(self, *options: tuple[str, str]) -> Address:
        """Return the same address with further options."""
        return Address(self.url, (*self.options, *options), self.format)


@dataclass(frozen=True, slots=True)
class CopiedPicture:
    """A video whose packets are copied. `hold_until_ms`: its last frame stays until then (None: it ends by itself).

    `clock` names the times that tell when a packet is shown: bare H.264 without B-frames has decoding times only.
    """

    address: Address
    codec: str = "h264"
    hold_until_ms: int | None = None
    clock: Literal["PTS", "DTS"] = "PTS"


@dataclass(frozen=True, slots=True)
class CopiedCaptions:
    """A text track that is copied. `language` is ISO 639-2; `title` is what players list.

    `disposition` says whether it is flagged to be shown by default.
    """

    address: Address
    language: str
    title: str = ""
    disposition: Literal["default", "0"] = "0"


@dataclass(frozen=True, slots=True)
class MuxInputs:
    """Everything that goes into one file, already encoded. `language` (ISO 639-2) is the narration's."""

    sound: Address
    container: Container
    picture: CopiedPicture | None = None
    captions: CopiedCaptions | None = None
    chapters: Address | None = None
    title: str = ""
    language: str = "und"


# ── copies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def sound_arguments(sample_rate: int, container: SoundContainer, out_url: str) -> list[str]:
    """Arguments that encode 16-bit mono samples from standard input, as they arrive, into one sound file."""
    source = ["-f", "s16le", "-ar", str(sample_rate), "-ch_layout", "mono", "-i", "pipe:0"]
    return [*source, *SOUND_CODECS[container], "-f", MUXERS[container], out_url]


def mux_arguments(inputs: MuxInputs, out_url: str) -> list[str]:
    """Arguments that put copies of picture, sound, captions and chapters into one file.

    Nothing of a footage's own labels is taken over (a phone writes down where it stood); its rotation is.
    """
    tracks = [(inputs.picture.address, "V:0")] if inputs.picture else []
    tracks += [(inputs.sound, "a:0")]
    tracks += [(inputs.captions.address, "s:0")] if inputs.captions else []
    sources = [address for address, _ in tracks] + ([inputs.chapters] if inputs.chapters else [])
    arguments = [part for source in sources for part in source.arguments]
    arguments += [part for n, (_, track) in enumerate(tracks) for part in ("-map", f"{n}:{track}")]
    chapters = str(len(tracks)) if inputs.chapters else "-1"
    arguments += ["-c", "copy", "-map_metadata:g", "-1", "-map_metadata:s", "-1", "-map_chapters", chapters]
    arguments += _picture_options(inputs.picture) + _labels(inputs)
    if inputs.container in {"mp4", "m4a"}:
        # The index first, so that a player on the web starts before the whole file is there.
        arguments += ["-movflags", "+faststart"]
    return [*arguments, "-f", MUXERS[inputs.container], out_url]


def hold_last_frame(until_ms: int, clock: Literal["PTS", "DTS"] = "PTS") -> str:
    """Name the bitstream filter that makes the last packet last until then, so that its picture stays on screen.

    Only the last packet has no next one. Both times are passed on as they are: what the filter sets by default
    writes the decoding time over the presentation time, which puts B-frames out of order.
    """
    end = f"{until_ms}/1000/TB-{clock}"
    return f"setts=pts={clock}:dts=DTS:duration='if(eq(NEXT_DTS,NOPTS),{end},DURATION)'"


def _picture_options(picture: CopiedPicture | None) -> list[str]:
    if picture is None:
        return []
    tag = ["-tag:v", "hvc1"] if picture.codec == "hevc" else []  # the tag that Apple's players ask for
    held = picture.hold_until_ms
    hold = [] if held is None else ["-bsf:v", hold_last_frame(held, picture.clock)]
    return [*tag, *hold, "-disposition:v:0", "default"]


def _labels(inputs: MuxInputs) -> list[str]:
    """Titles, languages and dispositions. `title` of a track becomes its handler's name as well."""
    labels = ["-metadata", f"title={inputs.title}"] if inputs.title else []
    if inputs.container in {"mp4", "m4a"}:
        labels += ["-metadata:s:a:0", f"language={inputs.language}", "-disposition:a:0", "default"]
    if inputs.captions:
        captions = inputs.captions
        labels += ["-metadata:s:s:0", f"language={captions.language}"]
        if captions.title:
            labels += ["-metadata:s:s:0", f"title={captions.title}"]
        # The text track that is read has empty samples in its gaps, and the muxer adds its own: one of each goes.
        labels += ["-disposition:s:0", captions.disposition, "-bsf:s", "noise=drop='lte(size,2)'"]
    return labels


def chapters_file(chapters: Sequence[ChapterMark], end_ms: int) -> str:
    """Chapters in ffmpeg's metadata format (ffmpeg-formats, "Metadata"), none of them lasting past the end."""
    lines = [";FFMETADATA1"]
    for chapter in chapters:
        start, end = min(chapter.start_ms, end_ms), min(chapter.end_ms, end_ms)
        if end > start:
            lines += [
                "[CHAPTER]",
                "TIMEBASE=1/1000",
                f"START={start}",
                f"END={end}",
                f"title={_escaped(chapter.title)}",
            ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    escaped = "".join(f"\\{char}" if char in "=;#\\\n" else char for char in text)
    # Ffmpeg takes any backslash before the end of a line to escape it, even one that is escaped itself.
    return f"{escaped} " if escaped.endswith("\\") else escaped


# ── graphs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DrawnFootage:
    """A footage that is decoded and encoded anew. Its last frame stays for `hold_ms` more.

    `matrix` names the colours its picture is coded in, as ffmpeg's `scale` calls them (`bt709`, `bt601`, `auto`).
    """

    address: Address
    hold_ms: int = 0
    matrix: str = "auto"


def burn_arguments(footage: DrawnFootage, out_url: str) -> list[str]:
    """Arguments that draw `captions.ass` of the working folder over a footage: picture only, H.264."""
    return _encoded(_upright(footage).filter("ass", filename=CAPTIONS_FILE, fontsdir=FONTS_FOLDER), out_url)


def transcode_arguments(footage: DrawnFootage, out_url: str) -> list[str]:
    """Arguments that encode a footage which MP4 cannot hold as it is: picture only, H.264."""
    return _encoded(_upright(footage), out_url)


def _upright(footage: DrawnFootage) -> Any:  # noqa: ANN401  # ffmpeg-python has no types
    """Square pixels, even sides, BT.709; the rotation is applied by ffmpeg before the graph."""
    import ffmpeg

    options = {name: value for name, value in footage.address.options}  # noqa: C416  # ffmpeg-python takes keywords
    source = ffmpeg.input(footage.address.url, **options)["V:0"]
    picture = source.filter(
        "scale",
        w="trunc(iw*sar/2)*2",
        h="trunc(ih/2)*2",
        in_color_matrix=footage.matrix,
        out_color_matrix="bt709",
        out_range="tv",
    )
    picture = picture.filter("setsar", "1").filter("setparams", **BT709)
    if footage.hold_ms > 0:
        picture = picture.filter("tpad", stop_mode="clone", stop_duration=f"{footage.hold_ms}ms")
    return picture


def _encoded(picture: Any, out_url: str) -> list[str]:  # noqa: ANN401
    import ffmpeg

    settings = {"c:v": "libx264", "preset": "veryfast", "crf": "20", "profile:v": "high", "f": "mp4"}
    output = ffmpeg.output(picture.filter("format", "yuv420p"), out_url, **settings)
    return [str(argument) for argument in output.get_args()]


def container_of(name: str) -> Container:
    """Return the container by its name. Raises SettingError when it is none that is made here."""
    for container in ("mp4", "m4a", "mp3", "wav"):
        if name == container:
            return container
    raise SettingError(wrong_media_kind(name))
