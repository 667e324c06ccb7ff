"""Jobs while workers are killed at random and the database is restarted: none is lost, none is left hanging.

A small storm is part of every run; ``--torture 500`` adds a large one (``make nightly``).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, own_cluster
from tests.support.process import serving
from tests.support.server import make_settings
from tests.support.service import with_stars
from tests.torture.storm import WRONG, Attempt, Storm
from vo_server.factory import ProcessContext
from vo_server.model.job import FINAL_PHASES, Phase
from vo_server.settings import Settings
from vo_server.store.results import ResultStore

pytestmark = pytest.mark.postgres

N_WORKERS = 3
LEASE_S = 3.0

TRUE_REASONS = frozenset({"worker-died", "unavailable", "catalogue-unavailable"})
"""What a job may fail of in a storm: its worker was killed twice, or the database was away twice."""


class Workers:
    """Processes that run jobs, and the hand that kills them; each is replaced at once."""

    def __init__(self, environment: dict[str, str], log: Path, *, seed: int) -> None:
        self._environment = environment
        self._log = log
        self._random = random.Random(seed)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.n_killed = 0

    def start(self) -> None:
        for _ in range(N_WORKERS):
            self._processes.append(self._new())

    def kill_one(self) -> None:
        place = self._random.randrange(N_WORKERS)
        self._processes[place].send_signal(signal.SIGKILL)
        self._processes[place].wait()
        self._processes[place] = self._new()
        self.n_killed += 1

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)

    def _new(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vo_server", "worker", "--concurrency", "2", "--grace", "5"],
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )


@contextmanager
def site(cluster: Cluster, results: Path) -> Iterator[tuple[Settings, dict[str, str]]]:
    """Publish the stars in a cluster, and give what servers and workers need to know."""
    settings = with_stars(make_settings(cluster.dsn, results))
    environment = {
        "VO_DATABASE": cluster.dsn,
        "VO_POSTGRES__DATA_SCHEMA": settings.postgres.data_schema,
        "VO_POSTGRES__STORE_SCHEMA": settings.postgres.store_schema,
        "VO_UWS__RESULTS_DIR": str(results),
        "VO_UWS__CONCURRENT_JOBS": "0",
        "VO_UWS__LEASE_S": str(LEASE_S),
        "VO_TAP__DEFAULT_MAXREC": "1000",
        "VO_ANONYMOUS__RUNNING_JOBS": "64",
        "VO_ANONYMOUS__WAITING_JOBS": "100000",
        "VO_ANONYMOUS__KEPT_JOBS": "100000",
    }
    yield settings, environment


def rage(cluster: Cluster, results: Path, *, n_jobs: int, n_clients: int, seed: int, every_s: float) -> list[Attempt]:
    """Have a storm and check that nothing was lost in it."""
    chooser = random.Random(seed)
    with site(cluster, results) as (settings, environment):
        log = results.with_name("workers.log")
        workers = Workers({**os.environ, **environment}, log, seed=seed)
        workers.start()
        try:
            with serving("serve", "--port", "0", environment=environment) as tap:
                storm = Storm(tap, n_jobs=n_jobs, n_clients=n_clients, seed=seed)
                threads = storm.run()
                restart_after = int(n_jobs * chooser.uniform(0.3, 0.6))
                is_restarted = False
                while any(thread.is_alive() for thread in threads):
                    time.sleep(chooser.uniform(0.5, 1.5) * every_s)
                    workers.kill_one()
                    n_done = sum(bool(one.result or one.error) for one in storm.attempts)
                    if not is_restarted and n_done >= restart_after:
                        is_restarted = True
                        cluster.crash()
                        time.sleep(1.0)
                        cluster.start()
                assert storm.failures == []
        finally:
            workers.stop()
        assert is_restarted
        assert workers.n_killed >= 2
        check_attempts(storm.attempts, log)
        check_store(settings, results, storm.attempts)
    return storm.attempts


def check_attempts(attempts: list[Attempt], log: Path) -> None:
    for attempt in attempts:
        is_wrong = attempt.query == WRONG
        if attempt.phase == "COMPLETED":
            assert not is_wrong, attempt
            assert attempt.result == attempt.expected, attempt.query
        else:
            assert attempt.phase == "ERROR", attempt
            # A wrong query is told apart by a worker, which may be killed twice while it is at it, as for any job.
            reasons = TRUE_REASONS | {"adql"} if is_wrong else TRUE_REASONS
            assert attempt.code in reasons, f"{attempt.query}: {attempt.code}: {attempt.error}\n{log.read_text()}"


def check_store(settings: Settings, results: Path, attempts: list[Attempt]) -> None:
    """Check that no job hangs, and that files and records agree; then that destroyed jobs leave nothing."""
    with closing(ProcessContext.create(settings)) as context:
        jobs = context.store.jobs
        found = {job.id: jobs.get(job.id) for job in jobs.list(everyone=True)}
        assert {attempt.url.rpartition("/")[2] for attempt in attempts} <= set(found)
        # A client whose request was cut off asks again, so that there may be jobs that it does not know of.
        assert {job.phase for job in found.values()} <= FINAL_PHASES
        for job in found.values():
            if job.phase is Phase.COMPLETED:
                (result,) = job.results
                assert (results / result.path).stat().st_size == result.size_bytes
        for job_id in found:
            context.jobs.destroy(job_id)
        ResultStore(results).sweep((), min_age_s=0)
        assert list(results.iterdir()) == []


def test_no_job_is_lost_in_a_small_storm(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    seed = pytestconfig.getoption("--seed")
    seed = 20261127 if seed is None else seed
    with own_cluster() as cluster:
        rage(cluster, tmp_path / "results", n_jobs=40, n_clients=8, seed=seed, every_s=2.0)


def test_no_job_is_lost_in_a_large_storm(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    n_jobs = pytestconfig.getoption("--torture")
    if not n_jobs:
        pytest.skip("--torture N asks for a large storm")
    seed = pytestconfig.getoption("--seed")
    seed = random.randrange(10**6) if seed is None else seed
    start = time.monotonic()
    with own_cluster() as cluster:
        attempts = rage(cluster, tmp_path / "results", n_jobs=n_jobs, n_clients=20, seed=seed, every_s=2.0)
    statuses_s = sorted(one for attempt in attempts for one in attempt.statuses_s)
    n_failed = sum(attempt.query != WRONG and attempt.phase != "COMPLETED" for attempt in attempts)
    print(  # noqa: T201 - the figures are what it is run for
        f"\nseed {seed}: {n_jobs} jobs in {time.monotonic() - start:.0f} s, {n_failed} failed with a reason; "
        f"{len(statuses_s)} answers about phases, median {1e3 * statuses_s[len(statuses_s) // 2]:.0f} ms, "
        f"99 % within {1e3 * statuses_s[int(0.99 * len(statuses_s))]:.0f} ms"
    )
