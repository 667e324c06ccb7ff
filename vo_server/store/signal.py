"""Wakes those in this process who wait for a change of a job, so that they need not ask the database all the time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JobSignal"]


class JobSignal:
    """Changes of jobs made in this process; those made by other processes are found by asking now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], object]] = []

    def notify(self, job_id: str) -> None:
        """Tell all who listen that a job has changed."""
        with self._lock:
            for tell in self._listeners:
                tell(job_id)

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
        """Give an event that is set by every change of any job; the watcher clears it."""
        event = threading.Event()
        with self.listen(lambda _: event.set()):
            yield event
