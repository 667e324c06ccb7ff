"""Looks after the steps of queries that are inside a database: stops those that are late or not wanted any more.

One thread per engine polls. An interrupt that comes between two statements of a driver is lost, so it is sent again,
ever less often, until the step is over; polling gives that for nothing, and a step costs two set operations.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, Protocol

__all__ = ["Watchdog", "Watched"]

logger = logging.getLogger(__name__)

_POLL_S: Final = 0.05
"""How late a stop may come [s]."""

_IDLE_POLLS: Final = 20
"""Polls without any work after which the thread sleeps until the next step."""


class Watched(Protocol):
    """Something that may have to be stopped."""

    def stop_if_due(self, now_s: float) -> None:
        """Stop the step when its time is over or its query was cancelled; ``now_s`` is ``time.monotonic()``."""
        ...


class Watchdog:
    """The thread that calls :meth:`Watched.stop_if_due` for every step in progress, about twenty times a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._active: set[Watched] = set()
        self._wake = threading.Condition()
        self._is_asleep = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def enter(self, step: Watched) -> None:
        """Begin to watch."""
        with self._wake:
            self._active.add(step)
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
                self._thread.start()
            elif self._is_asleep:
                self._wake.notify()

    def leave(self, step: Watched) -> None:
        """Watch no more."""
        with self._wake:
            self._active.discard(step)

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        idle_polls = 0
        while True:
            with self._wake:
                if self._is_closed:
                    return
                idle_polls = 0 if self._active else idle_polls + 1
                if idle_polls > _IDLE_POLLS:
                    self._is_asleep = True
                    self._wake.wait()
                    self._is_asleep = False
                else:
                    self._wake.wait(_POLL_S)
                steps = list(self._active)
            now_s = time.monotonic()
            for step in steps:
                self._stop_if_due(step, now_s)

    def _stop_if_due(self, step: Watched, now_s: float) -> None:
        try:
            step.stop_if_due(now_s)
        except Exception:  # the thread serves all queries and must outlive a failed cancel of one
            logger.exception("a query could not be stopped")
