"""The service's own Python client against the speech server: whole sound, exact times, listings."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme

from pipeline.codecs import speech_decoder, speech_encoder
from pipeline.engines import offline
from pipeline.engines.generation import trim_lead_in
from pipeline.engines.loopback import serve
from pipeline.engines.tls import ServerTls
from pipeline.model import SpokenText
from tests.clients.turns import MOST_SECONDS, ROUNDING_MS, VOICES, due_as_sent, http_of, running, spoken, worst
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import SAMPLE_RATE, onsets

WANTED = "needs the `elevenlabs` package: pip install -e '.[test,clients]'"
elevenlabs = pytest.importorskip("elevenlabs", reason=WANTED)
sdk = pytest.importorskip("elevenlabs.client", reason=WANTED)

pytestmark = pytest.mark.timeout(2 * MOST_SECONDS)

# Without a hyphen or a number with a point: the client cuts there and adds a space.
TEXT = (
    "The amber lantern by the harbour burns all night. Nobody knows who lights it, and nobody asks. "
    "It will still be there in the morning, says the keeper; it always was."
)
SENTENCE = "The keeper counts the boats, one by one, and goes home."


def client_of(base: str) -> Any:
    """A client that speaks with this server, by HTTP and, as it does not by itself, by the same kind of socket."""
    client = sdk.ElevenLabs(api_key="any", base_url=http_of(base), timeout=MOST_SECONDS)
    if base.startswith("ws:"):
        client.text_to_speech._ws_base_url = base
    return client


def asked(base: str, act: Any) -> Any:
    """Let the blocking client act, in a thread."""
    return asyncio.to_thread(act, client_of(base))


def by_word(client: Any, output_format: str) -> bytes:
    """Speak the text word by word over the socket; gives all sound."""
    words = (word + " " for word in TEXT.split())
    options = {"model_id": "eleven_flash_v2_5", "output_format": output_format}
    return b"".join(client.text_to_speech.convert_realtime("heart", text=words, **options))


def realtime(output_format: str, tls: ServerTls | None = None) -> tuple[bytes, SpeakingVoice]:
    """Speak the text by word; gives all sound, and the voice that spoke it."""

    async def act(base: str, voice: SpeakingVoice) -> tuple[bytes, SpeakingVoice]:
        return await asked(base, lambda client: by_word(client, output_format)), voice

    found: tuple[bytes, SpeakingVoice] = running(act, tls)
    return found


def test_realtime_samples_are_all_that_the_voice_spoke() -> None:
    """Over the socket come the very samples that the voice gave for the text, none lost, none twice."""
    sound, voice = realtime("pcm_24000")
    assert " ".join(voice.texts) == TEXT
    assert len(voice.texts) > 2
    assert sound == spoken(tuple(voice.texts))


@pytest.mark.parametrize("output_format", ["mp3_44100_128", "mp3_22050_32", "ulaw_8000"])
def test_realtime_encoded_sound_is_whole(output_format: str) -> None:
    """Compressed sound is, byte for byte, one stream of all samples; decoded, its words sound when they are due."""
    sound, voice = realtime(output_format)
    samples = spoken(tuple(voice.texts))
    encoder = speech_encoder(output_format, SAMPLE_RATE)
    assert sound == encoder.feed(samples) + encoder.finish()
    decoder = speech_decoder(output_format)
    decoded = np.frombuffer(decoder.feed(sound) + decoder.finish(), "<i2")
    expected = onsets(np.frombuffer(samples, "<i2"), SAMPLE_RATE)
    assert len(expected) == len(TEXT.split())
    assert worst(onsets(decoded, decoder.sample_rate), expected) < 3


def test_realtime_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes, the client insists on TLS: it takes the server's certificate by SSL_CERT_FILE."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    pem = str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    sound, voice = realtime("pcm_24000", ServerTls(pem, pem))
    assert " ".join(voice.texts) == TEXT
    assert sound == spoken(tuple(voice.texts))


@pytest.mark.slow
def test_realtime_with_the_offline_voice() -> None:
    """With the real voice too: what comes is all that it spoke, without the silence before each generation."""
    spoken_texts: dict[str, SpokenText] = {}

    def say(text: str, language: str, voice: str, speed: float) -> SpokenText:
        spoken_texts[text] = offline.speak(text, language, voice, speed)
        return spoken_texts[text]

    async def run() -> bytes:
        async with serve(say, port=0) as base:
            sound: bytes = await asyncio.wait_for(
                asked(base, lambda client: by_word(client, "pcm_24000")), MOST_SECONDS
            )
            return sound

    try:
        sound = asyncio.run(run())
    finally:
        offline.unload()
    # Threads speak: what began first may be done last.
    in_order = sorted(spoken_texts, key=TEXT.index)
    assert " ".join(in_order) == TEXT
    assert sound == b"".join(trim_lead_in(spoken_texts[text]).pcm for text in in_order)


def test_a_realtime_refusal_is_the_clients_own_error() -> None:
    """What the server closes for reaches the caller as the client's error, with the close code and the reason."""

    async def act(base: str, _voice: SpeakingVoice) -> Any:
        def speak(client: Any) -> Any:
            with pytest.raises(sdk_error()) as caught:
                # More text than a socket takes.
                list(client.text_to_speech.convert_realtime("heart", text=iter(["a" * (2**20 + 1)])))
            return caught.value

        return await asked(base, speak)

    error = running(act)
    assert error.status_code in {1008, 1009}


def test_sound_over_http() -> None:
    """`convert` and `stream` give the samples that the voice gave."""

    async def act(base: str, _voice: SpeakingVoice) -> Any:
        def speak(client: Any) -> Any:
            speech, options = client.text_to_speech, {"text": SENTENCE, "output_format": "pcm_24000"}
            return [b"".join(verb("heart", **options)) for verb in (speech.convert, speech.stream)]

        return await asked(base, speak)

    assert running(act) == [spoken((SENTENCE,))] * 2


def test_times_over_http() -> None:
    """Whole or in lines, the characters are the text's, their words start when they are due, the sound is whole."""

    async def act(base: str, _voice: SpeakingVoice) -> Any:
        def speak(client: Any) -> Any:
            speech, options = client.text_to_speech, {"text": SENTENCE, "output_format": "pcm_24000"}
            whole = speech.convert_with_timestamps("heart", **options)
            return [whole], list(speech.stream_with_timestamps("heart", **options))

        return await asked(base, speak)

    for parts in running(act):
        rows = [row for part in parts if part.alignment for row in _rows(part.alignment)]
        assert "".join(char for char, _, _ in rows) == SENTENCE
        starts = [rows[place][1] for place in range(len(rows)) if place == 0 or rows[place - 1][0] == " "]
        assert worst(starts, due_as_sent((SENTENCE,))) < ROUNDING_MS
        sound = b"".join(base64.b64decode(part.audio_base_64) for part in parts)
        assert sound == spoken((SENTENCE,))
        assert abs(rows[-1][2] - len(sound) / 2 / SAMPLE_RATE * 1000) < ROUNDING_MS


def test_an_error_over_http_is_the_clients_own() -> None:
    """A refusal reaches the caller with its status and the service's names."""

    async def act(base: str, _voice: SpeakingVoice) -> Any:
        def speak(client: Any) -> Any:
            with pytest.raises(sdk_error()) as caught:
                client.text_to_speech.convert_with_timestamps("heart", text=SENTENCE, model_id="eleven_unheard_of")
            return caught.value

        return await asked(base, speak)

    error = running(act)
    assert error.status_code == 400
    assert error.body["detail"]["param"] == "model_id"


def test_listings_are_what_the_client_expects() -> None:
    """Voices (by page, whole, one), their settings, models and the account are read without a complaint."""

    async def act(base: str, _voice: SpeakingVoice) -> Any:
        def look(client: Any) -> Any:
            first = client.voices.search(page_size=20)
            rest = client.voices.search(page_size=20, next_page_token=first.next_page_token)
            assert (first.has_more, rest.has_more) == (True, False)
            ids = [voice.voice_id for voice in [*first.voices, *rest.voices]]
            assert ids == [voice.voice_id for voice in client.voices.get_all().voices]
            assert client.voices.get(ids[3]).name == VOICES[3].name
            assert client.voices.settings.get(ids[3]).speed == 1
            assert client.user.get().subscription.tier == client.user.subscription.get().tier
            found = client.voices.search(search="voice 7")
            return ids, [voice.name for voice in found.voices], [model.model_id for model in client.models.list()]

        return await asked(base, look)

    ids, found, models = running(act)
    assert ids == [voice.id for voice in VOICES]
    assert found == ["Voice 7"]
    assert "eleven_flash_v2_5" in models


def test_the_asynchronous_client() -> None:
    """The client's other half streams the same samples."""

    async def act(base: str, _voice: SpeakingVoice) -> bytes:
        client = sdk.AsyncElevenLabs(api_key="any", base_url=http_of(base), timeout=MOST_SECONDS)
        parts = client.text_to_speech.stream("heart", text=SENTENCE, output_format="pcm_24000")
        return b"".join([part async for part in parts])

    assert running(act) == spoken((SENTENCE,))


def sdk_error() -> type[Exception]:
    """The client's own error."""
    found: type[Exception] = pytest.importorskip("elevenlabs.core.api_error", reason=WANTED).ApiError
    return found


def _rows(times: Any) -> list[tuple[str, float, float]]:
    """Characters with their starts and ends in milliseconds."""
    starts, ends = times.character_start_times_seconds, times.character_end_times_seconds
    return [(c, s * 1000, e * 1000) for c, s, e in zip(times.characters, starts, ends, strict=True)]
