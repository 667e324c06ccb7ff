"""Places that are given in the order in which they were asked for; the semaphores of Python know no order.

Somebody who gives a place back and asks again at once would have it before all who have waited.
"""

from __future__ import annotations

import threading
from collections import deque

__all__ = ["Slots"]


class Slots:
    """A number of places.

    Parameters
    ----------
    n_slots
        How many there are.
    """

    def __init__(self, n_slots: int) -> None:
        self._n_free = n_slots
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def take(self, *, timeout_s: float) -> bool:
        """Wait for a place; False when none came in that time [s]."""
        with self._lock:
            if self._n_free:
                self._n_free -= 1
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout_s):
            return True
        with self._lock:
            if turn.is_set():  # in the last moment
                return True
            self._waiting.remove(turn)
            return False

    def give_back(self) -> None:
        """Give the place to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._n_free += 1
