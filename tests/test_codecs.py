"""Encoded speech ↔ samples: every codec from first to last sample, cut anywhere."""

from __future__ import annotations

import io
import wave
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs import SpeechDecoder, parse_output_format, speech_decoder, speech_encoder
from pipeline.codecs.decoding import sniff
from pipeline.codecs.formats import FORMATS
from pipeline.codecs.frames import audio_context
from pipeline.codecs.mpeg import id3_length, read_header
from pipeline.codecs.ogg import OggPages
from pipeline.errors import RemoteProtocolError, SettingError
from tests.noise import Samples, lateness, noise
from tests.sound_files import MANNERS, PIPED, cut_anywhere, mp3_file, recording


def encoded(samples: Samples, output_format: str, sample_rate: int, portion: int = 3001) -> bytes:
    """Encode in portions of bytes that end in the middle of samples."""
    encoder = speech_encoder(output_format, sample_rate)
    raw = samples.tobytes()
    return b"".join(encoder.feed(raw[at : at + portion]) for at in range(0, len(raw), portion)) + encoder.finish()


def decoded(decoder: SpeechDecoder, data: bytes, portion: int = 777) -> Samples:
    """Decode in portions that are cut anywhere."""
    parts = [decoder.feed(data[at : at + portion]) for at in range(0, len(data), portion)]
    return np.frombuffer(b"".join(parts) + decoder.finish(), "<i2")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_goes_there_and_back_without_delay(name: str) -> None:
    """What the local server encodes is decoded with its first sample first, and again in place at its end."""
    rate = FORMATS[name].sample_rate
    samples = noise(rate)
    back = decoded(speech_decoder(name), encoded(samples, name, rate))
    assert lateness(samples, back) == 0
    half = rate // 2
    assert lateness(samples[-half:], back[len(samples) - half : len(samples)]) == 0
    # A stream of MP3 does not say how much of its last frames is padding; every other form does.
    padding = 2 * 1152 if name.startswith("mp3") else 0
    assert len(samples) <= len(back) <= len(samples) + padding


@pytest.mark.parametrize("source_rate", [16000, 22050, 24000, 44100])
@pytest.mark.parametrize("name", ["pcm_16000", "pcm_24000", "pcm_44100", "mp3_44100_128", "ulaw_8000", "opus_48000_64"])
def test_another_rate_does_not_move_the_sound(name: str, source_rate: int) -> None:
    """Encoding from one rate and decoding to another keeps every sound within a sample of its time."""
    samples = noise(source_rate)
    back = decoded(speech_decoder(name, source_rate), encoded(samples, name, source_rate))
    assert abs(lateness(samples, back)) == 0
    assert lateness(samples[-source_rate:], back[len(samples) - source_rate : len(samples)]) == 0


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(1, 9), max_size=20))
def test_samples_pass_unchanged_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    """Bytes of samples come out as they went in, but for an odd last one."""
    data = b"\0\0" + data  # marked forms are sniffed by their first bytes
    decoder = speech_decoder("pcm_24000")
    out, at = b"", 0
    for cut in cuts:
        out += decoder.feed(data[at : at + cut])
        at += cut
    out += decoder.feed(data[at:]) + decoder.finish()
    assert out == data[: len(data) // 2 * 2]


def test_samples_that_look_like_mp3_are_samples() -> None:
    """A sync word is no MP3 without a second one where the first says."""
    start = bytes.fromhex("fffb90c4")
    assert sniff(start) == "undecided"
    assert sniff(start + bytes(600)) == "unmarked"
    data = start + bytes(600)
    assert decoded(speech_decoder("pcm_24000"), data, 10).tobytes() == data
    short = start + bytes(20)
    assert decoded(speech_decoder("pcm_24000"), short, 10).tobytes() == short


@pytest.mark.parametrize("sent", ["mp3_44100_128", "mp3_22050_32", "opus_48000_32"])
def test_what_comes_is_believed_before_what_was_asked(sent: str) -> None:
    """MP3 or Opus in place of samples is decoded, at the rate that was asked for, in place."""
    samples = noise(24000)
    decoder = speech_decoder("pcm_24000")
    back = decoded(decoder, encoded(samples, sent, 24000), 100)
    assert decoder.found == sent.split("_", maxsplit=1)[0]
    assert decoder.sample_rate == 24000
    assert lateness(samples, back) == 0


def test_a_wav_file_in_place_of_samples() -> None:
    """The header of a WAV is no sound; its samples are, and what follows them is not."""
    samples = noise(16000)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(samples.tobytes())
    back = decoded(speech_decoder("pcm_16000"), file.getvalue() + b"LIST\4\0\0\0abcd", 11)
    assert np.array_equal(back, samples)


def test_a_wav_file_of_another_kind_is_refused() -> None:
    """Stereo WAV in place of samples is told, not played at half speed."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(bytes(400))
    with pytest.raises(RemoteProtocolError, match="2 channels"):
        decoded(speech_decoder("pcm_16000"), file.getvalue())


def test_mp3_with_a_noted_delay_is_cut_to_the_sample() -> None:
    """An MP3 file, with its ID3 tag and LAME's note, comes back with its exact length."""
    samples = noise(44100)
    data = mp3_file(samples, "mp3_44100_128")
    assert data[:3] == b"ID3"
    assert b"Xing" in data or b"Info" in data
    back = decoded(speech_decoder("mp3_44100_128"), data)
    assert lateness(samples, back) == 0
    assert len(back) == len(samples)


# ── an encoder that begins anew ────────────────────────────────────────────────────────────────────────────────────

CODED = ["mp3_44100_128", "mp3_44100_32", "mp3_22050_32", "mp3_24000_48", "opus_48000_64"]


def recordings(name: str) -> list[Samples]:
    """Three sounds of a format's rate, none like another."""
    rate = FORMATS[name].sample_rate
    return [noise(rate, 0.9), noise(rate, 0.7)[::-1].copy(), -noise(rate, 0.5)]


def cut_and_decoded(name: str, data: bytes, seed: int, rate: int | None = None) -> Samples:
    """Decode what is cut anywhere."""
    decoder = speech_decoder(name, rate)
    blocks = [decoder.feed(block) for block in cut_anywhere(Random(seed), data)]
    return np.frombuffer(b"".join(blocks) + decoder.finish(), "<i2")


def as_a_library_decodes(data: bytes) -> Samples:
    """Decode a bare stream by libav's own parser, and take off the delay of LAME and of every decoder."""
    import av

    context = audio_context("mp3float", "r")
    packets = [*context.parse(data), *context.parse(None)]
    frames = [frame for packet in packets for frame in context.decode(packet)]
    resampler = av.AudioResampler(format="s16", layout="mono", rate=frames[0].sample_rate)
    for frame in frames:
        frame.pts = None
    blocks = [out.to_ndarray()[0] for frame in [*frames, None] for out in resampler.resample(frame)]
    return np.concatenate(blocks)[576 + 529 :]


@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\0\1\5" + bytes(133)])
@pytest.mark.parametrize("name", [name for name in CODED if name.startswith("mp3")])
def test_one_recording_is_decoded_as_a_library_does(name: str, tag: bytes) -> None:
    """Sample for sample: nothing in a stream of one encoder looks as if another had begun."""
    data = encoded(noise(FORMATS[name].sample_rate, 3.0), name, FORMATS[name].sample_rate)
    assert np.array_equal(cut_and_decoded(name, tag + data, 1), as_a_library_decodes(data))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CODED)
def test_recordings_that_say_their_length_follow_to_the_sample(name: str, seed: int) -> None:
    """Each begins where the one before it ends, without its decoder's delay, wherever its bytes are cut."""
    sounds = recordings(name)
    alone = [cut_and_decoded(name, recording(sound, name), seed) for sound in sounds]
    assert [len(one) for one in alone] == [len(sound) for sound in sounds]
    together = cut_and_decoded(name, b"".join(recording(sound, name) for sound in sounds), seed)
    assert np.array_equal(together, np.concatenate(alone))
    at = 0
    for sound in sounds:
        assert lateness(sound, together[at : at + len(sound)]) == 0
        at += len(sound)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("name", [name for name in CODED if name.startswith("mp3")])
def test_every_manner_of_beginning_anew_is_told(name: str, manner: str) -> None:
    """By a note, by a tag, by both: what is left is padding that nobody has told of, and no delay."""
    sounds = recordings(name)
    files = [mp3_file(sound, name, MANNERS[manner]) for sound in sounds]
    alone = [cut_and_decoded(name, file, 3) for file in files]
    together = cut_and_decoded(name, b"".join(files), 3)
    assert np.array_equal(together, np.concatenate(alone))
    for sound, one in zip(sounds, alone, strict=True):
        assert lateness(sound, one) == 0
        assert len(one) - len(sound) <= (2 * 1152 if MANNERS[manner] is PIPED else 0)


@pytest.mark.parametrize("name", CODED)
def test_recordings_at_another_rate_stay_in_place(name: str) -> None:
    """The resampler goes on over the seam."""
    sounds = recordings(name)
    together = cut_and_decoded(name, b"".join(recording(sound, name) for sound in sounds), 4, 16000)
    at = 0.0
    for sound in sounds:
        first = cut_and_decoded(name, recording(sound, name), 4, 16000)
        assert abs(lateness(first, together[round(at) : round(at) + len(first)])) <= 1
        at += len(sound) * 16000 / FORMATS[name].sample_rate


def test_a_tag_between_two_frames_is_no_beginning() -> None:
    """A stream of one encoder with a tag inside loses no sample; a picture in it may hold what looks like a frame."""
    name = "mp3_44100_128"
    data = encoded(noise(44100), name, 44100)
    starts, at = [], 0
    while (header := read_header(data[at:])) and at + header.length < len(data):
        starts.append(at)
        at += header.length
    cut = next(at for at in starts[10:] if data[at + 4] or data[at + 5] >> 7)
    body = data[cut : cut + 200] + b"OggS" + bytes(1000)
    tag = b"ID3\4\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 0x7F]) + body
    old_tag = b"TAG" + bytes(125)
    whole = cut_and_decoded(name, data, 5)
    assert np.array_equal(cut_and_decoded(name, data[:cut] + tag + data[cut:] + old_tag, 5), whole)
    assert np.array_equal(cut_and_decoded(name, data[:cut] + old_tag + data[cut:] + tag[:90], 5), whole)


def test_a_chain_whose_first_link_breaks_off() -> None:
    """A logical stream that ends without its last page, inside a packet, is followed by the next one all the same."""
    name = "opus_48000_64"
    first, second = recordings(name)[:2]
    data = encoded(first, name, 48000)
    pages = data.split(b"OggS")[1:]
    broken = b"OggS" + b"OggS".join(pages[:20]) + b"OggS\0\0" + bytes(20) + b"\1\xff" + bytes(255)
    together = cut_and_decoded(name, broken + encoded(second, name, 48000), 6)
    alone = cut_and_decoded(name, encoded(second, name, 48000), 6)
    assert len(together) > len(alone)
    assert np.array_equal(together[-len(alone) :], alone)


@pytest.mark.parametrize("name", ["mp3_44100_128", "opus_48000_64"])
def test_what_is_no_sound_is_told(name: str) -> None:
    """Text where sound was asked for raises an error of the other side's, not of a library's."""
    with pytest.raises(RemoteProtocolError):
        decoded(speech_decoder(name), b'{"message": "quota exceeded"}' * 20)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["mp3_44100_128", "opus_48000_64", "pcm_24000", "ulaw_8000"]), st.binary(max_size=600))
def test_any_bytes_are_sound_or_an_error_of_ours(name: str, data: bytes) -> None:
    """Whatever comes: whole samples, or RemoteProtocolError."""
    try:
        out = speech_decoder(name)
        assert len(out.feed(data) + out.finish()) % 2 == 0
    except RemoteProtocolError:
        pass


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([b"OggS\0", b"ID3\4\0\0", b"RIFF", b"\xff\xfb\x90\xc4"]), st.binary(max_size=900))
def test_any_bytes_after_a_mark_are_sound_or_an_error_of_ours(mark: bytes, data: bytes) -> None:
    """Whatever follows the mark of a form: whole samples, or RemoteProtocolError."""
    try:
        out = speech_decoder("pcm_24000")
        assert len(out.feed(mark + data) + out.finish()) % 2 == 0
    except RemoteProtocolError:
        pass


def test_sound_that_changes_its_rate_on_the_way_is_told() -> None:
    """MP3 at another rate in the middle of a stream is an error of the other side's."""
    data = encoded(noise(44100), "mp3_44100_128", 44100) + encoded(noise(22050), "mp3_22050_32", 22050)
    with pytest.raises(RemoteProtocolError, match="mp3"):
        decoded(speech_decoder("mp3_44100_128"), data)


def test_nothing_is_nothing() -> None:
    """An utterance without a byte decodes and encodes to none, but for an MP3, which must have come."""
    assert speech_decoder("pcm_24000").finish() == b""
    assert speech_encoder("pcm_24000", 16000).finish() == b""
    with pytest.raises(RemoteProtocolError):
        speech_decoder("mp3_44100_128").finish()


def test_speech_is_encoded_while_it_is_spoken() -> None:
    """Half a second of samples brings bytes before the rest is there, in every form."""
    for name in ("mp3_44100_128", "opus_48000_64", "ulaw_8000", "pcm_16000"):
        encoder = speech_encoder(name, 24000)
        assert len(encoder.feed(noise(24000, 0.5).tobytes())) > 1000


def test_names_of_formats() -> None:
    """A name is read as codec, rate and bits a second; one that is none brings the nearest."""
    assert parse_output_format("mp3_44100_128").bit_rate == 128_000
    assert parse_output_format("ulaw_8000").sample_rate == 8000
    with pytest.raises(SettingError, match="pcm_24000"):
        parse_output_format("pcm_2400")


def test_headers_of_layer_three() -> None:
    """Lengths by ISO/IEC 11172-3: 144 × bits a second / sample rate, and half of that for MPEG-2."""
    first = read_header(bytes.fromhex("fffb90c4"))
    second = read_header(bytes.fromhex("fff364c4"))
    assert first is not None
    assert second is not None
    assert (first.sample_rate, first.length, first.samples) == (44100, 417, 1152)
    assert (second.sample_rate, second.length, second.samples) == (24000, 144, 576)
    assert read_header(bytes.fromhex("ffffffff")) is None
    assert id3_length(b"ID3\4\0\0\0\0\2\1") == 10 + 257


def test_a_packet_over_several_pages() -> None:
    """A packet of a multiple of 255 bytes, and one that goes on in the next page, come out whole."""

    def page(sizes: list[int], payload: bytes, flags: int = 0) -> bytes:
        return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([len(sizes), *sizes]) + payload

    data = page([255, 0, 255], bytes(255) + b"a" * 255) + page([5], b"a" * 5, 4)
    pages = OggPages()
    packets = [packet.payload for at in range(0, len(data), 7) for packet in pages.feed(data[at : at + 7])]
    assert [len(packet) for packet in packets] == [255, 260]
