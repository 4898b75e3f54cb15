"""Samples → files of MP3 and of Opus as real encoders and muxers write them; and bytes cut anywhere."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from random import Random

from pipeline.codecs import speech_encoder
from pipeline.codecs.formats import FORMATS
from tests.noise import Samples

# As a file is written, with a tag and a note of its length; the note alone; and the tag alone, as into a pipe.
NOTED: Mapping[str, str] = {"id3v2_version": "4", "write_xing": "1"}
UNTAGGED: Mapping[str, str] = {"id3v2_version": "0", "write_xing": "1"}
PIPED: Mapping[str, str] = {"id3v2_version": "4", "write_xing": "0"}
MANNERS: Mapping[str, Mapping[str, str]] = {"noted": NOTED, "untagged": UNTAGGED, "piped": PIPED}


def mp3_file(samples: Samples, name: str, options: Mapping[str, str] = NOTED) -> bytes:
    """Samples at a format's rate as a file, with the muxer's options."""
    import av

    wanted, file = FORMATS[name], io.BytesIO()
    with av.open(file, "w", format="mp3", options=dict(options)) as container:
        container.metadata["title"] = "A tag in front"
        stream = container.add_stream("libmp3lame", rate=wanted.sample_rate)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16p"
        stream.codec_context.bit_rate = wanted.bit_rate
        stream.codec_context.open()
        size = stream.codec_context.frame_size
        for at in range(0, len(samples), size):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + size].copy(), format="s16p", layout="mono")
            frame.sample_rate, frame.pts = wanted.sample_rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def recording(samples: Samples, name: str) -> bytes:
    """Samples at a format's rate as one recording that says how long it is, where the format can."""
    if name.startswith("mp3"):
        return mp3_file(samples, name)
    encoder = speech_encoder(name, FORMATS[name].sample_rate)
    return encoder.feed(samples.tobytes()) + encoder.finish()


def cut_anywhere(random: Random, data: bytes) -> Iterator[bytes]:
    """Cut bytes into portions of any size."""
    first = 0
    while first < len(data):
        size = random.choice([1, 2, 3, 10, 417, 1000, 4096, 60_001])
        yield data[first : first + size]
        first += size
