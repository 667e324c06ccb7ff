"""What one process changes is heard by others, on PostgreSQL; on SQLite nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.stores import Place
from vo_server.model.job import Job
from vo_server.store.jobs import JobStore
from vo_server.store.listen import JobListener
from vo_server.store.open import Store
from vo_server.store.tables import utc_now

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("place", ["postgres"], indirect=True)]


@pytest.fixture
def other(place: Place, store: Store) -> Iterator[JobStore]:
    """The same jobs as another process has them."""
    there = place.open()
    yield there.jobs
    there.close()


@pytest.fixture
def listener(store: Store) -> Iterator[JobListener]:
    listening = JobListener(store.database, store.jobs.signal)
    with store.jobs.signal.watch() as ready:
        listening.start()
        assert ready.wait(10)
    yield listening
    listening.stop()


def pending(jobs: JobStore) -> Job:
    return jobs.create([], destruction=utc_now(), execution_duration_s=60)


def test_who_waits_for_work_is_woken_by_another_process(store: Store, other: JobStore, listener: JobListener) -> None:
    with store.jobs.signal.watch() as work:
        job = pending(other)
        other.queue(job.id)
        assert work.wait(5)


def test_only_work_wakes_those_who_wait_for_it(store: Store, other: JobStore, listener: JobListener) -> None:
    job = pending(other)
    told: list[str] = []
    heard = threading.Event()

    def hear(job_id: str) -> None:
        told.append(job_id)
        heard.set()

    with store.jobs.signal.watch() as work, store.jobs.signal.listen(hear):
        other.mark_aborted(job.id)
        assert heard.wait(5)
        assert told == [job.id]
        assert not work.is_set()


def test_what_this_process_changes_it_hears_once(store: Store, other: JobStore, listener: JobListener) -> None:
    told: list[str] = []
    job, later = pending(store.jobs), pending(other)
    with store.jobs.signal.listen(told.append):
        store.jobs.mark_aborted(job.id)
        other.mark_aborted(later.id)
        deadline = time.monotonic() + 90
        while later.id not in told:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert told == [job.id, later.id]


def test_a_change_that_is_undone_is_not_heard(store: Store, other: JobStore, listener: JobListener) -> None:
    told: list[str] = []
    job, later = pending(other), pending(other)
    with store.jobs.signal.listen(told.append):
        with pytest.raises(ZeroDivisionError), other._changing(job.id):
            raise ZeroDivisionError
        other.mark_aborted(later.id)
        deadline = time.monotonic() + 90
        while later.id not in told:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert told == [later.id]


def test_a_listener_comes_back_when_its_connection_was_cut(
    store: Store, other: JobStore, listener: JobListener, place: Place
) -> None:
    with store.jobs.signal.watch() as work:
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s",
                [f"LISTEN%{place.schema}%"],
            )
        assert work.wait(10)  # it looks whether there is work as soon as it is back
        work.clear()
        other.queue(pending(other).id)
        assert work.wait(5)
