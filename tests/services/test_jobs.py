from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from sqlalchemy import event

from tests.support.clock import Clock
from tests.support.effort import is_below
from tests.support.stores import Place
from vo_server.errors import MissingError, ParameterError, PhaseError
from vo_server.model.job import Job, JobResult, Phase
from vo_server.services.job_limits import JobLimits
from vo_server.services.jobs import JobService
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store
from vo_server.store.results import ResultStore

LIMITS = JobLimits(
    default_duration_s=600, hard_duration_s=3600, default_retention_s=86400, hard_retention_s=864000, max_wait_s=2.0
)
QUERY = [("QUERY", "SELECT 1")]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(store: Store, clock: Clock) -> JobStore:
    return JobStore(store.database, clock=clock)


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


@pytest.fixture
def service(jobs: JobStore, results: ResultStore, clock: Clock) -> JobService:
    return JobService(jobs=jobs, results=results, limits=LIMITS, clock=clock)


@pytest.fixture
def finished(service: JobService, jobs: JobStore, results: ResultStore) -> Job:
    """A completed job with a result file."""
    job = service.create(QUERY, run=True)
    assert jobs.claim("w", lease_s=30) is not None
    with results.create(job.id, "result.vot") as file:
        file.write(b"rows")
    jobs.mark_completed(job.id, JobResult("result", file.path, "text/xml", 4, 1, overflow=False), worker="w")
    return service.get(job.id)


def test_a_new_job_is_pending_with_the_default_limits(service: JobService, clock: Clock) -> None:
    job = service.create([("query", "SELECT 1"), ("RunID", "mine")])
    assert job.phase is Phase.PENDING
    assert job.parameters == (("QUERY", "SELECT 1"), ("RUNID", "mine"))
    assert (job.run_id, job.owner) == ("mine", None)
    assert job.execution_duration_s == 600
    assert job.destruction == clock() + timedelta(days=1)


@pytest.mark.parametrize(
    "parameters",
    [[], [("QUERY", "nonsense")], [("MAXREC", "-1")], [("LANG", "X"), ("LANG", "Y")], [("QUERY", "a"), ("query", "b")]],
    ids=["none", "nonsense", "maxrec", "language", "repeated"],
)
def test_bad_parameters_do_not_stop_a_job_from_being_made(
    service: JobService, parameters: list[tuple[str, str]]
) -> None:
    job = service.create(parameters)
    assert service.get(job.id).parameters == tuple((name.upper(), value) for name, value in parameters)


def test_controls_in_the_creating_request_act_and_are_not_kept(service: JobService, clock: Clock) -> None:
    given = [("EXECUTIONDURATION", "30"), ("DESTRUCTION", "2026-03-05T00:00:00Z"), ("phase", "RUN"), ("ACTION", "x")]
    job = service.create([*QUERY, *given])
    assert job.phase is Phase.QUEUED
    assert job.execution_duration_s == 30
    assert job.destruction == datetime(2026, 3, 5, tzinfo=UTC)
    assert job.parameters == tuple(QUERY)


def test_controls_that_make_no_sense_leave_the_defaults(service: JobService) -> None:
    job = service.create([("EXECUTIONDURATION", "long"), ("DESTRUCTION", "never"), ("PHASE", "DANCE")])
    assert (job.phase, job.execution_duration_s) == (Phase.PENDING, 600)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["NUL", "surrogate"])
def test_a_value_that_is_no_text_is_refused(service: JobService, value: str) -> None:
    with pytest.raises(ParameterError, match="QUERY"):
        service.create([("QUERY", value)])
    job = service.create(QUERY)
    with pytest.raises(ParameterError, match="QUERY"):
        service.set_parameters(job.id, [("QUERY", value)])


def test_a_job_that_is_run_is_queued_and_running_it_again_changes_nothing(service: JobService) -> None:
    job = service.create(QUERY)
    assert service.run(job.id).phase is Phase.QUEUED
    assert service.run(job.id).phase is Phase.QUEUED


def test_a_finished_job_cannot_be_run_again(service: JobService, finished: Job) -> None:
    with pytest.raises(PhaseError, match="is COMPLETED and cannot go to QUEUED"):
        service.run(finished.id)


@pytest.mark.parametrize("run", [False, True], ids=["pending", "queued"])
def test_a_job_is_aborted_with_an_explanation(service: JobService, run: bool) -> None:
    job = service.create(QUERY, run=run)
    aborted = service.abort(job.id)
    assert aborted.phase is Phase.ABORTED
    assert aborted.error is not None
    assert "aborted" in aborted.error.message


def test_abort_of_a_finished_job_changes_nothing(service: JobService, finished: Job) -> None:
    assert service.abort(finished.id) == finished


def test_run_id_and_its_parameter_stay_in_step(service: JobService) -> None:
    job = service.create([("RUNID", "a")])
    changed = service.set_parameters(job.id, [("runId", "b"), ("PHASE", "RUN")])
    assert changed.run_id == "b"
    assert changed.parameters == (("RUNID", "b"),)


def test_parameters_of_a_job_that_runs_are_fixed(service: JobService) -> None:
    job = service.create(QUERY, run=True)
    with pytest.raises(PhaseError):
        service.set_parameters(job.id, [("QUERY", "SELECT 2")])


def test_times_are_cut_to_the_hard_limits(service: JobService, clock: Clock) -> None:
    job = service.create(QUERY)
    clock.go_on(100)
    assert service.set_destruction(job.id, clock() + timedelta(days=365)).destruction == job.created + timedelta(
        days=10
    )
    assert service.set_destruction(job.id, clock() + timedelta(days=1)).destruction == clock() + timedelta(days=1)
    assert service.set_duration(job.id, 0).execution_duration_s == 3600
    assert service.set_duration(job.id, 5000).execution_duration_s == 3600
    assert service.set_duration(job.id, 5).execution_duration_s == 5
    with pytest.raises(ParameterError):
        service.set_duration(job.id, -5)


def test_a_destroyed_job_is_gone_with_its_results(service: JobService, results: ResultStore, finished: Job) -> None:
    service.destroy(finished.id)
    assert not (Path(str(results)) / finished.id).exists()
    for ask in (service.get, service.phase, service.abort, service.run, service.destroy, service.result):
        with pytest.raises(MissingError):
            ask(finished.id)


def test_the_result_of_a_finished_job_is_found(service: JobService, finished: Job) -> None:
    record = service.result(finished.id)
    assert (record.mime, record.n_rows) == ("text/xml", 1)
    with service.open_result(record) as file:
        assert file.read() == b"rows"
    with pytest.raises(MissingError, match="has no result 'other'"):
        service.result(finished.id, "other")


def test_a_job_that_has_not_ended_has_no_result(service: JobService) -> None:
    with pytest.raises(MissingError, match="its phase is PENDING"):
        service.result(service.create(QUERY).id)


def test_users_see_their_own_jobs_and_nobody_sees_those_of_nobody(service: JobService) -> None:
    own = service.create(QUERY, owner="anna")
    service.create(QUERY, owner="ben")
    service.create(QUERY)
    assert [job.id for job in service.list(owner="anna")] == [own.id]
    assert service.list() == ()


def waited(service: JobService, job: Job, seconds: float, phase: Phase | None = None) -> tuple[Job, float]:
    """Return the job after a wait, and how long that took [s]."""

    async def scene() -> tuple[Job, float]:
        async with watching(service):
            start = time.monotonic()
            found = await service.wait(job.id, seconds, phase=phase)
            return found, time.monotonic() - start

    return anyio.run(scene)


@asynccontextmanager
async def watching(service: JobService) -> AsyncIterator[None]:
    """Wake those who wait, as the application does."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(service.watch.run)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, out of the group that would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


def later(seconds: float, act: Callable[[], object]) -> threading.Thread:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_a_wait_ends_when_the_phase_changes(service: JobService) -> None:
    job = service.create(QUERY)
    timer = later(0.3, lambda: service.run(job.id))
    found, took_s = waited(service, job, 2)
    timer.join()
    assert found.phase is Phase.QUEUED
    assert 0.25 < took_s < 1.9


def test_a_wait_sees_what_another_process_changes(service: JobService, place: Place) -> None:
    other = place.open()
    job = service.create(QUERY)
    timer = later(0.3, lambda: other.jobs.queue(job.id))
    found, took_s = waited(service, job, 2)
    timer.join()
    other.close()
    assert found.phase is Phase.QUEUED
    assert took_s < 1.9


def test_a_wait_ends_when_its_time_is_over(service: JobService) -> None:
    job = service.create(QUERY)
    found, took_s = waited(service, job, 0.3)
    assert found == job
    assert 0.25 < took_s < 1.9


def test_an_endless_wait_is_cut_to_the_limit_of_the_service(service: JobService) -> None:
    job = service.create(QUERY)
    _, took_s = waited(service, job, -1)
    assert 1.9 < took_s < 6.0


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.COMPLETED])
def test_a_wait_for_another_phase_ends_at_once(service: JobService, phase: Phase) -> None:
    job = service.create(QUERY)
    _, took_s = waited(service, job, 2, phase)
    assert took_s < 1.9


def test_nothing_is_waited_for_when_the_job_has_ended(service: JobService, finished: Job) -> None:
    found, took_s = waited(service, finished, 2, Phase.COMPLETED)
    assert found == finished
    assert took_s < 1.9


def test_a_job_destroyed_while_it_is_waited_for_is_missing(service: JobService) -> None:
    job = service.create(QUERY)
    timer = later(0.2, lambda: service.destroy(job.id))
    with pytest.raises(MissingError):
        waited(service, job, 2)
    timer.join()


def test_hundreds_wait_at_once_without_a_thread_each(service: JobService) -> None:
    job = service.create(QUERY)
    most = 0

    async def all_wait() -> list[Phase]:
        nonlocal most
        found: list[Phase] = []

        async def one() -> None:
            found.append((await service.wait(job.id, -1)).phase)

        async with watching(service), anyio.create_task_group() as group:
            for _ in range(300):
                group.start_soon(one)
            await anyio.sleep(1.0)
            most = threading.active_count()
            await anyio.to_thread.run_sync(service.run, job.id)
        return found

    before = threading.active_count()
    start = time.monotonic()
    assert set(anyio.run(all_wait)) == {Phase.QUEUED}
    assert most - before <= 8
    assert time.monotonic() - start < 15


def test_those_who_wait_cost_one_look_for_all(service: JobService) -> None:
    service.limits = replace(service.limits, max_wait_s=60.0)
    waiting = [service.create(QUERY) for _ in range(200)]
    statements: list[str] = []
    # Of this service alone: other tests' services look for work of their own in the same process.
    engine = service._jobs._database.engine

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    async def quiet() -> None:
        """Wait until each of the many has had the look with which it begins."""
        n_before = 0
        while len(statements) < len(waiting) or len(statements) - n_before > 4:
            n_before = len(statements)
            await anyio.sleep(0.5)

    async def scene() -> float:
        event.listen(engine, "before_cursor_execute", note)
        async with watching(service), anyio.create_task_group() as group:
            for job in waiting:
                group.start_soon(service.wait, job.id, 60)
            await quiet()
            statements.clear()
            begin_s, began_s = time.process_time(), time.monotonic()
            while len(statements) < 2:
                await anyio.sleep(0.4)
                assert is_below(time.monotonic() - began_s, 20)
            took_s = time.process_time() - begin_s
            event.remove(engine, "before_cursor_execute", note)
            group.cancel_scope.cancel()
        return took_s

    took_s = anyio.run(scene)
    looks = [one for one in statements if one.startswith("SELECT")]
    assert 2 <= len(looks) <= 6, statements
    assert all(" IN " in one for one in looks)
    assert is_below(took_s, 0.3)
