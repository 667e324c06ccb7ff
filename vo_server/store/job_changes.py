"""What owners do with their jobs: make, change, run, stop, keep and destroy them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, insert, select, update

from vo_server.model.job import FINAL_PHASES, Job, JobError, Phase
from vo_server.model.user import NOBODY
from vo_server.store.job_moves import change, ended, missing, move
from vo_server.store.job_rows import Parameters, parameters_of, put_parameters
from vo_server.store.job_table import JobTable
from vo_server.store.tables import job_parameters, job_results, jobs
from vo_server.store.turns import usage_of

if TYPE_CHECKING:
    from vo_server.model.limits import Usage

__all__ = ["ACCUMULATING", "JobChanges", "disown_jobs"]

ACCUMULATING: Final = frozenset({"UPLOAD"})
"""Parameters of which a later value is added to the earlier ones; of all others it takes their place."""

_EXPIRED: Final = JobError("the job was aborted at its time of destruction", code="aborted")

_ENDED_BY_REMOVAL: Final = JobError("the job was aborted because its owner was removed", code="aborted")

_INSERT: Final = insert(jobs)


class JobChanges(JobTable):
    """Makes and changes jobs; see :class:`~vo_server.store.jobs.JobStore`."""

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

    def count_files(self, job_id: str, n_bytes: int) -> None:
        """Note that files of so many bytes more are kept for a job."""
        with self._database.write() as connection:
            counted = update(jobs).where(jobs.c.id == job_id).values(kept_bytes=jobs.c.kept_bytes + n_bytes)
            connection.execute(counted)

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

    def mark_aborted(self, job_id: str, reason: JobError | None = None, *, worker: str | None = None) -> None:
        """End a job by somebody's wish or because it ran too long; with ``worker``, only if that one holds it.

        Raises
        ------
        PhaseError
            If the job has ended already, or another worker holds it.
        """
        with self._changing(job_id) as connection:
            move(connection, job_id, Phase.ABORTED, ended(self._clock(), reason), holder=worker)

    def archive(self, job_id: str) -> None:
        """Keep the record of a job without its results; one that has not ended is aborted, its worker loses it.

        Its files are the business of the caller. One that is archived stays as it is.

        Raises
        ------
        MissingError
            If there is no such job (any more).
        """
        with self._changing(job_id) as connection:
            phase = connection.scalar(select(jobs.c.phase).where(jobs.c.id == job_id))
            if phase is None:
                raise missing(job_id)
            if phase == Phase.ARCHIVED:
                return
            if phase not in FINAL_PHASES:
                move(connection, job_id, Phase.ABORTED, ended(self._clock(), _EXPIRED))
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


def disown_jobs(connection: Connection, user_name: str, now: datetime) -> int:
    """End all jobs of a user who goes: they are nobody's at once, and the next sweep destroys them.

    Workers that execute some of them find out that they lost them.

    Returns
    -------
    int
        Number of the jobs, ended before or not.
    """
    theirs = jobs.c.owner == user_name
    active = theirs & jobs.c.phase.not_in(FINAL_PHASES)
    aborted = {"phase": Phase.ABORTED, **ended(now, _ENDED_BY_REMOVAL)}
    connection.execute(update(jobs).where(active).values(aborted))
    # The next one of that name does not answer for what they take, either.
    disowned = update(jobs).where(theirs).values(owner=NOBODY, client=NOBODY, destruction=now)
    return connection.execute(disowned).rowcount
