"""What `cueline serve` is told on its command line."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.serve import command
from pipeline.engines.faults import TABLE


def test_the_help_lists_every_fault() -> None:
    """With what it does."""
    shown = CliRunner().invoke(command, ["--help"], terminal_width=200).output
    assert all(name in shown for name in TABLE)
    assert "every=3" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "drop"], "there is no fault 'drop'"),
        (["--fault", "drop-after"], "drop-after=BYTES"),
        (["--tls-key", "key.pem"], "--tls-cert"),
    ],
)
def test_what_cannot_be_meant_is_told(arguments: list[str], words: str) -> None:
    """Before anything is served, with status 2."""
    result = CliRunner().invoke(command, arguments)
    assert (result.exit_code, words in result.output) == (2, True)


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    result = CliRunner().invoke(command, ["--port", "0", "--tls-cert", str(tmp_path / "none.pem")])
    assert (result.exit_code, "none.pem" in result.output) == (2, True)


def test_it_serves_and_fails_as_it_is_told() -> None:
    """A listing is there; a request for speech is answered with the fault."""
    arguments = [sys.executable, "-u", "-m", "pipeline", "serve", "--port", "0", "--fault", "http-429=system_busy"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base = server.stdout.readline().strip().replace("ws://", "http://")
        try:
            with urllib.request.urlopen(f"{base}/v1/models", timeout=20) as answer:
                assert json.load(answer)[0]["can_do_text_to_speech"]
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{base}/v1/text-to-speech/heart", b'{"text":"Hi"}', timeout=20)
            assert (caught.value.code, json.load(caught.value)["detail"]["code"]) == (429, "system_busy")
        finally:
            server.terminate()
