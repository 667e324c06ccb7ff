"""The gate before the engine: so many queries at once, a short queue, and a clear refusal behind it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from anyio import to_thread

from vo_server.errors import TooManyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Gate", "Stoppable"]

QUEUE_FACTOR: Final = 16
"""Requests that may wait, as a multiple of those that may run."""

MAX_WAIT_S: Final = 10.0
"""Longest time that a request waits for its turn [s]; below the patience of common clients (30 s)."""


class Stoppable(Protocol):
    """Something that runs and can be stopped."""

    def stop(self) -> None:
        """Stop it; safe from any thread, at any time, more than once."""
        ...


class Gate:
    """Lets a limited number of queries run, and knows them, so that they can be stopped together.

    Made and used in one event loop.

    Parameters
    ----------
    max_running
        Queries at once.
    max_wait_s
        Longest time in the queue [s].
    """

    def __init__(self, max_running: int, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self._max_running = max_running
        self._max_waiting = QUEUE_FACTOR * max_running
        self._max_wait_s = max_wait_s
        self._places = anyio.Semaphore(max_running)
        self._n_waiting = 0
        self._running: set[Stoppable] = set()
        self.threads = anyio.CapacityLimiter(max_running)
        """For the threads of the queries that were let in, so that they take none from anybody else."""
        self.stoppers = anyio.CapacityLimiter(2 * max_running)
        """For the threads that stop queries, which may wait for an engine that is slow to give up."""

    @property
    def n_running(self) -> int:
        """Queries that run now."""
        return len(self._running)

    @asynccontextmanager
    async def enter(self, query: Stoppable) -> AsyncIterator[None]:
        """Wait for a place and hold it.

        Raises
        ------
        TooManyError
            If the queue is full, or the wait too long.
        """
        await self._wait()
        self._running.add(query)
        try:
            yield
        finally:
            self._running.discard(query)
            self._places.release()

    async def _wait(self) -> None:
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            await self._queue()

    async def _queue(self) -> None:
        if self._n_waiting >= self._max_waiting:
            raise self._busy()
        self._n_waiting += 1
        try:
            with anyio.fail_after(self._max_wait_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        finally:
            self._n_waiting -= 1

    def _busy(self) -> TooManyError:
        return TooManyError(
            f"the service is busy with {self._max_running} queries, and others are waiting",
            hint="try again in a moment, or run the query as an asynchronous job",
        )

    async def stop_all(self) -> None:
        """Stop every query that runs."""
        async with anyio.create_task_group() as group:
            for query in list(self._running):
                group.start_soon(partial(to_thread.run_sync, query.stop, limiter=self.stoppers))
