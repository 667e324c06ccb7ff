"""Removes what has had its time: jobs at their destruction, results without a job, tables of users."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from vo_server.errors import MissingError
from vo_server.model.job import Phase

if TYPE_CHECKING:
    from vo_server.services.user_tables import UserTableService
    from vo_server.store.jobs import JobStore
    from vo_server.store.results import ResultStore

__all__ = ["Sweeper"]

logger = logging.getLogger(__name__)

_ORPHANS_EVERY_S: Final = 3600.0
"""Time between two looks through the whole directory of results [s]."""


class Sweeper:
    """Sweeps now and then, in a thread of its own; several processes may sweep the same store.

    Parameters
    ----------
    jobs
        The jobs.
    results
        Their results.
    tables
        Tables of users; None to leave them alone.
    archive_s
        Time for which the record of a job is kept after its destruction, in phase ARCHIVED [s]; 0 for not at all.
    every_s
        Time between two looks for expired jobs and tables [s].
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        results: ResultStore,
        tables: UserTableService | None = None,
        archive_s: float = 0.0,
        every_s: float = 30.0,
    ) -> None:
        self._jobs = jobs
        self._results = results
        self._tables = tables
        self._archive_s = archive_s
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin to sweep."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop sweeping; may be called more than once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def destroy_abandoned(self) -> tuple[str, ...]:
        """Destroy the jobs of removed users with their results, records included, and return their ids."""
        abandoned = self._jobs.abandoned()
        for job_id in abandoned:
            self._destroy(job_id)
        return abandoned

    def destroy_expired(self) -> tuple[str, ...]:
        """Destroy or archive the jobs whose time has come, remove their results, and return their ids."""
        expired = self._jobs.expired(archive_s=self._archive_s)
        for job_id in expired:
            if self._archive_s > 0:
                self._retire(job_id)
            else:
                self._destroy(job_id)
        return expired

    def _retire(self, job_id: str) -> None:
        """Archive a job, or destroy one that was archived."""
        with suppress(MissingError):  # another process was faster
            if self._jobs.phase(job_id) is Phase.ARCHIVED:
                self._jobs.destroy(job_id)
            else:
                self._jobs.archive(job_id)
        self._results.remove(job_id)

    def _destroy(self, job_id: str) -> None:
        with suppress(MissingError):
            self._jobs.destroy(job_id)
        self._results.remove(job_id)

    def remove_orphans(self) -> tuple[str, ...]:
        """Remove results that no job has, and return the ids in their names."""
        return self._results.sweep(self._jobs.ids())

    def remove_expired_tables(self) -> tuple[str, ...]:
        """Remove the tables of users whose time has come, and return their names."""
        return () if self._tables is None else self._tables.sweep()

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed loads have left, and return where it was."""
        return () if self._tables is None else self._tables.sweep_leftovers()

    def _run(self) -> None:
        next_orphans = time.monotonic()
        while not self._stop.is_set():
            try:
                self._jobs.recover()  # there may be no worker left that does
                gone = self.destroy_abandoned() + self.destroy_expired()
                gone_tables = self.remove_expired_tables()
                if time.monotonic() >= next_orphans:
                    next_orphans = time.monotonic() + _ORPHANS_EVERY_S
                    gone += self.remove_orphans()
                    gone_tables += self.remove_leftovers()
                if gone or gone_tables:
                    logger.info("swept %d jobs, %d tables", len(gone), len(gone_tables))
            except Exception:  # whatever it is, the next sweep must come: jobs would never expire
                logger.warning("sweeping failed, trying again in %g s", self._every_s, exc_info=True)
            self._stop.wait(self._every_s)
