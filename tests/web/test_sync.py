from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import psutil
import psycopg
import pytest
import pyvo

from tests.support.answers import csv_rows, error_text, status_of
from tests.support.server import SLOW
from tests.support.service import N_STARS, Service
from vo_server.web.gate import Gate

LEAVING_S = 2
"""Time that a query may outlive its client [s]: a second, and one more for a busy machine."""

COUNT = "SELECT COUNT(*) AS n FROM web.stars"


def test_get_and_post_give_the_same_rows(client: httpx.Client) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT TOP 5 id, name FROM web.stars ORDER BY id", "RESPONSEFORMAT": "csv"}
    got, posted = client.get("sync", params=asked), client.post("sync", data=asked)
    assert csv_rows(got) == csv_rows(posted)
    assert csv_rows(got)[:2] == [["id", "name"], [str(2**60), "Å-0"]]


def test_a_multipart_post_works(client: httpx.Client) -> None:
    parts = {"LANG": (None, "ADQL"), "QUERY": (None, COUNT), "RESPONSEFORMAT": (None, "csv")}
    assert csv_rows(client.post("sync", files=parts)) == [["n"], [str(N_STARS)]]


def test_the_whole_table_arrives(client: httpx.Client) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT id FROM web.stars", "MAXREC": str(N_STARS), "FORMAT": "csv"}
    identifiers = [int(row[0]) for row in csv_rows(client.get("sync", params=asked))[1:]]
    assert sorted(identifiers) == list(range(2**60, 2**60 + N_STARS))


def test_an_answer_has_the_headers_of_a_table(client: httpx.Client) -> None:
    answer = client.get("sync", params={"QUERY": COUNT, "LANG": "ADQL", "RESPONSEFORMAT": "csv"})
    assert answer.headers["Content-Type"] == "text/csv;header=present"
    assert answer.headers["Content-Disposition"] == 'inline; filename="result.csv"'
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Server"].startswith("vo-server/")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_row_limit_is_told_with_formats_that_cannot_tell_an_overflow(client: httpx.Client) -> None:
    asked = {"QUERY": "SELECT id FROM web.stars", "LANG": "ADQL", "RESPONSEFORMAT": "csv", "MAXREC": "7"}
    answer = client.get("sync", params=asked)
    assert len(csv_rows(answer)) - 1 == int(answer.headers["X-VO-Maxrec"]) == 7


def test_head_has_the_headers_of_get_and_no_body(client: httpx.Client) -> None:
    asked = {"QUERY": COUNT, "LANG": "ADQL"}
    got, head = client.get("sync", params=asked), client.head("sync", params=asked)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert client.head("sync", params={"QUERY": "SELECT", "LANG": "ADQL"}).status_code == 400


def test_nothing_is_compressed_unless_asked(client: httpx.Client) -> None:
    asked = {"QUERY": "SELECT * FROM web.stars", "LANG": "ADQL"}
    plain = client.get("sync", params=asked, headers={"Accept-Encoding": "identity"})
    packed = client.get("sync", params=asked, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert status_of(plain) == status_of(packed) == "OVERFLOW"


def test_an_error_comes_in_the_kind_of_document_that_was_asked_for(client: httpx.Client) -> None:
    bad = {"LANG": "ADQL", "QUERY": "SELECT foo FROM web.stars"}
    votable, csv = client.get("sync", params=bad), client.get("sync", params={**bad, "RESPONSEFORMAT": "csv"})
    assert votable.status_code == csv.status_code == 400
    assert "foo" in error_text(votable)
    assert csv.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "  SELECT foo FROM web.stars\n         ^^^\n" in csv.text


def test_the_service_says_when_it_is_busy(server: Service, client: httpx.Client) -> None:
    with server.changed(gate=Gate(0, max_wait_s=0.1)):
        answer = client.get("sync", params={"LANG": "ADQL", "QUERY": COUNT})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "busy" in error_text(answer)


def test_a_query_that_takes_too_long_is_told_from_other_failures(server: Service, client: httpx.Client) -> None:
    with server.changed(sync_timeout_s=0.5):
        answer = client.get("sync", params={"LANG": "ADQL", "QUERY": SLOW})
    assert answer.status_code == 408
    assert "0.5 s" in error_text(answer)
    assert "asynchronous" in error_text(answer)
    assert server.site.gate.n_running == 0


def test_a_hundred_clients_at_once_are_all_answered(client: httpx.Client) -> None:
    asked = {"LANG": "ADQL", "QUERY": COUNT, "RESPONSEFORMAT": "csv"}
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: csv_rows(client.post("sync", data=asked)), range(100)))
    assert answers == [[["n"], [str(N_STARS)]]] * 100


def test_status_is_told_while_all_places_are_taken(server: Service, client: httpx.Client) -> None:
    with server.changed(gate=Gate(0)):
        begin = time.monotonic()
        for path in ("availability", "capabilities", "tables"):
            assert client.get(path).status_code == 200
        assert client.post("async").status_code == 303
        assert time.monotonic() - begin < LEAVING_S


def test_pyvo_reads_exact_identifiers_and_nulls(tap_service: pyvo.dal.TAPService) -> None:
    rows = tap_service.search("SELECT TOP 8 id, mag, name FROM web.stars ORDER BY id").to_table()
    assert rows["id"].dtype == "int64"
    assert list(rows["id"]) == list(range(2**60, 2**60 + 8))
    assert list(rows["mag"].mask) == [number % 7 == 0 for number in range(8)]
    assert rows["name"][3] == "Å-3"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_ends_its_query_at_once(server: Service, method: str) -> None:
    _leave_during(server, method, SLOW)
    deadline = time.monotonic() + LEAVING_S
    while server.site.gate.n_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.site.gate.n_running == 0
    database = server.context.settings.database
    if database.startswith("postgresql:"):
        assert _running_queries(database, server.context.settings.postgres.data_schema, wait_s=LEAVING_S) == []
    else:
        # The engine lives in this process: two threads that still computed would take 200 %.
        assert psutil.Process().cpu_percent(interval=0.5) < 80
    answer = httpx.get(
        f"{server.tap}/sync", params={"LANG": "ADQL", "QUERY": COUNT, "RESPONSEFORMAT": "csv"}, timeout=60
    )
    assert csv_rows(answer) == [["n"], [str(N_STARS)]]


def _leave_during(server: Service, method: str, query: str) -> None:
    """Send a request, see it run, and close the connection."""
    asked = urlencode({"LANG": "ADQL", "QUERY": query})
    host, port = server.url.removeprefix("http://").split(":")
    head = f"{method} /tap/sync{'?' + asked if method == 'GET' else ''} HTTP/1.1\r\nHost: {host}\r\n"
    if method == "POST":
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(asked)}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((head + "\r\n" + (asked if method == "POST" else "")).encode())
        deadline = time.monotonic() + 90
        while not server.site.gate.n_running:
            assert time.monotonic() < deadline, "the query does not start"
            time.sleep(0.01)
        time.sleep(0.3)  # now the engine computes
        assert server.site.gate.n_running == 1


def _running_queries(dsn: str, part: str, *, wait_s: float) -> list[str]:
    """Return the queries that PostgreSQL still runs after a while."""
    deadline = time.monotonic() + wait_s
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            running = connection.execute(
                "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
                " AND datname = current_database() AND query ILIKE %s",
                (f"%{part}%",),
            ).fetchall()
            if not running or time.monotonic() > deadline:
                return [row[0] for row in running]
            time.sleep(0.02)


def test_a_client_that_reads_nothing_does_not_fill_the_memory_and_can_leave(server: Service) -> None:
    everything = "SELECT a.* FROM web.stars AS a, web.stars AS b"
    asked = urlencode({"LANG": "ADQL", "QUERY": everything, "MAXREC": 100_000})
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET /tap/sync?{asked} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        time.sleep(0.3)
        assert server.site.gate.n_running == 1, "the answer waits for its reader"
    deadline = time.monotonic() + LEAVING_S
    while server.site.gate.n_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.site.gate.n_running == 0
