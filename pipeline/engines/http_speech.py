"""One HTTP request that is no handshake → speech as the service answers it: bytes, or JSON with character times.

`POST /v1/text-to-speech/{voice}` and `/stream` give sound, with `/with-timestamps` after either JSON: whole, or one
object a line as it is spoken. One connection carries one request.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import struct
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import h11
import msgspec

from pipeline.codecs import parse_output_format
from pipeline.engines.clocks import TimeBase
from pipeline.engines.faulting import ConnectionFaults
from pipeline.engines.generation import TimedChunk, WholeTextSpeaker
from pipeline.engines.handshake import (
    DEFAULT_FORMAT,
    FASTEST,
    SLOWEST,
    RefusedHandshakeError,
    Terms,
    detail,
    invalid,
    is_speed,
    output_format_of,
    query_of,
)
from pipeline.engines.house import House
from pipeline.engines.http_exchange import JSON, Exchange
from pipeline.engines.listings import MOST_CHARACTERS
from pipeline.engines.speaking import BETWEEN_PARTS_MS, Generation, sentence_parts
from pipeline.engines.speaking import MOST_CHARACTERS as MOST_IN_GENERATION
from pipeline.engines.ssml import Said, Silent
from pipeline.errors import EngineError
from pipeline.model import Alignment, SpeechChunk

# Seconds in which a request must have come, and in which it is answered at most.
REQUEST_SECONDS, ANSWER_SECONDS = 10.0, 600.0
_PATH = re.compile(
    r"(?:/[^/]+)*?/v1/text-to-speech/(?P<voice>[^/]+)(?P<stream>/stream)?(?P<timestamps>/with-timestamps)?"
)
_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "pcm": "audio/pcm", "ulaw": "audio/basic", "alaw": "audio/x-alaw"}


class _Settings(msgspec.Struct):
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None


class _Body(msgspec.Struct):
    """What of a request's body means something here; the rest of its fields may hold anything."""

    text: str
    model_id: str | None = None
    language_code: str | None = None
    voice_settings: _Settings | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, read: what to speak and in which form the answer is to be."""

    text: str
    terms: Terms
    speed: float
    is_streamed: bool
    has_times: bool
    is_wav: bool


async def answer(house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request, answer it, close."""
    exchange = Exchange(house, reader, writer)
    try:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await _serve(house, exchange)
                await exchange.linger()
                writer.close()
                await writer.wait_closed()
    finally:
        # A client that does not take its answer is not waited for.
        exchange.drop()


async def _serve(house: House, exchange: Exchange) -> None:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            request, body = await exchange.read()
        house.admit(_headers(request, b"host"), _headers(request, b"origin"))
        house.meet_fault()
        asked = _read(house, request, body)
    except TimeoutError:
        await exchange.refuse(HTTPStatus.REQUEST_TIMEOUT, detail("request_timeout", "the request did not come whole"))
    except h11.RemoteProtocolError as error:
        await exchange.refuse(HTTPStatus(error.error_status_hint), detail("bad_request", str(error)))
    except RefusedHandshakeError as refusal:
        await exchange.refuse(refusal.status, refusal.body)
    else:
        await _while_there(exchange, _speak(house, exchange, asked))


async def _while_there(exchange: Exchange, answering: Coroutine[Any, Any, None]) -> None:
    """Answer, as long as the client is there for it: nothing is spoken for one that has left."""
    tasks = [asyncio.create_task(answering), asyncio.create_task(exchange.gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _speak(house: House, exchange: Exchange, asked: _Asked) -> None:
    speaking = house.begin(asked.terms, exchange, asked.speed, WholeTextSpeaker)
    for generation in _generations(asked.text):
        speaking.add(generation)
    speaking.end()
    try:
        async with contextlib.aclosing(speaking.chunks()) as chunks:
            shaped = _shaped(chunks, exchange.faults)
            if asked.is_streamed:
                await _stream(exchange, asked, shaped)
            else:
                await _whole(exchange, asked, [chunk async for chunk in shaped])
    except (ConnectionError, TimeoutError):
        raise
    except EngineError as error:
        await _fail(exchange, error.code or "speech_failed", error.message)
    except Exception as error:  # noqa: BLE001  # the voice's, whatever it is: the client is told
        words = f"the voice failed unexpectedly ({type(error).__name__}: {error})"
        await _fail(exchange, "internal_server_error", words)


async def _fail(exchange: Exchange, code: str, words: str) -> None:
    if exchange.has_begun:
        # The one way to say in the middle of an answer that it is not whole (RFC 9112 8).
        exchange.drop()
        return
    await exchange.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, detail(code, words, kind="server_error"))


def _generations(text: str) -> Iterator[Generation]:
    """Cut a long text, each character of it in one generation: others have their turn between two of them."""
    starts, done = list[int](), 0
    for part in filter(None, sentence_parts(text, MOST_IN_GENERATION)):
        starts.append(text.index(part, done))
        done = starts[-1] + len(part)
    *parts, last = (text[first:end] for first, end in pairwise([0, *starts[1:], len(text)]))
    for part in parts:
        said = part.rstrip()
        yield (Said(said), Silent(part[len(said) :], BETWEEN_PARTS_MS))
    yield (Said(last),)


async def _shaped(chunks: AsyncIterator[TimedChunk], faults: ConnectionFaults) -> AsyncIterator[SpeechChunk]:
    """Give chunks as they are sent: on the clock of the whole answer."""
    shaper = faults.shaper(TimeBase.SESSION)
    async for timed in chunks:
        for chunk in shaper.shape(timed):
            yield chunk


async def _stream(exchange: Exchange, asked: _Asked, chunks: AsyncIterator[SpeechChunk]) -> None:
    kind = JSON if asked.has_times else _type(asked)
    # Nothing is begun before there is something to say: until then a failure is an answer of its own.
    async for chunk in chunks:
        await exchange.begin(HTTPStatus.OK, {"content-type": kind, "character-cost": str(len(asked.text))})
        sent = (json.dumps(_timed(chunk)) + "\n").encode("ascii") if asked.has_times else chunk.audio
        if sent:
            await exchange.send(sent)
    await exchange.end()


async def _whole(exchange: Exchange, asked: _Asked, chunks: list[SpeechChunk]) -> None:
    sound = b"".join(chunk.audio for chunk in chunks)
    if asked.is_wav:
        sound = _wav_header(len(sound), parse_output_format(asked.terms.output_format).sample_rate) + sound
    if asked.has_times:
        whole = SpeechChunk(
            sound, _joined([chunk.alignment for chunk in chunks]), _joined([chunk.normalized for chunk in chunks])
        )
        kind, content = JSON, json.dumps(_timed(whole)).encode("ascii")
    else:
        kind, content = _type(asked), sound
    headers = {"content-type": kind, "content-length": str(len(content)), "character-cost": str(len(asked.text))}
    await exchange.begin(HTTPStatus.OK, headers)
    await exchange.send(content)
    await exchange.end()


# ── what is asked ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read(house: House, request: h11.Request, content: bytes) -> _Asked:
    """Read a request. Raises RefusedHandshakeError."""
    path, _, asked = request.target.decode("ascii").partition("?")
    found = _PATH.fullmatch(path)
    if found is None:
        raise RefusedHandshakeError(HTTPStatus.NOT_FOUND, detail("not_found", "there is no such address here"))
    if request.method != b"POST":
        words = "this address takes POST"
        raise RefusedHandshakeError(HTTPStatus.METHOD_NOT_ALLOWED, detail("method_not_allowed", words))
    body = _body(content)
    query = query_of(asked)
    wanted = query.get("output_format") or DEFAULT_FORMAT
    is_wav = wanted.startswith("wav_") and not found["stream"]
    output_format = output_format_of({"output_format": "pcm_" + wanted[4:] if is_wav else wanted})
    voice, language = unquote(found["voice"]), body.language_code or "en"
    _check(house, body, voice, language)
    settings = body.voice_settings
    speed = settings.speed if settings and settings.speed is not None else 1.0
    if not is_speed(speed):
        raise invalid("voice_settings.speed", f"speed takes a number from {SLOWEST:g} to {FASTEST:g}")
    return _Asked(
        text=body.text,
        terms=Terms(voice, language, output_format, in_sync=True),
        speed=speed,
        is_streamed=found["stream"] is not None,
        has_times=found["timestamps"] is not None,
        is_wav=is_wav,
    )


def _body(content: bytes) -> _Body:
    try:
        return msgspec.json.decode(content, type=_Body, strict=False)
    except msgspec.ValidationError as error:
        field_name = (re.findall(r"`\$?\.?([\w.]+)`", str(error)) or ["body"])[-1]
        problem = {"type": "value_error", "loc": ["body", *field_name.split(".")], "msg": str(error)}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        problem = {"type": "json_invalid", "loc": ["body"], "msg": f"JSON decode error: {error}"}
    raise RefusedHandshakeError(HTTPStatus.UNPROCESSABLE_ENTITY, json.dumps({"detail": [problem]}))


def _check(house: House, body: _Body, voice: str, language: str) -> None:
    model = body.model_id or ""
    if model and model not in MOST_CHARACTERS:
        raise invalid("model_id", f"A model with model ID {model[:100]} does not exist")
    if not body.text.strip():
        raise invalid("text", "The text is empty")
    if len(body.text) > MOST_CHARACTERS[model]:
        words = f"The text is longer than the {MOST_CHARACTERS[model]} characters that a request may have"
        raise RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("max_character_limit_exceeded", words, "text"))
    if not house.is_known(voice, language):
        words = f"A voice for the voice_id {voice[:100]!r} was not found."
        raise RefusedHandshakeError(HTTPStatus.BAD_REQUEST, detail("voice_not_found", words, "voice_id"))


def _headers(request: h11.Request, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in request.headers if key == name]


# ── what is answered ───────────────────────────────────────────────────────────────────────────────────────────────


def _timed(chunk: SpeechChunk) -> dict[str, object]:
    return {
        "audio_base64": base64.b64encode(chunk.audio).decode("ascii"),
        "alignment": _seconds(chunk.alignment),
        "normalized_alignment": _seconds(chunk.normalized),
    }


def _seconds(times: Alignment | None) -> dict[str, object] | None:
    if times is None:
        return None
    pairs = list(zip(times.starts_ms, times.durations_ms, strict=True))
    return {
        "characters": list(times.chars),
        "character_start_times_seconds": [round(start / 1000, 3) for start, _ in pairs],
        "character_end_times_seconds": [round((start + length) / 1000, 3) for start, length in pairs],
    }


def _joined(parts: list[Alignment | None]) -> Alignment | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    return Alignment(
        tuple(char for part in there for char in part.chars),
        tuple(start for part in there for start in part.starts_ms),
        tuple(length for part in there for length in part.durations_ms),
    )


def _type(asked: _Asked) -> str:
    return "audio/wav" if asked.is_wav else _TYPES[parse_output_format(asked.terms.output_format).codec]


def _wav_header(size: int, rate: int) -> bytes:
    """The head of a RIFF file of 16-bit mono samples (Microsoft/IBM, "Multimedia Programming Interface", 1991)."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
