"""All that works on jobs in one process, of a server or of ``vo-server worker``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from vo_server.store.listen import JobListener
from vo_server.worker.execute import QueryRun
from vo_server.worker.main import Worker
from vo_server.worker.sweep import Sweeper
from vo_server.worker.update import JobRun, TableUpdateRun

if TYPE_CHECKING:
    import threading

    from vo_server.factory import ProcessContext

__all__ = ["Staff"]


class Staff:
    """A worker, if this process runs jobs, a sweeper, and who hears what other processes do.

    Parameters
    ----------
    worker
        Runs jobs; None to leave them to other processes.
    sweeper
        Removes what has had its time.
    listener
        Hears of changes.
    """

    def __init__(self, *, worker: Worker | None, sweeper: Sweeper, listener: JobListener) -> None:
        self.worker = worker
        self._sweeper = sweeper
        self._listener = listener

    @classmethod
    def of(cls, context: ProcessContext) -> Self:
        """Gather the staff that the settings of a process want."""
        settings, jobs, results = context.settings, context.store.jobs, context.results
        public_url = settings.server.public_url
        query = QueryRun(
            queries=context.queries,
            results=results,
            uploads=context.uploads,
            root_url=None if public_url is None else str(public_url).rstrip("/"),
            room_for=context.jobs.room_for,
        )
        worker = Worker(
            jobs=jobs,
            results=results,
            execute=JobRun(query=query, update=TableUpdateRun(tables=context.user_tables, results=results)),
            concurrency=settings.uws.concurrent_jobs,
            lease_s=settings.uws.lease_s,
            share=context.share,
        )
        return cls(
            worker=worker if settings.uws.concurrent_jobs else None,
            sweeper=Sweeper(jobs=jobs, results=results, tables=context.user_tables, archive_s=settings.uws.archive_s),
            listener=JobListener(context.store.database, jobs.signal),
        )

    def start(self) -> None:
        """Begin to work."""
        self._listener.start()
        self._sweeper.start()
        if self.worker is not None:
            self.worker.start()

    def stop(self, *, grace_s: float = 0.0, hurry: threading.Event | None = None) -> None:
        """Stop in good order; jobs that still run are put back for others.

        Parameters
        ----------
        grace_s
            Time that running jobs get to end by themselves [s].
        hurry
            Ends that time when it is set.
        """
        if self.worker is not None:
            if grace_s > 0:
                self.worker.drain(grace_s, hurry=hurry)
            self.worker.stop()
        self._sweeper.stop()
        self._listener.stop()
