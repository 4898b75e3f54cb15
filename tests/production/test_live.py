"""Text as it arrives → events: sound that can be played, every word where it sounds, in every format, however it is cut."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import AudioEvent, LiveOptions, VoiceSettings, WordEvent, speak
from pipeline.codecs.formats import FORMATS
from pipeline.errors import EngineError, ScriptError, SettingError, UsageError
from pipeline.production.live_files import wav_head
from pipeline.production.live_speech import Event
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import onsets, truth_times

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TEXT = "The first ship — late, in 1887 — came in. Nobody waited; then “the second” one followed.\n\nAt dusk, £17 more."
QUICK = LiveOptions(flush_after_seconds=0.05, keep_alive_seconds=0.1)
FORMS = [
    "pcm_24000",
    "pcm_44100",
    "ulaw_8000",
    "alaw_8000",
    "mp3_44100_128",
    "mp3_44100_32",
    "mp3_24000_48",
    "mp3_22050_32",
    "opus_48000_64",
]


def cut(text: str, size: int) -> list[str]:
    """A text in pieces of so many characters."""
    return [text[first : first + size] for first in range(0, len(text), size)]


async def written(pieces: Iterable[str], pause: float = 0.0) -> AsyncIterator[str]:
    """A writer who gives these pieces, with a pause between them."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)


def events_of(pieces: Iterable[str], pause: float = 0.0, **asked: Any) -> list[Event]:
    """All events of one live speech."""

    async def run() -> list[Event]:
        return [event async for event in speak(written(pieces, pause), **{"options": QUICK, **asked})]

    return asyncio.run(run())


def sound_of(events: Iterable[Event]) -> bytes:
    """The sound of all events, end to end."""
    return b"".join(event.audio for event in events if isinstance(event, AudioEvent))


def words_of(events: Iterable[Event]) -> list[WordEvent]:
    """The words of all events."""
    return [event for event in events if isinstance(event, WordEvent)]


def played(sound: bytes, output_format: str) -> tuple[npt.NDArray[np.int16], int]:
    """Decode a file of sound as players do, by libav's demuxers: its samples and their rate."""
    import av
    import numpy as np

    wanted = FORMATS[output_format]
    if wanted.codec == "pcm":
        return np.frombuffer(sound, "<i2"), wanted.sample_rate
    kind = {"ulaw": "mulaw", "alaw": "alaw"}.get(wanted.codec)
    options = {"sample_rate": str(wanted.sample_rate)} if kind else {}
    with av.open(io.BytesIO(sound), format=kind, options=options) as container:
        assert isinstance(container, av.container.InputContainer)
        resampler = av.AudioResampler("s16", "mono", wanted.sample_rate)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]), wanted.sample_rate


def sounding(words: Iterable[WordEvent]) -> list[WordEvent]:
    """The words that have a letter or a digit."""
    return [word for word in words if any(char.isalnum() for char in word.text)]


def errors_ms(events: list[Event], output_format: str) -> list[float]:
    """How far each word's start is from its burst in the file as it is played."""
    samples, rate = played(sound_of(events), output_format)
    found = onsets(samples, rate)
    starts = [word.start_ms for word in sounding(words_of(events))]
    assert len(found) == len(starts)
    return [one - other for one, other in zip(starts, found, strict=True)]


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("output_format", FORMS)
def test_words_are_where_they_sound_in_every_format(output_format: str) -> None:
    """2 ms for samples, 3 ms for coded sound, in the file as a player decodes it, over several generations."""
    events = events_of(
        cut(TEXT, 5), output_format=output_format, options=LiveOptions((50.0,), flush_after_seconds=0.05)
    )
    limit = 3 if output_format.startswith(("mp3", "opus")) else 2
    assert max(map(abs, errors_ms(events, output_format))) <= limit
    assert " ".join(word.text for word in words_of(events)) == " ".join(TEXT.split())


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_words_are_the_author_s(size: int) -> None:
    """In order, none missing, with their punctuation, paragraph by paragraph; each ends with its last letter."""
    events = events_of(cut(TEXT, size), output_format="pcm_24000")
    words = words_of(events)
    assert [word.text for word in words] == TEXT.split()
    assert {word.segment for word in words[-4:]} == {1}
    assert {word.segment for word in words[:-4]} == {0}
    truth = truth_times(TEXT)
    lengths = [end - start for start, end in truth]
    for word, length in zip(sounding(words), lengths, strict=True):
        assert abs(word.end_ms - word.start_ms - length) <= 2, word
    dash = words[3]
    assert (dash.text, dash.start_ms, dash.end_ms) == ("—", words[2].end_ms, words[2].end_ms)


@pytest.mark.usefixtures("truth")
def test_sound_says_where_it_is() -> None:
    """The samples of each portion follow those of the one before, and are all that there are."""
    for output_format in FORMS:
        events = [e for e in events_of([TEXT], output_format=output_format) if isinstance(e, AudioEvent)]
        assert events[0].first_sample == 0
        assert [e.end_sample for e in events[:-1]] == [e.first_sample for e in events[1:]]
        samples, rate = played(sound_of(events), output_format)
        assert {e.sample_rate for e in events} == {rate}
        assert abs(events[-1].end_sample - len(samples)) <= 1152 * ("mp3" in output_format or "opus" in output_format)
        assert events[-1].start_ms == round(events[-1].first_sample * 1000 / rate)


@pytest.mark.usefixtures("truth")
def test_a_word_comes_in_the_moment_when_it_was_written_and_spoken() -> None:
    """A pause of the writer's flushes; a last word that a full stop ended is whole though no space came after it."""

    async def run() -> list[str]:
        heard: list[str] = []
        spoken = asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            yield "Hello you."
            await asyncio.wait_for(spoken.wait(), 10)
            yield " And more"

        async for event in speak(texts(), output_format="pcm_16000", options=QUICK):
            if isinstance(event, WordEvent):
                heard.append(event.text)
                if event.text == "you.":
                    spoken.set()
        return heard

    assert asyncio.run(run()) == ["Hello", "you.", "And", "more"]


def test_text_may_be_a_text_or_a_list(truth: SpeakingVoice) -> None:
    """Not only what is written while it is spoken."""

    async def run(texts: str | list[str]) -> list[str]:
        events = [event async for event in speak(texts, output_format="pcm_16000")]
        return [event.text for event in words_of(events)]

    assert asyncio.run(run("One two.")) == asyncio.run(run(["On", "e tw", "o."])) == ["One", "two."]
    assert truth.texts == ["One two."] * 2


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"voice": "Rachel"}, UsageError),
        ({"output_format": "mp3_1"}, SettingError),
        ({"base_url": "ws://127.0.0.1:1"}, UsageError),
        ({"base_url": "ws://127.0.0.1:9", "key": "k"}, EngineError),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    asked: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is spoken."""
    from pipeline.engines import retries

    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)
    with pytest.raises(error):
        events_of(["One."], 0.0, **asked)


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("pieces", [[], ["", " \n"], ["— …", "!"]])
def test_nothing_to_speak_is_an_error(pieces: list[str]) -> None:
    """And says so."""
    with pytest.raises(ScriptError, match="nothing to speak"):
        events_of(pieces)


@pytest.mark.usefixtures("truth")
def test_what_is_no_text_is_refused_with_its_line() -> None:
    """A control character would be neither seen nor spoken."""
    with pytest.raises(ScriptError, match=r"2: the character U\+001B"):
        events_of(["One.\nTwo \x1b[1m"])


@pytest.mark.usefixtures("truth")
def test_who_stops_listening_leaves_nothing_running() -> None:
    """The writer is ended, and the socket closed."""

    async def run() -> int:
        ended = asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            try:
                yield "One two. "
                await asyncio.sleep(60)
            finally:
                ended.set()

        async with contextlib.aclosing(speak(texts(), options=QUICK)) as events:
            async for _ in events:
                break
        await asyncio.wait_for(ended.wait(), 5)
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1


def test_the_voice_s_speed_is_heeded(truth: SpeakingVoice) -> None:
    """As a setting like any other."""
    slow, quick = (
        len(sound_of(events_of(["One two."], output_format="pcm_8000", voice_settings=VoiceSettings(speed=speed))))
        for speed in (1.0, 2.0)
    )
    assert quick < 0.6 * slow
    assert len(truth.texts) == 2


def test_a_wav_says_how_long_it_is() -> None:
    """Its head is that which Python's own writer makes."""
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24000)
        wav.writeframes(bytes(480))
    assert file.getvalue()[:44] == wav_head(24000, 480)
