"""Text as it arrives → its sound as it is spoken, and every word's time as soon as it is known: `async for` events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence

from pipeline.codecs import load_libraries
from pipeline.codecs.joining import decodes_at_once, joiner
from pipeline.engines import ENGINES, LIVE, Access, Engine, LiveEngine, LiveOptions
from pipeline.engines.arriving import whole_sentences, whole_words
from pipeline.engines.retries import MOST_TRIES, pause_before
from pipeline.errors import BusyError, ConnectionLostError, ScriptError, UsageError
from pipeline.model import SpeechChunk, SpeechRequest, Voice, VoiceSettings
from pipeline.production.apart import apart
from pipeline.production.arriving_words import ArrivingWords, Words
from pipeline.production.casting import DEFAULT_VOICE, OFFLINE_MODEL, Line
from pipeline.production.live_speech import AudioEvent, Event, LiveSpeech, WordEvent

__all__ = ["AudioEvent", "Event", "LiveOptions", "VoiceSettings", "WordEvent", "speak", "speak_lines", "speak_text"]

LIVE_MODEL = "eleven_flash_v2_5"
LIVE_FORMAT = "mp3_44100_128"
USUAL = VoiceSettings()
# Characters that are sent in one message: a sentence or two.
MOST_AT_ONCE = 250
# How much longer than a pause of the writer's nothing must come until all of it is taken for spoken.
SETTLE_SECONDS = 2.0


def speak(  # noqa: PLR0913  # each has a name of its own
    texts: AsyncIterable[str] | Iterable[str],
    voice: str | None = None,
    *,
    model: str = LIVE_MODEL,
    language: str = "en",
    output_format: str = LIVE_FORMAT,
    voice_settings: VoiceSettings = USUAL,
    options: LiveOptions = LIVE,
    key: str | None = None,
    base_url: str | None = None,
) -> AsyncGenerator[Event, None]:
    """Speak text as it arrives, and yield AudioEvents and WordEvents as they come to be.

    `texts` are pieces cut anywhere; they are sent as whole words, without waiting. With a key the service speaks, at
    `base_url` if one is given, else this machine's own voice; `voice` is a name or an id. Nothing is stored. Leaving
    the iteration early closes the connection, at once within `contextlib.aclosing`.

    Raises UsageError, SettingError and ScriptError for what cannot be asked for or spoken, EngineError (RefusedError,
    BusyError, ConnectionLostError) and RemoteProtocolError as the engine does, and what `texts` raises.
    """
    return apart(_spoken(texts, voice, model, language, output_format, voice_settings, options, Access(key, base_url)))


async def _spoken(  # noqa: PLR0913, PLR0917  # those of `speak`
    texts: AsyncIterable[str] | Iterable[str],
    voice: str | None,
    model: str,
    language: str,
    output_format: str,
    voice_settings: VoiceSettings,
    options: LiveOptions,
    access: Access,
) -> AsyncGenerator[Event, None]:
    is_cloud = bool(access.key)
    if access.base_url and not is_cloud:
        raise UsageError("a base URL is where the service speaks, and that needs a key: give both, or none")
    identifier = await _voice_id(access, voice, language)
    settings = voice_settings if is_cloud else VoiceSettings(speed=voice_settings.speed)
    model = model if is_cloud else OFFLINE_MODEL
    request = SpeechRequest("", Voice(identifier, settings), model, language, output_format)
    async with ready_for(output_format), ENGINES["elevenlabs" if is_cloud else "offline"](access) as opened:
        speech = LiveSpeech(output_format, joiner(output_format))
        async with contextlib.aclosing(speak_text(opened, _pieces(texts), request, speech, options)) as events:
            async for event in events:
                yield event


def ready_for(output_format: str) -> contextlib.AbstractAsyncContextManager[None]:
    """Be ready to decode where text is spoken in a form that is decoded before it is passed on."""
    return ready_to_decode() if decodes_at_once(output_format) else contextlib.nullcontext()


@contextlib.asynccontextmanager
async def ready_to_decode() -> AsyncIterator[None]:
    """Load in a thread, while a connection is opened, what the first message's sound would else wait for."""
    loading = asyncio.create_task(asyncio.to_thread(load_libraries))
    try:
        yield
    finally:
        # What cannot be imported is told where it is needed.
        await asyncio.gather(loading, return_exceptions=True)


async def speak_text(
    engine: LiveEngine,
    texts: AsyncIterable[str],
    request: SpeechRequest,
    speech: LiveSpeech,
    options: LiveOptions = LIVE,
) -> AsyncGenerator[Event, None]:
    """Speak text as it arrives over an open engine; see `speak`.

    Raises ScriptError where the text ends and held nothing to speak.
    """
    text = _Text()
    connection = -1
    patience = options.flush_after_seconds + SETTLE_SECONDS
    async with (
        contextlib.aclosing(engine.speak_live(_noted(texts, text, speech), request, options)) as chunks,
        contextlib.aclosing(_with_pauses(chunks, patience)) as parts,
    ):
        async for chunk in parts:
            if chunk is None:
                for event in speech.settle() if text.is_quiet_for(patience) else ():
                    yield event
                continue
            if chunk.connection != connection:
                connection = chunk.connection
                for event in speech.end():
                    yield event
                speech.begin()
            for event in _told(chunk, speech, text):
                yield event
    for event in (*speech.complete(), *speech.finish()):
        yield event


def _told(chunk: SpeechChunk, speech: LiveSpeech, text: _Text) -> Iterator[Event]:
    """Yield what a message brought."""
    yield from speech.add(chunk)
    if speech.words.hears_more:
        # A last word without white space behind it is spoken when the writer pauses.
        _expect(speech, text.words.pause())
        yield from speech.heard()


async def _with_pauses(
    chunks: AsyncGenerator[SpeechChunk, None], seconds: float
) -> AsyncGenerator[SpeechChunk | None, None]:
    """Yield what comes, and None whenever nothing came for so many seconds."""
    coming: asyncio.Future[SpeechChunk] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(chunks))
            await asyncio.wait({coming}, timeout=seconds)
            if not coming.done():
                yield None
                continue
            done, coming = coming, None
            try:
                chunk = done.result()
            except StopAsyncIteration:
                return
            yield chunk
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


class _Text:
    """The text of a live speech as far as it came."""

    def __init__(self) -> None:
        self.words = ArrivingWords()
        self._clock = asyncio.get_running_loop().time
        self._came_at = self._clock()

    def came(self, piece: str) -> Iterator[Words]:
        """Take a piece."""
        self._came_at = self._clock()
        return self.words.add(piece)

    def is_quiet_for(self, seconds: float) -> bool:
        """Whether nothing came for so long."""
        return self._clock() - self._came_at >= seconds


async def _noted(texts: AsyncIterable[str], text: _Text, speech: LiveSpeech) -> AsyncIterator[str]:
    """Pass pieces on, and note the words that are whole by then: they will be heard."""
    async for piece in texts:
        for part in _parts(piece):
            _expect(speech, text.came(part))
            yield part
    _expect(speech, text.words.finish())
    if not text.words.says_something:
        raise ScriptError("there is nothing to speak: no letter or digit came")


def _parts(text: str) -> Iterator[str]:
    """Cut what came at once, at sentences where there are any: what is sent in one message is spoken in one go.

    Without that a book that is piped in would sound only when its first thousands of characters are spoken.
    """
    while len(text) > MOST_AT_ONCE:
        head = text[:MOST_AT_ONCE]
        length = whole_sentences(head) or whole_words(head) or MOST_AT_ONCE
        yield text[:length]
        text = text[length:]
    yield text


def _expect(speech: LiveSpeech, found: Iterable[Words]) -> None:
    for words in found:
        speech.words.expect(words.tokens, words.paragraph)


async def speak_lines(engine: Engine, lines: Sequence[Line], speech: LiveSpeech) -> AsyncGenerator[Event, None]:
    """Speak a script's segments one after another, with the pauses that it asks for, the next one asked for ahead.

    A connection that is lost is tried again as long as nothing of its segment was given; then its error is raised.
    """
    pause_ms = 0
    async with contextlib.aclosing(_ahead(engine, lines)) as parts:
        async for line, chunk in parts:
            if line is not None:
                pause_ms = max(pause_ms, line.segment.pause_before_ms)
                if line.request:
                    for event in speech.complete():
                        yield event
                    speech.begin(pause_ms)
                    pause_ms = 0
                speech.words.expect(line.segment.tokens, line.segment.index)
            elif chunk is not None:
                for event in speech.add(chunk):
                    yield event
    for event in (*speech.complete(), *speech.finish()):
        yield event


async def _ahead(engine: Engine, lines: Sequence[Line]) -> AsyncGenerator[tuple[Line | None, SpeechChunk | None], None]:
    """Yield each line, then its chunks; the line after the one that is listened to is asked for meanwhile."""
    queue: asyncio.Queue[tuple[Line | None, SpeechChunk | None]] = asyncio.Queue()
    may_begin = asyncio.Semaphore(1)

    async def ask() -> None:
        for line in lines:
            await may_begin.acquire()
            queue.put_nowait((line, None))
            if line.request:
                await _ask_whole(engine, line.request, queue)

    asking = asyncio.create_task(ask())
    asking.add_done_callback(lambda _: queue.put_nowait((None, None)))
    try:
        while (part := await queue.get()) != (None, None):
            if part[0] is not None:
                may_begin.release()
            yield part
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _ask_whole(
    engine: Engine, request: SpeechRequest, queue: asyncio.Queue[tuple[Line | None, SpeechChunk | None]]
) -> None:
    """Speak one request into the queue."""
    for tries in range(1, MOST_TRIES + 1):
        is_given = False
        try:
            async for chunk in engine.speak(request):
                is_given = True
                queue.put_nowait((None, chunk))
        except (BusyError, ConnectionLostError) as error:
            if is_given or tries == MOST_TRIES:
                raise
            await asyncio.sleep(pause_before(tries, error))
        else:
            return


async def _pieces(texts: AsyncIterable[str] | Iterable[str]) -> AsyncIterator[str]:
    """Yield pieces of either kind."""
    if isinstance(texts, str):
        yield texts
    elif isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text
            await asyncio.sleep(0)


async def _voice_id(access: Access, voice: str | None, language: str) -> str:
    """Find the voice that speaks. Raises UsageError where this machine has none of that name."""
    if access.key:
        from pipeline.engines.voice_resolving import resolve_voice

        return await resolve_voice(access, voice) if voice else DEFAULT_VOICE
    from pipeline.engines import offline

    if voice is not None and not offline.known_voice(voice):
        known = ", ".join(offline.VARIANTS)
        raise UsageError(f"the offline engine has no voice {voice!r}: choose one of {known}, or give a key")
    return offline.explicit(language, voice or offline.VARIANTS[0])
