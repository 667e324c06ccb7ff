from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clock import Clock
from vo_server.model.job import Job, Phase
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store
from vo_server.store.results import ResultStore
from vo_server.store.tables import utc_now
from vo_server.worker.sweep import Sweeper


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def make(jobs: JobStore, results: ResultStore, retention_s: float, owner: str | None = None) -> Job:
    destruction = jobs._clock() + timedelta(seconds=retention_s)
    job = jobs.create([], destruction=destruction, execution_duration_s=60, owner=owner)
    with results.create(job.id, "result.vot") as file:
        file.write(b"rows")
    return job


def test_expired_jobs_go_with_their_results_and_others_stay(store: Store, results: ResultStore) -> None:
    clock = Clock()
    jobs = JobStore(store.database, clock=clock)
    old, young = make(jobs, results, 10), make(jobs, results, 1000)
    clock.go_on(100)
    assert Sweeper(jobs=jobs, results=results).destroy_expired() == (old.id,)
    assert jobs.ids() == {young.id}
    assert [folder.name for folder in Path(str(results)).iterdir()] == [young.id]


def test_expired_jobs_are_archived_without_results_and_go_later(store: Store, results: ResultStore) -> None:
    clock = Clock()
    jobs = JobStore(store.database, clock=clock)
    job = make(jobs, results, 10)
    sweeper = Sweeper(jobs=jobs, results=results, archive_s=100)
    clock.go_on(20)
    assert sweeper.destroy_expired() == (job.id,)
    assert jobs.phase(job.id) is Phase.ARCHIVED
    assert list(Path(str(results)).iterdir()) == []
    assert sweeper.destroy_expired() == ()
    clock.go_on(100)
    assert sweeper.destroy_expired() == (job.id,)
    assert jobs.ids() == frozenset()


def test_jobs_of_removed_users_are_never_archived(store: Store, results: ResultStore) -> None:
    jobs = store.jobs
    store.users.add("rita")
    hers, archived, nobodys = (make(jobs, results, 1000, owner) for owner in ("rita", "rita", None))
    jobs.archive(archived.id)
    store.users.remove("rita")
    sweeper = Sweeper(jobs=jobs, results=results, archive_s=100)
    assert set(sweeper.destroy_abandoned()) == {hers.id, archived.id}
    assert jobs.ids() == {nobodys.id}
    assert [folder.name for folder in Path(str(results)).iterdir()] == [nobodys.id]
    assert sweeper.destroy_abandoned() == ()


def test_results_without_a_job_go(store: Store, results: ResultStore) -> None:
    kept = make(store.jobs, results, 1000)
    with results.create("orphan", "result.vot") as file:
        file.write(b"rows")
    before = time.time() - 7200
    for folder in Path(str(results)).iterdir():
        os.utime(folder, (before, before))
    assert Sweeper(jobs=store.jobs, results=results).remove_orphans() == ("orphan",)
    assert [folder.name for folder in Path(str(results)).iterdir()] == [kept.id]


def test_a_sweeper_sweeps_by_itself_and_stops(store: Store, results: ResultStore) -> None:
    make(store.jobs, results, 0.2)
    sweeper = Sweeper(jobs=store.jobs, results=results, every_s=0.1)
    sweeper.start()
    deadline = time.monotonic() + 90
    while store.jobs.ids():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sweeper.stop()
    sweeper.stop()
    assert store.jobs.list(after=utc_now() - timedelta(days=1)) == ()


def test_two_sweepers_do_not_disturb_each_other(store: Store, results: ResultStore) -> None:
    for _ in range(20):
        make(store.jobs, results, 0)
    sweepers = [Sweeper(jobs=store.jobs, results=results, every_s=0.05) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    deadline = time.monotonic() + 90
    while store.jobs.ids():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for sweeper in sweepers:
        sweeper.stop()
    assert list(Path(str(results)).iterdir()) == []


def test_a_sweeper_survives_a_failure(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    store.jobs.create([], destruction=utc_now(), execution_duration_s=60)
    sweeper = Sweeper(jobs=store.jobs, results=ResultStore(tmp_path / "file"), every_s=0.05)
    sweeper.start()
    time.sleep(0.3)
    assert sweeper._thread.is_alive()
    sweeper.stop()
    assert "sweeping failed" in caplog.text


class _FailsOnce(ResultStore):
    """A store of results on a file system that has a bad moment."""

    has_failed = False

    def sweep(self, known_job_ids: Collection[str], *, min_age_s: float = 3600.0) -> tuple[str, ...]:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(116, "Stale file handle")
        return super().sweep(known_job_ids, min_age_s=min_age_s)


def test_the_sweeper_outlives_an_error_of_any_kind(store: Store, tmp_path: Path) -> None:
    results = _FailsOnce(tmp_path / "results")
    sweeper = Sweeper(jobs=store.jobs, results=results, every_s=0.05)
    sweeper.start()
    try:
        wait_for(lambda: results.has_failed)
        expired = make(store.jobs, results, -1)
        wait_for(lambda: expired.id not in store.jobs.ids())
    finally:
        sweeper.stop()


def wait_for(is_so: Callable[[], bool], timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
