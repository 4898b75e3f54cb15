"""Encoded speech in portions of any size → 16-bit mono samples, the codec's delay taken off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pipeline.codecs.formats import OutputFormat, SpeechCodec
from pipeline.codecs.frames import Resampler
from pipeline.codecs.mpeg import read_header
from pipeline.codecs.streams import Stream, stream_of
from pipeline.errors import RemoteProtocolError

if TYPE_CHECKING:
    from av import AudioFrame

Sniffed = Literal["mp3", "opus", "wav", "unmarked", "undecided"]
MARKS: tuple[tuple[bytes, Sniffed], ...] = (
    (b"OggS\0", "opus"),
    (b"ID3", "mp3"),
    (b"RIFF", "wav"),
)


def sniff(head: bytes) -> Sniffed:
    """Tell from its first bytes what sound is, where its form marks it; `undecided` asks for more bytes.

    Two bytes of samples may look like a frame of MP3, so its second frame must be where the first one says.
    """
    for mark, kind in MARKS:
        if head[: len(mark)] == mark:
            return kind
        if head == mark[: len(head)]:
            return "undecided"
    if head[0] == 0xFF and len(head) < 4:
        return "undecided"
    first = read_header(head)
    if first is None:
        return "unmarked"
    if len(head) < first.length + 4:
        return "undecided"
    second = read_header(head[first.length :])
    alike = second is not None and (second.version, second.sample_rate) == (first.version, first.sample_rate)
    return "mp3" if alike else "unmarked"


class SpeechDecoder:
    """Decodes one utterance. What comes is believed before what was asked for: MP3 has come in place of samples.

    `found` is the codec that came (the one asked for until the first bytes are there). `feed` and `finish` give bytes
    of whole samples at `sample_rate`, and raise RemoteProtocolError for what cannot be decoded.
    """

    def __init__(self, wanted: OutputFormat, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.found: SpeechCodec | Literal["wav"] = wanted.codec
        self._wanted = wanted
        self._head = b""
        self._stream: Stream | None = None
        self._resampler = Resampler(sample_rate)

    def feed(self, block: bytes) -> bytes:
        """Decode one more portion, cut anywhere."""
        if self._stream is None:
            self._head += block
            kind = sniff(self._head) if self._head else "undecided"
            if kind == "undecided":
                return b""
            self._settle(kind)
            block, self._head = self._head, b""
        return self._samples(self._started().feed(block))

    def finish(self) -> bytes:
        """Decode what is left when nothing more comes."""
        rest = b""
        if self._stream is None:
            self._settle("unmarked")
            rest = self._samples(self._started().feed(self._head))
        return rest + self._samples(self._started().finish()) + self._resampler.finish()

    def _settle(self, kind: Sniffed) -> None:
        if kind in {"mp3", "opus", "wav"}:
            self.found = kind
        self._stream = stream_of(self.found, self._wanted.sample_rate)

    def _started(self) -> Stream:
        assert self._stream is not None
        return self._stream

    def _samples(self, frames: Iterable[AudioFrame]) -> bytes:
        import av

        try:
            return b"".join(self._resampler.feed(frame) for frame in frames)
        except (av.FFmpegError, ValueError) as error:  # ValueError: its rate or layout changed on the way
            raise RemoteProtocolError(f"the speech that came cannot be decoded as {self.found} ({error})") from None
