"""Fair shares, measured by counts: who is served how often, never how fast."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest

from tests.support.clock import Clock
from tests.support.stores import Place
from vo_server.errors import TooManyError
from vo_server.model.job import Job, JobResult, Phase
from vo_server.model.limits import Queues, Share, Usage
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store
from vo_server.store.tables import utc_now

ANY = Share(Queues(short_s=600))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(store: Store, clock: Clock) -> JobStore:
    return JobStore(store.database, clock=clock)


def queue(jobs: JobStore, clock: Clock, client: str, n: int = 1, *, duration_s: int = 60) -> list[str]:
    """Queue jobs of a client one after the other."""
    owner = client.removeprefix("user ") if client.startswith("user ") else None
    made = []
    for _ in range(n):
        clock.go_on(1)
        job = jobs.create(
            [], destruction=clock() + timedelta(days=1), execution_duration_s=duration_s, owner=owner, client=client
        )
        jobs.queue(job.id)
        made.append(job.id)
    return made


def claim(jobs: JobStore, clock: Clock, share: Share | None = ANY) -> Job | None:
    clock.go_on(1)
    return jobs.claim("w", lease_s=1e6, share=share)


def take(jobs: JobStore, clock: Clock, share: Share | None = ANY) -> Job:
    job = claim(jobs, clock, share)
    assert job is not None
    return job


def client_of(jobs: JobStore, job: Job) -> str:
    return "anonymous" if job.owner is None else job.owner


def finish(jobs: JobStore, job: Job, size_bytes: int = 1) -> None:
    jobs.mark_completed(
        job.id, JobResult("result", f"{job.id}/r", "text/csv", size_bytes, 1, overflow=False), worker="w"
    )


def test_one_runner_serves_clients_in_turn_however_many_jobs_they_have(jobs: JobStore, clock: Clock) -> None:
    queue(jobs, clock, "user rita", 20)
    queue(jobs, clock, "user anna", 3)
    queue(jobs, clock, "192.0.2.1", 3)
    served = []
    while (job := claim(jobs, clock)) is not None:
        served.append(client_of(jobs, job))
        finish(jobs, job)
    assert served[:9] == ["rita", "anna", "anonymous"] * 3
    assert served[9:] == ["rita"] * 17


def test_several_runners_are_shared_evenly(jobs: JobStore, clock: Clock) -> None:
    queue(jobs, clock, "user rita", 50)
    queue(jobs, clock, "user anna", 50)
    assert Counter(take(jobs, clock).owner for _ in range(6)) == {"rita": 3, "anna": 3}


def test_a_newcomer_comes_before_the_second_job_of_anybody(jobs: JobStore, clock: Clock) -> None:
    queue(jobs, clock, "user rita", 10)
    assert take(jobs, clock).owner == "rita"
    (mine,) = queue(jobs, clock, "user anna")
    assert take(jobs, clock).id == mine


def test_jobs_of_one_client_keep_their_order(jobs: JobStore, clock: Clock) -> None:
    made = queue(jobs, clock, "user rita", 5)
    assert [take(jobs, clock).id for _ in made] == made


def test_a_client_runs_no_more_jobs_than_it_may_and_others_go_on(jobs: JobStore, clock: Clock) -> None:
    share = Share(ANY.queues, anonymous_jobs=1, user_jobs=2)
    queue(jobs, clock, "user rita", 5)
    queue(jobs, clock, "192.0.2.1", 5)
    queue(jobs, clock, "192.0.2.2", 5)
    held = [job for _ in range(10) if (job := claim(jobs, clock, share)) is not None]
    assert Counter(client_of(jobs, job) for job in held) == {"rita": 2, "anonymous": 2}
    finish(jobs, next(job for job in held if job.owner == "rita"))
    assert take(jobs, clock, share).owner == "rita"
    assert claim(jobs, clock, share) is None


def test_a_runner_of_the_short_queue_leaves_long_jobs(jobs: JobStore, clock: Clock) -> None:
    kept = Share(ANY.queues, is_short_only=True)
    queue(jobs, clock, "user rita", 3, duration_s=601)
    (short,) = queue(jobs, clock, "user rita", duration_s=600)
    assert take(jobs, clock, kept).id == short
    assert claim(jobs, clock, kept) is None
    assert claim(jobs, clock, ANY) is not None


def test_long_jobs_run_up_to_their_number_in_all_processes(jobs: JobStore, clock: Clock) -> None:
    share = Share(Queues(short_s=600, max_long_jobs=2))
    queue(jobs, clock, "user rita", 4, duration_s=3600)
    (short,) = queue(jobs, clock, "user rita")
    held = [job for _ in range(5) if (job := claim(jobs, clock, share)) is not None]
    assert [job.execution_duration_s for job in held] == [3600, 3600, 60]
    assert held[-1].id == short
    assert jobs.queue_lengths(share.queues) == {
        "short": {Phase.QUEUED: 0, Phase.EXECUTING: 1},
        "long": {Phase.QUEUED: 2, Phase.EXECUTING: 2},
    }


def test_runners_that_claim_at_once_never_pass_the_number_of_a_client(place: Place) -> None:
    """Each thread has a store of its own, as processes do; all want jobs of one client that may run two."""
    clock = Clock()
    first = place.open()
    queue(JobStore(first.database, clock=clock), clock, "user rita", 40)
    share = Share(ANY.queues, user_jobs=2)
    claimed: list[str] = []
    begin = threading.Barrier(8)

    def run() -> None:
        store = place.open()
        begin.wait(30)
        for _ in range(4):
            job = store.jobs.claim("w", lease_s=1e6, share=share)
            if job is not None:
                claimed.append(job.id)
        store.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(claimed) == len(set(claimed)) == 2
    first.close()


def test_what_a_client_uses_is_counted(jobs: JobStore, clock: Clock) -> None:
    queue(jobs, clock, "user rita", 3)
    first = take(jobs, clock)
    finish(jobs, first, size_bytes=700)
    second = take(jobs, clock)
    jobs.count_files(second.id, 25)
    queue(jobs, clock, "192.0.2.1")
    expected = Usage(running_jobs=1, waiting_jobs=1, kept_jobs=3, kept_bytes=725)
    assert jobs.usage("user rita") == jobs.usage_beside(second.id) == expected
    jobs.destroy(first.id)
    assert jobs.usage("user rita").kept_bytes == 25
    assert jobs.usage_beside(first.id) == jobs.usage("user nobody") == Usage()


def test_jobs_that_are_made_at_once_never_pass_the_limit(place: Place) -> None:
    limit = 5
    place.open().close()
    refused: list[int] = []
    begin = threading.Barrier(8)

    def admit(usage: Usage) -> None:
        if usage.kept_jobs >= limit:
            raise TooManyError("no more")

    def run() -> None:
        store = place.open()
        begin.wait(30)
        for _ in range(3):
            try:
                store.jobs.create(
                    [],
                    destruction=utc_now() + timedelta(days=1),
                    execution_duration_s=60,
                    client="192.0.2.1",
                    admit=admit,
                )
            except TooManyError:
                refused.append(1)
        store.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store = place.open()
    assert store.jobs.usage("192.0.2.1").kept_jobs == limit
    assert len(refused) == 24 - limit
    store.close()
