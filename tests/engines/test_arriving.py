"""Text that arrives in pieces: what of it may be sent, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import LiveOptions
from pipeline.engines.arriving import (
    LONGEST_HELD,
    MOST_SENT,
    ArrivingText,
    Portion,
    Supply,
    whole_sentences,
    whole_words,
)


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        (["Hel", "lo the", "re"], ["", "Hello ", ""]),
        (["Hello\n", "\n", "there "], ["Hello\n", "", "there "]),
        (["これは", "テスト"], ["これは", "テスト"]),
        (["안녕 하", "세요"], ["안녕 ", ""]),
        (["x" * LONGEST_HELD, "y"], ["", ""]),
        (["", "a", ""], ["", "", ""]),
    ],
)
def test_a_word_waits_for_its_end(pieces: list[str], sent: list[str]) -> None:
    """Which is a space, but in scripts that write none; white space alone is not sent."""
    text = ArrivingText()
    assert [text.add(piece) for piece in pieces] == sent


@pytest.mark.parametrize(
    ("held", "sent"), [("the.", "the. "), ("the", ""), ('He said "no."', 'He said "no." '), ("一つ", "")]
)
def test_a_pause_ends_a_word_that_a_mark_has_ended(held: str, sent: str) -> None:
    """Any other may go on: a program that writes syllables may be slow."""
    text = ArrivingText()
    before = text.add(held)
    assert before + text.pause() == (sent if before != held else held)


def test_a_word_goes_on_over_a_pause() -> None:
    """What was held is not lost."""
    text = ArrivingText()
    assert (text.add("won"), text.pause(), text.add("der "), text.finish()) == ("", "", "wonder ", "")


def test_whole_sentences_wait_for_their_end() -> None:
    """For a service that speaks every message by itself."""
    text = ArrivingText(whole_sentences)
    assert text.add("It is 3.14. And") == "It is 3.14. "
    assert text.add(" more") == ""
    assert text.finish() == "And more "


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab. \n漢!가"), max_size=8), max_size=12),
    st.sampled_from([whole_words, whole_sentences]),
)
def test_nothing_is_lost_however_it_is_cut(pieces: list[str], cut: object) -> None:
    """All that was given, in order, is what came, but for white space where words end; nothing sent is blank."""
    text = ArrivingText(cut)  # type: ignore[arg-type]
    given_out = [text.add(piece) for piece in pieces]
    given_out.append(text.finish())
    joined = "".join(given_out)
    assert joined.split() == "".join(pieces).split()
    assert all(not each or (each.strip() and (each[-1].isspace() or each[-1] == "漢")) for each in given_out)


def test_a_long_text_is_cut_at_words() -> None:
    """Into messages that a server takes."""

    async def run() -> list[str]:
        async def texts() -> AsyncIterator[str]:
            yield "word " * 3000

        supply = Supply(LiveOptions())
        task = asyncio.create_task(supply.take_all(texts()))
        found = []
        while portion := await supply.next(1e12):
            found.append(portion.words)
        await task
        return found

    found = asyncio.run(run())
    assert "".join(found) == "word " * 3000
    assert max(map(len, found)) <= MOST_SENT
    assert all(each.endswith(" ") for each in found)


def test_pauses_come_once_and_keep_alives_when_they_are_due() -> None:
    """A pause is told once until more text comes; then only what keeps the socket open."""

    async def run() -> list[Portion | None]:
        going = asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            yield "Hello you"
            await going.wait()

        supply = Supply(LiveOptions(flush_after_seconds=0.05))
        task = asyncio.create_task(supply.take_all(texts()))
        clock = asyncio.get_running_loop().time
        found = [await supply.next(clock() + 5), await supply.next(clock() + 5), await supply.next(clock() + 0.1)]
        going.set()
        found += [await supply.next(clock() + 5), await supply.next(clock() + 5)]
        await task
        return found

    assert asyncio.run(run()) == [
        Portion("Hello "),
        Portion("", is_pause=True),
        Portion(""),
        Portion("you "),
        None,
    ]
