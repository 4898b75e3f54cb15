"""Encoded speech as it arrives ↔ samples, by the service's names of its formats (`pcm_24000`, `mp3_44100_128`)."""

from __future__ import annotations

from pipeline.codecs.decoding import SpeechDecoder
from pipeline.codecs.encoding import SpeechEncoder
from pipeline.codecs.formats import OutputFormat, parse_output_format

__all__ = ["OutputFormat", "SpeechDecoder", "SpeechEncoder", "parse_output_format", "speech_decoder", "speech_encoder"]


def load_libraries() -> None:
    """Import what sound is decoded and looked at with: a tenth of a second, which the first sound would wait for."""
    import av
    import numpy as np

    assert av
    assert np


def speech_decoder(output_format: str, expected_rate: int | None = None) -> SpeechDecoder:
    """Decode what was asked for as `output_format` into 16-bit mono samples at `expected_rate` (else the format's).

    Raises SettingError when there is no such format.
    """
    wanted = parse_output_format(output_format)
    return SpeechDecoder(wanted, expected_rate or wanted.sample_rate)


def speech_encoder(output_format: str, source_rate: int) -> SpeechEncoder:
    """Encode 16-bit mono samples at `source_rate` as `output_format`. Raises SettingError when there is none such."""
    return SpeechEncoder(parse_output_format(output_format), source_rate)
