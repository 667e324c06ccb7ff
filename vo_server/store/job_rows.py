"""Jobs as rows and back: what is in which column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select

from vo_server.model.job import Job, JobError, JobInfo, JobResult, Phase, Progress
from vo_server.model.truncation import Limit, LimitKind
from vo_server.store.tables import job_parameters, job_results, jobs

if TYPE_CHECKING:
    from sqlalchemy import Row

__all__ = [
    "WHOLE_JOB",
    "Parameters",
    "job_of",
    "parameters_of",
    "put_parameters",
    "result_values",
    "whole_job_of",
]

Parameters = Sequence[tuple[str, str]]

# Made once: making a statement costs more than running it.
_PARAMETERS: Final = (
    select(job_parameters.c.name, job_parameters.c.value)
    .where(job_parameters.c.job_id == bindparam("job"))
    .order_by(job_parameters.c.position)
)
_INSERT_PARAMETERS: Final = insert(job_parameters)

_before: Final = jobs.alias("before")
_PLACE: Final = (
    select(func.count())
    .select_from(_before)
    .where(
        _before.c.phase == Phase.QUEUED,
        or_(_before.c.queued < jobs.c.queued, and_(_before.c.queued == jobs.c.queued, _before.c.id <= jobs.c.id)),
    )
    .scalar_subquery()
)
"""The place of a job among those that wait, by age; turns of clients may let others pass."""

_RESULT: Final = "result_"
"""What the names of columns of results begin with, beside those of jobs."""

WHOLE_JOB: Final = (
    select(
        jobs,
        case((jobs.c.phase == Phase.QUEUED, _PLACE)).label("queue_position"),
        job_parameters.c.position,
        job_parameters.c.name,
        job_parameters.c.value,
        *(column.label(f"{_RESULT}{column.name}") for column in job_results.c),
    )
    .select_from(
        jobs.outerjoin(job_parameters, job_parameters.c.job_id == jobs.c.id).outerjoin(
            job_results, and_(job_results.c.job_id == jobs.c.id, jobs.c.phase == Phase.COMPLETED)
        )
    )
    .where(jobs.c.id == bindparam("job"))
    .order_by(job_parameters.c.position)
)
"""All about one job, in one statement and thus of one moment: a row for each pair of a parameter and a result."""


def whole_job_of(rows: Sequence[Row[Any]]) -> Job:
    """Return the job of the rows, at least one, of :data:`WHOLE_JOB`."""
    parameters = {row.position: (row.name, row.value) for row in rows if row.position is not None}
    results = {row.result_id: row for row in rows if row.result_id is not None}
    first = rows[0]
    return job_of(first, tuple(parameters.values()), tuple(results.values()), first.queue_position)


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
    """Return the result of a row of :data:`WHOLE_JOB`."""
    return JobResult(
        row.result_id,
        row.result_path,
        row.result_mime,
        row.result_size_bytes,
        row.result_n_rows,
        row.result_overflow,
        limit=None
        if row.result_limit_kind is None
        else Limit(LimitKind(row.result_limit_kind), row.result_limit_value),
        total_rows=row.result_total_rows,
        overflow_message=row.result_overflow_message,
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
