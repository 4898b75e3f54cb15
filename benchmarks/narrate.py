"""How long `cueline narrate` takes for ten minutes, against what cannot be left out: the voice, and the AAC encoder.

    python benchmarks/narrate.py [paragraphs]

The baseline is both one after the other, alone: the offline voice speaking the same paragraphs, loading included, and
ffmpeg encoding the same sound as AAC at 48 kHz. Every paragraph is another one, and the store is empty, so nothing is
spoken from memory. Aim: 1.5 at most.
"""

from __future__ import annotations

import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.encoder.process import ffmpeg_path
from pipeline.engines import offline
from pipeline.model import SpokenText

AIM = 1.5
CUELINE = str(Path(sysconfig.get_path("scripts"), "cueline"))
RUNS = {
    "sound alone, --container m4a": ("--container", "m4a"),
    "title card, captions burned in and soft": (),
}
WHO = [
    "the pilot",
    "a fisherman",
    "the keeper of the light",
    "my grandmother",
    "the whole town",
    "a boy with a lamp",
    "the captain",
]
DID = ["watched", "remembered", "painted", "measured", "waited for", "could hear", "never forgot", "wrote about"]
WHAT = [
    "the first ferry",
    "an empty boat",
    "the long wall",
    "every rope on the quay",
    "the north wind",
    "a letter from the islands",
]
WHEN = [
    "before the sun came up",
    "in the coldest winter",
    "while the bell rang",
    "without a word",
    "for seven years",
    "that evening",
]
LINKS = (", and", ", but", "; later", ", because", ". Then", ". After that")


def main(paragraphs: int) -> None:
    """Print the baseline's parts, and each kind of run with its ratio to their sum."""
    texts = written(paragraphs)
    voice, spoken = spoken_alone(texts)
    sound = b"".join(one.pcm for one in spoken)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "script.md").write_text("# The harbour\n\n" + "\n\n".join(texts) + "\n", encoding="utf-8")
        encoding = encoded_alone(sound, spoken[0].sample_rate, folder)
        minutes = len(sound) / 2 / spoken[0].sample_rate / 60
        print(f"{minutes:.1f} min of speech, {paragraphs} paragraphs")
        print(f"{'the offline voice alone':42} {voice:6.1f} s")
        print(f"{'the AAC encoder alone':42} {encoding:6.1f} s")
        print(f"{'both: the baseline':42} {voice + encoding:6.1f} s  1.00")
        for label, options in RUNS.items():
            taken = narrated(folder, label, options)
            print(f"{label:42} {taken:6.1f} s  {taken / (voice + encoding):.2f}  aim: {AIM:g} at most")


def written(paragraphs: int) -> list[str]:
    """Write so many paragraphs of about 40 words; always the same, no two alike."""
    chance = random.Random(1887)

    def clause() -> str:
        return " ".join(chance.choice(words) for words in (WHO, DID, WHAT, WHEN))

    def paragraph() -> str:
        joined = clause()
        for link in chance.sample(LINKS, 3):
            joined += f"{link} {clause()}"
        return joined[0].upper() + joined[1:] + "."

    return [paragraph() for _ in range(paragraphs)]


def spoken_alone(texts: Sequence[str]) -> tuple[float, list[SpokenText]]:
    """Tell how long the voice takes for all paragraphs, one after the other, and what it said."""
    begun = time.perf_counter()
    spoken = [offline.speak(text, "en", "heart", 1.0) for text in texts]
    return time.perf_counter() - begun, spoken


def encoded_alone(sound: bytes, rate: int, folder: Path) -> float:
    """Tell how long ffmpeg takes to encode all of the sound."""
    (folder / "sound.raw").write_bytes(sound)
    source = ("-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", str(folder / "sound.raw"))
    target = ("-c:a", "aac", "-b:a", "128k", "-ar", "48000", str(folder / "sound.m4a"))
    begun = time.perf_counter()
    subprocess.run([ffmpeg_path(), "-nostdin", "-v", "error", *source, *target], check=True, timeout=600)
    return time.perf_counter() - begun


def narrated(folder: Path, label: str, options: Sequence[str]) -> float:
    """Tell how long the command takes, from its start to its end, with an empty store."""
    places = ("-o", str(folder / label / "output"), "--store", str(folder / label / "store"))
    command = [CUELINE, "narrate", str(folder / "script.md"), "--engine", "offline", *places, *options, "--quiet"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1200)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 42)
