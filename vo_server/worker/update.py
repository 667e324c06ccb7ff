"""The run of a job that changes a table: an index on a column of a table of the job's owner."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from vo_server.adql.words import RESERVED
from vo_server.errors import ParameterError, QueryCancelledError
from vo_server.model.identity import Identity
from vo_server.model.job import Job, JobResult
from vo_server.vo import vosi

if TYPE_CHECKING:
    from vo_server.services.user_tables import UserTableService
    from vo_server.store.results import ResultStore
    from vo_server.worker.control import Control, Execute

__all__ = ["TABLE_UPDATE", "JobRun", "TableUpdateRun"]

TABLE_UPDATE: Final = "table-update"
"""Value of REQUEST that makes a job one of these, see :mod:`vo_server.web.tables`."""

_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}


class TableUpdateRun:
    """Runs the job of an index; its result is the description of the table.

    Parameters
    ----------
    tables
        The tables of users.
    results
        Where the result goes.
    """

    def __init__(self, *, tables: UserTableService, results: ResultStore) -> None:
        self._tables = tables
        self._results = results

    def __call__(self, job: Job, control: Control) -> JobResult:
        """Run a job to its end; see :meth:`vo_server.worker.execute.QueryRun.__call__`."""
        name, column = job.parameter("TABLE"), job.parameter("INDEX")
        if not name:
            raise ParameterError("TABLE", None, "the name of one of your tables")
        if not column:
            raise ParameterError("INDEX", None, "the name of a column")
        unique = (job.parameter("UNIQUE") or "").strip().lower()
        if unique not in _TRUTHS:
            raise ParameterError("UNIQUE", unique, "true or false")
        if control.is_cancelled():
            raise QueryCancelledError("the job was stopped")
        done = self._tables.index(Identity(job.owner), name, column, is_unique=_TRUTHS[unique])
        with self._results.create(job.id, f"result-{secrets.token_hex(4)}.xml") as file:
            file.write(vosi.table(done.release.table, reserved=RESERVED))
        return JobResult("result", file.path, "text/xml", file.size_bytes, done.n_rows, overflow=False)


class JobRun:
    """Runs a job as what it is.

    Parameters
    ----------
    query
        Runs queries.
    update
        Runs changes of tables.
    """

    def __init__(
        self,
        *,
        query: Execute,
        update: Execute,
    ) -> None:
        self._query = query
        self._update = update

    def __call__(self, job: Job, control: Control) -> JobResult:
        """Run a job to its end; see :meth:`vo_server.worker.execute.QueryRun.__call__`."""
        is_update = (job.parameter("REQUEST") or "").lower() == TABLE_UPDATE
        return self._update(job, control) if is_update else self._query(job, control)
