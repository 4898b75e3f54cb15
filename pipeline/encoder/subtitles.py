r"""Cues → a timed text track (3GPP TS 26.245) that holds their text byte for byte.

Ffmpeg reads markup out of every text it converts: `<i>x</i> {\an8}` would come back as `x`. So the samples are written
here as the standard has them (5.17.1: two bytes of length, big endian, then UTF-8), and are copied from then on.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.errors import OutputError, UsageError
from pipeline.model import CaptionTrack, Cue

MILLISECOND = Fraction(1, 1000)
LONGEST_TEXT = 0xFFFF
# From this the encoder makes the track's sample description: white on nothing, centred, at the bottom. 16 of 288 lines
# is 5.6 % of the height.
STYLE = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def within(track: CaptionTrack, end_ms: int) -> tuple[Cue, ...]:
    """Cues that are seen before the end, the last cut at it: one that outlives the media would lengthen the file."""
    return tuple(
        Cue(cue.start_ms, min(cue.end_ms, end_ms), cue.lines, cue.first_word, cue.end_word)
        for cue in track.cues
        if cue.start_ms < min(cue.end_ms, end_ms) and cue.text
    )


def write_text_track(cues: tuple[Cue, ...], path: str) -> None:
    """Write an MP4 with nothing but the cues' text, in milliseconds. Raises OutputError, or UsageError for a novel."""
    import av

    try:
        with av.open(f"file:{path}", "w", format="mp4", container_options={"write_btrt": "0"}) as container:
            stream = container.add_stream("mov_text", time_base=MILLISECOND)
            stream.codec_context.time_base = MILLISECOND
            stream.codec_context.subtitle_header = STYLE
            container.start_encoding()
            for cue in cues:
                packet = av.Packet(_sample(cue.text))
                packet.stream = stream
                packet.time_base = MILLISECOND
                packet.pts = packet.dts = cue.start_ms
                packet.duration = cue.end_ms - cue.start_ms
                container.mux_one(packet)
    except (OSError, av.FFmpegError) as error:
        raise OutputError(f"{path} could not be written: {error.strerror}") from None


def _sample(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > LONGEST_TEXT:
        raise UsageError(f"a caption of {len(encoded)} bytes is longer than a video can hold: {text[:40]}…")
    return len(encoded).to_bytes(2, "big") + encoded
