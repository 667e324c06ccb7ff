"""The command ``vo-server serve`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.answers import csv_rows
from tests.support.process import run_command
from tests.support.server import SLOW, make_settings
from tests.support.service import N_STARS, with_stars

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of an embedded database with the stars."""
    url = f"duckdb:///{tmp_path_factory.mktemp('data')}"
    with_stars(make_settings(url, tmp_path_factory.mktemp("results")))
    return url


@contextmanager
def _serving(database: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the server and give its process and the URL that it prints first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vo_server", "serve", "--database", database, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "VO_TAP__SYNC_TIMEOUT_S": "1000"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http\S+/tap$", line.strip())
        assert found is not None, (line, process.stderr.read() if process.stderr else "")
        yield process, found.group(0)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=600)


def _stop(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    return process.wait(20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_as_soon_as_it_prints_its_address_and_ends_well(database: str, number: int) -> None:
    with _serving(database) as (process, url):
        assert csv_rows(httpx.get(f"{url}/sync", params=COUNT, timeout=60)) == [["n"], [str(N_STARS)]]
        assert _stop(process, number) == 0


def test_several_processes_answer_on_one_address(database: str) -> None:
    with _serving(database, "--workers", "2") as (process, url):
        for _ in range(6):
            assert csv_rows(httpx.get(f"{url}/sync", params=COUNT, timeout=60)) == [["n"], [str(N_STARS)]]
        made = httpx.post(f"{url}/async", data={**COUNT, "PHASE": "RUN"}, timeout=60)
        assert made.status_code == 303
        job, deadline = made.headers["Location"], time.monotonic() + 20
        while httpx.get(f"{job}/phase", timeout=60).text != "COMPLETED":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert _stop(process, signal.SIGTERM) == 0


def test_a_running_query_is_cut_off_after_a_grace_when_the_server_stops(database: str) -> None:
    with _serving(database) as (process, url):
        address, _, _ = url.removeprefix("http://").partition("/")
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            asked = httpx.QueryParams({"LANG": "ADQL", "QUERY": SLOW})
            connection.sendall(f"GET /tap/sync?{asked} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            deadline = time.monotonic() + 90
            while httpx.get(f"http://{address}/health", timeout=60).json()["running_queries"] == 0:
                assert time.monotonic() < deadline
            begin = time.monotonic()
            assert _stop(process, signal.SIGTERM) == 0
            assert time.monotonic() - begin < 15


def test_the_public_url_is_printed_and_used(database: str) -> None:
    with _serving(database, "--public-url", "https://vo.example.org/") as (_, url):
        assert url == "https://vo.example.org/tap"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--host", "203.0.113.7"], "cannot listen on 203.0.113.7", id="foreign-address"),
        pytest.param(["--database", "mysql://x"], "mysql", id="unknown-database"),
        pytest.param(["--port", "99999"], "99999", id="port-out-of-range"),
        pytest.param(["--public-url", "nonsense"], "PUBLIC_URL", id="bad-url"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(database: str, options: list[str], told: str) -> None:
    done = run_command("serve", "--database", database, "--port", "0", *options, check=False, timeout_s=30)
    assert done.returncode in {1, 2}
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_command("serve", "--database", database, "--port", str(port), check=False, timeout_s=30)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "hint" in done.stderr
