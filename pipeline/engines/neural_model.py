"""Phonemes → spectrum, pitch and the length of each phoneme → samples: the models of hibari's voices.

One session a voice with one onnxruntime thread, run from two threads at once: two threads inside a run would change the
samples, a second session would hold the weights twice and be no faster. What is on this machine is used; nothing is
ever fetched.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pipeline.engines.limiter import decibels
from pipeline.engines.neural_variants import Variant, reshaped
from pipeline.engines.neural_voices import BUNDLED, fetched
from pipeline.errors import EngineError
from pipeline.heap import give_back, share_one_heap

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from hibari.g2p import G2P
    from onnxruntime import InferenceSession

SAMPLE_RATE = 24_000
MOST_AT_ONCE = 2
"""Runs at the same time: each may hold a hundred megabytes."""

LENGTHS = "/CumSum_output_0"
"""The tensor inside the model's graph that holds the frame in which each id ends."""


def with_output(model: bytes, name: str) -> bytes:
    """Make a tensor inside a serialised ONNX model one more of its outputs, the last.

    Protocol Buffers merge a message with what is appended to it, repeated fields adding up (Encoding, "Last One
    Wins"). What is appended is a ModelProto (onnx.proto) of one field 7 `graph`, holding one field 12 `output`,
    holding one field 1 `name`.
    """
    message = name.encode()
    for tag in (0x0A, 0x62, 0x3A):
        assert len(message) < 0x80, "one byte holds the length"
        message = bytes([tag, len(message)]) + message
    return model + message


@dataclass(frozen=True, slots=True)
class Rules:
    """Grapheme-to-phoneme rules of American or British English, lent to one thread at a time by `reading`."""

    g2p: G2P
    reading: threading.Lock = field(default_factory=threading.Lock)


_FREE = threading.Semaphore(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded voice: its alphabet, the rules by which it reads, its session."""

    alphabet: Mapping[str, int]
    rules: Rules
    session: InferenceSession

    def render(
        self, phonemes: str, speed: float, variant: Variant, noise: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], list[int]]:
        """Speak phonemes of the alphabet: samples at 24 kHz, gain applied, and the frame in which each id ends."""
        import numpy as np
        from hibari import dsp

        ids = [0, *(self.alphabet[sign] for sign in phonemes), 0]
        given = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
        with _FREE:
            *parts, pitch, ends = self.session.run(None, given)
            spectra, bent = reshaped(tuple(part[0] for part in parts), pitch[0], variant)
            del parts, pitch
            samples = dsp.synth(*spectra, bent, noise)
        return samples * np.float32(decibels(variant.gain_db)), [int(end) for end in ends.reshape(-1)]


NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Keeps onnxruntime, from 1.29 on, from writing a device id to the user's home and from reporting to its maker
(microsoft/onnxruntime, docs/Privacy.md). It looks when it is first imported, so nothing here imports it earlier."""

_LOADING = threading.Lock()


def model(voice: str = BUNDLED) -> Model:
    """A voice by hibari's name, loaded once.

    Raises EngineError when a package or a model that it needs is missing or too different.
    """
    with _LOADING:
        return _load(voice)


def unload() -> None:
    """Let go of the voice: what follows speech has better use for its memory. It is loaded again when it is asked."""
    with _LOADING:
        _load.cache_clear()
        _rules.cache_clear()
        give_back()


@cache
def _load(voice: str) -> Model:
    os.environ[NO_TELEMETRY] = "1"
    share_one_heap()
    try:
        assets = files("hibari") / "assets"
        alphabet = json.loads((assets / "vocab.json").read_text("utf-8"))
        if voice == BUNDLED:
            weights, british = (assets / "hibari.onnx").read_bytes(), False
        else:
            found = fetched(voice)
            weights, british = found.read(), found.british
        loaded = Model(alphabet, _rules(british), _session(with_output(weights, LENGTHS)))
    except (ImportError, OSError, ValueError) as error:
        message = f"the neural voice cannot be loaded ({error}); reinstall hibari-tts, or use the voice espeak:en-us"
        raise EngineError(message) from error
    give_back()
    return loaded


@cache
def _rules(british: bool) -> Rules:  # noqa: FBT001  # a fact of the voice: two voices of one English share their rules
    from hibari.g2p import G2P

    return Rules(G2P(british=british))


def _session(graph: bytes) -> InferenceSession:
    """A session of one thread. Raises EngineError when the model is not the one that this program knows."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Runs differ in length: an arena that is kept for the longest one holds 60 MB more, and is no faster (measured).
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        # Kept for a change of providers, of which there is one: 8 MB that nothing reads again.
        session._model_bytes = b""  # noqa: SLF001
    except Exception as error:  # onnxruntime raises classes of its C++ part that share no public base
        message = f"the neural voice's model cannot be used ({error}); install hibari-tts 0.2.1"
        raise EngineError(message) from error
    return session
