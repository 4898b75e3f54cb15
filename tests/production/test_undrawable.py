"""Characters that no font draws: left out of the picture alone, or captions that cannot be burned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline import fonts, media
from pipeline.errors import UsageError
from pipeline.production.examining import examine
from tests.production.jobs import job_of, run
from tests.speaking_voice import SpeakingVoice

SHIP = "---\ntitle: Tour \U0001f6a2\n---\nAhoy \U0001f6a2 there. We sail \U0001f6a2 today."
JAPANESE = "---\ntitle: 灯台\nlanguage: ja\n---\nここは灯台です。OK."


@pytest.fixture(autouse=True)
def _no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no font but ours."""

    def none() -> Iterator[str]:
        return iter(())

    monkeypatch.setattr(fonts, "system_font_files", none)


def has_caption(video: Path) -> bool:
    """Whether white letters are seen where captions are, half a second from the start."""
    return bool((media.frame_at(str(video), 500)[140:].min(axis=2) > 120).sum() > 10)


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("mode", [None, "burned", "both"])
def test_a_face_costs_no_caption(folder: Path, mode: str | None) -> None:
    """All else is burned, the files hold the author's text, and one remark names what is not drawn."""
    told: list[str] = []
    outcome = run(job_of(folder, SHIP, **({"captions.mode": mode} if mode else {})), told.append)
    assert outcome.captions.startswith("burned")
    assert [remark for remark in told if "draw" in remark] == [
        "no font of this machine draws \U0001f6a2: left out of the picture, not of caption files and tracks"
    ]
    assert has_caption(folder / "output" / "tour.mp4")
    assert "Ahoy \U0001f6a2 there." in (folder / "output" / "tour.srt").read_text(encoding="utf-8")
    assert media.probe(str(folder / "output" / "tour.mp4")).title == "Tour \U0001f6a2"


@pytest.mark.usefixtures("truth")
def test_captions_of_a_script_without_a_font_stay_soft(folder: Path) -> None:
    """Where most letters cannot be drawn captions are a track, and the card has no title; each is said once."""
    told: list[str] = []
    outcome = run(job_of(folder, JAPANESE), told.append)
    assert "soft" in outcome.captions
    assert not has_caption(folder / "output" / "tour.mp4")
    drawn = [remark for remark in told if "draw" in remark]
    assert len(drawn) == 2
    assert "captions stay soft" in drawn[0]
    assert "without its title" in drawn[1]
    frame = media.frame_at(str(folder / "output" / "tour.mp4"), 500).astype(int)
    assert np.abs(frame - frame[0, 0]).max() <= 4


def test_captions_that_cannot_be_burned_are_refused(folder: Path, truth: SpeakingVoice) -> None:
    """Asked for by name they are an error of the call, before anything is spoken."""
    with pytest.raises(UsageError, match=r"most letters.*--captions soft") as caught:
        run(job_of(folder, JAPANESE, **{"captions.mode": "burned"}))
    assert caught.value.exit_status == 2
    assert truth.texts == []


def test_the_machine_is_told_which_letters_it_lacks(tmp_path: Path) -> None:
    """Scripts without a font are named, and nothing needed is missing for that."""
    (letters,) = (finding for finding in examine(tmp_path, has_key=False) if finding.what == "other letters")
    assert (letters.works, letters.needed) == (False, False)
    for script in ("Japanese", "Korean", "Arabic", "Devanagari", "Thai", "Hebrew"):
        assert script in letters.detail
