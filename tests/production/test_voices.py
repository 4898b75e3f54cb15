"""Voices are found by language, words or name, remembered by name, and a line is paid for once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import Access, voice_listing
from pipeline.engines.loopback import serve
from pipeline.engines.voice_listing import ListedVoice, Listing
from pipeline.errors import EngineError, UsageError
from pipeline.model import Progress
from pipeline.production.voice_lines import COUNTING, LINES, line_in
from pipeline.production.voice_names import VoiceNames
from pipeline.production.voices import (
    MOST_CHARACTERS,
    choose,
    default_voice,
    is_stored,
    line_request,
    list_voices,
    matching,
    names_of,
    speaking,
    spoken_line,
)
from tests.speaking_voice import SpeakingVoice
from tests.truth_voice import TruthVoice

RACHEL = ListedVoice("id1", "Rachel - calm", ("en-US",), {"gender": "female", "description": "Warm, for stories"})
GEORGE = ListedVoice("id2", "George", ("en-GB", "de"), {"gender": "male", "accent": "british"})
OTHER = ListedVoice("id3", "Rachel", (), {"gender": "female"})
LISTING = Listing((RACHEL, GEORGE, OTHER))


def ids(listing: Listing) -> list[str]:
    """Ids in order."""
    return [voice.id for voice in listing.voices]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("male", ["id2"]),
        ("FEMALE warm", ["id1"]),
        ("stor", ["id1"]),
        ("rachel", ["id1", "id3"]),
        ("de", ["id2"]),
        ("id3", ["id3"]),
        ("( [", []),
    ],
)
def test_words_find_voices_by_the_start_of_any_word(words: str, found: list[str]) -> None:
    """`male` is not in `female`; what is found nowhere is said."""
    listing = matching(LISTING, words)
    assert ids(listing) == found
    assert bool(listing.remarks) == (not found)


@given(st.text(max_size=12))
@settings(max_examples=60)
def test_any_words_leave_some_of_the_voices_in_order(words: str) -> None:
    """Whatever they are, and twice as once."""
    once = matching(LISTING, words)
    assert [voice for voice in LISTING.voices if voice in once.voices] == list(once.voices)
    assert matching(once, words).voices == once.voices


@pytest.mark.parametrize(
    ("language", "found"),
    [("en", ["id1", "id2"]), ("EN_gb", ["id2"]), ("de", ["id2"]), ("de-AT", ["id2"]), ("en-AU", ["id1", "id2"])],
)
def test_a_language_takes_its_countries(language: str, found: list[str]) -> None:
    """And where no voice is of the country, those of the language, with a remark; who names none is counted."""
    listing = speaking(LISTING, language)
    assert ids(listing) == found
    assert ("these are of" in listing.remarks[0]) == (language in ("de-AT", "en-AU"))
    assert listing.remarks[-1].startswith("1 more")


@pytest.mark.parametrize("language", ["e", "", "english!", "../x", "fr", "e n"])
def test_a_language_that_is_none_or_that_nobody_speaks(language: str) -> None:
    """Is told with how one is written."""
    with pytest.raises(UsageError, match="pt-BR"):
        speaking(LISTING, language)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("id2", "id2"), ("rachel", "id3"), ("Rachel - CALM", "id1"), ("british", "id2"), ("warm", "id1")],
)
def test_a_voice_is_meant_by_its_id_its_name_or_what_only_it_has(wanted: str, found: str) -> None:
    """The whole name before the one up to a dash."""
    assert choose(LISTING, wanted, "elevenlabs").id == found


def test_a_voice_that_is_not_one_is_told() -> None:
    """Several with their names, none with the nearest; an id that is not listed may be the service's all the same."""
    with pytest.raises(UsageError, match=r"2 voices match 'female'.*Rachel - calm \(id1\), Rachel \(id3\)"):
        choose(LISTING, "female", "elevenlabs")
    with pytest.raises(UsageError, match="did you mean 'George'"):
        choose(LISTING, "Georg3", "elevenlabs")
    assert choose(LISTING, "female", "elevenlabs", "en").id == "id1"
    assert choose(LISTING, "Xb7hH8MSUJpSbSDYk0k2", "elevenlabs").id == "Xb7hH8MSUJpSbSDYk0k2"
    with pytest.raises(UsageError):
        choose(LISTING, "Xb7hH8MSUJpSbSDYk0k2", "offline")
    variant = choose(LISTING, "espeak:de+f2", "offline")
    assert (variant.id, variant.languages) == ("espeak:de+f2", ("de",))
    with pytest.raises(UsageError):
        choose(LISTING, "espeak:xx+f2", "offline")


def test_names_are_remembered_whole_and_up_to_a_dash() -> None:
    """A whole name has it before a shortened one."""
    assert names_of(LISTING.voices) == {"Rachel - calm": "id1", "George": "id2", "Rachel": "id3"}
    assert names_of([RACHEL])["Rachel"] == "id1"


def test_a_remembered_name_keeps_its_voice_while_there_is_one(tmp_path: Path) -> None:
    """A second voice of the name does not take its place; one whose voice is gone is given the new id."""
    names = VoiceNames(tmp_path / "store")
    names.remember({"Anna": "a", "Ben": "b"}, {"a", "b"})
    names.remember({"Anna": "c", "Ben": "d", "Eve": "e"}, {"a", "c", "d", "e"})

    def nobody(name: str) -> str:
        raise AssertionError(name)

    assert [names.resolve(name, nobody) for name in ("Anna", "Ben", "Eve")] == ["a", "d", "e"]


def test_only_the_service_s_own_listing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of another server mean nothing to it."""
    monkeypatch.setattr(voice_listing, "cloud_voices", lambda _: LISTING)
    assert list_voices("elevenlabs", Access("k", "http://127.0.0.1:9"), tmp_path / "other") == LISTING
    assert not (tmp_path / "other").exists()
    assert list_voices("elevenlabs", Access("k"), tmp_path / "own") == LISTING
    assert json.loads((tmp_path / "own" / "voices.json").read_text(encoding="utf-8"))["George"] == "id2"


def test_a_line_is_in_the_voice_s_language() -> None:
    """Or in the one that was asked for; where there is no sentence, it counts."""
    assert line_request("elevenlabs", GEORGE, "", None).text == LINES["en"]
    german = line_request("elevenlabs", GEORGE, "de-AT", None)
    assert (german.text, german.language, german.voice.id) == (LINES["de"], "de-AT", "id2")
    assert line_in("zh-TW") == line_in("cmn") == LINES["zh"]
    assert line_in("sw") == COUNTING
    own = line_request("offline", default_voice("offline", "de"), "", None)
    assert (own.voice.id, own.text) == ("espeak:de", LINES["de"])
    assert line_request("offline", default_voice("offline", "en"), "de", None).voice.id == "espeak:de"


def test_a_line_that_cannot_be_spoken_is_told_before_anything_is_spent() -> None:
    """Nothing to say, too much of it, a voice that is not here, a language that it does not speak."""
    with pytest.raises(UsageError, match="nothing to say"):
        line_request("elevenlabs", GEORGE, "", "...")
    with pytest.raises(UsageError, match="1001 characters"):
        line_request("elevenlabs", GEORGE, "", "a" * (MOST_CHARACTERS + 1))
    emma = ListedVoice("emma", "emma", ("en-GB",), bytes=8)
    with pytest.raises(UsageError, match="cueline voices --get emma"):
        line_request("offline", emma, "", None)
    with pytest.raises(EngineError, match="English only"):
        line_request("offline", ListedVoice("emma", "emma", ("en-GB",), is_here=True), "de", None)


@contextmanager
def served(voice: SpeakingVoice) -> Iterator[str]:
    """The local server in a thread of its own, as another process would run it."""
    ready, addresses, loop = threading.Event(), list[str](), asyncio.new_event_loop()
    done = asyncio.Event()

    async def run() -> None:
        async with serve(voice, port=0) as base:
            addresses.append(base)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def test_the_same_line_is_paid_for_once(tmp_path: Path) -> None:
    """The second time it comes from the store; another text, or another voice, is another line."""
    voice, told = SpeakingVoice(), list[Progress]()
    with served(voice) as base:
        access = Access("key", base)
        request = line_request("elevenlabs", GEORGE, "", "Hello there.")
        assert not is_stored("elevenlabs", access, request, tmp_path)
        first = spoken_line("elevenlabs", access, request, tmp_path, told.append)
        assert is_stored("elevenlabs", access, request, tmp_path)
        again = spoken_line("elevenlabs", access, request, tmp_path, told.append)
        assert (first.is_stored, again.is_stored) == (False, True)
        assert (first.samples, first.sample_rate) == (again.samples, again.sample_rate)
        assert first.samples == TruthVoice()("Hello there.", "en", "id2", 1.0).pcm
        assert voice.texts == ["Hello there."]
        spoken_line("elevenlabs", access, line_request("elevenlabs", OTHER, "", "Hello there."), tmp_path, told.append)
    assert len(voice.texts) == 2
