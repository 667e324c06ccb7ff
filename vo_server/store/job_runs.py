"""What workers do with jobs: claim them, keep them theirs, and tell how they ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, bindparam, insert, select, update

from vo_server.model.job import Job, JobError, JobResult, Phase, Progress
from vo_server.store.job_moves import ended, move
from vo_server.store.job_reads import JobReads
from vo_server.store.job_rows import job_of, parameters_of, result_values
from vo_server.store.listen import announce
from vo_server.store.tables import job_results, jobs
from vo_server.store.turns import next_job, take_next_job

if TYPE_CHECKING:
    from vo_server.model.limits import Share

__all__ = ["MAX_ATTEMPTS", "JobRuns"]

MAX_ATTEMPTS: Final = 2
"""Runs of a job whose worker dies: it may be the job that kills the worker, so it is tried again only once."""

_UNCLAIMED: Final[dict[str, Any]] = {"worker": None, "lease_until": None, "started": None}

_INSERT_RESULT: Final = insert(job_results)

_DIED: Final = JobError(
    "the server stopped twice while it ran this job, or lost its database for long; the query may need more memory "
    "than there is",
    is_transient=True,
    code="worker-died",
)


class JobRuns(JobReads):
    """Gives jobs to workers; see :class:`~vo_server.store.jobs.JobStore`."""

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
        with self._database.read() as connection:  # so that idle workers do not take the write lock of SQLite
            if connection.scalar(next_job(share)) is None:
                return None
        now = self._clock()
        claimed = {"new_worker": worker, "new_started": now, "new_lease_until": now + timedelta(seconds=lease_s)}
        with self._database.write() as connection:
            # One after the other, or two workers would each see the other's turn still to come.
            self._database.lock(connection, "claim")
            row = connection.execute(take_next_job(share), claimed).one_or_none()
            if row is None:
                return None
            job = job_of(row, parameters_of(connection, row.id))
            announce(connection, self._database, job.id, is_work=False)
        self.signal.notify(job.id)
        return job

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
            done = {**ended(self._clock()), "n_rows": result.n_rows, "progress": 1.0}
            kept = {"kept_bytes": result.size_bytes}
            move(connection, job_id, Phase.COMPLETED, done, added=kept, holder=worker)
            connection.execute(_INSERT_RESULT, result_values(job_id, result))

    def mark_error(self, job_id: str, error: JobError, *, worker: str | None = None) -> None:
        """End a job that failed; with ``worker``, only if that one holds it.

        Raises
        ------
        PhaseError
            If the job has ended already, or another worker holds it.
        """
        with self._changing(job_id) as connection:
            move(connection, job_id, Phase.ERROR, ended(self._clock(), error), holder=worker)

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
            counted = {"n_attempts": 0 if is_counted else -1}
            origins = {Phase.EXECUTING}
            move(connection, job_id, Phase.QUEUED, _UNCLAIMED, origins=origins, added=counted, holder=worker)

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
                    move(connection, row.id, Phase.ERROR, ended(self._clock(), _DIED), origins={Phase.EXECUTING})
                announce(connection, self._database, row.id, is_work=row.n_attempts < MAX_ATTEMPTS)
        for row in found:
            self.signal.notify(row.id, is_work=row.n_attempts < MAX_ATTEMPTS)
        return tuple(row.id for row in found)


def _held_by(worker: str) -> ColumnElement[bool]:
    return (jobs.c.worker == worker) & (jobs.c.phase == Phase.EXECUTING)
