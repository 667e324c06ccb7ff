"""A real server process on loopback, and the memory that it takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

from ingest.bench.service.client import Address
from vo_server.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Memory", "Server", "serving"]

_TAP_URL: Final = re.compile(rb"http://([0-9.]+):([0-9]+)/tap\b")
_START_S: Final = 60.0
_STOP_S: Final = 20.0
_SAMPLE_S: Final = 0.02


@dataclass
class Memory:
    """Resident memory of a server while something ran [bytes]."""

    before_bytes: int
    peak_bytes: int

    @property
    def growth_mb(self) -> float:
        """How much was needed beyond what it had [MB]."""
        return (self.peak_bytes - self.before_bytes) / 1e6


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    address: Address
    process: psutil.Process

    def resident_bytes(self) -> int:
        """Return the resident memory of the server and all its child processes [bytes]."""
        total = 0
        for process in (self.process, *self.process.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def processor_s(self) -> float:
        """Return the processor time that the server and its child processes have used [s]."""
        total = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    @contextmanager
    def watched(self) -> Iterator[Memory]:
        """Sample the memory fifty times a second; what is given is complete when the block ends."""
        memory = Memory(now := self.resident_bytes(), now)
        done = threading.Event()

        def sample() -> None:
            while not done.wait(_SAMPLE_S):
                memory.peak_bytes = max(memory.peak_bytes, self.resident_bytes())

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield memory
        finally:
            done.set()
            thread.join()


@contextmanager
def serving(database_url: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run ``vo-server serve`` as a process of its own until the block ends.

    Parameters
    ----------
    database_url
        What is served.
    settings
        Environment variables with settings.

    Raises
    ------
    ConfigurationError
        If it does not start; the message has what it wrote.
    """
    with tempfile.TemporaryFile() as log:
        # The log goes to a file: a pipe that nobody empties would stop the server.
        process = subprocess.Popen(
            [sys.executable, "-m", "vo_server", "serve", "--host", "127.0.0.1", "--port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, "VO_DATABASE": database_url, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield Server(_await_address(process, log.fileno()), psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_address(process: subprocess.Popen[bytes], log: int) -> Address:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = _TAP_URL.search(_written(log))
        if found is not None:
            return Address(found[1].decode(), int(found[2]))
        time.sleep(0.02)
    raise ConfigurationError(f"the server that was to be measured did not start:\n{_written(log).decode()}")


def _written(log: int) -> bytes:
    return os.pread(log, os.fstat(log).st_size, 0)
