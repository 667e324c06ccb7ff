from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.stores import Place, content
from vo_server.errors import (
    AdqlError,
    CatalogueUnavailableError,
    EngineError,
    Problem,
    ProblemKind,
    QueryCancelledError,
    QueryTimeoutError,
    Span,
    UnavailableError,
    VoError,
)
from vo_server.model.job import FINAL_PHASES, Job, JobError, JobResult, Phase, Progress
from vo_server.services.job_limits import JobLimits
from vo_server.services.jobs import JobService
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store
from vo_server.store.results import ResultStore
from vo_server.worker.control import Control, Execute
from vo_server.worker.main import Worker

LIMITS = JobLimits(600, 3600, 86400, 864000, 2.0)

SLEEPER = """
import sys, time
from pathlib import Path
from vo_server.store.open import open_store
from vo_server.store.results import ResultStore
from vo_server.worker.main import Worker

def sleep(job, control):
    print(job.id, flush=True)
    time.sleep(600)

store = open_store(sys.argv[1], store_schema=sys.argv[2])
worker = Worker(jobs=store.jobs, results=ResultStore(Path(sys.argv[3])), execute=sleep, concurrency=1, lease_s=0.9)
worker.start()
time.sleep(600)
"""

RUNNER = """
import sys, time
from pathlib import Path
from vo_server.model.job import JobResult
from vo_server.store.open import open_store
from vo_server.store.results import ResultStore
from vo_server.worker.main import Worker

def execute(job, control):
    print(job.id, flush=True)
    return JobResult("result", f"{job.id}/r", "text/csv", 0, 0, overflow=False)

store = open_store(sys.argv[1], store_schema=sys.argv[2])
worker = Worker(jobs=store.jobs, results=ResultStore(Path(sys.argv[3])), execute=execute, concurrency=2)
worker.start()
sys.stdin.read()
worker.stop()
store.close()
"""


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


@pytest.fixture
def service(store: Store, results: ResultStore) -> JobService:
    return JobService(jobs=store.jobs, results=results, limits=LIMITS)


@pytest.fixture
def write(results: ResultStore) -> Execute:
    """Write a small result at once."""

    def execute(job: Job, control: Control) -> JobResult:
        with results.create(job.id, "result.csv") as file:
            file.write(b"a\n1\n")
        return JobResult("result", file.path, "text/csv", file.size_bytes, 1, overflow=False)

    return execute


def wait_until_cancelled(job: Job, control: Control) -> JobResult:
    for _ in range(1000):
        if control.is_cancelled():
            raise QueryCancelledError("stopped")
        time.sleep(0.01)
    raise AssertionError("nobody has cancelled the run")


def failing(error: Exception) -> Execute:
    def execute(job: Job, control: Control) -> JobResult:
        raise error

    return execute


@contextmanager
def working(jobs: JobStore, results: ResultStore, execute: Execute, *, lease_s: float = 30) -> Iterator[Worker]:
    worker = Worker(jobs=jobs, results=results, execute=execute, lease_s=lease_s)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def phase_of(jobs: JobStore, job: Job, *phases: Phase, timeout_s: float = 90) -> Phase:
    """Return the phase of a job as soon as it is one of these."""
    deadline = time.monotonic() + timeout_s
    while (phase := jobs.phase(job.id)) not in phases:
        assert time.monotonic() < deadline, f"job is {phase} after {timeout_s} s"
        time.sleep(0.01)
    return phase


def wait_for(is_so: Callable[[], bool], timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.01)


def ended(jobs: JobStore, job: Job) -> Job:
    phase_of(jobs, job, *FINAL_PHASES)
    return jobs.get(job.id)


def test_a_job_is_run_and_completed_at_once(
    service: JobService, store: Store, results: ResultStore, write: Execute
) -> None:
    with working(store.jobs, results, write):
        start = time.monotonic()
        job = service.create([("QUERY", "SELECT 1")], run=True)
        done = ended(store.jobs, job)
        took_s = time.monotonic() - start
    assert (done.phase, done.error) == (Phase.COMPLETED, None)
    assert content(results, done.results[0].path) == b"a\n1\n"
    assert took_s < 2.0


def test_as_many_jobs_run_at_once_as_allowed(service: JobService, store: Store, results: ResultStore) -> None:
    both, most, here = threading.Barrier(2, timeout=10), 0, 0
    lock = threading.Lock()

    def execute(job: Job, control: Control) -> JobResult:
        nonlocal most, here
        with lock:
            here += 1
            most = max(most, here)
        both.wait()
        with lock:
            here -= 1
        return JobResult("result", f"{job.id}/r", "text/csv", 0, 0, overflow=False)

    with working(store.jobs, results, execute):
        made = [service.create([], run=True) for _ in range(6)]
        assert {ended(store.jobs, job).phase for job in made} == {Phase.COMPLETED}
    assert most == 2


def test_a_wrong_query_is_an_error_with_its_full_text(service: JobService, store: Store, results: ResultStore) -> None:
    problems = [
        Problem(ProblemKind.UNKNOWN, "unknown column 'pmrA'", Span(7, 11, 1, 8), "pmrA", "did you mean 'pmra'?"),
        Problem(ProblemKind.UNKNOWN, "unknown column 'foo'", Span(13, 16, 1, 14), "foo"),
    ]
    with working(store.jobs, results, failing(AdqlError(problems))):
        failed = ended(store.jobs, service.create([], run=True))
    assert failed.phase is Phase.ERROR
    assert failed.error is not None
    assert failed.error.message == (
        "line 1, column 8: unknown column 'pmrA' (did you mean 'pmra'?); line 1, column 14: unknown column 'foo'"
    )
    assert (failed.error.code, failed.error.is_transient) == ("adql", False)


def test_a_failure_of_the_database_is_an_error(service: JobService, store: Store, results: ResultStore) -> None:
    with working(store.jobs, results, failing(EngineError("the database failed", hint="try again"))):
        failed = ended(store.jobs, service.create([], run=True))
    assert failed.error is not None
    assert failed.error.message == "the database failed (try again)"


def test_an_unforeseen_failure_tells_no_secrets_and_the_worker_goes_on(
    service: JobService, store: Store, results: ResultStore, write: Execute, caplog: pytest.LogCaptureFixture
) -> None:
    def execute(job: Job, control: Control) -> JobResult:
        if job.parameter("QUERY") == "bad":
            raise KeyError("/secret/path")
        return write(job, control)

    with working(store.jobs, results, execute):
        for _ in range(3):
            failed = ended(store.jobs, service.create([("QUERY", "bad")], run=True))
            assert failed.error is not None
            assert "internal error" in failed.error.message
            assert "secret" not in failed.error.message
            assert failed.id in failed.error.message
        assert ended(store.jobs, service.create([("QUERY", "good")], run=True)).phase is Phase.COMPLETED
    assert "/secret/path" in caplog.text


def test_a_timeout_of_the_engine_aborts_the_job_with_an_explanation(
    service: JobService, store: Store, results: ResultStore
) -> None:
    with working(store.jobs, results, failing(QueryTimeoutError(600))):
        late = ended(store.jobs, service.create([], run=True))
    assert late.phase is Phase.ABORTED
    assert late.error is not None
    assert "longer than its execution duration of 600 s" in late.error.message


def test_a_run_that_takes_too_long_outside_of_the_engine_is_aborted_too(
    service: JobService, store: Store, results: ResultStore
) -> None:
    with working(store.jobs, results, wait_until_cancelled):
        late = ended(store.jobs, service.create([("EXECUTIONDURATION", "1")], run=True))
    assert late.phase is Phase.ABORTED
    assert late.error is not None
    assert "execution duration of 1 s" in late.error.message
    assert late.started is not None
    assert late.ended is not None
    assert timedelta(seconds=0.9) < late.ended - late.started < timedelta(seconds=5)


def test_an_abort_reaches_a_running_job_within_a_second(
    service: JobService, store: Store, results: ResultStore, place: Place
) -> None:
    stopped = threading.Event()

    def execute(job: Job, control: Control) -> JobResult:
        try:
            return wait_until_cancelled(job, control)
        finally:
            stopped.set()

    other = place.open()
    with working(store.jobs, results, execute):
        job = service.create([], run=True)
        phase_of(store.jobs, job, Phase.EXECUTING)
        JobService(jobs=other.jobs, results=results, limits=LIMITS).abort(job.id)
        assert stopped.wait(1.0)
        time.sleep(0.3)
        assert store.jobs.phase(job.id) is Phase.ABORTED
    other.close()


def test_a_job_destroyed_while_it_runs_leaves_nothing(service: JobService, store: Store, results: ResultStore) -> None:
    may_end = threading.Event()
    finished = threading.Event()

    def execute(job: Job, control: Control) -> JobResult:
        may_end.wait(10)
        with results.create(job.id, "late.csv") as file:
            file.write(b"late")
        finished.set()
        return JobResult("result", file.path, "text/csv", 4, 0, overflow=False)

    with working(store.jobs, results, execute):
        job = service.create([], run=True)
        phase_of(store.jobs, job, Phase.EXECUTING)
        service.destroy(job.id)
        may_end.set()
        assert finished.wait(10)
        wait_for(lambda: not (Path(str(results)) / job.id).exists())


@pytest.mark.parametrize("error", [UnavailableError("gone"), CatalogueUnavailableError("gone")], ids=["rows", "store"])
def test_a_job_whose_database_was_away_is_run_once_more(
    service: JobService, store: Store, results: ResultStore, write: Execute, error: VoError
) -> None:
    n_runs: list[int] = []

    def execute(job: Job, control: Control) -> JobResult:
        n_runs.append(job.info.n_attempts)
        if len(n_runs) == 1:
            raise error
        return write(job, control)

    with working(store.jobs, results, execute):
        done = ended(store.jobs, service.create([], run=True))
    assert (done.phase, n_runs) == (Phase.COMPLETED, [1, 2])


def test_a_job_whose_database_is_away_each_time_fails_with_the_reason(
    service: JobService, store: Store, results: ResultStore
) -> None:
    with working(store.jobs, results, failing(UnavailableError("the connection to the database was lost"))):
        failed = ended(store.jobs, service.create([], run=True))
    assert failed.phase is Phase.ERROR
    assert failed.error == JobError("the connection to the database was lost", is_transient=True, code="unavailable")
    assert failed.info.n_attempts == 2


def test_a_run_in_progress_tells_how_far_it_has_come(service: JobService, store: Store, results: ResultStore) -> None:
    come = [Progress(7, 0.25)]

    def execute(job: Job, control: Control) -> JobResult:
        control.progress = lambda: come[-1]
        return wait_until_cancelled(job, control)

    with working(store.jobs, results, execute):
        job = service.create([], run=True)
        for progress in (Progress(7, 0.25), Progress(4_000_000_000, None)):
            come.append(progress)
            wait_for(lambda: store.jobs.get(job.id).info.progress == come[-1])


def test_a_worker_that_drains_lets_its_jobs_end_and_begins_no_more(
    service: JobService, store: Store, results: ResultStore, write: Execute
) -> None:
    may_end = threading.Event()

    def execute(job: Job, control: Control) -> JobResult:
        assert may_end.wait(10)
        return write(job, control)

    worker = Worker(jobs=store.jobs, results=results, execute=execute, concurrency=1)
    worker.start()
    first, second = service.create([], run=True), service.create([], run=True)
    phase_of(store.jobs, first, Phase.EXECUTING)
    threading.Timer(0.3, may_end.set).start()
    worker.drain(10)
    worker.stop()
    assert store.jobs.phase(first.id) is Phase.COMPLETED
    assert store.jobs.phase(second.id) is Phase.QUEUED


def test_a_worker_drains_no_longer_than_it_may(service: JobService, store: Store, results: ResultStore) -> None:
    worker = Worker(jobs=store.jobs, results=results, execute=wait_until_cancelled)
    worker.start()
    job = service.create([], run=True)
    phase_of(store.jobs, job, Phase.EXECUTING)
    start = time.monotonic()
    worker.drain(0.3)
    assert 0.3 <= time.monotonic() - start < 2
    hurry = threading.Event()
    threading.Timer(0.3, hurry.set).start()
    worker.drain(60, hurry=hurry)
    assert time.monotonic() - start < 4
    assert store.jobs.phase(job.id) is Phase.EXECUTING
    worker.stop()
    assert store.jobs.phase(job.id) is Phase.QUEUED


def test_a_worker_that_stops_puts_its_jobs_back(service: JobService, store: Store, results: ResultStore) -> None:
    with working(store.jobs, results, wait_until_cancelled):
        job = service.create([], run=True)
        phase_of(store.jobs, job, Phase.EXECUTING)
    assert store.jobs.phase(job.id) is Phase.QUEUED


def test_a_worker_that_stops_does_not_wait_for_a_stubborn_job(
    service: JobService, store: Store, results: ResultStore
) -> None:
    may_end = threading.Event()

    def execute(job: Job, control: Control) -> JobResult:
        may_end.wait(10)
        raise QueryCancelledError("at last")

    worker = Worker(jobs=store.jobs, results=results, execute=execute)
    worker.start()
    job = service.create([], run=True)
    phase_of(store.jobs, job, Phase.EXECUTING)
    start = time.monotonic()
    worker.stop(timeout_s=0.2)
    assert time.monotonic() - start < 2
    assert store.jobs.phase(job.id) is Phase.EXECUTING
    may_end.set()
    worker.stop()
    assert store.jobs.phase(job.id) is Phase.QUEUED


def test_results_that_cannot_be_written_are_an_error_that_says_so(
    service: JobService, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    results = ResultStore(tmp_path / "file")

    def execute(job: Job, control: Control) -> JobResult:
        with results.create(job.id, "result.csv"):
            raise AssertionError

    with working(store.jobs, results, execute):
        failed = ended(store.jobs, service.create([], run=True))
    assert failed.phase is Phase.ERROR
    assert failed.error is not None
    assert "the result cannot be written: Not a directory" in failed.error.message
    assert str(tmp_path) not in failed.error.message


def test_a_long_job_is_kept_by_its_heartbeat(service: JobService, store: Store, results: ResultStore) -> None:
    runs = 0

    def execute(job: Job, control: Control) -> JobResult:
        nonlocal runs
        runs += 1
        time.sleep(3)
        return JobResult("result", f"{job.id}/r", "text/csv", 0, 0, overflow=False)

    with working(store.jobs, results, execute, lease_s=1.5):
        assert ended(store.jobs, service.create([], run=True)).phase is Phase.COMPLETED
    assert runs == 1


def test_the_end_of_a_run_is_told_when_the_database_is_back(
    service: JobService, store: Store, results: ResultStore, write: Execute
) -> None:
    """The results table is away for a while, so that the first attempt to complete the job fails."""
    prefix = "" if store.database.schema is None else f"{store.database.schema}."
    executed = threading.Event()

    def execute(job: Job, control: Control) -> JobResult:
        with store.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {prefix}job_results RENAME TO away"))
        try:
            return write(job, control)
        finally:
            executed.set()

    with working(store.jobs, results, execute):
        job = service.create([], run=True)
        assert executed.wait(10)
        time.sleep(0.3)
        assert store.jobs.phase(job.id) is Phase.EXECUTING
        with store.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {prefix}away RENAME TO job_results"))
        assert ended(store.jobs, job).phase is Phase.COMPLETED


def test_a_job_whose_worker_is_killed_is_run_again_once_and_then_fails(
    service: JobService, store: Store, results: ResultStore, place: Place
) -> None:
    job = service.create([], run=True)
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", SLEEPER, place.url, place.schema, str(results)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == job.id
            assert store.jobs.phase(job.id) is Phase.EXECUTING
            process.send_signal(signal.SIGKILL)
    with working(store.jobs, results, wait_until_cancelled, lease_s=0.9):
        dead = ended(store.jobs, job)
    assert dead.phase is Phase.ERROR
    assert dead.error is not None
    assert "stopped twice" in dead.error.message


def test_workers_in_two_processes_share_the_jobs_without_running_one_twice(
    service: JobService, store: Store, results: ResultStore, place: Place
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, place.url, place.schema, str(results)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    made = [service.create([], run=True) for _ in range(30)]
    phases = {ended(store.jobs, job).phase for job in made}
    outputs = [process.communicate("") for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert phases == {Phase.COMPLETED}
    assert sorted(line for output, _ in outputs for line in output.split()) == sorted(job.id for job in made)


def test_jobs_wait_for_a_worker_over_a_restart(place: Place, results: ResultStore, write: Execute) -> None:
    first = place.open()
    made = [JobService(jobs=first.jobs, results=results, limits=LIMITS).create([], run=True) for _ in range(3)]
    first.close()
    second = place.open()
    with working(second.jobs, results, write):
        assert {ended(second.jobs, job).phase for job in made} == {Phase.COMPLETED}
    second.close()


def test_the_times_of_a_run_are_in_order_and_utc(
    service: JobService, store: Store, results: ResultStore, write: Execute
) -> None:
    with working(store.jobs, results, write):
        done = ended(store.jobs, service.create([], run=True))
    assert done.started is not None
    assert done.ended is not None
    assert done.created <= done.started <= done.ended <= datetime.now(UTC)
    assert done.ended.tzinfo is UTC
