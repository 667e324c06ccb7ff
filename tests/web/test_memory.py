"""Memory of a real server process while rows stream, and while many clients do not take them.

``VO_TEST_ROWS=10000000`` makes the table ten times as long as usual.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import httpx
import psutil
import psycopg
import pytest

from tests.support.process import serving
from tests.support.wide import with_wide
from tests.support.wire import fetch, start
from vo_server.formats.registry import OUTPUT_FORMATS
from vo_server.settings import PostgresSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

N_ROWS = int(os.environ.get("VO_TEST_ROWS", "1000000"))
MB = 1024 * 1024
N_STALLED = 50
BUDGET_MB = 512
ALL = {"LANG": "ADQL", "QUERY": "SELECT * FROM wide.objects", "MAXREC": N_ROWS}


class Served(NamedTuple):
    """A server in a process of its own."""

    tap: str
    process: psutil.Process


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a wide table from each engine, with places for as many queries as there will be stalled readers."""
    names = f"wide_{secrets.token_hex(4)}"
    postgres = PostgresSettings(pool_size=N_STALLED + 6, data_schema=f"{names}_d", store_schema=f"{names}_s")
    is_duckdb = request.param == "duckdb"
    dsn = "" if is_duckdb else request.getfixturevalue("postgres_dsn")
    database = f"duckdb:///{tmp_path_factory.mktemp('data')}" if is_duckdb else dsn
    environment = {
        "VO_POSTGRES__POOL_SIZE": str(postgres.pool_size),
        "VO_POSTGRES__DATA_SCHEMA": postgres.data_schema,
        "VO_POSTGRES__STORE_SCHEMA": postgres.store_schema,
        "VO_TAP__MAX_CONCURRENT": str(N_STALLED),
        "VO_SERVER__STREAM_BYTES": f"{BUDGET_MB}MiB",
        "VO_UWS__RESULTS_DIR": str(tmp_path_factory.mktemp("results")),
    }
    try:
        with_wide(Settings(database=database, postgres=postgres), N_ROWS)
        before = set(psutil.Process().children())
        with serving("serve", "--database", database, "--port", "0", environment=environment) as tap:
            (process,) = set(psutil.Process().children()) - before
            yield Served(tap, process)
    finally:
        if not is_duckdb:
            with psycopg.connect(dsn, autocommit=True) as connection:
                for schema in (postgres.data_schema, postgres.store_schema):
                    connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


class _Peak:
    """The most memory of a process while this is watched."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before_mb = process.memory_info().rss / MB
        self.most_mb = self.before_mb

    @property
    def growth_mb(self) -> float:
        return self.most_mb - self.before_mb

    @contextmanager
    def watched(self) -> Iterator[None]:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                self.most_mb = max(self.most_mb, self._process.memory_info().rss / MB)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _warm_up(served: Served, name: str) -> None:
    """Have the server import and cache what any first query of a format makes it."""
    asked = {**ALL, "QUERY": "SELECT TOP 1000 * FROM wide.objects", "RESPONSEFORMAT": name}
    assert fetch(f"{served.tap}/sync", asked).is_complete


def _report(text: str) -> None:
    """Show a figure in the output of ``pytest -rP`` or ``-s``."""
    sys.stdout.write(f"{text}\n")


@pytest.mark.parametrize("name", [one.name for one in OUTPUT_FORMATS])
def test_memory_stays_flat_while_the_whole_table_streams(served: Served, name: str) -> None:
    _warm_up(served, name)
    asked = urlencode({**ALL, "RESPONSEFORMAT": name})
    peak, n_bytes, begin = _Peak(served.process), 0, time.monotonic()
    with (
        peak.watched(),
        httpx.stream("GET", f"{served.tap}/sync", params=asked, timeout=300) as answer,
    ):
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            n_bytes += len(piece)
    took_s = time.monotonic() - begin
    _report(
        f"{name}: {N_ROWS / took_s:,.0f} rows/s, {n_bytes / 1e6 / took_s:.0f} MB/s, memory +{peak.growth_mb:.0f} MB"
    )
    assert n_bytes > 50 * N_ROWS
    assert peak.growth_mb < 150


def test_fifty_clients_that_do_not_read_stay_within_the_memory_for_answers(served: Served) -> None:
    _warm_up(served, "votable/td")
    peak = _Peak(served.process)
    with peak.watched(), ExitStack() as clients:
        for _ in range(N_STALLED):
            clients.enter_context(
                start(f"{served.tap}/sync", {**ALL, "RESPONSEFORMAT": "votable/td"}, receive_bytes=4096)
            )
        health = served.tap.removesuffix("/tap") + "/health"
        deadline = time.monotonic() + 60
        while httpx.get(health, timeout=30).json()["running_queries"] < N_STALLED:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(5)
    _report(f"{N_STALLED} stalled readers: memory +{peak.growth_mb:.0f} MB")
    assert peak.growth_mb < BUDGET_MB
