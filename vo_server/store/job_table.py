"""The table of jobs: what all that look at it or change it have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from vo_server.store.listen import announce
from vo_server.store.signal import JobSignal
from vo_server.store.tables import utc_now

if TYPE_CHECKING:
    from vo_server.store.database import Database

__all__ = ["JobTable"]


class JobTable:
    """Rows of jobs, and who is told of their changes; see :class:`~vo_server.store.jobs.JobStore`."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self.signal = JobSignal()

    @contextmanager
    def _changing(self, job_id: str, *, is_work: bool = False) -> Iterator[Connection]:
        """Give a connection with a transaction that changes a job, and tell all who wait when it is committed."""
        with self._database.write() as connection:
            yield connection
            announce(connection, self._database, job_id, is_work=is_work)
        self.signal.notify(job_id, is_work=is_work)
