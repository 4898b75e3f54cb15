"""Scripts spoken live: segment by segment, with their pauses, in every form of file; and what is refused before."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline import pcm
from pipeline.engines import Access
from pipeline.errors import BusyError, ConnectionLostError, OutputError, PipelineError, ScriptError, UsageError
from pipeline.model import SpeechChunk, SpeechRequest
from pipeline.production import narrate
from pipeline.production.casting import Line
from pipeline.production.live import speak_lines
from pipeline.production.live_jobs import LiveJob, plan_live
from pipeline.production.live_speech import AudioEvent, LiveSpeech, WordEvent
from pipeline.production.performing import Performance, perform
from tests.production.jobs import SCRIPT, ignore, ignore_remark, job_of
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import onsets

FILES = ["a.mp3", "a.wav", "a.pcm", "a.opus", "a.ogg", "a.ulaw", "a.alaw"]
TOUR = """---
voices: {Anna: one}
say: {HMS: ship}
---
# One

The harbour opened in [1887]{say="eightyseven"}, and HMS Aurora came.
<break time="0.7s"/> Nobody knows — why.

— …

**Anna:** Look at that!

# Two

At the end.
"""
SIDES = [".srt", ".vtt", ".words.json"]


class Listener:
    """Who is shown what is written, and keeps it."""

    def __init__(self) -> None:
        self.words: list[WordEvent] = []
        self.sounds: list[AudioEvent] = []
        self.ended: list[str] = []

    def hear(self, event: AudioEvent) -> None:
        """Keep a sound."""
        self.sounds.append(event)

    def read(self, event: WordEvent) -> None:
        """Keep a word."""
        self.words.append(event)

    async def finish(self) -> None:
        """Note that all was written."""
        self.ended.append("whole")

    def stop(self) -> None:
        """Note that nothing more is shown."""
        self.ended.append("stopped")


def live_job(folder: Path, output: str | None = "output", text: str = SCRIPT, **options: object) -> LiveJob:
    """A script to be spoken live."""
    script = folder / "tour.md"
    script.write_text(text, encoding="utf-8")
    return LiveJob(script, None if output is None else folder / output, "offline", folder / "store", options)


def performed(job: LiveJob) -> tuple[Performance, Listener]:
    """Speak a job."""
    listener = Listener()
    return perform(plan_live(job, Access(), ignore_remark), Access(), listener, ignore_remark), listener


def decoded(file: Path, rate: int = 48000) -> tuple[np.ndarray, int]:
    """Samples of a file as ffmpeg, a program apart, decodes it."""
    from imageio_ffmpeg import get_ffmpeg_exe

    raw = {".pcm": ("s16le", 24000), ".ulaw": ("mulaw", 8000), ".alaw": ("alaw", 8000)}.get(file.suffix)
    form = ["-f", raw[0], "-ar", str(raw[1])] if raw else []
    command = [
        get_ffmpeg_exe(),
        "-v",
        "error",
        *form,
        "-i",
        str(file),
        "-f",
        "s16le",
        "-ac",
        "1",
        "-ar",
        str(rate),
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr, done.stderr
    return np.frombuffer(done.stdout, "<i2"), rate


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("name", FILES)
def test_every_form_of_file_is_in_sync(name: str, folder: Path) -> None:
    """Words of words.json against the bursts that ffmpeg decodes: 2 ms for samples, 3 ms for coded sound."""
    performance, _ = performed(live_job(folder, name, TOUR))
    assert (performance.end, performance.repairs) == ("whole", ())
    assert [file.name for file in performance.files] == [name, *(f"a{side}" for side in SIDES)]
    samples, rate = decoded(folder / name)
    told = json.loads((folder / "a.words.json").read_text("utf-8"))
    starts = [1000 * word["start"] for word in told["words"] if any(char.isalnum() for char in word["text"])]
    found = onsets(samples, rate)
    assert len(found) == len(starts)
    limit = 2 if name.endswith((".wav", ".pcm")) else 3
    assert max(abs(one - other) for one, other in zip(starts, found, strict=True)) <= limit
    assert abs(told["duration"] - len(samples) / rate) <= 0.03
    assert (folder / "a.srt").read_text("utf-8").startswith("1\n00:00:00,0")


@pytest.mark.slow
@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(("name", "limit"), [("a.wav", 6), ("a.mp3", 20), ("a.ulaw", 6), ("a.opus", 17)])
def test_pauses_are_those_of_narrate(name: str, limit: int, folder: Path) -> None:
    """To the grid on which silence is judged; in coded sound to half a frame more. The words are the same words."""
    performed(live_job(folder, name))
    job = replace(job_of(folder, container="wav"), output=folder / "narrated")
    narrate(job, Access(), ignore, ignore_remark)
    ours, theirs = (
        json.loads((folder / place).read_text("utf-8")) for place in ("a.words.json", "narrated/tour.words.json")
    )
    for key in ("text", "segment", "said", "space_before"):
        assert [word.get(key) for word in ours["words"]] == [word.get(key) for word in theirs["words"]]
    for one, other in zip(pairwise(ours["words"]), pairwise(theirs["words"]), strict=True):
        gaps = [1000 * (later["start"] - word["end"]) for word, later in (one, other)]
        assert abs(gaps[0] - gaps[1]) <= limit, (one, other)
    same = [{**span, "start": 0, "end": 0} for span in ours["segments"]]
    assert same == [{**span, "start": 0, "end": 0} for span in theirs["segments"]]


@pytest.mark.usefixtures("truth")
def test_files_are_named_after_the_script_and_the_format(folder: Path) -> None:
    """`output/tour/tour.mp3`; samples get a head, so that they can be played."""
    for asked, name in [({}, "tour.mp3"), ({"output_format": "opus_48000_32"}, "tour.opus")]:
        performance, _ = performed(live_job(folder, **asked))
        assert performance.files[0] == folder / "output" / "tour" / name
    for wanted in ("pcm_16000", "wav_16000"):
        performance, _ = performed(live_job(folder, output_format=wanted))
        assert performance.files[0].name == "tour.wav"
        assert performance.files[0].read_bytes()[24:28] == (16000).to_bytes(4, "little")


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize(
    ("output", "asked", "sentence"),
    [
        ("a.wav", {"output_format": "mp3_44100_128"}, "no place for mp3_44100_128"),
        ("a.mp4", {}, "one of mp3, wav"),
        ("a.mp3", {"output_format": "mp3_44100_129"}, "did you mean"),
        ("a.mp3", {"output_format": "wav_1"}, "pcm_"),
        ("tour.md/a.mp3", {}, "no folder"),
        ("tour.md", {}, "is a file"),
        ("tour.mp3", {}, "is a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_spoken(
    output: str, asked: dict[str, str], sentence: str, folder: Path, truth: SpeakingVoice
) -> None:
    """And nothing is left behind."""
    if output == "tour.mp3":
        (folder / "tour.srt").mkdir()
    with pytest.raises(PipelineError, match=sentence):
        performed(live_job(folder, output, **asked))
    assert not truth.texts
    assert {path.name for path in folder.iterdir()} <= {"tour.md", "tour.srt"}


@pytest.mark.usefixtures("truth")
def test_what_narrate_made_is_not_written_over(folder: Path) -> None:
    """Its job file says what is its own; what was spoken live before may be."""
    narrate(job_of(folder, container="mp3"), Access(), ignore, ignore_remark)
    made = folder / "output" / "tour.mp3"
    with pytest.raises(UsageError, match="job file"):
        performed(live_job(folder, "output/tour.mp3"))
    assert made.is_file()
    performed(live_job(folder, "other.mp3"))
    performed(live_job(folder, "other.mp3"))


def test_a_script_that_cannot_be_spoken_is_refused(folder: Path) -> None:
    """With its line, as everywhere."""
    with pytest.raises(ScriptError, match="3"):
        performed(live_job(folder, text="One.\n\n[00:12] Two.\n"))
    with pytest.raises(ScriptError, match="nothing to speak"):
        performed(live_job(folder, text="# Title\n"))


class Service:
    """An engine that fails as it is told: for each request, what it does before it speaks."""

    name, most_at_once = "test", 2

    def __init__(self, *plan: object) -> None:
        self.plan = list(plan)
        self.asked: list[str] = []

    def shaped_by(self, request: SpeechRequest) -> str:
        """Nothing shapes it."""
        return request.model

    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        """Fail, or give 100 ms of a tone."""
        self.asked.append(request.text)
        act = self.plan.pop(0) if self.plan else None
        if isinstance(act, PipelineError):
            raise act
        yield SpeechChunk((np.ones(2400) * 9000).astype("<i2").tobytes())
        if act == "drop":
            raise ConnectionLostError("dropped")


def spoken_lines(service: Service, count: int = 3, most: int = 10**6) -> tuple[list[int], int]:
    """Speak so many lines; the number of requests at each sound, and of samples."""
    from pipeline.codecs.joining import pausing_joiner
    from pipeline.model import Segment, Token, Voice

    request = SpeechRequest("word", Voice("v"), "m", "en", "pcm_24000")
    segments = [
        Segment(n, (Token(f"word{n}", f"word{n}"),), n + 1, pause_before_ms=100 * (n > 0)) for n in range(count)
    ]
    lines = [Line(segment, replace(request, text=segment.text)) for segment in segments]

    async def run() -> tuple[list[int], int]:
        speech = LiveSpeech("pcm_24000", pausing_joiner("pcm_24000"))
        asked: list[int] = []
        async for event in speak_lines(service, lines, speech):
            if isinstance(event, AudioEvent):
                await asyncio.sleep(0.01)
                asked.append(len(service.asked))
            if len(asked) == most:
                break
        return asked, speech.joiner.position

    return asyncio.run(run())


def test_the_next_segment_is_asked_for_while_one_is_listened_to() -> None:
    """And no more than that: what is not heard is not paid for."""
    asked, samples = spoken_lines(Service(), 5)
    assert asked[0] == 2
    assert max(later - n for n, later in enumerate(asked, start=1)) <= 1
    assert samples == 5 * 2400 + 4 * 2400


def test_a_segment_of_which_nothing_came_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy service, a refused connection; but sound that was cut in two is never joined."""
    from pipeline.engines import retries

    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.0)
    service = Service(None, BusyError("busy"), ConnectionLostError("gone"))
    assert spoken_lines(service)[1] == 3 * 2400 + 2 * 2400
    assert service.asked == ["word0", "word1", "word1", "word1", "word2"]
    with pytest.raises(ConnectionLostError, match="dropped"):
        spoken_lines(Service(None, "drop"))
    with pytest.raises(BusyError):
        spoken_lines(Service(*[BusyError("busy")] * 20))


@pytest.mark.usefixtures("truth")
def test_an_error_leaves_what_was_spoken_playable_with_its_captions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said where."""
    from pipeline.engines.streaming import SocketEngine

    speak = SocketEngine.speak

    async def failing(self: SocketEngine, request: SpeechRequest) -> AsyncIterator[SpeechChunk]:
        if "bell" in request.text:
            raise OutputError("the test's own")
        async for chunk in speak(self, request):
            yield chunk

    monkeypatch.setattr(SocketEngine, "speak", failing)
    said: list[str] = []
    with pytest.raises(OutputError, match="own"):
        perform(plan_live(live_job(folder, "a.wav"), Access(), ignore_remark), Access(), Listener(), said.append)
    assert "a.wav" in said[0]
    samples, _ = decoded(folder / "a.wav")
    told = json.loads((folder / "a.words.json").read_text("utf-8"))
    assert told["words"][-1]["text"] == "it."
    assert abs(told["duration"] - len(samples) / 48000) < 0.001
    assert pcm.samples_to_ms(len(samples), 48000) >= 1000 * told["words"][-1]["end"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_not_read_and_written_at_once(folder: Path) -> None:
    """It would be given its own sound to speak."""
    os.mkfifo(folder / "pipe")
    job = LiveJob(folder / "pipe", folder / "pipe", "offline", folder / "store")
    with pytest.raises(UsageError, match="is the script that the result is made from"):
        plan_live(job, Access(), ignore_remark)


@pytest.mark.usefixtures("truth")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_closed_when_it_was_read(folder: Path) -> None:
    """No file is left to be found open."""
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_text, args=("Hello there.",), daemon=True)
    writer.start()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        performance, _ = performed(LiveJob(folder / "pipe", folder / "a.wav", "offline", folder / "store"))
        gc.collect()
    assert performance.words == 2
    assert not [str(one.message) for one in told if "pipe" in str(one.message)]


@pytest.mark.slow
def test_what_decodes_is_loaded_while_the_connection_is_opened(tmp_path: Path) -> None:
    """So that the first sound does not wait for it: neither engine nor text has to ask for it."""
    code = (
        "import asyncio, contextlib, sys, time\n"
        "from pipeline import engines, speak\n"
        "@contextlib.asynccontextmanager\n"
        "async def opening(access):\n"
        "    print('numpy' in sys.modules, 'av' in sys.modules)\n"
        "    until = time.monotonic() + 20\n"
        "    while not {'numpy', 'av'} <= sys.modules.keys() and time.monotonic() < until:\n"
        "        await asyncio.sleep(0.01)\n"
        "    print('numpy' in sys.modules, 'av' in sys.modules)\n"
        "    raise ConnectionError\n"
        "    yield\n"
        "engines.ENGINES['elevenlabs'] = opening\n"
        "async def run():\n"
        "    with contextlib.suppress(ConnectionError):\n"
        "        async for _ in speak('Hi.', key='k', base_url='ws://127.0.0.1:9', output_format='pcm_24000'): pass\n"
        "    print(len(asyncio.all_tasks()))\n"
        "asyncio.run(run())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True", "1"], done.stderr
