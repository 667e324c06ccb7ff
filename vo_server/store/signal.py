"""Wakes those in this process who wait for a change of a job, so that they need not ask the database all the time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["JobSignal"]


class JobSignal:
    """Changes of jobs made in this process; those made by other processes are found by asking now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: dict[str | None, set[threading.Event]] = {}

    def notify(self, job_id: str) -> None:
        """Wake who watches this job, and who watches all jobs."""
        with self._lock:
            for key in (job_id, None):
                for event in self._watchers.get(key, ()):
                    event.set()

    @contextmanager
    def watch(self, job_id: str | None = None) -> Iterator[threading.Event]:
        """Give an event that is set by every change of a job (of any job for None); the watcher clears it."""
        event = threading.Event()
        with self._lock:
            self._watchers.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            with self._lock:
                left = self._watchers[job_id]
                left.discard(event)
                if not left:
                    del self._watchers[job_id]
