"""Faults that are asked for are made, each as it is described, and nothing else changes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pipeline.engines.faulting import Misfortune
from pipeline.engines.faults import BUSY_NAMES, ERRORS, TABLE, Fault, Faults, Occasions, fault_rows, parse_faults
from pipeline.engines.loopback import serve
from pipeline.errors import UsageError
from tests.truth_voice import TruthVoice

TEXT = ["Amber lantern, silver button. ", "Green switch copper table! "]
WHOLE = "".join(TEXT)
QUERY = "output_format=pcm_24000&sync_alignment=true"


class Got:
    """What one client got."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.code = 0

    def times(self) -> list[tuple[str, int, int]]:
        """Characters, starts and durations of all frames."""
        return [row for frame in self.frames for row in rows(frame)]

    def text(self) -> str:
        """All characters."""
        return "".join(char for char, _, _ in self.times())

    def sound(self) -> bytes:
        """All sound."""
        return b"".join(sound(frame) for frame in self.frames)


def rows(frame: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Characters, starts and durations of a frame."""
    times = frame.get("alignment") or {"chars": [], "charStartTimesMs": [], "charDurationsMs": []}
    return list(zip(times["chars"], times["charStartTimesMs"], times["charDurationsMs"], strict=True))


def sound(frame: dict[str, Any]) -> bytes:
    """The sound of a frame."""
    return base64.b64decode(frame.get("audio") or "")


async def speak(base: str) -> Got:
    """Speak two generations and read until the server closes, or half a second after it has said its last."""
    got = Got()
    async with connect(f"{base}/v1/text-to-speech/heart/stream-input?{QUERY}", proxy=None) as connection:
        messages: list[dict[str, object]] = [
            {"text": " "},
            *({"text": text, "flush": True} for text in TEXT),
            {"text": ""},
        ]
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            for message in messages:
                await connection.send(json.dumps(message))
            while True:
                got.frames.append(json.loads(await asyncio.wait_for(connection.recv(), 1)))
        got.code = connection.close_code or 0
    return got


def faulty(*written: str, times: int = 1) -> list[Got]:
    """Speak so many times, one after another, to a server with these faults."""

    async def run() -> list[Got]:
        async with serve(TruthVoice(), port=0, faults=parse_faults(written)) as base, asyncio.timeout(40):
            return [await speak(base) for _ in range(times)]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def good() -> Got:
    """What comes without a fault."""
    return faulty()[0]


def test_without_a_fault_all_is_well(good: Got) -> None:
    """The measure of all others."""
    assert (good.text(), good.code) == (WHOLE, 1000)
    assert good.frames[-1] == {"audio": None, "isFinal": True}


def test_a_connection_drops(good: Got) -> None:
    """Once more would have been sent than that, without a closing handshake."""
    sent = len(json.dumps(good.frames[0], separators=(",", ":")))
    (got,) = faulty(f"drop-after={sent}")
    assert (got.frames, got.code) == (good.frames[:1], 1006)


def test_a_connection_stalls(good: Got) -> None:
    """Nothing comes any more, and it stays open."""
    sent = len(json.dumps(good.frames[0], separators=(",", ":")))
    (got,) = faulty(f"stall-after={sent}")
    assert got.frames == good.frames[:1]
    # It was still open when the client had waited for a second.
    assert got.code == 0


@pytest.mark.parametrize(("fault", "status"), [*((f"http-429={name}", 429) for name in BUSY_NAMES), ("http-5xx", 503)])
def test_a_handshake_is_refused(fault: str, status: int) -> None:
    """With its status and the reason's name."""
    with pytest.raises(InvalidStatus) as caught:
        faulty(fault)
    response = caught.value.response
    assert response.status_code == status
    assert json.loads(response.body)["detail"]["code"] == (fault.partition("=")[2] or "internal_server_error")


@pytest.mark.parametrize("name", [*ERRORS, "made_up"])
def test_an_error_frame_comes(name: str) -> None:
    """By its name and with its code, which follows."""
    (got,) = faulty(f"error={name}")
    assert got.frames == [{"message": got.frames[0]["message"], "error": name, "code": got.code}]
    assert got.code == (ERRORS[name].code if name in ERRORS else 1008)


def test_an_error_frame_comes_later(good: Got) -> None:
    """After so many bytes; `busy` is the short name of one."""
    (got,) = faulty("busy=100")
    assert got.frames[:-1] == good.frames[:1]
    assert got.frames[-1]["error"] == "system_busy"


def test_times_are_missing(good: Got) -> None:
    """All of them, or those of some messages."""
    (got,) = faulty("null-alignments")
    assert (got.times(), got.sound()) == ([], good.sound())
    (got,) = faulty("audio-without-alignment,every=2")
    timed = [bool(rows(frame)) for frame in got.frames[:-1]]
    assert timed == [number % 2 == 0 for number in range(len(timed))]
    assert got.sound() == good.sound()


@pytest.mark.parametrize("base", ["session", "generation", "message", "chain", "absolute"])
def test_times_start_at_another_zero(good: Got, base: str) -> None:
    """As each of the claims about the service's clock has it."""
    (got,) = faulty(f"time-base={base}")
    assert (got.text(), got.sound()) == (WHOLE, good.sound())
    done = end = generation = 0.0
    for frame, right in zip(got.frames[:-1], good.frames[:-1], strict=True):
        if done and right["normalizedAlignment"]["chars"][0] == " " and rows(right)[0][0] in "AG":
            generation = done
        zero = {"message": done, "generation": generation, "chain": end}.get(base, 0.0)
        for (_, start, _), (_, truth, _) in zip(rows(frame), rows(right), strict=True):
            assert abs(zero + start - truth) <= 1
        done += len(sound(right)) / 48
        end = rows(right)[-1][1] + rows(right)[-1][2]
    assert generation


def test_words_are_split(good: Got) -> None:
    """Twice the messages, each first half ending inside a word; no character, time or sample is lost."""
    (got,) = faulty("split-words")
    assert (got.times(), got.sound()) == (good.times(), good.sound())
    assert len(got.frames) - 1 == 2 * (len(good.frames) - 1)
    for first, second in list(pairwise(got.frames[:-1]))[::2]:
        assert rows(first)[-1][0].isalnum()
        assert rows(second)[0][0].isalnum()


def test_the_final_frame_is_left_out(good: Got) -> None:
    """And the connection closes as if all were well."""
    (got,) = faulty("no-final")
    assert (got.frames, got.code) == (good.frames[:-1], 1000)


def test_times_are_cut_short_repeated_and_jump(good: Got) -> None:
    """The sound is whole each time."""
    (got,) = faulty("truncate-alignment")
    assert [len(rows(frame)) for frame in got.frames] == [(len(rows(frame)) + 1) // 2 for frame in good.frames]
    (repeated,) = faulty("repeat-alignment")
    for before, right, frame in zip(good.frames, good.frames[1:-1], repeated.frames[1:-1], strict=False):
        assert rows(frame) == rows(before) + rows(right)
    (jumped,) = faulty("clock-jump=700,every=2")
    late = [frame[1] - right[1] for frame, right in zip(jumped.times(), good.times(), strict=True)]
    assert (late[0], set(late)) == (0, {700 * number for number in range(len(set(late)))})
    assert len(set(late)) > 1
    assert got.sound() == repeated.sound() == jumped.sound() == good.sound()


def test_times_come_in_a_message_of_their_own(good: Got) -> None:
    """With an empty sound, and the sound after it without times."""
    (got,) = faulty("alignment-without-audio")
    assert (got.times(), got.sound()) == (good.times(), good.sound())
    for times, rest in list(pairwise(got.frames[:-1]))[::2]:
        assert times["audio"] == ""
        assert rest["alignment"] is None


def test_base64_is_wrong() -> None:
    """So that no decoder that looks takes it."""
    (got,) = faulty("wrong-base64")
    with pytest.raises(binascii.Error):
        base64.b64decode(got.frames[0]["audio"], validate=True)


def test_every_third_connection(good: Got) -> None:
    """The others are whole."""
    got = faulty("drop-after=1000", "every=3", times=6)
    assert [each.code for each in got] == [1000, 1000, 1006] * 2
    assert got[0].sound() == good.sound()


def test_a_chance_is_the_same_in_every_run() -> None:
    """By its seed, and about as often as it says."""

    def strikes(seed: int) -> list[bool]:
        fault = Fault("no-final", "", Occasions(chance=0.3, seed=seed))
        misfortune = Misfortune(Faults((fault,)))
        return [misfortune.strikes(fault) for _ in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 250 < sum(strikes(1)) < 350


def test_faults_are_read() -> None:
    """Values, defaults, and when; what says only when holds for all that do not."""
    faults = parse_faults(["drop-after=100,every=2", "http-429", "error=x@5", "chance=0.5", "seed=9"])
    assert faults.all == (
        Fault("drop-after", 100, Occasions(2, 0.5, 9)),
        Fault("http-429", "concurrent_limit_exceeded", Occasions(1, 0.5, 9)),
        Fault("error", "x@5", Occasions(1, 0.5, 9)),
    )
    assert len(fault_rows()) == len(TABLE)


def test_the_page_about_the_server_tells_of_every_fault() -> None:
    """What is listed by the help stands there, with its value."""
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name, _ in fault_rows())


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("drop-afte=1", "did you mean 'drop-after'"),
        ("drop-after", "drop-after=BYTES"),
        ("drop-after=-1", "whole number"),
        ("no-final=1", "takes no value"),
        ("http-5xx=404", "from 500"),
        ("http-429=full", "takes one of"),
        ("time-base=none", "takes one of session"),
        ("error=@5", "NAME@BYTES"),
        ("no-final,null-alignments", "two faults"),
        ("no-final,every=0", "from 1"),
        ("chance=2", "from 0 to 1"),
        ("chance=nan", "from 0 to 1"),
        ("", "no fault"),
    ],
)
def test_what_is_no_fault_is_told(written: str, words: str) -> None:
    """With what would be right."""
    with pytest.raises(UsageError, match=words):
        parse_faults([written])
