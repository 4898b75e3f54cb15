"""Footage and stills: the picture is copied, held, or drawn over, and it says so."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import media
from pipeline.engines import Access
from pipeline.model import Progress
from pipeline.production import narrate
from tests.production.jobs import ignore_remark, job_of, run


@pytest.fixture
def footage(folder: Path) -> Path:
    """Make 4 s of moving picture with a sound of its own, in B-frames."""
    path = folder / "10:min [clip].mp4"
    with av.open(f"file:{path}", "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "2", "g": "50"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for number in range(100):
            picture = np.full((180, 320, 3), 60 + number, dtype=np.uint8)
            picture[:, number * 3 : number * 3 + 20] = 250
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        noise = (np.sin(np.arange(4 * 48000) / 20) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise[None, :], format="s16", layout="mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def packets(path: Path) -> list[bytes]:
    """Read the video packets of a file, without their parameter sets."""
    with av.open(f"file:{path}") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


SHORT = "Hello there."
LONG = "\n\n".join(f"Paragraph number {n} is here to be longer than the picture." for n in range(4))


@pytest.mark.usefixtures("truth")
def test_footage_is_copied(folder: Path, footage: Path) -> None:
    """The video's packets are the footage's own, its sound is replaced and that is remarked, captions are soft."""
    told: list[str] = []
    outcome = run(job_of(folder, SHORT, video=str(footage)), told.append)
    made = folder / "output" / "tour.mp4"
    assert packets(made) == packets(footage)
    assert any("own sound is replaced" in remark for remark in told)
    facts = media.probe(str(made))
    assert facts.video is not None
    assert facts.video.end_ms == 4000
    assert [track.is_default for track in facts.subtitles] == [True]
    assert len(facts.sounds) == 1
    assert "soft" in outcome.captions


@pytest.mark.usefixtures("truth")
def test_the_last_frame_is_held(folder: Path, footage: Path) -> None:
    """When the voice is longer, the picture lasts as long: no packet is changed, and its last frame is still shown."""
    told: list[str] = []
    outcome = run(job_of(folder, LONG, video=str(footage)), told.append)
    made = folder / "output" / "tour.mp4"
    assert packets(made) == packets(footage)
    facts = media.probe(str(made))
    assert facts.video is not None
    assert outcome.duration_ms > 8000
    assert abs(facts.video.end_ms - outcome.duration_ms) <= 2
    last = media.frame_at(str(made), outcome.duration_ms - 200)
    assert np.abs(last.astype(int) - media.frame_at(str(footage), 3980).astype(int)).max() <= 2
    assert any("last frame is held" in remark for remark in told)


@pytest.mark.usefixtures("truth")
def test_captions_are_drawn_into_footage(folder: Path, footage: Path) -> None:
    """Burned captions appear at the bottom while they are seen, the rest of the picture stays, and it says why."""
    told: list[str] = []
    run(job_of(folder, SHORT, video=str(footage), **{"captions.mode": "burned"}), told.append)
    made = folder / "output" / "tour.mp4"
    facts = media.probe(str(made))
    assert facts.subtitles == ()
    assert any("encoded anew" in remark for remark in told)
    with_caption = media.frame_at(str(made), 500).astype(int)
    without = media.frame_at(str(footage), 500).astype(int)
    changed = np.abs(with_caption - without).max(axis=2) > 60
    assert changed[130:].sum() > 50
    assert changed[:110].sum() == 0
    assert (
        np.abs(media.frame_at(str(made), 3500).astype(int) - media.frame_at(str(footage), 3500)).max(axis=2) > 60
    ).sum() == 0


@pytest.mark.usefixtures("truth")
def test_a_still_is_seen_with_captions(folder: Path) -> None:
    """A picture fills the frame, captions are drawn over it exactly while their cues last."""
    picture = folder / "slide%d.png"
    with av.open(f"file:{picture}", "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "rgb24"
        green = np.zeros((180, 320, 3), dtype=np.uint8)
        green[:, :, 1] = 120
        container.mux(stream.encode(av.VideoFrame.from_ndarray(green, format="rgb24")))
    run(job_of(folder, SHORT, picture=str(picture)))
    made = folder / "output" / "tour.mp4"
    cue = media.subtitle_samples(str(made))[0]
    shown = [frame[150:].max() > 200 for time, frame in media.frames(str(made))]
    first, last = shown.index(True), len(shown) - 1 - shown[::-1].index(True)
    assert abs(first - cue[0] * 30 / 1000) <= 0.5
    assert abs(last + 1 - cue[1] * 30 / 1000) <= 0.5
    assert all(shown[first : last + 1])
    top = media.frame_at(str(made), 500)[:100]
    assert np.abs(top.astype(int) - [0, 120, 0]).max() < 12


@pytest.mark.usefixtures("truth")
def test_every_stage_is_told_to_its_end(folder: Path, footage: Path) -> None:
    """With captions drawn into footage, drawing too: nothing that began stays short of its total."""
    last: dict[str, Progress] = {}

    def note(progress: Progress) -> None:
        last[progress.stage] = progress

    options = {"video": str(footage), "captions.mode": "burned"}
    narrate(job_of(folder, SHORT, **options), Access(), note, ignore_remark)
    assert {"speaking", "encoding sound", "drawing", "muxing", "measuring"} <= last.keys()
    assert [stage for stage, progress in last.items() if not progress.done == progress.total > 0] == []
