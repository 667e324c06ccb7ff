"""Tells those who wait for jobs when to look again: one task and one question to the database for all of them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.job import Phase
    from vo_server.store.jobs import JobStore

__all__ = ["JobWatch", "Waiter"]

PERIOD_S: Final = 0.25
"""Time between two questions what other processes have changed [s]; what this process changes is told at once."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Waiter:
    """Somebody who waits for changes of a job."""

    phase: Phase | None = None
    """What the job was in when it was last looked at; None as long as nobody knows."""
    _is_woken: anyio.Event = field(default_factory=anyio.Event)

    async def wait(self, phase: Phase) -> None:
        """Wait until the job may have left a phase since this was called before, or since listening began."""
        self.phase = phase
        await self._is_woken.wait()
        self._is_woken = anyio.Event()

    def wake(self) -> None:
        """End the wait, or the next one if there is none now."""
        self._is_woken.set()


class JobWatch:
    """Who waits for which job; used in one event loop, in which :meth:`run` goes on beside the waits.

    Parameters
    ----------
    jobs
        Where jobs are looked up, and who tells of their changes.
    period_s
        Time between two looks while somebody waits [s].
    """

    def __init__(self, jobs: JobStore, *, period_s: float = PERIOD_S) -> None:
        self._jobs = jobs
        self._period_s = period_s
        self._waiters: dict[str, set[Waiter]] = {}
        self._is_awaited = anyio.Event()

    @contextmanager
    def expect(self, job_id: str) -> Iterator[Waiter]:
        """Listen to changes of a job; the caller looks itself what has changed."""
        waiter = Waiter()
        self._waiters.setdefault(job_id, set()).add(waiter)
        self._is_awaited.set()
        try:
            yield waiter
        finally:
            left = self._waiters[job_id]
            left.discard(waiter)
            if not left:
                del self._waiters[job_id]

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        with self._jobs.signal.listen(lambda job_id: loop.call_soon_threadsafe(self._wake, job_id)):
            while True:
                await self._is_awaited.wait()
                await anyio.sleep(self._period_s)
                if not self._waiters:
                    self._is_awaited = anyio.Event()
                    continue
                try:
                    found = await to_thread.run_sync(self._jobs.phases, list(self._waiters))
                except Exception:  # noqa: BLE001 - the application that this task belongs to must not end with it
                    _log.warning("jobs cannot be looked up for those who wait", exc_info=True)
                    continue
                for job_id, waiters in self._waiters.items():
                    for waiter in waiters:
                        if waiter.phase is not None and found.get(job_id) is not waiter.phase:
                            waiter.wake()

    def _wake(self, job_id: str) -> None:
        for waiter in self._waiters.get(job_id, ()):
            waiter.wake()
