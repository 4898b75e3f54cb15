"""Tokens: the author's words, phrases where no spaces are written, and the table of respellings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scripts.marks import Text
from pipeline.scripts.words import make_tokens


def cut(text: str, say: dict[str, str] | None = None) -> list[str]:
    """Give shown words, `~` before one that follows without a space, `=said` where that differs."""
    tokens = make_tokens([Text(text, 1)], say or {}, after_space=True)
    return [
        ("" if token.space_before else "~") + token.shown + (f"={token.said}" if token.said != token.shown else "")
        for token in tokens
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "これは、テストです。NHKの「ニュース」を見る。 次へ！？はい",
            ["これは、", "~テストです。", "~NHKの「ニュース」を見る。", "次へ！？", "~はい"],
        ),
        ("「行こう。」と言った……そして、終わり。", ["「行こう。」", "~と言った……", "~そして、", "~終わり。"]),
        ("你好,世界；再见。", ["你好,", "~世界；", "~再见。"]),
        ("สวัสดี ชาวโลก", ["สวัสดี", "ชาวโลก"]),
        ("１２：３０に、来る", ["１２：３０に、", "~来る"]),
        ("wait…what, 3.5,x", ["wait…what,", "3.5,x"]),
        ("« mot » 10\u00a0km \u00a0 x\u00a0", ["«", "mot", "»", "10\u00a0km", "x"]),
        ("a\tb\u2028c\u3000d", ["a", "b", "c", "d"]),
    ],
)
def test_words_and_phrases(text: str, words: list[str]) -> None:
    """A word is a run between spaces; spaces that do not break stay in it; phrases end with their punctuation."""
    assert cut(text) == words


@pytest.mark.parametrize(
    ("text", "say", "words"),
    [
        ("MySQL SQL, SQL2 (SQL) sql", {"SQL": "sequel"}, ["MySQL", "SQL,=sequel,", "SQL2", "(SQL)=(sequel)", "sql"]),
        ("SQL's don't l'API", {"SQL": "s", "don": "X", "API": "a"}, ["SQL's=s's", "don't", "l'API=l'a"]),
        ("New York. New\n Yorker", {"New York": "NY", "New": "Neu"}, ["New York.=NY.", "New=Neu", "Yorker"]),
        ("York, New York City", {"New York": "a", "New York City": "b"}, ["York,", "New York City=b"]),
        ("C++ C .NET", {"C++": "cpp", ".NET": "dotnet"}, ["C++=cpp", "C", ".NET=dotnet"]),
        ("東京に、東京都", {"東京": "とうきょう"}, ["東京に、=とうきょうに、", "~東京都=とうきょう都"]),
        ("हिन्दी हि", {"हि": "x"}, ["हिन्दी", "हि=x"]),
        ("a b", {"b": "a", "a": "b"}, ["a=b", "b=a"]),
    ],
)
def test_the_table_of_respellings(text: str, say: dict[str, str], words: list[str]) -> None:
    """Whole words only, capitals as written, the longest first, each once, what touches them kept."""
    assert cut(text, say) == words


def test_a_span_wins_over_the_table() -> None:
    """Neither inside of a span nor across its edge does the table count."""
    texts = [Text("New ", 1), Text("York", 1, "span"), Text(" New York", 1)]
    tokens = make_tokens(texts, {"New York": "table", "York": "x"}, after_space=True)
    assert [(t.shown, t.said) for t in tokens] == [("New", "New"), ("York", "span"), ("New York", "table")]


PIECES = st.lists(st.sampled_from([*"aB1 。、「」…,.!日本\u00a0\n\té'’", "SQL", "New York", "ไทย"]), max_size=30).map(
    "".join
)
TABLES = st.dictionaries(st.sampled_from(["SQL", "New York", "New", "a", "日", "1"]), st.sampled_from(["x", "y z"]))


@settings(max_examples=200)
@given(st.lists(st.tuples(PIECES, st.none() | st.just("said")), max_size=5), TABLES)
def test_tokens_together_are_the_text(pieces: list[tuple[str, str | None]], say: dict[str, str]) -> None:
    """Whatever is said for them, the shown words are the author's, in order, with his spaces and no others."""
    pieces = [(text if said is None else text.replace("\u00a0", "x"), said) for text, said in pieces]
    texts = [Text(text, 1, said if text.strip() else None) for text, said in pieces]
    tokens = make_tokens(texts, say, after_space=True)
    joined = "".join(" " * t.space_before + t.shown for t in tokens)
    # A space that holds words together is dropped only where it stands beside one that parts them.
    expected = [
        word.strip() for word in "".join(text for text, _ in pieces).replace("\n", " ").replace("\t", " ").split(" ")
    ]
    assert joined == "".join(f" {word}" for word in expected if word)
    assert all(t.shown.strip() == t.shown and t.said for t in tokens)
