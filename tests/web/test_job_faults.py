"""Faults under a running service: disks that are full or read-only, connections that break. Nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from tests.support.answers import csv_rows, error_text
from tests.support.cluster import own_cluster
from tests.support.server import SLOW, make_settings
from tests.support.service import N_STARS, running, with_stars
from tests.support.small_disk import read_only, small_disk

if TYPE_CHECKING:
    from tests.support.service import Service

COUNT = "SELECT COUNT(*) AS n FROM web.stars"
ALL = "SELECT * FROM web.stars"
FINAL = {"COMPLETED", "ERROR", "ABORTED"}


def start(client: httpx.Client, query: str) -> str:
    given = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv", "MAXREC": "100000", "PHASE": "RUN"}
    answer = client.post("async", data=given)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def finish(client: httpx.Client, job: str) -> str:
    wait_for(lambda: client.get(f"{job}/phase").text in FINAL)
    return client.get(f"{job}/phase").text


def wait_for(is_so: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.05)


def look(client: httpx.Client, jobs: list[str]) -> list[str]:
    children = ("phase", "destruction", "executionduration", "parameters")
    return [client.get(f"{job}/{child}").text for job in jobs for child in children]


def speak(service: Service) -> httpx.Client:
    return httpx.Client(base_url=f"{service.tap}/", timeout=30)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_kb=256) as place:
        yield place


def test_a_result_for_which_the_disk_is_too_small_is_an_error_and_leaves_room(tmp_path: Path, disk: Path) -> None:
    with (
        running(with_stars(make_settings(f"duckdb:///{tmp_path / 'data'}", disk))) as service,
        speak(service) as client,
    ):
        failed = start(client, ALL)
        assert finish(client, failed) == "ERROR"
        told = error_text(client.get(f"{failed}/error"))
        assert "the result cannot be written: No space left on device" in told
        assert "operator" in told
        assert client.get(f"{failed}/results/result").status_code == 404
        good = start(client, COUNT)
        assert finish(client, good) == "COMPLETED"
        assert csv_rows(client.get(f"{good}/results/result")) == [["n"], [str(N_STARS)]]
        assert [path for path in disk.rglob("*") if path.is_file() and good.rpartition("/")[2] not in str(path)] == []


def test_a_place_of_results_that_becomes_read_only_is_told_and_loses_no_job(tmp_path: Path, disk: Path) -> None:
    with (
        running(with_stars(make_settings(f"duckdb:///{tmp_path / 'data'}", disk))) as service,
        speak(service) as client,
    ):
        before = start(client, COUNT)
        assert finish(client, before) == "COMPLETED"
        with read_only(disk):
            failed = start(client, COUNT)
            assert finish(client, failed) == "ERROR"
            assert "the result cannot be written: Read-only file system" in error_text(client.get(f"{failed}/error"))
            assert csv_rows(client.get(f"{before}/results/result")) == [["n"], [str(N_STARS)]]
        after = start(client, COUNT)
        assert finish(client, after) == "COMPLETED"


def test_a_catalogue_without_room_takes_no_more_jobs_and_keeps_those_that_it_has(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_kb=3000) as disk:
        settings = with_stars(make_settings(f"duckdb:///{disk / 'data'}", tmp_path / "results"))
        settings = settings.model_copy(
            update={"uws": settings.uws.model_copy(update={"concurrent_jobs": 0})}  # so that nothing is freed
        )
        with running(settings) as service, speak(service) as client:
            good = start(client, COUNT)
            filler = {"QUERY": COUNT, "NOTE": "x" * 50_000}
            answers = [client.post("async", data=filler) for _ in range(100)]
            kept = [answer.headers["Location"] for answer in answers if answer.status_code == 303]
            refused = next(answer for answer in answers if answer.status_code != 303)
            assert refused.status_code == 503
            assert "the catalogue database has no space left on its disk" in refused.text
            assert refused.headers["X-VO-Error"] == "catalogue-unavailable"
            assert client.get(f"{good}/phase").text == "QUEUED"
            assert {client.get(f"{job}/phase").text for job in kept} == {"PENDING"}


@pytest.mark.postgres
@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_a_job_whose_connection_is_cut_is_run_again(server: Service, client: httpx.Client, postgres_dsn: str) -> None:
    # Ten seconds, most likely: long enough to be met, and short enough to end.
    slow = "SELECT COUNT(*) AS n FROM web.stars AS a, web.stars AS b WHERE SIN(a.ra * b.dec) < 2.6180339"
    job = start(client, slow)
    # Others work on the same server: only this test's query has this number.
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE '%2.6180339%' AND state = 'active' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        wait_for(lambda: len(connection.execute(cut).fetchall()) > 0)
    assert finish(client, job) == "COMPLETED"
    assert csv_rows(client.get(f"{job}/results/result")) == [["n"], [str(N_STARS**2)]]
    assert "<attempts>2</attempts>" in client.get(job).text


@pytest.mark.postgres
def test_a_database_that_is_away_is_told_at_once_and_every_job_is_there_when_it_is_back(tmp_path: Path) -> None:
    with own_cluster() as cluster:
        settings = with_stars(make_settings(cluster.dsn, tmp_path / "results"))
        with running(settings) as service, speak(service) as client:
            done, endless = start(client, COUNT), start(client, SLOW)
            assert finish(client, done) == "COMPLETED"
            wait_for(lambda: client.get(f"{endless}/phase").text == "EXECUTING")
            cluster.crash()
            for path in (f"{done}/phase", done, f"{done}/results/result", f"{endless}/phase"):
                began = time.monotonic()
                answer = client.get(path)
                assert time.monotonic() - began < 2
                assert (answer.status_code, answer.headers["X-VO-Error"]) == (503, "catalogue-unavailable")
                assert "Retry-After" in answer.headers
            cluster.start()
            wait_for(lambda: client.get(f"{done}/phase").text == "COMPLETED")
            assert csv_rows(client.get(f"{done}/results/result")) == [["n"], [str(N_STARS)]]
            wait_for(lambda: "<attempts>2</attempts>" in client.get(endless).text)
            assert client.post(f"{endless}/phase", data={"PHASE": "ABORT"}).status_code == 303
            assert finish(client, endless) == "ABORTED"


def test_a_restarted_server_finds_all_its_jobs_as_they_were(tmp_path: Path) -> None:
    settings = with_stars(make_settings(f"duckdb:///{tmp_path / 'data'}", tmp_path / "results"))
    with running(settings) as service, speak(service) as client:
        done, wrong, endless = (start(client, query) for query in (COUNT, "SELECT x FROM y", SLOW))
        assert (finish(client, done), finish(client, wrong)) == ("COMPLETED", "ERROR")
        pending = client.post("async", data={"QUERY": COUNT, "RUNID": "mine"}).headers["Location"]
        wait_for(lambda: client.get(f"{endless}/phase").text == "EXECUTING")
        jobs = [url.removeprefix(f"{service.tap}/") for url in (done, wrong, pending, endless)]
        before = [
            client.get(f"{job}/{child}").text for job in jobs[:3] for child in ("phase", "destruction", "parameters")
        ]
        error = client.get(f"{jobs[1]}/error").content
    with running(settings) as service, speak(service) as client:
        after = [
            client.get(f"{job}/{child}").text for job in jobs[:3] for child in ("phase", "destruction", "parameters")
        ]
        assert after == before
        assert client.get(f"{jobs[1]}/error").content == error
        assert csv_rows(client.get(f"{jobs[0]}/results/result")) == [["n"], [str(N_STARS)]]
        wait_for(lambda: client.get(f"{jobs[3]}/phase").text == "EXECUTING")  # put back, and run again


def test_destroyed_jobs_leave_no_file_wherever_they_were(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with (
        running(with_stars(make_settings(f"duckdb:///{tmp_path / 'data'}", results))) as service,
        speak(service) as client,
    ):
        jobs = [start(client, query) for query in (COUNT, ALL, SLOW, SLOW, SLOW, "SELECT x FROM y")]
        assert finish(client, jobs[0]) == "COMPLETED"
        for job in jobs:
            assert client.delete(job).status_code == 303
        wait_for(lambda: not results.exists() or list(results.iterdir()) == [])
        assert service.context.store.jobs.ids() == frozenset()
