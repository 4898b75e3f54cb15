"""A finished folder → a look at it with other eyes than ours: `python tests/look.py FOLDER`, for use in CI."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import srt


def look(folder: Path) -> None:
    """Check that the video plays from start to end and holds the captions that lie beside it."""
    video = next(folder.glob("*.mp4"))
    words = json.loads(next(folder.glob("*.words.json")).read_text(encoding="utf-8"))
    cues = list(srt.parse(next(folder.glob("*.srt")).read_text(encoding="utf-8")))
    with av.open(f"file:{video}") as container:
        kinds = sorted(stream.type for stream in container.streams)
        assert set(kinds) - {"data"} == {"audio", "subtitle", "video"}, kinds  # MP4 keeps chapters in a data track
        assert container.duration is not None
        assert abs(container.duration / 1e6 - words["duration"]) < 0.1, (container.duration, words["duration"])
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > 25 * words["duration"], frames
    assert " ".join(cue.content.replace("\n", " ") for cue in cues) == " ".join(w["text"] for w in words["words"])
    print(
        f"{video.name}: {words['duration']:.1f} s, {frames} frames, {len(cues)} captions, {len(words['words'])} words"
    )


if __name__ == "__main__":
    look(Path(sys.argv[1]))
