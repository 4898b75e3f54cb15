"""Arriving text over engines that reconnect, normalise and pause; pieces of text; standard streams; shown captions."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs import speech_encoder
from pipeline.codecs.joining import joiner
from pipeline.engines import LiveOptions
from pipeline.engines.loopback import serve
from pipeline.errors import OutputError, ScriptError
from pipeline.model import Alignment, SpeechChunk, SpeechRequest, Voice
from pipeline.production import live
from pipeline.production.arriving_words import ArrivingWords
from pipeline.production.live import speak_text
from pipeline.production.live_speech import AudioEvent, Event, LiveSpeech, WordEvent
from pipeline.production.standard_streams import Pipe, text_from, unhurried
from tests.production.test_live import errors_ms, sound_of, words_of
from tests.truth_voice import TruthVoice

QUICK = LiveOptions(flush_after_seconds=0.05, keep_alive_seconds=0.1)


class Telling:
    """An engine that gives these chunks, once all text has come, or each when its piece has."""

    name, most_at_once = "test", 1

    def __init__(self, *chunks: SpeechChunk, wait: float = 0.0) -> None:
        self.chunks, self.wait = chunks, wait

    def shaped_by(self, request: SpeechRequest) -> str:
        """Nothing shapes it."""
        return request.model

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Not used here."""
        raise AssertionError(request)
        yield SpeechChunk()

    async def speak_live(
        self, texts: AsyncIterable[str], request: SpeechRequest, options: LiveOptions = QUICK
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Read a piece, give a chunk; read the rest."""
        assert request.text == ""
        assert options
        pieces = aiter(texts)
        for chunk in self.chunks:
            await anext(pieces, "")
            yield chunk
        await asyncio.sleep(self.wait)
        async for _ in pieces:
            pass


def told(engine: Telling, pieces: Iterable[str], output_format: str = "pcm_24000") -> list[Event]:
    """All events of such an engine."""

    async def texts() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    async def run() -> list[Event]:
        speech = LiveSpeech(output_format, joiner(output_format))
        request = SpeechRequest("", Voice("v"), "m", "en", output_format)
        return [event async for event in speak_text(engine, texts(), request, speech, QUICK)]

    return asyncio.run(run())


def chunk_of(text: str, output_format: str = "pcm_24000", connection: int = 0, heard: str = "") -> SpeechChunk:
    """A recording of a text by the truth voice, with a character's time for each; `heard` is said to be spoken."""
    spoken = TruthVoice()(text, "en", "v", 1.0)
    encoder = speech_encoder(output_format, spoken.sample_rate)
    audio = encoder.feed(spoken.pcm) + encoder.finish()
    if heard:
        length = len(spoken.pcm) / 48 / len(heard)
        times = tuple(n * length for n in range(len(heard)))
        return SpeechChunk(audio, Alignment(tuple(heard), times, (length,) * len(heard)), None, connection)
    rows: list[tuple[str, float, float]] = []
    for word in spoken.words:
        share = (word.end_ms - word.start_ms) / (word.end - word.first)
        if rows:
            rows.append((" ", rows[-1][2], word.start_ms))
        for n, char in enumerate(text[word.first : word.end]):
            rows.append((char, word.start_ms + n * share, word.start_ms + (n + 1) * share))
    rows.append((" ", rows[-1][2], len(spoken.pcm) / 48))
    chars, starts, ends = zip(*rows, strict=True)
    lengths = tuple(end - start for start, end in zip(starts, ends, strict=True))
    return SpeechChunk(audio, Alignment(chars, starts, lengths), None, connection)


@pytest.mark.parametrize("output_format", ["pcm_24000", "ulaw_8000", "mp3_44100_128", "opus_48000_64"])
def test_a_reconnection_keeps_one_clock_by_samples(output_format: str) -> None:
    """Sound of several sockets is one file, in which every word is where it is said to be."""
    chunks = [chunk_of(f"Part {n} of it.", output_format, n) for n in range(4)]
    events = told(Telling(*chunks), [f"Part {n} of it. " for n in range(4)], output_format)
    limit = 3 if output_format.startswith(("mp3", "opus")) else 2
    assert max(map(abs, errors_ms(events, output_format))) <= limit
    assert len(words_of(events)) == 16
    assert sound_of(events).count(b"Info\0\0\0\2") == output_format.startswith("mp3")


def test_words_are_as_written_where_the_service_spells_them_out() -> None:
    """Only the times are the service's."""
    heard = "It costs seventeen pounds to get there. "
    events = told(
        Telling(chunk_of("It costs seventeen pounds to get there.", heard=heard)), ["It costs £17 to get there."]
    )
    assert [word.text for word in words_of(events)] == ["It", "costs", "£17", "to", "get", "there."]


def test_words_that_were_spelled_out_do_not_wait_for_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing comes for a while, all that was written was spoken."""
    monkeypatch.setattr(live, "SETTLE_SECONDS", 0.05)
    spelled = chunk_of("It costs seventeen pounds.", heard="It costs seventeen pounds. ")
    seen: list[int] = []

    async def run(pause: float) -> None:
        async def texts() -> AsyncIterator[str]:
            yield "It costs £17. "
            await asyncio.sleep(pause)
            seen.append(len(heard))
            yield "More. "

        heard: list[WordEvent] = []
        speech = LiveSpeech("pcm_24000", joiner("pcm_24000"))
        request = SpeechRequest("", Voice("v"), "m", "en")
        async for event in speak_text(Telling(spelled), texts(), request, speech, QUICK):
            heard += words_of([event])
        assert [word.text for word in heard] == ["It", "costs", "£17.", "More."]

    asyncio.run(run(0.0))
    asyncio.run(run(0.6))
    assert seen == [2, 3]


@pytest.mark.slow
@pytest.mark.usefixtures("truth")
def test_the_socket_outlives_a_pause_of_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that closes after a second of silence hears from us all along: one connection, one clock."""
    from pipeline.engines import streaming

    usual = streaming.common_query
    monkeypatch.setattr(streaming, "common_query", lambda request: {**usual(request), "inactivity_timeout": "1"})

    async def run() -> list[Event]:
        async def texts() -> AsyncIterator[str]:
            yield "One two. "
            await asyncio.sleep(2.5)
            yield "Three."

        async with serve(TruthVoice(), port=0) as base:
            from pipeline.engines.connecting import Address

            engine = streaming.StreamingEngine("t", Address(base), streaming.common_query, lambda _: "")
            speech = LiveSpeech("pcm_24000", joiner("pcm_24000"))
            request = SpeechRequest("", Voice("v"), "m", "en")
            return [event async for event in speak_text(engine, texts(), request, speech, QUICK)]

    events = asyncio.run(run())
    assert [word.text for word in words_of(events)] == ["One", "two.", "Three."]
    voice = TruthVoice()
    assert sound_of(events) == voice("One two.", "en", "v", 1).pcm + voice("Three.", "en", "v", 1).pcm


# ── pieces of text ─────────────────────────────────────────────────────────────────────────────────────────────────


def arrived(pieces: Iterable[str]) -> list[tuple[str, bool, int]]:
    """Words of pieces: shown, whether a space stands before, and which paragraph."""
    words = ArrivingWords()
    found = [word for piece in pieces for word in words.add(piece)] + list(words.finish())
    return [(token.shown, token.space_before, one.paragraph) for one in found for token in one.tokens]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Hello,", "you", " ", " ", "\n", "\r\n", "\n\n", "—", "今日は。", "明日", "3.14", "é"]),
        max_size=14,
    ),
    st.lists(st.integers(1, 5), min_size=1, max_size=40),
)
def test_words_are_the_same_however_they_arrive(parts: list[str], sizes: list[int]) -> None:
    """A cut anywhere makes no word and no paragraph."""
    text = "".join(parts)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    assert arrived([*pieces, text[at:]]) == arrived([text])
    assert "".join(" " * space + shown for shown, space, _ in arrived([text])).split() == text.split()


def test_a_line_end_that_was_cut_in_two_takes_no_other_with_it() -> None:
    """The half of a Windows line end that comes by itself is the first line's, and the next one is a blank line."""
    assert [paragraph for *_, paragraph in arrived(["One.\r", "\n", "\nTwo."])] == [0, 1]
    assert [paragraph for *_, paragraph in arrived(["One.\r", "", "\n", "Two."])] == [0, 0]


def test_paragraphs_are_parted_by_blank_lines() -> None:
    """Counted from 0, those that hold a word."""
    text = "\n\nOne\ntwo\n \t\n\n\nthree\r\n\r\nfour"
    assert [(shown, paragraph) for shown, _, paragraph in arrived(text)] == [
        ("One", 0),
        ("two", 0),
        ("three", 1),
        ("four", 2),
    ]


def test_what_comes_at_once_is_sent_in_sentences() -> None:
    """None is longer than what is spoken in one go; nothing is lost."""
    text = "A sentence of some length, as they are. " * 40 + "x" * 600 + " end"
    parts = list(live._parts(text))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= live.MOST_AT_ONCE
    assert all(part.endswith(". ") for part in parts[:5])


# ── standard streams ───────────────────────────────────────────────────────────────────────────────────────────────


class Blocks(io.RawIOBase):
    """A stream that gives these blocks, one a read."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)

    def read(self, size: int = -1) -> bytes:
        """Give the next."""
        assert size
        return next(self._blocks, b"")


def read_all(blocks: Iterable[bytes]) -> list[str]:
    """All text of such a stream."""

    async def run() -> list[str]:
        return [text async for text in text_from(Blocks(blocks))]  # type: ignore[arg-type]

    return asyncio.run(run())


def test_characters_that_are_cut_are_put_together() -> None:
    """And a byte order mark is left out."""
    data = "\ufeffHäfen — 港\U0001f6a2!".encode()
    assert "".join(read_all(bytes([byte]) for byte in data)) == "Häfen — 港\U0001f6a2!"
    assert read_all([data]) == ["Häfen — 港\U0001f6a2!"]


@pytest.mark.parametrize("blocks", [[b"abc\xff"], [b"ab", b"c\xffd"], [b"abc\xe2", b"\x82"], [b"abc", b"\xe2("]])
def test_what_is_no_utf_8_is_told_with_its_place(blocks: list[bytes]) -> None:
    """Also where the text ends in the middle of a character."""
    with pytest.raises(ScriptError, match="byte 3"):
        read_all(blocks)


def test_what_cannot_be_read_is_named() -> None:
    """It may be a named pipe as well as standard input."""

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5555, f"broken after {size}")

    async def run() -> None:
        async for _ in text_from(Broken(), "a/pipe"):  # type: ignore[arg-type]
            pass

    with pytest.raises(ScriptError, match=r"^a/pipe cannot be read: broken after"):
        asyncio.run(run())


def test_text_is_there_as_soon_as_it_is_written() -> None:
    """A pipe that pauses gives what was written before; nobody else waits meanwhile."""
    reader, writer = os.pipe()

    async def run() -> list[str]:
        found: list[str] = []
        with os.fdopen(reader, "rb", buffering=0) as stream:
            texts = text_from(stream)
            os.write(writer, b"Hello ")
            found.append(await asyncio.wait_for(anext(texts), 5))
            waiting = asyncio.ensure_future(anext(texts))
            await asyncio.sleep(0)
            assert not waiting.done()
            os.write(writer, b"you")
            found.append(await asyncio.wait_for(waiting, 5))
            os.close(writer)
            found += [text async for text in texts]
        return found

    assert asyncio.run(run()) == ["Hello ", "you"]


def test_who_stops_waiting_leaves_a_call_behind() -> None:
    """A read or a write that never ends holds up nothing, not even the end of the program."""
    release = threading.Event()

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(unhurried(release.wait), 0.05)
        with pytest.raises(KeyError):
            await unhurried(lambda: dict[str, int]()["missing"])

    asyncio.run(run())
    assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
    release.set()


def test_a_pipe_without_a_reader_is_told_apart_from_other_failures() -> None:
    """The player quit: that is no fault."""

    def broken(error: OSError) -> Callable[[], io.RawIOBase]:
        class Stream(io.RawIOBase):
            def write(self, block: object) -> int:
                assert block
                raise error

        return Stream

    async def write(error: OSError) -> None:
        await Pipe(broken(error), "standard output").write(b"abc")  # type: ignore[arg-type]

    with pytest.raises(BrokenPipeError):
        asyncio.run(write(BrokenPipeError(32, "Broken pipe")))
    with pytest.raises(OutputError, match="No space"):
        asyncio.run(write(OSError(28, "No space left on device")))


def test_sound_events_have_times() -> None:
    """In milliseconds from the first sample."""
    event = AudioEvent(b"", 24000, 36000, 24000)
    assert (event.start_ms, event.end_ms) == (1000, 1500)
    assert np.diff([event.first_sample, event.end_sample]) == 12000
