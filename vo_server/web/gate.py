"""The gate before the engine: so many queries at once, a short queue, and a clear refusal behind it."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from anyio import to_thread

from vo_server.errors import TooManyError
from vo_server.web.lane import Lane

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


class _Place:
    """A request that waits for its turn."""

    def __init__(self, client: str, most: int | None) -> None:
        self.client = client
        self.most = most
        self.is_called = anyio.Event()
        self.has_turn = False
        """True when a place was given to it, False when it was sent away."""


class Gate:
    """Lets a limited number of queries run, and knows them, so that they can be stopped together.

    Places are given to clients in turn: whoever has the fewest queries running comes first, then whoever had a place
    longest ago, then whoever waits longest.
    When the queue is full, it is the newest request of the client with the most waiting that is refused. One client
    with a hundred requests thus waits for itself, not everybody for that client. Made and used in one event loop.

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
        self._n_free = max_running
        self._held: Counter[str] = Counter()
        self._turns: dict[str, int] = {}
        """Number of the last turn of each client that still waits."""
        self._n_turns = 0
        self._queue: list[_Place] = []
        self._running: set[Stoppable] = set()
        self.threads = anyio.CapacityLimiter(max_running)
        """For the threads of the queries that were let in, so that they take none from anybody else."""
        self.stoppers = anyio.CapacityLimiter(2 * max_running)
        """For the threads that stop queries, which may wait for an engine that is slow to give up."""
        self.lane = Lane()
        """For those that were let in, while they begin."""

    @property
    def n_running(self) -> int:
        """Queries that run now."""
        return len(self._running)

    @asynccontextmanager
    async def enter(self, query: Stoppable, *, client: str = "", most: int | None = None) -> AsyncIterator[None]:
        """Wait for a place and hold it.

        Parameters
        ----------
        query
            What wants to run.
        client
            Who asks: a user, or the address of an anonymous caller.
        most
            Places that this client may hold; None for any number.

        Raises
        ------
        TooManyError
            If the queue is full, or the wait too long.
        """
        await self._take(client, most)
        self._running.add(query)
        try:
            yield
        finally:
            self._running.discard(query)
            self._give_back(client)

    async def _take(self, client: str, most: int | None) -> None:
        if self._n_free and self._may_have(client, most):
            self._n_free -= 1
            self._held[client] += 1
            return
        mine = _Place(client, most)
        self._queue.append(mine)
        if len(self._queue) > self._max_waiting:
            self._send_away(self._most_greedy())
        try:
            with anyio.move_on_after(self._max_wait_s):
                await mine.is_called.wait()
        except BaseException:
            if mine.has_turn:  # It was called and left at the same moment.
                self._give_back(client)
            raise
        finally:
            if mine in self._queue:
                self._queue.remove(mine)
        if not mine.has_turn:
            raise self._busy()

    def _may_have(self, client: str, most: int | None) -> bool:
        return most is None or self._held[client] < most

    def _most_greedy(self) -> _Place:
        """Return the newest request of the client with the most waiting; of several such clients, the newest of all."""
        n_waiting = Counter(place.client for place in self._queue)
        most = max(n_waiting.values())
        return next(place for place in reversed(self._queue) if n_waiting[place.client] == most)

    def _send_away(self, place: _Place) -> None:
        self._queue.remove(place)
        place.is_called.set()

    def _give_back(self, client: str) -> None:
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        callable_now = [one for one in self._queue if self._may_have(one.client, one.most)]
        if not callable_now:
            self._n_free += 1
            return
        place = min(callable_now, key=lambda one: (self._held[one.client], self._turns.get(one.client, 0)))
        self._queue.remove(place)
        self._held[place.client] += 1
        self._n_turns += 1
        self._turns[place.client] = self._n_turns
        waiting = {one.client for one in self._queue}
        self._turns = {client: turn for client, turn in self._turns.items() if client in waiting}
        place.has_turn = True
        place.is_called.set()

    def _busy(self) -> TooManyError:
        return TooManyError(
            f"the service is busy with {self._max_running} queries, and others are waiting",
            hint="try again in a moment, or run the query as an asynchronous job",
            limit="sync-queries",
        )

    async def stop_all(self) -> None:
        """Stop every query that runs."""
        async with anyio.create_task_group() as group:
            for query in list(self._running):
                group.start_soon(partial(to_thread.run_sync, query.stop, limiter=self.stoppers))
