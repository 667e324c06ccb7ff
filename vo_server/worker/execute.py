"""The run of a job: its parameters become a query, its rows a file."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.errors import QueryCancelledError
from vo_server.formats.registry import find_format
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.job import Job, JobResult, Progress
from vo_server.model.truncation import Rest
from vo_server.services.again import with_newest
from vo_server.services.parameters import to_query
from vo_server.services.upload_memory import Patience
from vo_server.services.uploads import UploadService, parts_of_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.base import Writer
    from vo_server.model.query import Query, QueryResult
    from vo_server.model.upload import UploadedTable
    from vo_server.store.results import ResultFile, ResultStore
    from vo_server.worker.control import Control

__all__ = ["Queries", "QueryRun"]

_LOOK_S: Final = 0.1
"""Time between two looks whether the run has been cancelled [s]."""


class Queries(Protocol):
    """What answers queries: :class:`~vo_server.services.query.QueryService`."""

    def run(
        self,
        query: Query,
        *,
        timeout_s: float,
        rest: Rest | None = None,
        request_url: str | None = None,
        root_url: str | None = None,
        uploads: Sequence[UploadedTable] = (),
        caller: Identity = ANONYMOUS,
    ) -> QueryResult:
        """Start a query; see :meth:`vo_server.services.query.QueryService.run`."""
        ...


class QueryRun:
    """Runs the query of a job and keeps its result.

    Parameters
    ----------
    queries
        Answers queries.
    results
        Where the result goes.
    uploads
        Gets the tables that came with the job.
    root_url
        URL of the service; None when it is not known outside a request.
    room_for
        See :meth:`vo_server.services.jobs.JobService.room_for`; None where there is room for everything.
    """

    def __init__(
        self,
        *,
        queries: Queries,
        results: ResultStore,
        uploads: UploadService,
        root_url: str | None = None,
        room_for: Callable[[Job], Callable[[int], None]] | None = None,
    ) -> None:
        self._queries = queries
        self._uploads = uploads
        self._results = results
        self._room_for = room_for or (lambda _: lambda _: None)
        self._root_url = root_url
        self._rest = Rest(async_url=None if root_url is None else f"{root_url}/tap/async", is_job=True)

    def __call__(self, job: Job, control: Control) -> JobResult:
        """Run a job to its end.

        Parameters
        ----------
        job
            The job; its parameters are judged now.
        control
            When it tells that nobody wants the result any more the query is stopped, even while it gives no rows.

        Raises
        ------
        QueryCancelledError
            If the run was cancelled; no result is left.
        VoError
            If the parameters or the query are wrong, or something failed; no result is left.
        """
        query = to_query(job.parameters)
        chosen = find_format(query.response_format)
        # Two runs of one job never write the same file: the second may begin while the first is not quite dead.
        name = f"result-{secrets.token_hex(4)}.{chosen.writer.extension}"
        base = self._rest.async_url
        caller, parts = Identity(job.owner), parts_of_job(job, self._results)
        patience = Patience(job.execution_duration_s, control.is_cancelled)
        # Uploads are given back at the end: as long as the query runs, their rows are in memory.
        with closing(self._uploads.gather(query.uploads, parts, caller=caller, patience=patience)) as gathered:
            tables = gathered.read()

            def answer() -> tuple[QueryResult, ResultFile]:
                _check(control)
                result = self._queries.run(
                    query,
                    timeout_s=job.execution_duration_s,
                    rest=self._rest,
                    request_url=None if base is None else f"{base}/{job.id}",
                    root_url=self._root_url,
                    uploads=tables,
                    caller=caller,
                )
                result.watch()
                control.progress = lambda: Progress(result.n_rows, result.progress())
                return result, self._write(job, control, result, name, chosen.writer)

            result, file = with_newest(answer)
        cut = result.truncation
        return JobResult(
            "result",
            file.path,
            chosen.content_type,
            file.size_bytes,
            result.n_rows,
            result.overflow,
            limit=result.limit,
            total_rows=result.total_rows,
            overflow_message=None if cut is None else cut.message,
        )

    def _write(self, job: Job, control: Control, result: QueryResult, name: str, writer: Writer) -> ResultFile:
        """Write the rows of a result to a file of the job, and close the result."""
        check_room = self._room_for(job)
        with closing(result), _stopped_when(control, result), self._results.create(job.id, name) as file:
            for piece in writer.write(result):
                check_room(file.size_bytes + len(piece))
                file.write(piece)
                _check(control)
            _check(control)  # a stream that was closed under the writer may just have ended
        return file


def _check(control: Control) -> None:
    if control.is_cancelled():
        raise QueryCancelledError("the job was stopped")


@contextmanager
def _stopped_when(control: Control, result: QueryResult) -> Iterator[None]:
    """Close a result as soon as it is cancelled, which ends the wait for its next rows."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_S):
            if control.is_cancelled():
                result.close()
                return

    watcher = threading.Thread(target=watch, name="job-watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
