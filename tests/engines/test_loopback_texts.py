"""Text as it comes over `stream-input`: schedules, triggers, tags, and every parameter of the address."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pipeline.engines.loopback import serve
from pipeline.engines.speaking import MOST_CHARACTERS, sentence_parts
from tests.truth_voice import TruthVoice, onsets

SYNC = "output_format=pcm_24000&sync_alignment=true"
FIFTY = "Amber lantern silver button green switch copper now "


class Got:
    """What one client got, and which texts were spoken for it."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.code = 0
        self.spoken: list[str] = []

    def rows(self, name: str = "alignment") -> list[tuple[str, int]]:
        """Characters and starts of all frames."""
        timed = [frame[name] for frame in self.frames if frame.get(name)]
        return [row for each in timed for row in zip(each["chars"], each["charStartTimesMs"], strict=True)]

    def text(self, name: str = "alignment") -> str:
        """All characters."""
        return "".join(char for char, _ in self.rows(name))

    def sound(self) -> bytes:
        """All sound."""
        return b"".join(base64.b64decode(frame.get("audio") or "") for frame in self.frames)


def converse(*messages: object, query: str = SYNC) -> Got:
    """Send messages and read until the server closes."""
    got, truth = Got(), TruthVoice()

    def voice(text: str, language: str, voice: str, speed: float) -> Any:
        got.spoken.append(text)
        return truth(text, language, voice, speed)

    async def run() -> Got:
        async with (
            serve(voice, port=0) as base,
            asyncio.timeout(30),
            connect(f"{base}/v1/text-to-speech/heart/stream-input?{query}", proxy=None) as connection,
        ):
            with contextlib.suppress(ConnectionClosed):
                for message in messages:
                    await connection.send(json.dumps(message))
                while True:
                    got.frames.append(json.loads(await connection.recv()))
            got.code = connection.close_code or 0
        return got

    return asyncio.run(run())


def test_a_later_message_may_change_the_schedule() -> None:
    """Under either name: what is buffered goes as soon as it reaches the threshold that holds then."""
    for name in ("generator_config", "generation_config"):
        later = {"text": FIFTY, name: {"chunk_length_schedule": [50]}}
        got = converse({"text": " "}, {"text": FIFTY}, later, {"text": "Red. "}, {"text": ""})
        assert got.spoken == [(FIFTY * 2).strip(), "Red."]
    got = converse({"text": " "}, {"text": "a ", "generator_config": {"chunk_length_schedule": [5]}})
    assert (got.frames[-1]["error"], got.code) == ("invalid_input_message", 1008)


def test_a_trigger_needs_some_text() -> None:
    """Below the least threshold it waits, above it is spoken at once."""
    trigger = {"try_trigger_generation": True}
    got = converse(
        {"text": " "}, {"text": "Red. ", **trigger}, {"text": FIFTY, **trigger}, {"text": "End."}, {"text": ""}
    )
    assert got.spoken == ["Red. " + FIFTY.strip(), "End."]


@pytest.mark.parametrize("more", ["", "&auto_mode=true"])
def test_a_break_is_silence_that_long(more: str) -> None:
    """To the sample; its tag has its time in the text as sent, a point in the text as spoken."""
    text = 'Amber <break time="1.5s" /> lantern. '
    got = converse({"text": " "}, {"text": text}, {"text": ""}, query=SYNC + "&enable_ssml_parsing=true" + more)
    voice = TruthVoice()
    first, second = (voice(each, "en", "heart", 1.0) for each in ("Amber ", " lantern."))
    assert got.sound() == first.pcm + bytes(2 * 36000) + second.pcm
    assert got.text() == text
    assert got.text("normalizedAlignment") == " Amber . lantern. "
    spoken = dict(got.rows("normalizedAlignment"))
    assert abs(spoken["."] - (len(first.pcm) / 48 + 1500 + second.words[0].end_ms)) <= 1
    sent = got.rows()
    starts = [sent[0][1] + 20, sent[text.index("lantern")][1]]
    assert np.abs(np.array(starts) - onsets(np.frombuffer(got.sound(), "<i2"), 24000)).max() <= 1


def test_tags_are_not_cut_and_without_parsing_they_are_text() -> None:
    """A threshold that is reached at a tag does not cut it."""
    first = {"text": " ", "generation_config": {"chunk_length_schedule": [50]}}
    text = FIFTY + '<break time="1s"/>'
    got = converse(first, {"text": text}, {"text": "Red."}, {"text": ""}, query=SYNC + "&enable_ssml_parsing=true")
    assert got.text().split() == (text + "Red.").split()
    assert not any("<" in each or ">" in each for each in got.spoken)
    got = converse({"text": " "}, {"text": "A <b> c. "}, {"text": ""})
    assert got.spoken == ["A <b> c."]


@pytest.mark.slow
def test_a_long_text_is_several_generations() -> None:
    """Cut after sentences, so that none delays others for long and no message is too big; no word is lost."""
    text = (FIFTY.strip() + ". ") * 200
    for query in (SYNC, "output_format=pcm_24000"):
        got = converse({"text": " "}, {"text": text}, {"text": ""}, query=query)
        assert len(got.spoken) == len(text) // MOST_CHARACTERS + 1
        assert all(each.endswith(".") and len(each) <= MOST_CHARACTERS for each in got.spoken)
        assert got.text() == text
        assert max(len(json.dumps(frame)) for frame in got.frames) < 2**19
    assert sentence_parts("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert sentence_parts("aaaa bbbb cccc", 10) == ["aaaa bbbb", "cccc"]


@pytest.mark.parametrize(
    "query",
    [
        "enable_logging=false&language_code=en&apply_text_normalization=off&seed=4294967295&authorization=x",
        "single_use_token=t&optimize_streaming_latency=4&apply_language_text_normalization=true&auto_mode=0&else=1",
        "model_id=eleven_turbo_v2_5&sync_alignment=True&inactivity_timeout=180&seed=&enable_ssml_parsing=no",
    ],
)
def test_what_the_address_may_say(query: str) -> None:
    """Every documented parameter, and ones that nobody knows."""
    assert converse({"text": "Hi. "}, {"text": ""}, query=query).code == 1000


@pytest.mark.parametrize(
    "query",
    [
        "seed=-1",
        "seed=4294967296",
        "seed=x",
        "auto_mode=maybe",
        "enable_logging=2",
        "sync_alignment=x",
        "apply_text_normalization=sometimes",
        "optimize_streaming_latency=5",
        "inactivity_timeout=0",
    ],
)
def test_what_it_may_not(query: str) -> None:
    """400 before the upgrade, which names the parameter."""
    with pytest.raises(InvalidStatus) as caught:
        converse(query=query)
    assert caught.value.response.status_code == 400
    assert json.loads(caught.value.response.body)["detail"]["param"] == query.partition("=")[0]
