from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, update

from tests.support.clock import Clock
from tests.support.stores import Place
from vo_server.errors import MissingError, PhaseError
from vo_server.model.job import FINAL_PHASES, MOVES, Job, JobError, JobInfo, JobResult, Phase, Progress
from vo_server.model.truncation import Limit, LimitKind
from vo_server.store import tables
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store

RESULT = JobResult(
    "result",
    "job/result.vot",
    "text/xml",
    12345678901,
    3,
    overflow=True,
    limit=Limit(LimitKind.SIZE, 2**40),
    total_rows=2**41,
    overflow_message="cut by …",
)

CLAIM_ALL = """
import sys
from vo_server.store.open import open_store
store = open_store(sys.argv[1], store_schema=sys.argv[2])
while (job := store.jobs.claim(sys.argv[3], lease_s=30)) is not None:
    print(job.id)
store.close()
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(store: Store, clock: Clock) -> JobStore:
    return JobStore(store.database, clock=clock)


def make(jobs: JobStore, *, owner: str | None = None, retention_s: float = 3600, queued: bool = False) -> Job:
    now = jobs._clock()
    destruction = now + timedelta(seconds=retention_s)
    job = jobs.create([("QUERY", "SELECT 1")], destruction=destruction, execution_duration_s=60, owner=owner)
    if queued:
        jobs.queue(job.id)
    return job


def running(jobs: JobStore, worker: str = "w") -> Job:
    make(jobs, queued=True)
    job = jobs.claim(worker, lease_s=30)
    assert job is not None
    return job


def test_a_job_comes_back_as_it_was_made(jobs: JobStore, clock: Clock) -> None:
    made = jobs.create(
        [("query", "SELECT 'é\n'"), ("RUNID", "mine"), ("DUMMY", ""), ("DUMMY", "x")],
        destruction=clock() + timedelta(days=1),
        execution_duration_s=10**6,
        owner="anna",
        run_id="mine",
    )
    assert jobs.get(made.id) == made
    assert made.phase is Phase.PENDING
    assert made.created == clock()
    assert made.parameters == (("QUERY", "SELECT 'é\n'"), ("RUNID", "mine"), ("DUMMY", ""), ("DUMMY", "x"))


def test_ids_are_long_and_never_the_same(jobs: JobStore) -> None:
    found = {make(jobs).id for _ in range(20)}
    assert len(found) == 20
    assert min(len(one) for one in found) == 32


def test_an_unknown_job_is_missing_whatever_is_asked(jobs: JobStore) -> None:
    for ask in (jobs.get, jobs.phase, jobs.queue, jobs.destroy, jobs.mark_aborted):
        with pytest.raises(MissingError, match="no job nowhere"):
            ask("nowhere")


def test_all_jobs_are_there_after_a_restart(place: Place) -> None:
    first = place.open()
    made = [make(first.jobs, queued=index % 2 == 0).id for index in range(5)]
    first.close()
    second = place.open()
    assert {job.id for job in second.jobs.list()} == set(made)
    assert second.jobs.ids() == set(made)
    second.close()


def test_the_list_is_filtered_by_owner_phase_age_and_number(jobs: JobStore, clock: Clock) -> None:
    made = []
    for owner in ("anna", "ben", None, "anna"):
        made.append(make(jobs, owner=owner, queued=owner == "anna").id)
        clock.go_on(10)
    start = clock() - timedelta(seconds=40)
    newest_first = made[::-1]
    assert [job.id for job in jobs.list(everyone=True)] == newest_first
    assert [job.id for job in jobs.list(owner="anna")] == [made[3], made[0]]
    assert [job.id for job in jobs.list()] == [made[2]]
    assert [job.id for job in jobs.list(everyone=True, phases=[Phase.QUEUED])] == [made[3], made[0]]
    assert len(jobs.list(everyone=True, phases=[Phase.QUEUED, Phase.PENDING])) == 4
    assert [job.id for job in jobs.list(everyone=True, last=2)] == newest_first[:2]
    assert jobs.list(everyone=True, last=0) == ()
    assert len(jobs.list(everyone=True, last=10**30)) == 4
    assert [job.id for job in jobs.list(everyone=True, after=start)] == newest_first[:3]
    assert [job.id for job in jobs.list(owner="anna", after=start, phases=[Phase.QUEUED], last=5)] == [made[3]]


def test_archived_jobs_are_listed_only_when_asked_for(jobs: JobStore, store: Store) -> None:
    job = make(jobs)
    with store.database.write() as connection:
        connection.execute(update(tables.jobs).values(phase=Phase.ARCHIVED))
    assert jobs.list() == ()
    assert [one.id for one in jobs.list(phases=[Phase.ARCHIVED])] == [job.id]


def test_a_new_value_of_a_parameter_takes_the_place_of_the_old_one(jobs: JobStore) -> None:
    job = make(jobs)
    jobs.update_parameters(job.id, [("MAXREC", "5"), ("RunId", "a"), ("UPLOAD", "t,param:t")])
    jobs.update_parameters(job.id, [("maxrec", "6"), ("RUNID", "b"), ("UPLOAD", "u,param:u")])
    found = jobs.get(job.id)
    assert found.parameters == (
        ("QUERY", "SELECT 1"),
        ("UPLOAD", "t,param:t"),
        ("MAXREC", "6"),
        ("RUNID", "b"),
        ("UPLOAD", "u,param:u"),
    )
    assert found.run_id == "b"


def test_parameters_are_set_while_pending_only(jobs: JobStore) -> None:
    job = make(jobs, queued=True)
    with pytest.raises(PhaseError, match="is QUEUED and cannot take parameters"):
        jobs.update_parameters(job.id, [("QUERY", "SELECT 2")])
    assert jobs.get(job.id).parameter("QUERY") == "SELECT 1"


def test_the_duration_is_set_before_the_start_only(jobs: JobStore) -> None:
    job = running(jobs)
    with pytest.raises(PhaseError, match="EXECUTING"):
        jobs.set_execution_duration(job.id, 5)


def test_a_run_is_told_from_its_queueing_to_its_result(jobs: JobStore, clock: Clock) -> None:
    made = make(jobs)
    clock.go_on(1)
    jobs.queue(made.id)
    queued = jobs.get(made.id)
    assert (queued.phase, queued.quote) == (Phase.QUEUED, clock() + timedelta(seconds=60))
    clock.go_on(1)
    claimed = jobs.claim("w", lease_s=30)
    assert claimed is not None
    assert (claimed.id, claimed.phase, claimed.started) == (made.id, Phase.EXECUTING, clock())
    assert claimed.parameters == made.parameters
    clock.go_on(1)
    jobs.mark_completed(made.id, RESULT, worker="w")
    done = jobs.get(made.id)
    assert (done.phase, done.ended, done.results, done.error) == (Phase.COMPLETED, clock(), (RESULT,), None)


def test_a_failure_is_kept_with_its_reason(jobs: JobStore) -> None:
    job = running(jobs)
    error = JobError("line 1: unknown column 'pmrA'", is_transient=True, code="adql")
    jobs.mark_error(job.id, error, worker="w")
    found = jobs.get(job.id)
    assert (found.phase, found.error, found.results) == (Phase.ERROR, error, ())


def test_jobs_are_claimed_in_the_order_of_their_queueing(jobs: JobStore, clock: Clock) -> None:
    made = [make(jobs) for _ in range(3)]
    for job in reversed(made):
        clock.go_on(1)
        jobs.queue(job.id)
    claimed = [jobs.claim("w", lease_s=30) for _ in range(4)]
    assert [None if job is None else job.id for job in claimed] == [made[2].id, made[1].id, made[0].id, None]


def test_threads_never_claim_the_same_job(place: Place) -> None:
    stores = [place.open() for _ in range(4)]
    made = {make(stores[0].jobs, queued=True).id for _ in range(30)}

    def claim_all(number: int) -> list[str]:
        found = []
        while (job := stores[number].jobs.claim(f"w{number}", lease_s=30)) is not None:
            found.append(job.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [job for found in pool.map(claim_all, range(4)) for job in found]
    assert sorted(claimed) == sorted(made)
    for store in stores:
        store.close()


def test_processes_never_claim_the_same_job(place: Place) -> None:
    store = place.open()
    made = {make(store.jobs, queued=True).id for _ in range(40)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, place.url, place.schema, f"w{number}"], stdout=subprocess.PIPE, text=True
        )
        for number in range(2)
    ]
    claimed = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(claimed) == sorted(made)
    assert {job.phase for job in store.jobs.list()} == {Phase.EXECUTING}
    store.close()


def test_of_two_who_end_a_job_at_once_one_wins(jobs: JobStore) -> None:
    for _ in range(10):
        job = running(jobs)
        start = threading.Barrier(2)

        def end(mark: str, job: Job = job, start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                if mark == "abort":
                    jobs.mark_aborted(job.id)
                else:
                    jobs.mark_completed(job.id, RESULT, worker="w")
            except PhaseError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(end, ["abort", "complete"])) == [False, True]
        found = jobs.get(job.id)
        assert bool(found.results) == (found.phase is Phase.COMPLETED)


def test_a_worker_cannot_end_a_job_that_it_lost(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs, "slow")
    clock.go_on(31)
    assert jobs.recover() == (job.id,)
    assert jobs.claim("other", lease_s=30) is not None
    with pytest.raises(PhaseError, match="another worker"):
        jobs.mark_completed(job.id, RESULT, worker="slow")
    with pytest.raises(PhaseError, match="another worker"):
        jobs.mark_error(job.id, JobError("late"), worker="slow")
    jobs.mark_completed(job.id, RESULT, worker="other")


def test_a_heartbeat_keeps_a_job(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    for _ in range(3):
        clock.go_on(20)
        jobs.heartbeat("w", [job.id], lease_s=30)
        assert jobs.recover() == ()
    assert jobs.held("w") == {job.id}
    assert jobs.held("other") == frozenset()


def test_a_heartbeat_keeps_neither_other_jobs_nor_those_of_others(jobs: JobStore, clock: Clock) -> None:
    first, second = running(jobs, "w"), running(jobs, "w")
    clock.go_on(20)
    jobs.heartbeat("w", [first.id], lease_s=30)
    jobs.heartbeat("other", [second.id], lease_s=30)
    clock.go_on(20)
    assert jobs.recover() == (second.id,)


def test_a_job_whose_worker_died_is_run_again_once_and_then_fails(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs, "first")
    clock.go_on(31)
    assert jobs.recover() == (job.id,)
    again = jobs.get(job.id)
    assert (again.phase, again.started) == (Phase.QUEUED, None)
    assert jobs.claim("second", lease_s=30) is not None
    clock.go_on(31)
    assert jobs.recover() == (job.id,)
    dead = jobs.get(job.id)
    assert dead.phase is Phase.ERROR
    assert dead.error is not None
    assert dead.error.is_transient
    assert "stopped twice" in dead.error.message
    assert jobs.recover() == ()


def test_a_job_put_back_in_good_order_keeps_its_two_runs_and_its_place(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    clock.go_on(1)
    make(jobs, queued=True)
    for _ in range(3):
        jobs.requeue(job.id, worker="w")
        claimed = jobs.claim("w", lease_s=30)
        assert claimed is not None
        assert claimed.id == job.id
    clock.go_on(31)
    jobs.recover()
    assert jobs.phase(job.id) is Phase.QUEUED


def test_progress_is_kept_of_jobs_that_the_worker_holds(jobs: JobStore) -> None:
    mine, other = running(jobs), running(jobs, "other")
    assert jobs.get(mine.id).info == JobInfo(n_attempts=1)
    jobs.tell_progress("w", {mine.id: Progress(3_000_000_000, 0.5), other.id: Progress(1)})
    assert jobs.get(mine.id).info.progress == Progress(3_000_000_000, 0.5)
    assert jobs.get(other.id).info.progress is None
    jobs.tell_progress("w", {})


def test_a_new_run_begins_without_the_progress_of_the_old_one(jobs: JobStore) -> None:
    job = running(jobs)
    jobs.tell_progress("w", {job.id: Progress(3)})
    jobs.requeue(job.id, worker="w")
    jobs.claim("w", lease_s=30)
    assert jobs.get(job.id).info.progress is None


def test_a_completed_job_has_produced_all_its_rows(jobs: JobStore) -> None:
    job = running(jobs)
    jobs.mark_completed(job.id, RESULT, worker="w")
    assert jobs.get(job.id).info.progress == Progress(RESULT.n_rows, 1.0)


def test_a_waiting_job_knows_its_place_in_the_queue(jobs: JobStore, clock: Clock) -> None:
    waiting = []
    for _ in range(3):
        waiting.append(make(jobs, queued=True))
        clock.go_on(1)
    assert make(jobs).info.queue_position is None
    assert [jobs.get(job.id).info.queue_position for job in waiting] == [1, 2, 3]
    jobs.claim("w", lease_s=30)
    assert [jobs.get(job.id).info.queue_position for job in waiting] == [None, 1, 2]


def test_jobs_queued_at_one_moment_have_different_places_in_the_order_of_claims(jobs: JobStore) -> None:
    waiting = [make(jobs, queued=True) for _ in range(4)]
    places = {jobs.get(job.id).info.queue_position: job.id for job in waiting}
    claimed = [jobs.claim("w", lease_s=30) for _ in waiting]
    assert [job.id for job in claimed if job is not None] == [places[number] for number in (1, 2, 3, 4)]


def test_an_estimate_is_kept(jobs: JobStore) -> None:
    job = make(jobs)
    assert job.info.estimate is None
    jobs.set_estimate(job.id, {"rows": "5", "plan": "read all of Å"})
    assert jobs.get(job.id).info.estimate == {"rows": "5", "plan": "read all of Å"}


def test_an_aborted_job_is_no_longer_held(jobs: JobStore) -> None:
    job = running(jobs)
    jobs.mark_aborted(job.id, JobError("ran longer than allowed", code="timeout"))
    assert jobs.held("w") == frozenset()
    found = jobs.get(job.id)
    assert found.error is not None
    with pytest.raises(PhaseError, match="is ABORTED and cannot go to COMPLETED"):
        jobs.mark_completed(job.id, RESULT, worker="w")


def test_a_destroyed_job_takes_its_parameters_and_results_along(jobs: JobStore, store: Store) -> None:
    job = running(jobs)
    jobs.mark_completed(job.id, RESULT, worker="w")
    jobs.destroy(job.id)
    with pytest.raises(MissingError):
        jobs.get(job.id)
    with pytest.raises(MissingError):
        jobs.destroy(job.id)
    with store.database.read() as connection:
        for table in (tables.job_parameters, tables.job_results):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_jobs_expire_at_their_time_of_destruction(jobs: JobStore, clock: Clock) -> None:
    job = make(jobs, retention_s=100)
    make(jobs, retention_s=1000)
    clock.go_on(99.5)
    assert jobs.expired() == ()
    clock.go_on(0.5)
    assert jobs.expired() == (job.id,)
    jobs.set_destruction(job.id, clock() + timedelta(seconds=1))
    assert jobs.expired() == ()


def test_an_archived_job_keeps_its_record_and_neither_results_nor_room(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    jobs.mark_completed(job.id, RESULT, worker="w")
    jobs.archive(job.id)
    kept = jobs.get(job.id)
    assert (kept.phase, kept.results, kept.parameters) == (Phase.ARCHIVED, (), job.parameters)
    assert kept.ended is not None
    assert jobs.usage("").kept_jobs == jobs.usage("").kept_bytes == 0
    jobs.archive(job.id)
    with pytest.raises(PhaseError):
        jobs.set_destruction(job.id, clock())


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.QUEUED, Phase.EXECUTING])
def test_a_job_is_aborted_before_it_is_archived(jobs: JobStore, phase: Phase) -> None:
    job = running(jobs) if phase is Phase.EXECUTING else make(jobs, queued=phase is Phase.QUEUED)
    assert jobs.phase(job.id) is phase
    jobs.archive(job.id)
    kept = jobs.get(job.id)
    assert kept.phase is Phase.ARCHIVED
    assert kept.error is not None
    assert "at its time of destruction" in kept.error.message
    assert jobs.held("w") == frozenset()


def test_archived_jobs_expire_when_their_time_in_the_archive_is_over(jobs: JobStore, clock: Clock) -> None:
    job = make(jobs, retention_s=100)
    clock.go_on(100)
    assert jobs.expired(archive_s=50) == (job.id,)
    jobs.archive(job.id)
    assert jobs.expired(archive_s=50) == ()
    clock.go_on(50)
    assert jobs.expired(archive_s=50) == (job.id,)


def test_changes_are_told_to_those_who_listen(jobs: JobStore) -> None:
    job, other = make(jobs), make(jobs)
    told: list[str] = []
    with jobs.signal.listen(told.append):
        jobs.queue(other.id)
        jobs.queue(job.id)
        jobs.mark_aborted(job.id)
    jobs.claim("w1", lease_s=30)
    assert told == [other.id, job.id, job.id]


def test_those_who_watch_are_woken_by_work_alone(jobs: JobStore, clock: Clock) -> None:
    job = make(jobs)
    with jobs.signal.watch() as work:
        jobs.queue(job.id)
        assert work.is_set()
        work.clear()
        jobs.claim("w", lease_s=30)
        assert not work.is_set()
        jobs.requeue(job.id, worker="w")
        assert work.is_set()
        work.clear()
        jobs.claim("w", lease_s=30)
        clock.go_on(31)
        jobs.recover()
        assert work.is_set()


def test_the_phases_of_several_jobs_come_in_one_look(jobs: JobStore) -> None:
    one, two, gone = make(jobs), make(jobs), make(jobs)
    jobs.queue(two.id)
    jobs.destroy(gone.id)
    assert jobs.phases([one.id, two.id, gone.id]) == {one.id: Phase.PENDING, two.id: Phase.QUEUED}
    assert jobs.phases([]) == {}


class PhaseMachine(RuleBasedStateMachine):
    """Everything that can happen to a job, in any order, by two workers and their users."""

    def __init__(self, jobs: JobStore, clock: Clock) -> None:
        super().__init__()
        self.jobs = jobs
        self.clock = clock
        self.seen: dict[str, Phase] = {}

    made = Bundle("made")
    workers = st.sampled_from(["w1", "w2"])

    @rule(target=made)
    def create(self) -> str:
        return make(self.jobs, retention_s=10**6).id

    @rule(job=made)
    def queue(self, job: str) -> None:
        self.attempt(lambda: self.jobs.queue(job), job, Phase.QUEUED)

    @rule(worker=workers)
    def claim(self, worker: str) -> None:
        job = self.jobs.claim(worker, lease_s=30)
        waiting = [one for one, phase in self.seen.items() if phase is Phase.QUEUED]
        assert (job is None) == (not waiting)
        self.look()

    @rule(job=made, worker=workers)
    def complete(self, job: str, worker: str) -> None:
        self.attempt(lambda: self.jobs.mark_completed(job, RESULT, worker=worker), job, Phase.COMPLETED)

    @rule(job=made, worker=st.none() | workers)
    def fail(self, job: str, worker: str | None) -> None:
        self.attempt(lambda: self.jobs.mark_error(job, JobError("no"), worker=worker), job, Phase.ERROR)

    @rule(job=made, worker=st.none() | workers)
    def abort(self, job: str, worker: str | None) -> None:
        self.attempt(lambda: self.jobs.mark_aborted(job, worker=worker), job, Phase.ABORTED)

    @rule(job=made, worker=workers)
    def put_back(self, job: str, worker: str) -> None:
        self.attempt(lambda: self.jobs.requeue(job, worker=worker), job, Phase.QUEUED)

    @rule(seconds=st.sampled_from([1, 31]), worker=workers)
    def let_time_pass(self, seconds: int, worker: str) -> None:
        self.clock.go_on(seconds)
        self.jobs.heartbeat(worker, self.jobs.held(worker), lease_s=30)
        self.jobs.recover()
        self.look()

    @rule(job=consumes(made))
    def destroy(self, job: str) -> None:
        self.jobs.destroy(job)
        self.seen.pop(job, None)

    def attempt(self, act: object, job: str, target: Phase) -> None:
        before = self.jobs.phase(job)
        assert callable(act)
        try:
            act()
        except PhaseError:
            assert self.jobs.phase(job) is before
        else:
            assert target in MOVES[before]
            assert self.jobs.phase(job) is target
            self.seen[job] = target

    def look(self) -> None:
        for job in self.jobs.list(everyone=True):
            before = self.seen.get(job.id, Phase.PENDING)
            allowed = MOVES[before] | {before} | {second for first in MOVES[before] for second in MOVES[first]}
            assert job.phase in allowed
            self.seen[job.id] = job.phase

    @invariant()
    def ended_jobs_have_no_worker_and_others_no_end(self) -> None:
        held = self.jobs.held("w1") | self.jobs.held("w2")
        for job in self.jobs.list(everyone=True):
            assert (job.ended is not None) == (job.phase in FINAL_PHASES)
            assert (job.id in held) == (job.phase is Phase.EXECUTING)


def test_no_order_of_events_makes_a_forbidden_move(store: Store) -> None:
    class Machine(PhaseMachine):
        def __init__(self) -> None:
            clock = Clock()
            jobs = JobStore(store.database, clock=clock)
            for job in jobs.ids():
                jobs.destroy(job)
            super().__init__(jobs, clock)

    run_state_machine_as_test(Machine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None))
