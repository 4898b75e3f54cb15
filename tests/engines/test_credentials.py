"""Where a key or a token travels: as it was chosen, whole, and shown nowhere."""

from __future__ import annotations

import asyncio
import json
import pickle
import traceback
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from pipeline.engines import Access
from pipeline.engines.connecting import Limits
from pipeline.engines.elevenlabs import address_of, open_contexts, open_elevenlabs
from pipeline.engines.streaming import StreamingEngine, common_query
from pipeline.errors import BusyError, PipelineError
from pipeline.model import SpeechChunk, SpeechRequest, Voice

KEY, BEARER, TOKEN = "sk_0123456789abcdef", "bearer_0123456789abcdef", "sut_0123456789abcdef"
ALL = Access(KEY, bearer=BEARER, single_use_token=TOKEN)


def request(model: str = "eleven_flash_v2_5") -> SpeechRequest:
    """Something to say."""
    return SpeechRequest("Hi", Voice("v"), model, "en")


async def heard(access: Access, model: str, contexts: object = None) -> tuple[dict[str, Any], str, dict[str, Any], str]:
    """The headers, path and first message that a service gets, and what a failure shows."""
    found: list[Any] = []

    async def script(connection: ServerConnection) -> None:
        assert connection.request is not None
        found.append((dict(connection.request.headers.raw_items()), connection.request.path))
        found.append(json.loads(await connection.recv()))
        await connection.close(1008, f"no {KEY} {BEARER} {TOKEN}"[:120])

    async with listen(script, "127.0.0.1", 0, compression=None) as server:
        base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        access = Access(access.key, base, access.record, access.bearer, access.single_use_token, access.credentials_in)
        shown = ""
        opened = open_contexts(access) if contexts else open_elevenlabs(access)
        async with opened as engine:
            try:
                async for _ in engine.speak(request(model)):
                    pass
            except PipelineError as error:
                shown = _shown(error)
    (headers, path), first = found[0], found[1]
    return headers, path, first, shown


def _shown(error: BaseException) -> str:
    shown = [str(error)]
    seen: BaseException | None = error
    while seen is not None:
        shown.append("".join(traceback.format_exception(seen)))
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            if "/pipeline/" in frame.f_code.co_filename or "/websockets/" in frame.f_code.co_filename:
                shown.append(repr(frame.f_locals))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(shown)


@pytest.mark.parametrize(
    ("model", "contexts"), [("eleven_flash_v2_5", None), ("eleven_v3", None), ("eleven_flash_v2_5", "")]
)
@pytest.mark.parametrize("place", ["header", "query", "message"])
def test_secrets_travel_where_they_are_told_to(place: Any, model: str, contexts: object, tmp_path: Path) -> None:
    """On every kind of socket; in no failure and no recording."""
    record = str(tmp_path / "r.jsonl")
    access = Access(KEY, None, record, BEARER, TOKEN, place)
    headers, path, first, shown = asyncio.run(heard(access, model, contexts is not None))
    names = {name.lower(): value for name, value in headers.items()}
    where = {
        "header": (KEY, f"Bearer {BEARER}", False, True),
        "query": (KEY, None, True, True),
        "message": (None, None, False, False),
    }[place]
    assert names.get("xi-api-key") == where[0]
    assert names.get("authorization") == where[1]
    assert (f"authorization={BEARER}" in path) is where[2]
    assert (f"single_use_token={TOKEN}" in path) is where[3]
    in_message = {value for value in first.values() if isinstance(value, str)} & {KEY, BEARER, TOKEN}
    assert in_message == ({KEY, BEARER, TOKEN} if place == "message" else set())
    recorded = Path(record).read_text(encoding="utf-8")
    for secret in (KEY, BEARER, TOKEN):
        assert secret not in shown
        assert secret not in recorded
    assert "1008" in recorded


def test_no_value_shows_a_secret_and_all_can_be_pickled() -> None:
    """Neither what a caller gives nor what is made of it."""
    address = address_of(ALL)
    for value in (ALL, address, address.headers, address.query):
        for secret in (KEY, BEARER, TOKEN):
            assert secret not in repr(value)
    assert pickle.loads(pickle.dumps(ALL)) == ALL
    assert address_of(Access(bearer=BEARER)).secrets == (BEARER,)


@pytest.mark.parametrize(
    ("given", "least", "most"), [("7", 7, 7), ("", 0, 0), ("soon", 0, 0), (formatdate(4e9, usegmt=True), 1e6, 1e10)]
)
def test_how_long_to_wait_is_read_from_the_answer(given: str, least: float, most: float) -> None:
    """Seconds, or a date."""

    def answer(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "")
        if given:
            response.headers["Retry-After"] = given
        return response

    async def run() -> tuple[SpeechChunk, ...]:
        async with listen(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=answer) as server:
            from pipeline.engines.connecting import Address

            base = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            engine = StreamingEngine("t", Address(base), common_query, lambda _: "", limits=Limits(opening=5))
            return tuple([chunk async for chunk in engine.speak(request())])

    with pytest.raises(BusyError) as caught:
        asyncio.run(run())
    assert least <= caught.value.retry_after <= most
    assert caught.value.code == "429"
    assert pickle.loads(pickle.dumps(caught.value)).retry_after == caught.value.retry_after
