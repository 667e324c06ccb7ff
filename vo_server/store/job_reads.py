"""What is known of jobs: quick questions that change nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, bindparam, select

from vo_server.model.job import Job, Phase
from vo_server.store.job_moves import missing
from vo_server.store.job_rows import WHOLE_JOB, job_of, whole_job_of
from vo_server.store.job_state import state_of_jobs
from vo_server.store.job_table import JobTable
from vo_server.store.tables import jobs, users
from vo_server.store.turns import queue_lengths, usage_beside, usage_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row, Select

    from vo_server.model.limits import Queues, Usage
    from vo_server.store.job_state import JobState

__all__ = ["JobReads"]

_MOST: Final = 2**31 - 1
"""More than there are jobs; larger numbers do not fit everywhere."""

# Made once: making a statement costs more than running it.
_OWNER: Final = select(jobs.c.owner).where(jobs.c.id == bindparam("job"))
_STATUS: Final = select(jobs.c.owner, jobs.c.phase).where(jobs.c.id == bindparam("job"))
_PHASE: Final = select(jobs.c.phase).where(jobs.c.id == bindparam("job"))
_HELD: Final = select(jobs.c.id).where(jobs.c.worker == bindparam("worker"), jobs.c.phase == Phase.EXECUTING)


class JobReads(JobTable):
    """Looks at jobs; see :class:`~vo_server.store.jobs.JobStore`."""

    def get(self, job_id: str) -> Job:
        """Return a job with its parameters and results.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._database.read() as connection:
            rows = connection.execute(WHOLE_JOB, {"job": job_id}).all()
        if not rows:
            raise missing(job_id)
        return whole_job_of(rows)

    def status(self, job_id: str) -> tuple[str | None, Phase]:
        """Return whose job it is, and its phase; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        row = self._one(_STATUS, job_id)
        return row.owner, Phase(row.phase)

    def owner(self, job_id: str) -> str | None:
        """Return whose job it is, None for nobody's; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        owner: str | None = self._one(_OWNER, job_id).owner
        return owner

    def phase(self, job_id: str) -> Phase:
        """Return the phase of a job; one quick SELECT.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        return Phase(self._one(_PHASE, job_id).phase)

    def _one(self, statement: Select[Any], job_id: str) -> Row[Any]:
        """Return the row that a statement gives for one job."""
        with self._database.read() as connection:
            row = connection.execute(statement, {"job": job_id}).one_or_none()
        if row is None:
            raise missing(job_id)
        return row

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

    def ids(self) -> frozenset[str]:
        """Return the ids of all jobs."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(jobs.c.id)))

    def held(self, worker: str) -> frozenset[str]:
        """Return the jobs that a worker executes; one that it lost or that was aborted is not among them."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(_HELD, {"worker": worker}))

    def expired(self, *, archive_s: float = 0.0) -> tuple[str, ...]:
        """Return the jobs whose time of destruction has come; of those that are archived, so much longer ago [s]."""
        now = self._clock()
        is_over = (jobs.c.destruction <= now) & (jobs.c.phase != Phase.ARCHIVED)
        is_outdated = (jobs.c.destruction <= now - timedelta(seconds=archive_s)) & (jobs.c.phase == Phase.ARCHIVED)
        with self._database.read() as connection:
            return tuple(connection.scalars(select(jobs.c.id).where(is_over | is_outdated)))

    def abandoned(self) -> tuple[str, ...]:
        """Return the jobs whose owner is no user any more.

        Requests that had begun before the user was removed may have left some of that name.
        """
        is_user = select(users.c.name).where(users.c.name == jobs.c.owner).exists()
        with self._database.read() as connection:
            return tuple(connection.scalars(select(jobs.c.id).where(jobs.c.owner.is_not(None), ~is_user)))

    def usage(self, client: str) -> Usage:
        """Return what a client uses now."""
        with self._database.read() as connection:
            return usage_of(connection, client)

    def usage_beside(self, job_id: str) -> Usage:
        """Return what the client of a job uses now; nothing for a job that is gone."""
        with self._database.read() as connection:
            return usage_beside(connection, job_id)

    def state(self, now: datetime) -> JobState:
        """Return how all jobs are doing."""
        return state_of_jobs(self._database, now)

    def queue_lengths(self, queues: Queues) -> dict[str, dict[Phase, int]]:
        """Return how many jobs of everybody wait (QUEUED) and run (EXECUTING) in each queue, by its name."""
        with self._database.read() as connection:
            return queue_lengths(connection, queues)
