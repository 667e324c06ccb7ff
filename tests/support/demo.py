"""Start the demo as a user does, and read what it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Demo", "running"]


@dataclass(frozen=True)
class Demo:
    """A demo that answers."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def printed(self) -> str:
        """Everything that it has printed so far."""
        return self.log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """The TAP URL."""
        found = re.search(r"https?://\S+/tap\b", self.printed)
        assert found is not None, self.printed
        return found.group(0)


@contextmanager
def running(command: Sequence[str], log: Path, *, cwd: Path | None = None, timeout_s: float = 120.0) -> Iterator[Demo]:
    """Run a command that serves until Ctrl-C, from the moment when it has printed a TAP URL."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    demo = Demo(process, log)
    try:
        deadline = time.monotonic() + timeout_s
        while not re.search(r"https?://\S+/tap\b[^\n]*\n", demo.printed):
            assert process.poll() is None, demo.printed
            assert time.monotonic() < deadline, demo.printed
            time.sleep(0.05)
        yield demo
    finally:
        if process.poll() is None:
            # Ctrl-C goes to the whole group: make and what it runs.
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
