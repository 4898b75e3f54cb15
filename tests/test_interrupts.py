"""Signals that end a run."""

from __future__ import annotations

import signal

import pytest

from pipeline import interrupts


def test_a_signal_that_comes_twice_at_once_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one breaks in only when it comes later: somebody grew impatient."""
    monkeypatch.setattr(interrupts, "_received", [])
    with pytest.raises(KeyboardInterrupt):
        interrupts._interrupt(signal.SIGTERM, None)
    assert interrupts.status() == 128 + signal.SIGTERM
    interrupts._interrupt(signal.SIGTERM, None)
    monkeypatch.setattr(interrupts, "ONE_WISH_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        interrupts._interrupt(signal.SIGTERM, None)
