"""A media file → its sound as samples, the first of which is time 0."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline import pcm
from pipeline.codecs.frames import Resampler, part_of_frame
from pipeline.errors import MediaError
from pipeline.media.opening import base, opened, sound_zero

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame
    from av.container import InputContainer


def decoded_sound(path: str, sample_rate: int) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the first sound track as mono blocks at this rate; the first sample of all is time 0 of the file.

    Raises MediaError when there is no sound.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError(f"{path}: has no sound")
        for _, alike in itertools.groupby(_placed_frames(container), _form):
            resampler = Resampler(sample_rate)
            for frame in alike:
                yield pcm.as_array(resampler.feed(frame))
            yield pcm.as_array(resampler.finish())


def _form(frame: AudioFrame) -> tuple[int, str, str]:
    """What a resampler takes for granted: what was recorded from a broadcast may change on the way."""
    return frame.sample_rate, frame.format.name, frame.layout.name


def _placed_frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Frames of the first sound track without a gap: silence is put where nothing is, from time 0 on."""
    start = sound_zero(container)
    placed, rate = 0, 0
    for frame in container.decode(container.streams.audio[0]):
        if rate != frame.sample_rate:
            placed = round(placed * Fraction(frame.sample_rate, rate)) if rate else 0
            rate = frame.sample_rate
        first = round(((frame.pts or 0) * base(frame) - start) * rate)
        # Containers that count milliseconds round: only what is more than that is a gap.
        if first - placed > (rate // 500 if placed else 0):
            for done in range(placed, first, rate):
                yield _silent_frame(frame, min(rate, first - done))
            placed = first
        early = min(-first, frame.samples) if first < 0 and not placed else 0
        # A packet that lasts less than it holds is the last one: what is over is the encoder's padding.
        lasting = frame.duration if base(frame) == Fraction(1, rate) and frame.duration else frame.samples
        if part := part_of_frame(frame, early, min(lasting, frame.samples)):
            placed += part.samples
            yield part


def _silent_frame(like: AudioFrame, samples: int) -> AudioFrame:
    import av

    frame = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    frame.sample_rate = like.sample_rate
    fill = b"\x80" if like.format.name in {"u8", "u8p"} else b"\0"
    for plane in frame.planes:
        plane.update(fill * plane.buffer_size)
    return frame
