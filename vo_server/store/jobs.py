"""Jobs as rows: made by the service, claimed by workers, never lost.

Every change of phase is one UPDATE that names the phases it may come from, so that of two processes which move a job
at once one wins and the other is told.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from vo_server.model.job import FINAL_PHASES, Job, JobError, JobResult, Phase, Progress
from vo_server.model.limits import Usage
from vo_server.store.job_moves import change, missing, move
from vo_server.store.job_rows import (
    Parameters,
    job_of,
    parameters_of,
    put_parameters,
    queue_position,
    result_values,
)
from vo_server.store.listen import announce
from vo_server.store.signal import JobSignal
from vo_server.store.tables import job_parameters, job_results, jobs, utc_now
from vo_server.store.turns import next_job, queue_lengths, usage_of

if TYPE_CHECKING:
    from vo_server.model.limits import Queues, Share
    from vo_server.store.database import Database

__all__ = ["ACCUMULATING", "MAX_ATTEMPTS", "JobStore"]

MAX_ATTEMPTS: Final = 2
"""Runs of a job whose worker dies: it may be the job that kills the worker, so it is tried again only once."""

ACCUMULATING: Final = frozenset({"UPLOAD"})
"""Parameters of which a later value is added to the earlier ones; of all others it takes their place."""

_MOST: Final = 2**31 - 1
"""More than there are jobs; larger numbers do not fit everywhere."""

# Made once: making a statement costs more than running it.
_JOB: Final = select(jobs).where(jobs.c.id == bindparam("job"))
_OWNER: Final = select(jobs.c.owner).where(jobs.c.id == bindparam("job"))
_STATUS: Final = select(jobs.c.owner, jobs.c.phase).where(jobs.c.id == bindparam("job"))
_PHASE: Final = select(jobs.c.phase).where(jobs.c.id == bindparam("job"))
_RESULTS: Final = select(job_results).where(job_results.c.job_id == bindparam("job"))
_HELD: Final = select(jobs.c.id).where(jobs.c.worker == bindparam("worker"), jobs.c.phase == Phase.EXECUTING)
_INSERT: Final = insert(jobs)


class JobStore:
    """The jobs of a service.

    Parameters
    ----------
    database
        Where the rows are.
    clock
        Gives the time in UTC. Processes that share a store must agree on it within seconds (the lease of a worker).
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self.signal = JobSignal()

    def create(
        self,
        parameters: Parameters,
        *,
        destruction: datetime,
        execution_duration_s: int,
        owner: str | None = None,
        run_id: str | None = None,
        client: str = "",
        admit: Callable[[Usage], None] | None = None,
        run: bool = False,
    ) -> Job:
        """Make a job in phase PENDING; its id cannot be guessed.

        Parameters
        ----------
        parameters
            (name, value) in order.
        destruction, execution_duration_s, owner, run_id
            See :class:`~vo_server.model.job.Job`.
        client
            Who the job counts for, see :func:`vo_server.access.clients.client_key`.
        admit
            Raises an error if a client that uses so much already may have no job more. No other job of the same client
            is made meanwhile.
        run
            Whether it is handed to the workers at once, in phase QUEUED.
        """
        now = self._clock()
        job = Job(
            id=secrets.token_hex(16),
            phase=Phase.QUEUED if run else Phase.PENDING,
            created=now,
            destruction=destruction,
            execution_duration_s=execution_duration_s,
            parameters=tuple((name.upper(), value) for name, value in parameters),
            owner=owner,
            run_id=run_id,
            quote=now + timedelta(seconds=execution_duration_s) if run else None,
        )
        making = self._changing(job.id, is_work=True) if run else self._database.write()
        with making as connection:
            if admit is not None:
                self._database.lock(connection, f"client {client}")
                admit(usage_of(connection, client))
            values = {
                "id": job.id,
                "phase": job.phase.value,
                "owner": owner,
                "client": client,
                "run_id": run_id,
                "created": now,
                "destruction": destruction,
                "execution_duration_s": execution_duration_s,
                "queued": now if run else None,
                "quote": job.quote,
            }
            connection.execute(_INSERT, values)
            put_parameters(connection, job.id, job.parameters)
        return job

    def get(self, job_id: str) -> Job:
        """Return a job with its parameters and results.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._database.snapshot() as connection:
            row = connection.execute(_JOB, {"job": job_id}).one_or_none()
            if row is None:
                raise missing(job_id)
            is_done = row.phase == Phase.COMPLETED
            results = connection.execute(_RESULTS, {"job": job_id}).all() if is_done else ()
            return job_of(row, parameters_of(connection, job_id), results, queue_position(connection, row))

    def status(self, job_id: str) -> tuple[str | None, Phase]:
        """Return whose job it is, and its phase; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._database.read() as connection:
            row = connection.execute(_STATUS, {"job": job_id}).one_or_none()
        if row is None:
            raise missing(job_id)
        return row.owner, Phase(row.phase)

    def owner(self, job_id: str) -> str | None:
        """Return whose job it is, None for nobody's; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._database.read() as connection:
            row = connection.execute(_OWNER, {"job": job_id}).one_or_none()
        if row is None:
            raise missing(job_id)
        owner: str | None = row.owner
        return owner

    def usage(self, client: str) -> Usage:
        """Return what a client uses now."""
        with self._database.read() as connection:
            return usage_of(connection, client)

    def count_files(self, job_id: str, n_bytes: int) -> None:
        """Note that files of so many bytes more are kept for a job."""
        with self._database.write() as connection:
            counted = update(jobs).where(jobs.c.id == job_id).values(kept_bytes=jobs.c.kept_bytes + n_bytes)
            connection.execute(counted)

    def usage_beside(self, job_id: str) -> Usage:
        """Return what the client of a job uses now; nothing for a job that is gone."""
        with self._database.snapshot() as connection:
            client = connection.scalar(select(jobs.c.client).where(jobs.c.id == job_id))
            return Usage() if client is None else usage_of(connection, client)

    def queue_lengths(self, queues: Queues) -> dict[str, dict[Phase, int]]:
        """Return how many jobs of everybody wait (QUEUED) and run (EXECUTING) in each queue, by its name."""
        with self._database.read() as connection:
            return queue_lengths(connection, queues)

    def phase(self, job_id: str) -> Phase:
        """Return the phase of a job; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._database.read() as connection:
            phase = connection.scalar(_PHASE, {"job": job_id})
        if phase is None:
            raise missing(job_id)
        return Phase(phase)

    def phases(self, job_ids: Collection[str]) -> dict[str, Phase]:
        """Return the phases of several jobs in one quick SELECT; those that are gone are left out."""
        with self._database.read() as connection:
            found = connection.execute(select(jobs.c.id, jobs.c.phase).where(jobs.c.id.in_(job_ids))).all()
        return {row.id: Phase(row.phase) for row in found}

    def list(
        self,
        *,
        owner: str | None = None,
        everyone: bool = False,
        phases: Collection[Phase] = (),
        after: datetime | None = None,
        last: int | None = None,
    ) -> tuple[Job, ...]:
        """Return jobs without their parameters and results, newest first.

        Parameters
        ----------
        owner
            Whose jobs; None for those without an owner.
        everyone
            True for the jobs of all, whatever ``owner`` says.
        phases
            Only jobs in one of these; all but ARCHIVED when empty.
        after
            Only jobs created later than this.
        last
            Only so many of the newest.
        """
        wanted: ColumnElement[bool] = jobs.c.phase.in_(phases) if phases else jobs.c.phase != Phase.ARCHIVED
        if not everyone:
            wanted &= jobs.c.owner.is_(None) if owner is None else jobs.c.owner == owner
        if after is not None:
            wanted &= jobs.c.created > after
        query = select(jobs).where(wanted).order_by(jobs.c.created.desc(), jobs.c.id)
        if last is not None:
            query = query.limit(min(last, _MOST))
        with self._database.read() as connection:
            return tuple(job_of(row) for row in connection.execute(query))

    def update_parameters(self, job_id: str, given: Parameters) -> None:
        """Set parameters of a pending job: a new value takes the place of the old one, uploads accumulate.

        Raises
        ------
        PhaseError
            If the job is no longer pending.
        """
        added = tuple((name.upper(), value) for name, value in given)
        replaced = {name for name, _ in added} - ACCUMULATING
        with self._database.write() as connection:
            change(connection, job_id, {Phase.PENDING}, {"phase": Phase.PENDING}, "take parameters")
            kept = [pair for pair in parameters_of(connection, job_id) if pair[0] not in replaced]
            connection.execute(delete(job_parameters).where(job_parameters.c.job_id == job_id))
            put_parameters(connection, job_id, (*kept, *added))
            run_ids = [value for name, value in added if name == "RUNID"]
            if run_ids:
                connection.execute(update(jobs).where(jobs.c.id == job_id).values(run_id=run_ids[-1]))

    def set_destruction(self, job_id: str, destruction: datetime) -> None:
        """Set the time at which a job is destroyed."""
        with self._database.write() as connection:
            origins = frozenset(Phase) - {Phase.ARCHIVED}
            change(connection, job_id, origins, {"destruction": destruction}, "take a time of destruction")

    def set_execution_duration(self, job_id: str, duration_s: int) -> None:
        """Set how long a job may run [s].

        Raises
        ------
        PhaseError
            If the job has started.
        """
        with self._database.write() as connection:
            origins = {Phase.PENDING, Phase.QUEUED}
            change(connection, job_id, origins, {"execution_duration_s": duration_s}, "take another duration")

    def set_estimate(self, job_id: str, estimate: Mapping[str, str]) -> None:
        """Keep what a job is expected to cost, by name."""
        with self._database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(estimate=json.dumps(dict(estimate))))

    def queue(self, job_id: str) -> None:
        """Hand a pending job to the workers.

        Raises
        ------
        PhaseError
            If the job is not pending.
        """
        now = self._clock()
        with self._changing(job_id, is_work=True) as connection:
            move(connection, job_id, Phase.QUEUED, {"queued": now}, origins={Phase.PENDING})
            duration_s = connection.scalar(select(jobs.c.execution_duration_s).where(jobs.c.id == job_id))
            quote = now + timedelta(seconds=duration_s or 0)
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(quote=quote))

    def claim(self, worker: str, *, lease_s: float, share: Share | None = None) -> Job | None:
        """Take the job that is next (see :func:`~vo_server.store.turns.next_job`), or return None when none waits.

        Parameters
        ----------
        worker
            Name of the worker, unique among all that ever run.
        lease_s
            Time after which the job is given to another worker unless :meth:`heartbeat` is called before [s].
        share
            Which jobs may be taken; None for any.
        """
        waiting, locked = next_job(share)
        with self._database.read() as connection:  # so that idle workers do not take the write lock of SQLite
            if connection.scalar(waiting) is None:
                return None
        now = self._clock()
        with self._database.write() as connection:
            # One after the other, or two workers would each see the other's turn still to come.
            self._database.lock(connection, "claim")
            job_id = connection.scalar(locked)
            if job_id is None:
                return None
            claimed = {
                "worker": worker,
                "started": now,
                "lease_until": now + timedelta(seconds=lease_s),
                "n_attempts": jobs.c.n_attempts + 1,
                "n_rows": None,
                "progress": None,
            }
            move(connection, job_id, Phase.EXECUTING, claimed, origins={Phase.QUEUED})
            announce(connection, self._database, job_id, is_work=False)
        self.signal.notify(job_id)
        return self.get(job_id)

    def held(self, worker: str) -> frozenset[str]:
        """Return the jobs that a worker executes; one that it lost or that was aborted is not among them."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(_HELD, {"worker": worker}))

    def heartbeat(self, worker: str, job_ids: Collection[str], *, lease_s: float) -> None:
        """Keep those of these jobs that the worker still holds for some more time."""
        lease_until = self._clock() + timedelta(seconds=lease_s)
        with self._database.write() as connection:
            kept = _held_by(worker) & jobs.c.id.in_(job_ids)
            connection.execute(update(jobs).where(kept).values(lease_until=lease_until))

    def tell_progress(self, worker: str, told: Mapping[str, Progress]) -> None:
        """Keep how far runs have come; those that the worker has lost are passed over."""
        if not told:
            return
        statement = (
            update(jobs)
            .where(_held_by(worker) & (jobs.c.id == bindparam("job")))
            .values(n_rows=bindparam("rows"), progress=bindparam("share"))
        )
        rows = [{"job": job_id, "rows": one.n_rows, "share": one.share} for job_id, one in told.items()]
        with self._database.write() as connection:
            connection.execute(statement, rows)

    def mark_completed(self, job_id: str, result: JobResult, *, worker: str) -> None:
        """End a job well.

        Raises
        ------
        PhaseError
            If the worker does not hold the job any more: it was aborted, or given to another worker.
        MissingError
            If it was destroyed.
        """
        with self._changing(job_id) as connection:
            done = {
                **self._ended(),
                "n_rows": result.n_rows,
                "progress": 1.0,
                "kept_bytes": jobs.c.kept_bytes + result.size_bytes,
            }
            move(connection, job_id, Phase.COMPLETED, done, holder=worker)
            connection.execute(insert(job_results).values(result_values(job_id, result)))

    def mark_error(self, job_id: str, error: JobError, *, worker: str | None = None) -> None:
        """End a job that failed; with ``worker``, only if that one holds it.

        Raises
        ------
        PhaseError
            If the job has ended already, or another worker holds it.
        """
        with self._changing(job_id) as connection:
            move(connection, job_id, Phase.ERROR, self._ended(error), holder=worker)

    def mark_aborted(self, job_id: str, reason: JobError | None = None, *, worker: str | None = None) -> None:
        """End a job by somebody's wish or because it ran too long; with ``worker``, only if that one holds it.

        Raises
        ------
        PhaseError
            If the job has ended already, or another worker holds it.
        """
        with self._changing(job_id) as connection:
            move(connection, job_id, Phase.ABORTED, self._ended(reason), holder=worker)

    def requeue(self, job_id: str, *, worker: str, is_counted: bool = False) -> None:
        """Put back a job whose worker cannot go on.

        Parameters
        ----------
        job_id
            The job.
        worker
            Who holds it.
        is_counted
            Whether the run counts among the :data:`MAX_ATTEMPTS`; not where the worker stops in good order.

        Raises
        ------
        PhaseError
            If the worker does not hold the job any more.
        """
        with self._changing(job_id, is_work=True) as connection:
            values = {**_UNCLAIMED, "n_attempts": jobs.c.n_attempts - (0 if is_counted else 1)}
            move(connection, job_id, Phase.QUEUED, values, origins={Phase.EXECUTING}, holder=worker)

    def recover(self) -> tuple[str, ...]:
        """Give the jobs of workers without a heartbeat to others, or end them when that happened before.

        Returns
        -------
        tuple of str
            The jobs that were changed.
        """
        now = self._clock()
        lost = (jobs.c.phase == Phase.EXECUTING) & (jobs.c.lease_until < now)
        with self._database.read() as connection:
            if connection.scalar(select(jobs.c.id).where(lost).limit(1)) is None:
                return ()
        with self._database.write() as connection:
            found = connection.execute(
                select(jobs.c.id, jobs.c.n_attempts).where(lost).with_for_update(skip_locked=True)
            ).all()
            for row in found:
                if row.n_attempts < MAX_ATTEMPTS:
                    move(connection, row.id, Phase.QUEUED, _UNCLAIMED, origins={Phase.EXECUTING})
                else:
                    move(connection, row.id, Phase.ERROR, self._ended(_DIED), origins={Phase.EXECUTING})
                announce(connection, self._database, row.id, is_work=row.n_attempts < MAX_ATTEMPTS)
        for row in found:
            self.signal.notify(row.id, is_work=row.n_attempts < MAX_ATTEMPTS)
        return tuple(row.id for row in found)

    def expired(self, *, archive_s: float = 0.0) -> tuple[str, ...]:
        """Return the jobs whose time of destruction has come; of those that are archived, so much longer ago [s]."""
        now = self._clock()
        is_over = (jobs.c.destruction <= now) & (jobs.c.phase != Phase.ARCHIVED)
        is_outdated = (jobs.c.destruction <= now - timedelta(seconds=archive_s)) & (jobs.c.phase == Phase.ARCHIVED)
        with self._database.read() as connection:
            return tuple(connection.scalars(select(jobs.c.id).where(is_over | is_outdated)))

    def archive(self, job_id: str) -> None:
        """Keep the record of a job without its results; one that has not ended is aborted, its worker loses it.

        Its files are the business of the caller. One that is archived stays as it is.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._changing(job_id) as connection:
            phase = connection.scalar(_PHASE, {"job": job_id})
            if phase is None:
                raise missing(job_id)
            if phase == Phase.ARCHIVED:
                return
            if phase not in FINAL_PHASES:
                move(connection, job_id, Phase.ABORTED, self._ended(_EXPIRED))
            connection.execute(delete(job_results).where(job_results.c.job_id == job_id))
            move(connection, job_id, Phase.ARCHIVED, {"kept_bytes": 0})

    def destroy(self, job_id: str) -> None:
        """Remove a job in any phase, without its files; a worker that executes it learns that it lost it.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._changing(job_id) as connection:
            if connection.execute(delete(jobs).where(jobs.c.id == job_id)).rowcount == 0:
                raise missing(job_id)

    def ids(self) -> frozenset[str]:
        """Return the ids of all jobs."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(jobs.c.id)))

    @contextmanager
    def _changing(self, job_id: str, *, is_work: bool = False) -> Iterator[Connection]:
        """Give a connection with a transaction that changes a job, and tell all who wait when it is committed."""
        with self._database.write() as connection:
            yield connection
            announce(connection, self._database, job_id, is_work=is_work)
        self.signal.notify(job_id, is_work=is_work)

    def _ended(self, error: JobError | None = None) -> dict[str, Any]:
        told = {}
        if error is not None:
            told = {
                "error_message": error.message,
                "error_code": error.code,
                "error_is_transient": error.is_transient,
            }
        return {"ended": self._clock(), "worker": None, "lease_until": None, **told}


_UNCLAIMED: Final[dict[str, Any]] = {"worker": None, "lease_until": None, "started": None}

_EXPIRED: Final = JobError("the job was aborted at its time of destruction", code="aborted")

_DIED: Final = JobError(
    "the server stopped twice while it ran this job, or lost its database for long; the query may need more memory "
    "than there is",
    is_transient=True,
    code="worker-died",
)


def _held_by(worker: str) -> ColumnElement[bool]:
    return (jobs.c.worker == worker) & (jobs.c.phase == Phase.EXECUTING)
