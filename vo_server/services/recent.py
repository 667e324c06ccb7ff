"""The values that were asked for last, and no more of them than there is room for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps values by key; the one that nobody has asked for the longest makes room. Threads may share it.

    Parameters
    ----------
    most
        How many values are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return a value; None when it is not there, or not any more."""
        with self._guard:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        with self._guard:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Forget a value, and return it; None when it is not there."""
        with self._guard:
            return self._values.pop(key, None)

    def clear(self) -> None:
        """Forget all values."""
        with self._guard:
            self._values.clear()
