"""Footage to narrate, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.footage import make_footage


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footage whose every picture is another one."""
    return make_footage(tmp_path_factory.mktemp("footage") / "harbour.mp4")
