"""A PostgreSQL cluster of a test's own, which it may kill and start again."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

__all__ = ["Cluster", "own_cluster"]

_SERVE = Path(__file__).resolve().parents[2] / "docker" / "serve-postgres.sh"
_START_S = 60.0


class Cluster:
    """A cluster in a directory, at one port for its whole life."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._password = secrets.token_hex(8)
        (directory / "password").write_text(self._password)
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        return f"postgresql://vo:{self._password}@127.0.0.1:{self._port}/vo"

    def start(self) -> None:
        """Start it and wait until it answers. It ends with the thread that calls this."""
        environment = {
            **os.environ,
            "VO_POSTGRES_PASSWORD_FILE": str(self._directory / "password"),
            "VO_POSTGRES_PARENT_SIGNAL": "INT",
            "VO_POSTGRES_NO_SYNC": "1",
        }
        options = ["listen_addresses=127.0.0.1", f"port={self._port}", "fsync=off", "max_connections=200"]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_SERVE, self._directory, *(word for option in options for word in ("-c", option))],
                stdout=log,
                stderr=log,
                env=environment,
            )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self.dsn, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._directory / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "PostgreSQL takes too long to start"
                time.sleep(0.1)
            else:
                return

    def crash(self) -> None:
        """End it as a crash does: connections break off, and the next start recovers."""
        self._stop(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in good order."""
        self._stop(signal.SIGINT)

    def _stop(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """Give a running cluster that is gone afterwards; without PostgreSQL the test is skipped."""
    bin_directory = os.environ.get("VO_POSTGRES_BIN", "/usr/lib/postgresql/15/bin")
    if shutil.which("initdb", path=bin_directory) is None:
        pytest.skip(f"no PostgreSQL in {bin_directory}")
    # Not below pytest's directory, into which other users, such as that of a cluster that root starts, do not get.
    with tempfile.TemporaryDirectory(prefix="vo-cluster-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)
        cluster = Cluster(directory)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
