"""Text, language, voice → speech, by the real voices: what holds for all of them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.engines import espeak, neural, offline
from pipeline.errors import EngineError
from pipeline.model import SpokenText
from pipeline.pcm import as_array, samples_to_ms, sounding_range

PASSAGE = (
    "The old harbour wakes before the sun comes up. Boats leave one after another, and the gulls follow them out. "
    "Nobody remembers who built the tower; today it is a small museum."
)
TRAPS = {
    "addresses": "See https://example.org/a?b=c&d=1#top or write to anna.b@example.com, please.",
    "dates": "On 10/12/2019, at 9:30 am, and again on 2021-03-04.",
    "money": "It cost $3.50, then £17, later $3.2 billion & more.",
    "initials": "The U.S.A. and Dr. J. K. Smith, Ph.D., agree.",
    "emoji": "Well done 🎉 — really 👩‍🚀!",
    "cyrillic": "The word Привет means hello.",
    "japanese": "The word 日本語 means Japanese.",
    "markup": "Click [the map](/mˈæp/) or <b>this</b> {one}.",
    "numbers": "Add 1111111111111111111111111111111111111111 and 0.3333333333333333333333 or 1,234,567,890,123,456,789.",
    "lines": "First line\nsecond line\n\nThird one.",
    "marks": "“Quoted,” she said … ‘twice’ (in brackets).",
}


def _checked(text: str, spoken: SpokenText) -> None:
    """Every word is there, in order, none overlapping another, all inside the samples and the sound."""
    length = len(spoken.pcm) / 2 / spoken.sample_rate * 1000
    edges = [edge for word in spoken.words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert not edges or (edges[0] >= 0 and edges[-1] <= length)
    spans = [(word.first, word.end) for word in spoken.words]
    assert all(first < end for first, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for run in re.finditer(r"\S*[^\W_]\S*", text):
        assert [span for span in spans if run.start() <= span[0] and span[1] <= run.end()], f"{run[0]} is not timed"


def _loudness(spoken: SpokenText) -> tuple[float, float]:
    """Loudness in LUFS and true peak in dBFS, by ffmpeg's meter."""
    source = ["-f", "s16le", "-ar", str(spoken.sample_rate), "-ac", "1", "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *source, "-af", "ebur128=peak=true", "-f", "null", "-"]
    log = subprocess.run(command, input=spoken.pcm, capture_output=True, check=True).stderr.decode()
    found = re.search(r"Summary:.*I:\s+(-?[\d.]+) LUFS.*Peak:\s+(-?[\d.]+) dBFS", log, re.DOTALL)
    assert found
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("voice", ["heart", "espeak:en-us"])
@pytest.mark.parametrize("name", TRAPS)
def test_every_written_word_is_timed(name: str, voice: str) -> None:
    """Dates, addresses, money, foreign letters and emoji: each word of the author has its place in the sound."""
    spoken = offline.speak(TRAPS[name], "en", voice, 1.0)
    assert spoken.pcm
    _checked(TRAPS[name], spoken)


@pytest.mark.parametrize("voice", ["heart", "heart+male", "espeak:en-us"])
def test_sound_starts_and_ends_with_the_words(voice: str) -> None:
    """At most 20 ms are before the first sound and a short tail is after the last; the words' edges are the sound's."""
    spoken = offline.speak(PASSAGE, "en", voice, 1.0)
    first, end = sounding_range(spoken.pcm, spoken.sample_rate)
    length = samples_to_ms(len(spoken.pcm) // 2, spoken.sample_rate)
    assert samples_to_ms(first, spoken.sample_rate) <= 25
    assert 40 <= length - samples_to_ms(end, spoken.sample_rate) <= 120
    assert abs(spoken.words[0].start_ms - samples_to_ms(first, spoken.sample_rate)) <= 30
    assert abs(spoken.words[-1].end_ms - samples_to_ms(end, spoken.sample_rate)) <= 60


def test_pauses_between_sentences_are_short() -> None:
    """About 0.45 s are heard between two sentences of one text."""
    spoken = offline.speak("It was late. Nobody came.", "en", "heart", 1.0)
    before, after = spoken.words[2], spoken.words[3]
    assert 400 <= after.start_ms - before.end_ms <= 500


@pytest.mark.slow
@pytest.mark.parametrize(("language", "voice"), [("en", "heart"), ("en", "heart+low"), ("de", "heart")])
def test_another_process_speaks_the_same_samples(language: str, voice: str) -> None:
    """The same text, language, voice and speed: the same samples and times, in every process."""
    text = "Am 3. Mai 2021 sangen zwei Katzen." if language == "de" else "On May 3rd, 2021, two cats sang."
    spoken = offline.speak(text, language, voice, 1.1)
    program = (
        "import hashlib, sys; from pipeline.engines import offline;"
        "s = offline.speak(sys.argv[1], sys.argv[2], sys.argv[3], 1.1);"
        "print(hashlib.sha256(s.pcm).hexdigest(), [(w.start_ms, w.end_ms) for w in s.words])"
    )
    other = subprocess.run([sys.executable, "-c", program, text, language, voice], capture_output=True, check=True)
    times = [(word.start_ms, word.end_ms) for word in spoken.words]
    assert other.stdout.decode().strip() == f"{hashlib.sha256(spoken.pcm).hexdigest()} {times}"


def test_threads_speak_the_same_samples() -> None:
    """Several threads at once get what one alone gets, from either engine."""
    asked: list[tuple[str, str, str]] = [
        (PASSAGE, "en", "heart"),
        ("Two cats sang.", "en", "heart+male"),
        ("Zwei Katzen sangen.", "de", "heart"),
    ]
    alone = [offline.speak(text, language, voice, 1.0) for text, language, voice in asked]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda one: offline.speak(one[0], one[1], one[2], 1.0), asked * 4))
    assert together == alone * 4


@pytest.mark.slow
def test_three_hundred_words_without_a_stop() -> None:
    """A run as long as a page is spoken in parts, and every word of it is timed."""
    text = " ".join(["wonderful", "harbour", "and", "sea"] * 75)
    spoken = offline.speak(text, "en", "heart", 1.0)
    _checked(text, spoken)
    assert len(spoken.words) == 300
    assert min(word.end_ms - word.start_ms for word in spoken.words) > 20


@pytest.mark.parametrize("text", ["", " ", "…", "— !", "🎉"])
@pytest.mark.parametrize("voice", ["heart", "espeak:de"])
def test_nothing_to_say_gives_no_samples(text: str, voice: str) -> None:
    """A text without letter or digit is silent and no error."""
    assert offline.speak(text, "en", voice, 1.0).pcm == b""
    assert offline.speak(text, "en", voice, 1.0).words == ()


def test_letters_of_no_sound_give_no_samples_either() -> None:
    """Japanese has no sound in an English voice: its word stands at the start of nothing."""
    spoken = offline.speak("日本語", "en", "heart", 1.0)
    assert spoken.pcm == b""
    assert [(word.start_ms, word.end_ms) for word in spoken.words] == [(0, 0)]


@pytest.mark.slow
@pytest.mark.parametrize("voice", [*offline.VARIANTS, "espeak:en-us", "espeak:en-us+f2", "espeak:de"])
def test_every_voice_is_as_loud_as_every_other(voice: str) -> None:
    """All stand within 1.5 LU of −16 LUFS, and no peak passes −1 dBFS."""
    loudness, peak = _loudness(offline.speak(PASSAGE, "en", voice, 1.0))
    assert abs(loudness + 16) <= 1.5
    assert peak <= -1


def test_variants_are_different_people() -> None:
    """No two variants give the same samples, and there are at least four in any language."""
    for language in ("en", "de"):
        spoken = {offline.speak("Hallo.", language, voice, 1.0).pcm for voice in offline.VARIANTS}
        assert len(spoken) == len(offline.VARIANTS) >= 4
        assert len(set(offline.variants(language))) == len(offline.VARIANTS)


@pytest.mark.parametrize("voice", ["heart", "heart+male"])
def test_a_variant_has_its_pitch(voice: str) -> None:
    """The pitch of a variant is its share of the first voice's: measured by autocorrelation of a held vowel."""

    def period(name: str) -> float:
        spoken = offline.speak("Aah.", "en", name, 1.0)
        samples = as_array(spoken.pcm).astype(np.float64)
        loudest = int(np.argmax(np.convolve(samples**2, np.ones(1200), "valid")))
        part = samples[loudest : loudest + 1200]
        match = np.correlate(part, part, "full")[1199:]
        return float(60 + np.argmax(match[60:400]))

    expected = {"heart": 1.0, "heart+male": 0.6}[voice]
    assert period("heart") / period(voice) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("voice", ["heart", "espeak:de"])
def test_speed_shortens(voice: str) -> None:
    """At a speed of 1.2 the speech is about a sixth shorter."""
    plain, fast = (offline.speak("Two cats sang all night long.", "en", voice, speed) for speed in (1.0, 1.2))
    assert 0.75 < len(fast.pcm) / len(plain.pcm) < 0.92


def test_which_voice_speaks() -> None:
    """English is neural, other languages are espeak-ng's, and an explicit voice is taken at its word."""
    assert offline.explicit("en-GB", "heart+low") == "heart+low"
    assert offline.explicit("de", "heart") == "espeak:de"
    assert offline.explicit("pt-BR", "heart") == "espeak:pt-br"
    assert offline.explicit("en", "espeak:de+m3") == "espeak:de+m3"
    assert offline.variants("fr")[:2] == ["espeak:fr-fr", "espeak:fr-fr+f2"]


def test_known_voices() -> None:
    """Ours are known; a cloud's id, another voice of hibari's and a language that nobody speaks are not."""
    known = ["heart", "heart+male", "espeak:en-us", "espeak:de+m3"]
    strange = ["Rachel", "Xb7hH8MSUJpSbSDYk0k2", "emma", "espeak:xx", "espeak:de+nobody", "heart+nobody", ""]
    assert all(map(offline.known_voice, known))
    assert not any(map(offline.known_voice, strange))


def test_a_strange_id_has_one_variant_for_ever() -> None:
    """The variant is by SHA-256, so it is the same in every process; all variants are used."""
    assert offline.variant_for("Xb7hH8MSUJpSbSDYk0k2") == "heart"
    assert {offline.variant_for(f"voice {n}") for n in range(60)} == set(offline.VARIANTS)


@pytest.mark.parametrize(
    ("language", "voice", "says"),
    [("xx-YY", "heart", "xx-YY"), ("dee", "heart", "de"), ("en", "emma", "emma"), ("en", "espeak:dee", "de")],
)
def test_what_cannot_be_spoken_is_named(language: str, voice: str, says: str) -> None:
    """An unknown language or voice is an error that says which, and what there is."""
    with pytest.raises(EngineError, match=says):
        offline.speak("Hello.", language, voice, 1.0)


def test_identity_holds_what_shapes_the_sound() -> None:
    """Two variants, two languages and two engines have different identities, one voice always the same."""
    asked = [("en", "heart"), ("en", "heart+low"), ("de", "heart"), ("fr", "heart"), ("de", "heart+low")]
    names = [offline.identity(*one) for one in asked]
    assert len(set(names)) == len(names)
    assert names == [offline.identity(*one) for one in asked]
    assert "hibari-tts" in names[0]
    assert "onnxruntime" in names[0]


def test_without_the_neural_voice_espeak_speaks_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where onnxruntime has no wheel English is spoken all the same, and a remark says by whom."""
    assert offline.availability().remark == ""
    monkeypatch.setattr(neural, "is_here", lambda: False)
    assert offline.explicit("en", "heart") == "espeak:en-us"
    assert offline.explicit("en", "heart+low") == "espeak:en-us+f2"
    assert "espeak-ng speaks English" in offline.availability().remark
    assert offline.speak("Hello there.", "en", "heart", 1.0) == espeak.speak("Hello there.", "en-us", 1.0)


def test_the_voice_reports_to_nobody(tmp_path: Path) -> None:
    """In a process of its own, not marked as a test or a build, onnxruntime makes no device id and no store of reports."""
    own = {name: value for name, value in os.environ.items() if name not in {"CI", "GITHUB_ACTIONS", "TF_BUILD"}}
    homes = dict.fromkeys(("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"), str(tmp_path))
    own.pop("ORT_DISABLE_TELEMETRY", None)
    program = "from pipeline.engines import offline; assert offline.speak('Hello.', 'en', 'heart', 1.0).pcm"
    subprocess.run([sys.executable, "-c", program], env={**own, **homes}, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_no_voice_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice of hibari's that is not in its wheel is refused before anything could be fetched."""
    import urllib.request

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    for voice in ("emma", "fenrir", "fable", "kore"):
        with pytest.raises(EngineError):
            offline.speak("Hello.", "en", voice, 1.0)
    assert offline.speak("Hello.", "en", "heart", 1.0).pcm
