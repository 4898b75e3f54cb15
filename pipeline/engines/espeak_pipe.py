"""Requests → answers of espeak-ng's own process, over pipes; its crash or hang is an EngineError and nothing more."""

from __future__ import annotations

import atexit
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from pipeline.errors import EngineError

PROGRAM = "pipeline.engines.espeak_process"
LONGEST_PATH = 120
"""Bytes of a data path that espeak-ng surely takes: its buffer holds 160, with names of files to come."""

SHORTEST_WAIT_S, CHARACTERS_A_SECOND = 20.0, 200
"""How long an answer may take: hundreds of times what was ever measured."""

MOST_PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Process:
    """A running espeak-ng, lent to one thread at a time."""

    running: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]

    def ask(self, request: Mapping[str, object], wait_s: float) -> tuple[Mapping[str, object], bytes]:
        """Put a request and wait for its answer. Raises EngineError after so many seconds or when it ended."""
        alarm = threading.Timer(wait_s, self.end)
        alarm.daemon = True
        alarm.start()
        try:
            self.requests.write(json.dumps(request).encode("ascii") + b"\n")
            self.requests.flush()
            head = json.loads(self.answers.readline())
            body = self.answers.read(int(head.get("bytes", 0)))
        except (OSError, ValueError) as error:
            status = self.running.poll()
            reason = "ended" if status is None else f"ended with status {status}"
            raise EngineError(f"espeak-ng {reason} before it had spoken; try again, or use another voice") from error
        finally:
            alarm.cancel()
        if "error" in head or len(body) != int(head.get("bytes", 0)):
            raise EngineError(f"{head.get('error', 'espeak-ng gave less sound than it said')}")
        return head, body

    def end(self) -> None:
        """End the process, and what it has forked, at once."""
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.running.pid, 9)
            else:
                self.running.kill()

    def close(self) -> None:
        """End the process and wait until it is gone."""
        self.end()
        for pipe in (self.requests, self.answers):
            with suppress(OSError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self.running.wait(5)


@dataclass(frozen=True, slots=True)
class Processes:
    """The warm processes: at most as many as are used at once, started when they are first needed."""

    command: tuple[str, ...]
    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_PROCESSES))
    idle: list[Process] = field(default_factory=list)

    def ask(self, request: Mapping[str, object], characters: int = 0) -> tuple[Mapping[str, object], bytes]:
        """Put a request to an idle process, or to a new one. Raises EngineError when it fails; the next one may go."""
        with self.free, self._lent() as process:
            return process.ask(request, SHORTEST_WAIT_S + characters / CHARACTERS_A_SECOND)

    @contextmanager
    def _lent(self) -> Iterator[Process]:
        process = self._idle() or self._started()
        with ExitStack() as on_failure:
            on_failure.callback(process.close)
            yield process
            if hasattr(os, "fork"):  # elsewhere a process answers once
                on_failure.pop_all()
                self.idle.append(process)

    def _idle(self) -> Process | None:
        while self.idle:
            with suppress(IndexError):
                process = self.idle.pop()
                if process.running.poll() is None:
                    return process
                process.close()
        return None

    def _started(self) -> Process:
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH", "")) if path)
        try:
            running = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"espeak-ng's process cannot be started: {error}") from error
        assert running.stdin is not None
        assert running.stdout is not None
        return Process(running, running.stdin, running.stdout)

    def close(self) -> None:
        """End the processes that are idle."""
        while self.idle:
            self.idle.pop().close()


_STARTING = threading.Lock()


def processes() -> Processes:
    """The one set of processes. Raises EngineError when espeak-ng is not installed."""
    with _STARTING:
        return _processes()


@cache
def _processes() -> Processes:
    package = package_folder()
    if package is None:
        raise EngineError("espeak-ng is not installed: pip install espeakng-loader")
    suffix = {"Windows": "espeak-ng.dll", "Darwin": "libespeak-ng.dylib"}.get(platform.system(), "libespeak-ng.so")
    data = short_path(package / "espeak-ng-data")
    # -P: a folder named `pipeline` where the user stands is not ours.
    found = Processes((sys.executable, "-P", "-m", PROGRAM, str(package / suffix), str(data)))
    atexit.register(found.close)
    if hasattr(os, "register_at_fork"):  # a fork of this program must not share these pipes, nor end their processes
        os.register_at_fork(after_in_child=found.idle.clear)
    return found


def package_folder() -> Path | None:
    """Where espeakng-loader lies, which is never imported here; None where it is not installed."""
    spec = find_spec("espeakng_loader")
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def short_path(data: Path) -> Path:
    """The data's folder itself where its path is short enough, else a link to it, else a copy, until the program ends."""
    if len(os.fsencode(data)) <= LONGEST_PATH:
        return data
    folder = Path(tempfile.mkdtemp(prefix="cueline-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = folder / "espeak-ng-data"
    try:
        link.symlink_to(data, target_is_directory=True)
    except OSError:
        shutil.copytree(data, link)
    return link
