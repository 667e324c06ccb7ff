"""Whose job is next, and what everybody uses: the questions behind fair shares."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, and_, bindparam, case, func, literal, or_, select, update

from vo_server.model.job import Phase
from vo_server.model.limits import Queues, Share, Usage
from vo_server.store.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row
    from sqlalchemy.sql.dml import ReturningUpdate

__all__ = ["next_job", "queue_lengths", "take_next_job", "usage_beside", "usage_of"]

_WAITING = frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED})
"""Phases of jobs that have not begun to run."""

_RUNNING = frozenset({Phase.EXECUTING, Phase.SUSPENDED})

_waiting: Final = jobs.alias("waiting")


@lru_cache(maxsize=64)
def next_job(share: Share | None) -> Select[Any]:
    """Return the query for the id of the job that is next.

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
    last_turn = select(func.max(other.c.started)).where(other.c.client == _waiting.c.client).scalar_subquery()
    allowed = [_waiting.c.phase == Phase.QUEUED, *(() if share is None else _allowed(share, n_held))]
    return (
        select(_waiting.c.id)
        .select_from(_waiting.outerjoin(held, held.c.client == _waiting.c.client))
        .where(and_(*allowed))
        .order_by(n_held, last_turn.asc().nulls_first(), _waiting.c.queued, _waiting.c.id)
        .limit(1)
    )


@lru_cache(maxsize=64)
def take_next_job(share: Share | None) -> ReturningUpdate[Any]:
    """Return the statement that changes the job that is next into one that runs, and gives its row, if there is one.

    Its parameters are ``new_worker``, ``new_started`` and ``new_lease_until``. A job that another process changes just
    now is passed over.
    """
    locked = next_job(share).with_for_update(of=_waiting, skip_locked=True)
    return (
        update(jobs)
        .where(jobs.c.id == locked.scalar_subquery(), jobs.c.phase == Phase.QUEUED)
        .values(
            phase=Phase.EXECUTING,
            worker=bindparam("new_worker"),
            started=bindparam("new_started"),
            lease_until=bindparam("new_lease_until"),
            n_attempts=jobs.c.n_attempts + 1,
            n_rows=None,
            progress=None,
        )
        .returning(*jobs.c)
    )


def _allowed(share: Share, n_held: ColumnElement[int]) -> list[ColumnElement[bool]]:
    is_short = _waiting.c.execution_duration_s <= share.queues.short_s
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
        found.append(or_(_waiting.c.owner.is_not(None), n_held < share.anonymous_jobs))
    if share.user_jobs is not None:
        found.append(or_(_waiting.c.owner.is_(None), n_held < share.user_jobs))
    return found


_USAGE: Final = select(jobs.c.phase, func.count().label("n"), func.sum(jobs.c.kept_bytes).label("n_bytes")).group_by(
    jobs.c.phase
)
# Made once: making a statement costs more than running it.
_USAGE_OF: Final = _USAGE.where(jobs.c.client == bindparam("client"))
_one: Final = jobs.alias("one")
_USAGE_BESIDE: Final = _USAGE.where(
    jobs.c.client == select(_one.c.client).where(_one.c.id == bindparam("job")).scalar_subquery()
)


def usage_of(connection: Connection, client: str) -> Usage:
    """Return what a client uses now."""
    return _usage(connection.execute(_USAGE_OF, {"client": client}).all())


def usage_beside(connection: Connection, job_id: str) -> Usage:
    """Return what the client of a job uses now; nothing for a job that is gone."""
    return _usage(connection.execute(_USAGE_BESIDE, {"job": job_id}).all())


def _usage(rows: Sequence[Row[Any]]) -> Usage:
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
