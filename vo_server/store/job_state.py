"""How all jobs of a service are doing, for its operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vo_server.model.job import Phase
from vo_server.store.tables import jobs

if TYPE_CHECKING:
    from vo_server.store.database import Database

__all__ = ["JobState", "state_of_jobs"]


@dataclass(frozen=True)
class JobState:
    """All jobs together, at one moment."""

    n_jobs: Mapping[Phase, int]
    """By phase; phases without jobs are left out."""
    kept_bytes: int
    """Volume of all their files [bytes]."""
    waiting_since: datetime | None
    """When the job was queued that waits longest; None where none waits."""
    n_workers: int
    """Workers that execute jobs now; nobody knows of those without one."""
    lost: tuple[str, ...]
    """Jobs whose worker has let its lease go by, oldest first."""
    overdue_since: datetime | None
    """Earliest time of destruction that is over for a job that is there with its files; None where there is none."""


def state_of_jobs(database: Database, now: datetime) -> JobState:
    """Look at all jobs."""
    by_phase = select(jobs.c.phase, func.count().label("n"), func.sum(jobs.c.kept_bytes).label("n_bytes"))
    running = jobs.c.phase == Phase.EXECUTING
    lost = select(jobs.c.id).where(running, jobs.c.lease_until < now).order_by(jobs.c.lease_until, jobs.c.id)
    due = (jobs.c.destruction <= now) & (jobs.c.phase != Phase.ARCHIVED)
    with database.snapshot() as connection:
        rows = connection.execute(by_phase.group_by(jobs.c.phase)).all()
        return JobState(
            n_jobs={Phase(row.phase): row.n for row in rows},
            kept_bytes=sum(int(row.n_bytes or 0) for row in rows),
            waiting_since=connection.scalar(select(func.min(jobs.c.queued)).where(jobs.c.phase == Phase.QUEUED)),
            n_workers=connection.scalar(select(func.count(jobs.c.worker.distinct())).where(running)) or 0,
            lost=tuple(connection.scalars(lost)),
            overdue_since=connection.scalar(select(func.min(jobs.c.destruction)).where(due)),
        )
