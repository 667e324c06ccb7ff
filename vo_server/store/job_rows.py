"""Jobs as rows and back: what is in which column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select

from vo_server.model.job import Job, JobError, JobInfo, JobResult, Phase, Progress
from vo_server.model.truncation import Limit, LimitKind
from vo_server.store.tables import job_parameters, jobs

if TYPE_CHECKING:
    from sqlalchemy import Row

__all__ = ["Parameters", "job_of", "parameters_of", "put_parameters", "queue_position", "result_values"]

Parameters = Sequence[tuple[str, str]]

_PARAMETERS: Final = (
    select(job_parameters.c.name, job_parameters.c.value)
    .where(job_parameters.c.job_id == bindparam("job"))
    .order_by(job_parameters.c.position)
)
_INSERT_PARAMETERS: Final = insert(job_parameters)


def put_parameters(connection: Connection, job_id: str, parameters: Parameters) -> None:
    """Add the parameters of a job that has none."""
    if parameters:
        rows = [
            {"job_id": job_id, "position": position, "name": name, "value": value}
            for position, (name, value) in enumerate(parameters)
        ]
        connection.execute(_INSERT_PARAMETERS, rows)


def parameters_of(connection: Connection, job_id: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a job, in order."""
    rows = connection.execute(_PARAMETERS, {"job": job_id})
    return tuple((row.name, row.value) for row in rows)


def queue_position(connection: Connection, row: Row[Any]) -> int | None:
    """Return the place of a job among those that wait, by age; turns of clients may let others pass."""
    if row.phase != Phase.QUEUED:
        return None
    is_before = (jobs.c.queued < row.queued) | ((jobs.c.queued == row.queued) & (jobs.c.id <= row.id))
    waiting = select(func.count()).select_from(jobs).where(jobs.c.phase == Phase.QUEUED, is_before)
    return int(connection.scalar(waiting) or 0)


def job_of(
    row: Row[Any],
    parameters: tuple[tuple[str, str], ...] = (),
    results: Sequence[Row[Any]] = (),
    queue_position: int | None = None,
) -> Job:
    """Return the job of a row, with what other tables have of it."""
    error = None
    if row.error_message is not None:
        error = JobError(row.error_message, bool(row.error_is_transient), row.error_code)
    return Job(
        id=row.id,
        phase=Phase(row.phase),
        created=row.created,
        destruction=row.destruction,
        execution_duration_s=row.execution_duration_s,
        parameters=parameters,
        owner=row.owner,
        run_id=row.run_id,
        started=row.started,
        ended=row.ended,
        quote=row.quote,
        error=error,
        results=tuple(_result(one) for one in results),
        info=JobInfo(
            progress=None if row.n_rows is None else Progress(row.n_rows, row.progress),
            queue_position=queue_position,
            n_attempts=row.n_attempts,
            estimate=None if row.estimate is None else json.loads(row.estimate),
        ),
    )


def _result(row: Row[Any]) -> JobResult:
    return JobResult(
        row.id,
        row.path,
        row.mime,
        row.size_bytes,
        row.n_rows,
        row.overflow,
        limit=None if row.limit_kind is None else Limit(LimitKind(row.limit_kind), row.limit_value),
        total_rows=row.total_rows,
        overflow_message=row.overflow_message,
    )


def result_values(job_id: str, result: JobResult) -> dict[str, Any]:
    """Return the row of a result."""
    limit = result.limit
    return {
        "job_id": job_id,
        "id": result.id,
        "path": result.path,
        "mime": result.mime,
        "size_bytes": result.size_bytes,
        "n_rows": result.n_rows,
        "overflow": result.overflow,
        "limit_kind": None if limit is None else limit.kind.value,
        "limit_value": None if limit is None else limit.value,
        "total_rows": result.total_rows,
        "overflow_message": result.overflow_message,
    }
