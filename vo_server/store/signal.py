"""Wakes those who wait for a change of a job, so that they need not ask the database all the time.

What this process changes is told at once. On PostgreSQL a :class:`~vo_server.store.listen.JobListener` also tells what
other processes have changed; on SQLite that is found by asking now and then.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JobSignal"]


class JobSignal:
    """Changes of jobs, as they are heard of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], object]] = []
        self._idle: list[threading.Event] = []

    def notify(self, job_id: str, *, is_work: bool = False) -> None:
        """Tell all who listen that a job has changed.

        Parameters
        ----------
        job_id
            The job.
        is_work
            Whether it waits for a worker now.
        """
        with self._lock:
            for tell in self._listeners:
                tell(job_id)
            if is_work:
                for event in self._idle:
                    event.set()

    @contextmanager
    def listen(self, tell: Callable[[str], object]) -> Iterator[None]:
        """Have a function called with the id of each job that changes, by the thread that did it; it must not block."""
        with self._lock:
            self._listeners.append(tell)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(tell)

    @contextmanager
    def watch(self) -> Iterator[threading.Event]:
        """Give an event that is set whenever any job begins to wait for a worker; the watcher clears it."""
        event = threading.Event()
        with self._lock:
            self._idle.append(event)
        try:
            yield event
        finally:
            with self._lock:
                self._idle.remove(event)

    def wake(self) -> None:
        """Have all who watch look again, e.g. because they shall stop."""
        with self._lock:
            for event in self._idle:
                event.set()
