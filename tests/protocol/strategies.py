"""Seeds → messages of every socket, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from pipeline.model import Alignment, SpeechChunk
from pipeline.protocol.dialogue import DialogueInput, InitializeDialogue, KeepDialogueAlive, SendInputs
from pipeline.protocol.messages import (
    CloseConnection,
    ErrorMessage,
    FinalMessage,
    InitializeConnection,
    KeepAlive,
    SendText,
    SentSettings,
    SpeechMessage,
)

# Without surrogates: the wire cannot carry half a character.
words = st.text(max_size=30)
some_words = words.filter(bool)
secrets = st.none() | st.text("abc", min_size=1, max_size=8)
numbers = st.none() | st.floats(0, 4, allow_nan=False)
sent_settings = st.builds(SentSettings, numbers, numbers, numbers, st.none() | st.booleans(), numbers)
schedules = st.none() | st.lists(st.integers(50, 500), min_size=1, max_size=4).map(tuple)
dictionaries = st.lists(st.tuples(words, st.none() | words), max_size=3).map(tuple)
context_ids = st.none() | some_words

first_messages = st.builds(
    InitializeConnection,
    some_words,
    st.none() | sent_settings,
    schedules,
    dictionaries,
    secrets,
    secrets,
    st.booleans(),
    st.booleans(),
    secrets,
)
text_messages = st.builds(SendText, words, st.booleans(), st.booleans(), st.none() | sent_settings, schedules)
later_messages = text_messages | st.just(KeepAlive()) | st.just(CloseConnection())

times = st.integers(-1000, 10_000_000)
alignments = st.lists(st.tuples(st.text(min_size=1, max_size=3), times, times), min_size=1, max_size=8).map(
    lambda rows: Alignment(*(tuple(column) for column in zip(*rows, strict=True)))
)
chunks = st.builds(SpeechChunk, st.binary(max_size=64), st.none() | alignments, st.none() | alignments)
error_messages = st.builds(ErrorMessage, some_words, some_words, st.integers(1000, 4999))
answers = st.builds(SpeechMessage, chunks) | st.builds(FinalMessage, chunks) | error_messages

voices = st.lists(st.sampled_from(["anna", "bella", "carl"]), min_size=1, max_size=3).map(tuple)
lines = st.lists(
    st.builds(DialogueInput, words, st.sampled_from(["anna", "bella", "carl"]), st.booleans()), max_size=4
).map(tuple)
dialogue_firsts = st.builds(
    InitializeDialogue, voices, numbers, dictionaries, secrets, secrets, secrets, lines, st.booleans(), numbers
)
dialogue_laters = st.builds(SendInputs, lines, st.booleans()) | st.just(KeepDialogueAlive())
