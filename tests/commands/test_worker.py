"""``vo-server worker``: processes that run the jobs of a service that runs none itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.process import run_command
from tests.support.server import SLOW, make_settings
from tests.support.service import N_STARS, with_stars
from vo_server.factory import ProcessContext
from vo_server.model.job import FINAL_PHASES, Job, Phase
from vo_server.settings import Settings

COUNT = (("QUERY", "SELECT COUNT(*) AS n FROM web.stars"), ("RESPONSEFORMAT", "csv"))
ENDLESS = (("QUERY", SLOW), ("RESPONSEFORMAT", "csv"))


@dataclass
class Site:
    """A service without a worker, and what starts workers for it."""

    settings: Settings
    context: ProcessContext

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``vo-server worker``; it takes jobs when it is given."""
        settings = self.settings
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "VO_DATABASE": settings.database,
            "VO_POSTGRES__DATA_SCHEMA": settings.postgres.data_schema,
            "VO_POSTGRES__STORE_SCHEMA": settings.postgres.store_schema,
            "VO_UWS__RESULTS_DIR": str(settings.uws.results_dir),
            "VO_UWS__LEASE_S": "2",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "vo_server", "worker", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        try:
            while " is ready" not in (line := process.stdout.readline()):
                assert line, "the worker has ended"
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            process.stdout.close()

    def run(self, parameters: tuple[tuple[str, str], ...]) -> Job:
        return self.context.jobs.create(parameters, run=True)

    def phase(self, job: Job) -> Phase:
        return self.context.jobs.phase(job.id)

    def rows(self, job: Job) -> bytes:
        with self.context.jobs.open_result(self.context.jobs.result(job.id)) as file:
            return file.read()

    def await_phase(self, job: Job, *wanted: Phase, timeout_s: float = 60) -> Phase:
        wait_for(lambda: self.phase(job) in wanted, timeout_s)
        return self.phase(job)


def wait_for(is_so: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.02)


def await_run(site: Site, job: Job, number: int) -> None:
    """Wait until a job is executed for this time."""
    wait_for(lambda: site.context.jobs.get(job.id).info.n_attempts == number)
    site.await_phase(job, Phase.EXECUTING)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the living processes that a supervisor keeps."""
    found = set()
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    is_embedded = request.param == "duckdb"
    database = f"duckdb:///{tmp_path / 'data'}" if is_embedded else request.getfixturevalue("postgres_dsn")
    settings = with_stars(make_settings(database, tmp_path / "results"))
    try:
        with closing(ProcessContext.create(settings)) as context:
            yield Site(settings, context)
    finally:
        if not is_embedded:
            with psycopg.connect(database, autocommit=True) as connection:
                for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
                    connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


def test_a_worker_runs_the_jobs_of_a_service(site: Site) -> None:
    with site.worker():
        jobs = [site.run(COUNT) for _ in range(5)]
        assert {site.await_phase(job, *FINAL_PHASES) for job in jobs} == {Phase.COMPLETED}
        assert site.rows(jobs[0]).split() == [b"n", str(N_STARS).encode()]


def test_a_worker_that_is_told_to_stop_lets_its_jobs_end(site: Site) -> None:
    # Some seconds of work, so that the signal comes in the middle.
    long = "SELECT COUNT(*) AS n FROM web.stars AS a, web.stars AS b WHERE SIN(a.ra * b.dec) > 2"
    with site.worker("--grace", "60") as process:
        job = site.run((("QUERY", long), ("RESPONSEFORMAT", "csv")))
        site.await_phase(job, Phase.EXECUTING, Phase.COMPLETED)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)  # the signal has to get there before the next job does
        later = site.run(COUNT)
        assert process.wait(60) == 0
    assert site.phase(job) is Phase.COMPLETED
    assert site.rows(job).split() == [b"n", b"0"]
    assert site.phase(later) is Phase.QUEUED


def test_a_worker_that_is_told_twice_puts_its_jobs_back(site: Site) -> None:
    with site.worker("--grace", "600") as process:
        job = site.run(ENDLESS)
        site.await_phase(job, Phase.EXECUTING)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert site.phase(job) is Phase.EXECUTING
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert site.phase(job) is Phase.QUEUED
    assert site.context.jobs.get(job.id).info.n_attempts == 0


def test_the_job_of_a_killed_worker_is_run_once_more_and_then_fails_with_the_reason(site: Site) -> None:
    job = site.run(ENDLESS)
    for number in (1, 2):
        with site.worker() as process:
            await_run(site, job, number)
            process.kill()
            process.wait()
    with site.worker():
        assert site.await_phase(job, *FINAL_PHASES) is Phase.ERROR
        ended = site.context.jobs.get(job.id)
        assert ended.error is not None
        assert ended.error.code == "worker-died"
        assert "the server stopped twice while it ran this job" in ended.error.message
        assert ended.error.is_transient


def test_processes_that_die_are_started_again(site: Site) -> None:
    with site.worker("--processes", "2") as process:
        wait_for(lambda: len(workers_of(process)) == 2)
        first = workers_of(process)
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: killed not in workers_of(process) and len(workers_of(process)) == 2)
        job = site.run(COUNT)
        assert site.await_phase(job, *FINAL_PHASES) is Phase.COMPLETED
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not any(psutil.pid_exists(one) for one in first)


def test_processes_end_when_the_one_that_started_them_was_killed(site: Site) -> None:
    with site.worker("--processes", "2") as process:
        parent = psutil.Process(process.pid)
        children = parent.children()
        parent.kill()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []


def test_a_place_without_a_store_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run_command("worker", "--database", f"duckdb:///{tmp_path / 'none'}", check=False)
    assert done.returncode == 1
    assert "no data directory at" in done.stderr
    assert "Traceback" not in done.stderr
