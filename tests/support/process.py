"""Start the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TAP_URL = re.compile(r"https?://\S+/tap\b")


def run_command(
    *arguments: str,
    timeout_s: float = 300.0,
    check: bool = True,
    before: Sequence[str] = (),
    cwd: Path | None = None,
    text: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``vo-server`` to its end; with ``check``, a status other than 0 fails with what it printed.

    ``before`` are words before the command that change how it runs, ``text`` is its standard input.
    """
    done = subprocess.run(
        [*before, sys.executable, "-m", "vo_server", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
        cwd=cwd,
        input=text,
    )
    if check:
        assert done.returncode == 0, f"vo-server {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def serving(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
    before: Sequence[str] = (),
) -> Iterator[str]:
    """Run ``vo-server serve`` (or another serving command) and give the TAP URL that it prints."""
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "vo_server", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
    )
    printed: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        printed.extend(process.stdout)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield _await_url(process, printed, timeout_s)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        if process.stdout is not None:
            process.stdout.close()


def _await_url(process: subprocess.Popen[str], printed: list[str], timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for line in list(printed):
            found = TAP_URL.search(line)
            if found:
                return found.group(0)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"no TAP URL was printed:\n{''.join(printed)}")
