"""Recordings one after another → one stream: every sound where `origin` says, in every format, as a player decodes it."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from pipeline.codecs import speech_decoder, speech_encoder
from pipeline.codecs.formats import FORMATS
from pipeline.codecs.joining import joiner, lag_ms, pausing_joiner
from pipeline.codecs.mpeg import read_header, read_note
from pipeline.codecs.ogg_joining import crc, packet_samples
from pipeline.errors import RemoteProtocolError
from tests.noise import Samples, lateness, noise
from tests.sound_files import recording as recorded

NAMES = ["pcm_24000", "ulaw_8000", "alaw_8000", "mp3_44100_128", "mp3_22050_32", "opus_48000_64"]


def encoded(samples: Samples, name: str) -> bytes:
    """One recording."""
    encoder = speech_encoder(name, FORMATS[name].sample_rate)
    return encoder.feed(samples.tobytes()) + encoder.finish()


def as_played(sound: bytes, name: str) -> Samples:
    """Decode by ffmpeg, a program apart, which takes off the delay that is noted."""
    from imageio_ffmpeg import get_ffmpeg_exe

    rate = str(FORMATS[name].sample_rate)
    raw = {"pcm": "s16le", "ulaw": "mulaw", "alaw": "alaw"}.get(FORMATS[name].codec)
    form = ["-f", raw, "-ar", rate] if raw else []
    command = [get_ffmpeg_exe(), "-v", "error", *form, "-i", "-", "-f", "s16le", "-ac", "1", "-ar", rate, "-"]
    done = subprocess.run(command, input=sound, capture_output=True, check=True)
    assert not done.stderr, done.stderr
    return np.frombuffer(done.stdout, "<i2")


@pytest.mark.parametrize("pause_ms", [0, 700])
@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_where_it_is_said_to_be(name: str, pause_ms: int) -> None:
    """To the sample, in what ffmpeg decodes; bytes cut anywhere."""
    rate = FORMATS[name].sample_rate
    recordings = [noise(rate), noise(rate, 0.7)[::-1].copy(), noise(rate, 0.5)]
    joined = pausing_joiner(name) if pause_ms else joiner(name)
    sound = b""
    origins: list[float] = []
    for number, recording in enumerate(recordings):
        joined.begin(pause_ms if number else 0)
        data = encoded(recording, name)
        for at in range(0, len(data), 997):
            sound += joined.feed(data[at : at + 997])
        sound += joined.end()
        assert joined.origin is not None
        origins.append(joined.origin)
    sound += joined.finish()
    samples = as_played(sound, name)
    assert origins[0] == 0
    for origin, recording in zip(origins, recordings, strict=True):
        part = samples[round(origin) : round(origin) + len(recording)]
        assert lateness(recording, part) == 0, origin
    assert abs(joined.position - len(samples)) <= 1152 * (not name.startswith(("pcm", "ulaw", "alaw")))
    if pause_ms:
        gap = (origins[1] - len(recordings[0])) * 1000 / rate
        assert abs(gap - pause_ms) <= {"m": 19, "o": 15}.get(name[0], 6)


@pytest.mark.parametrize("pause_ms", [0, 700])
@pytest.mark.parametrize("name", ["mp3_44100_128", "mp3_44100_32", "mp3_22050_32", "opus_48000_64"])
def test_an_encoder_that_begins_anew_inside_a_recording(name: str, pause_ms: int) -> None:
    """`origin` says where the sound is that arrives, also after an encoder's second delay; players decode it all."""
    rate = FORMATS[name].sample_rate
    sounds = [noise(rate), noise(rate, 0.7)[::-1].copy(), -noise(rate, 0.5)]
    joined = pausing_joiner(name) if pause_ms else joiner(name)
    places: list[float] = []
    output = b""
    for number, links in enumerate([sounds, sounds[::-1]]):
        joined.begin(pause_ms if number else 0)
        before = 0
        for sound in links:
            data = recorded(sound, name)
            for at in range(0, len(data), 997):
                output += joined.feed(data[at : at + 997])
            if joined.origin is not None:
                places.append(joined.origin + before)
            before += len(sound)
        output += joined.end()
        assert joined.count == before
    output += joined.finish()
    output = joined.opening() + output[len(joined.opening()) :]
    samples = as_played(output, name)
    for place, sound in zip(places, sounds + sounds[::-1], strict=True):
        assert abs(lateness(sound, samples[round(place) : round(place) + len(sound)])) <= 0.003 * rate, place
    assert abs(joined.position - len(samples)) <= 1152


@pytest.mark.parametrize(("name", "byte"), [("pcm_8000", b"\0\0"), ("ulaw_8000", b"\xff")])
def test_a_voice_s_own_silence_counts_and_what_is_too_much_is_cut(name: str, byte: bytes) -> None:
    """A pause is the silence between two sounds."""
    tone = noise(8000, 0.5)
    voice = encoded(tone, name)
    for lead, tail, pause_ms in [(400, 800, 400), (4000, 4000, 400), (0, 8000, 400), (0, 0, 400), (8000, 0, 10)]:
        joined = pausing_joiner(name)
        sound = b""
        for pause in (0, pause_ms):
            joined.begin(pause)
            sound += joined.feed(voice + byte * tail) if not pause else joined.feed(byte * lead + voice)
            sound += joined.end()
        sound += joined.finish()
        assert joined.position == len(sound) // len(byte)
        assert abs(joined.position - (2 * len(tone) + pause_ms * 8)) <= 40, (lead, tail, pause_ms)
        assert joined.origin is not None
        assert joined.origin + lead + len(tone) == joined.position


def test_silence_is_held_back_only_where_there_are_pauses() -> None:
    """Live text is passed on as it comes."""
    silence = bytes(2000)
    live, pausing = joiner("pcm_8000"), pausing_joiner("pcm_8000")
    for joined in (live, pausing):
        joined.begin()
    assert live.feed(silence) == silence
    assert pausing.feed(silence) == b""
    assert pausing.end() + pausing.finish() == silence


@pytest.mark.parametrize("name", ["mp3_44100_128", "mp3_44100_32", "mp3_24000_48", "mp3_22050_32"])
def test_an_mp3_begins_with_a_note_of_its_delay(name: str) -> None:
    """While it is written it does not say how long it is; then it does. Our own decoder believes it."""
    recording = noise(FORMATS[name].sample_rate)
    joined = joiner(name)
    joined.begin()
    sound = joined.feed(encoded(recording, name)) + joined.end() + joined.finish()
    header = read_header(sound)
    assert header is not None
    note = read_note(sound[: header.length], header)
    assert note is not None
    assert (note.delay, note.samples) == (576, None)
    opening = joined.opening()
    assert len(opening) == header.length
    note = read_note(opening, header)
    assert note is not None
    assert note.samples == joined.position + 1105 - 576
    for whole in (sound, opening + sound[len(opening) :]):
        decoder = speech_decoder(name)
        back = np.frombuffer(decoder.feed(whole) + decoder.finish(), "<i2")
        assert lateness(recording, back) == 0


def test_a_note_that_comes_is_believed_and_not_repeated() -> None:
    """A recording that is a file of its own begins with one; a tag before it is left out."""
    name = "mp3_44100_128"
    first = joiner(name)
    first.begin()
    recording = noise(44100)
    inner = first.feed(encoded(recording, name)) + first.end()
    joined = joiner(name)
    joined.begin()
    sound = joined.feed(b"ID3\4\0\0\0\0\0\5hello" + inner) + joined.end()
    assert sound == inner


@pytest.mark.parametrize("name", NAMES[3:])
def test_what_is_no_such_sound_is_told(name: str) -> None:
    """At the end at the latest."""
    joined = joiner(name)
    joined.begin()

    def take() -> bytes:
        return joined.feed(b'{"message": "quota exceeded"}' * 40) + joined.end()

    with pytest.raises(RemoteProtocolError):
        take()
    pausing = pausing_joiner("ulaw_8000")
    pausing.begin()
    with pytest.raises(RemoteProtocolError, match="mp3"):
        pausing.feed(encoded(noise(44100), "mp3_44100_128"))


def test_pages_and_packets() -> None:
    """The checksum of a page by RFC 3533, the length of a packet by RFC 6716."""
    data = encoded(noise(48000), "opus_48000_64")
    length = 28 + data[27]
    assert crc(data[:22] + bytes(4) + data[26:length]) == int.from_bytes(data[22:26], "little")
    lengths = [packet_samples(bytes([config << 3 | code, 3])) for config, code in [(0, 0), (3, 1), (13, 0), (31, 3)]]
    assert lengths == [480, 5760, 960, 2880]
    assert packet_samples(b"") == 0


def test_how_late_coded_sound_may_be() -> None:
    """Nothing for samples; more the fewer bits a second there are."""
    assert lag_ms("pcm_24000") == 0
    assert lag_ms("mp3_44100_128") < lag_ms("mp3_44100_32") < 300
