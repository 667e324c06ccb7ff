"""Clients that ask for nonsense, and clients that leave: no 500, no query that goes on, nothing that leaks."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server import SLOW
from tests.support.service import N_STARS, Service
from tests.support.wire import request_bytes, start
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.run import PostgresEngine

N_ABORTED = 200
STREAM = "SELECT a.*, b.* FROM web.stars AS a, web.stars AS b"
"""25 million rows: whoever leaves early leaves a lot behind."""
GONE_S = 1.0
"""Time that a query may outlive its client [s]."""
SLACK_S = 2.0
"""What a busy machine adds to it [s]."""

_PIECES = st.sampled_from(
    ["votable", "/b2", "csv", "tsv", "text/", "application/", "x-votable+xml", "fits", "*", "*/*", ";", "q=0", "q=0.5",
     "charset=", "utf-8", "serialization=", "BINARY2", '"', ",", " ", "=", "\\", "é", "\t", "%00", "html", "json"]
)  # fmt: skip
_NONSENSE = st.lists(_PIECES, max_size=8).map("".join) | st.text(max_size=30)
_MAXREC = st.integers(-(10**30), 10**30).map(str) | st.text("0123456789+-eE._x \t", max_size=25) | st.text(max_size=10)


def _is_alive(server: Service) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}
    answer = httpx.get(f"{server.tap}/sync", params=asked, timeout=20)
    assert answer.text.split() == ["n", str(N_STARS)]


def _await_nothing_running(server: Service, seconds: float) -> float:
    """Wait until the server and the database run no query; return how long that took [s]."""
    begin = time.monotonic()
    while _n_running(server):
        assert time.monotonic() - begin < seconds, f"{_n_running(server)} still run"
        time.sleep(0.02)
    return time.monotonic() - begin


def _n_running(server: Service) -> int:
    """Return how many queries of ours anybody runs: our gate, the leases of DuckDB, the statements of PostgreSQL."""
    n_running = server.site.gate.n_running
    engine = server.context.engine
    if isinstance(engine, DuckdbEngine):
        return n_running + sum(held.n_readers for held in engine._releases._attached.values())
    assert isinstance(engine, PostgresEngine)
    with psycopg.connect(engine._dsn) as connection:
        (n_active,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE %s",
            [f"%{server.context.settings.postgres.data_schema}%"],
        ).fetchone() or (0,)
    return n_running + int(n_active)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(response_format=_NONSENSE, accept=_NONSENSE, maxrec=_MAXREC)
def test_nonsense_in_the_parameters_is_answered_or_refused(
    server: Service, client: httpx.Client, response_format: str, accept: str, maxrec: str
) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT TOP 3 id, name FROM web.stars"}
    asked |= {"RESPONSEFORMAT": response_format, "MAXREC": maxrec}
    headers = {"Accept": accept.encode(errors="replace").replace(b"\r", b"?").replace(b"\n", b"?").strip()}
    headers["Accept-Encoding"] = headers["Accept"]
    encoded = {name: value.encode(errors="replace").decode() for name, value in asked.items()}
    try:
        answer = client.post("sync", data=encoded, headers=headers)  # type: ignore[arg-type] # bytes are fine
    except (httpx.LocalProtocolError, httpx.RemoteProtocolError):
        return  # No HTTP client would send such a header.
    assert answer.status_code in {200, 400, 406}, answer.text
    if answer.status_code == 200:
        assert answer.content


@pytest.mark.parametrize("seed", range(4))
def test_requests_that_are_cut_anywhere_hang_nothing(server: Service, seed: int) -> None:
    choose = random.Random(seed)
    given = {"LANG": "ADQL", "QUERY": "SELECT TOP 100 * FROM web.stars", "RESPONSEFORMAT": "csv"}
    whole = request_bytes(f"{server.tap}/sync", given, {"Accept-Encoding": "gzip"})
    body = b"LANG=ADQL&QUERY=SELECT+id+FROM+web.stars"
    post = b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    post += b"Content-Length: %d\r\n\r\n" % len(body) + body
    parts = urlsplit(server.url)
    for _ in range(50):
        request = choose.choice([whole, post])
        sent = bytearray(request[: choose.randrange(len(request) + 1)])
        if sent and choose.random() < 0.3:
            sent[choose.randrange(len(sent))] = choose.randrange(256)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: _received(connection), b""))
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else None
        assert status is None or status < 500, (bytes(sent), answer[:500])
    _await_nothing_running(server, GONE_S + SLACK_S)
    _is_alive(server)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("n_bytes", [0, 100_000], ids=["before-the-first-byte", "in-the-middle"])
def test_a_query_ends_within_a_second_of_its_client(server: Service, n_bytes: int) -> None:
    query, least = (STREAM, 1) if n_bytes else (SLOW, 1)
    given = {"LANG": "ADQL", "QUERY": query, "MAXREC": 100_000, "RESPONSEFORMAT": "votable"}
    took_s = []
    for _ in range(3):
        with start(f"{server.tap}/sync", given, receive_bytes=4096) as connection:
            n_read = 0
            while n_read < n_bytes:
                n_read += len(connection.recv(65536))
            deadline = time.monotonic() + 90
            while _n_running(server) < least:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(0.3)
        took_s.append(_await_nothing_running(server, 20))
    assert sorted(took_s)[1] < GONE_S, took_s


def test_after_two_hundred_aborted_downloads_nothing_is_left(server: Service) -> None:
    choose = random.Random(200)
    process = psutil.Process()
    given = {"LANG": "ADQL", "MAXREC": 100_000}
    _abort_some(server, given, choose, 20)
    _await_nothing_running(server, 20)
    before = _held(process)
    _abort_some(server, given, choose, N_ABORTED)
    _await_nothing_running(server, 20)
    deadline = time.monotonic() + 90
    while _exceeds(_held(process), before):
        assert time.monotonic() < deadline, (before, _held(process), process.open_files())
        time.sleep(0.1)
    # Worker threads end by themselves after a while; there are as many as may run, stop and wait at once, and no more.
    assert process.num_threads() < 120
    _is_alive(server)


def _abort_some(server: Service, given: dict[str, object], choose: random.Random, n: int) -> None:
    """Start downloads, at most a dozen at once, and leave each at another moment."""
    open_ones: list[socket.socket] = []
    for _ in range(n):
        query = choose.choice([SLOW, STREAM, STREAM])
        name = choose.choice(["votable", "votable/td", "csv"])
        connection = start(f"{server.tap}/sync", {**given, "QUERY": query, "RESPONSEFORMAT": name}, receive_bytes=4096)
        open_ones.append(connection)
        if query is STREAM and choose.random() < 0.5:
            connection.settimeout(0.3)
            with suppress(TimeoutError):
                connection.recv(choose.randrange(1, 100_000))
        if len(open_ones) > 6:
            open_ones.pop(choose.randrange(len(open_ones))).close()
    for connection in open_ones:
        connection.close()


def _held(process: psutil.Process) -> tuple[int, int]:
    """Return what this process, in which the server runs, holds: descriptors and sockets."""
    return process.num_fds(), len(process.net_connections())


def _exceeds(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """Tell whether there is more than before; pools may have grown by a few within their limits."""
    return any(one > other + 8 for one, other in zip(now, before, strict=True))
