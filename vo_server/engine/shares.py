"""How large the batches of an answer are: large for few answers at once, smaller for each one that joins them.

Every batch costs some hundred calls of Arrow and numpy, however few rows it has: BINARY2 of a million rows of 28
columns takes 1.4 s of processor time in batches of 0.3 MB and 0.9 s in batches of 1.7 MB. What limits them is the
memory of all answers together, when their readers stall.
"""

from __future__ import annotations

import threading
from typing import Final

from vo_server.engine.base import BATCH_BYTES

__all__ = ["SMALLEST_BYTES", "BatchShares"]

SMALLEST_BYTES: Final = 256 * 1024
"""Smaller batches cost more than they save [bytes]."""


class BatchShares:
    """Divides the memory for batches among the answers that run at once.

    The *k*-th answer gets 1/*k* of what the first one gets. As many as are allowed then have all the memory together,
    and never more, in whatever order they come and go: when one ends, each of those after it holds no more than its new
    rank allows.

    Parameters
    ----------
    total_bytes
        For one batch of each answer [bytes].
    most_answers
        Answers at once; those beyond get the smallest size.
    """

    def __init__(self, total_bytes: int, *, most_answers: int) -> None:
        self._first_bytes = total_bytes / sum(1 / rank for rank in range(1, most_answers + 1))
        self._lock = threading.Lock()
        self._n_open = 0

    @classmethod
    def unlimited(cls) -> BatchShares:
        """Return shares of memory that nobody counts: every batch has the best size."""
        return cls(2**62, most_answers=1)

    def take(self) -> int:
        """Return the size that the batches of one more answer aim at [bytes]; :meth:`give_back` when it has ended."""
        with self._lock:
            self._n_open += 1
            return max(SMALLEST_BYTES, min(BATCH_BYTES, int(self._first_bytes / self._n_open)))

    def give_back(self) -> None:
        """Note that an answer has ended."""
        with self._lock:
            self._n_open -= 1
