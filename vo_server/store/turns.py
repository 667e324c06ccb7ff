"""Whose job is next, and what everybody uses: the questions behind fair shares."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, case, func, literal, or_, select

from vo_server.model.job import Phase
from vo_server.model.limits import Queues, Share, Usage
from vo_server.store.tables import jobs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

__all__ = ["next_job", "queue_lengths", "usage_of"]

_WAITING = frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED})
"""Phases of jobs that have not begun to run."""

_RUNNING = frozenset({Phase.EXECUTING, Phase.SUSPENDED})


@lru_cache(maxsize=64)
def next_job(share: Share | None) -> tuple[Select[Any], Select[Any]]:
    """Return the query for the job that is next, and the same with a lock on its row.

    It is a job of the client with the fewest running jobs, of several such clients of the one whose last turn is
    longest ago, of that client's jobs the one that waits longest. One client with a hundred jobs thus waits for itself,
    not everybody for that client.

    Parameters
    ----------
    share
        Which jobs may be taken; None for any.
    """
    held = (
        select(jobs.c.client, func.count().label("n"))
        .where(jobs.c.phase == Phase.EXECUTING)
        .group_by(jobs.c.client)
        .subquery("held")
    )
    n_held = func.coalesce(held.c.n, 0)
    other = jobs.alias("other")
    last_turn = select(func.max(other.c.started)).where(other.c.client == jobs.c.client).scalar_subquery()
    allowed = [jobs.c.phase == Phase.QUEUED, *(() if share is None else _allowed(share, n_held))]
    query = (
        select(jobs.c.id)
        .select_from(jobs.outerjoin(held, held.c.client == jobs.c.client))
        .where(and_(*allowed))
        .order_by(n_held, last_turn.asc().nulls_first(), jobs.c.queued, jobs.c.id)
        .limit(1)
    )
    return query, query.with_for_update(of=jobs, skip_locked=True)


def _allowed(share: Share, n_held: ColumnElement[int]) -> list[ColumnElement[bool]]:
    is_short = jobs.c.execution_duration_s <= share.queues.short_s
    found: list[ColumnElement[bool]] = []
    if share.is_short_only:
        found.append(is_short)
    elif share.queues.max_long_jobs is not None:
        long = jobs.alias("long")
        n_long = (
            select(func.count())
            .where(long.c.phase == Phase.EXECUTING, long.c.execution_duration_s > share.queues.short_s)
            .scalar_subquery()
        )
        found.append(or_(is_short, n_long < share.queues.max_long_jobs))
    if share.anonymous_jobs is not None:
        found.append(or_(jobs.c.owner.is_not(None), n_held < share.anonymous_jobs))
    if share.user_jobs is not None:
        found.append(or_(jobs.c.owner.is_(None), n_held < share.user_jobs))
    return found


def usage_of(connection: Connection, client: str) -> Usage:
    """Return what a client uses now."""
    query = (
        select(jobs.c.phase, func.count().label("n"), func.sum(jobs.c.kept_bytes).label("n_bytes"))
        .where(jobs.c.client == client)
        .group_by(jobs.c.phase)
    )
    rows = connection.execute(query).all()
    return Usage(
        running_jobs=sum(row.n for row in rows if row.phase in _RUNNING),
        waiting_jobs=sum(row.n for row in rows if row.phase in _WAITING),
        kept_jobs=sum(row.n for row in rows if row.phase != Phase.ARCHIVED),
        kept_bytes=sum(int(row.n_bytes or 0) for row in rows),
    )


def queue_lengths(connection: Connection, queues: Queues) -> dict[str, dict[Phase, int]]:
    """Return how many jobs of everybody wait and run in each queue."""
    name = case((jobs.c.execution_duration_s <= queues.short_s, literal("short")), else_=literal("long")).label("name")
    query = (
        select(name, jobs.c.phase, func.count().label("n"))
        .where(jobs.c.phase.in_([Phase.QUEUED, Phase.EXECUTING]))
        .group_by(name, jobs.c.phase)
    )
    found: dict[str, dict[Phase, int]] = {queue: {Phase.QUEUED: 0, Phase.EXECUTING: 0} for queue in ("short", "long")}
    for row in connection.execute(query):
        found[row.name][Phase(row.phase)] = row.n
    return found
