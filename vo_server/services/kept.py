"""What is made of the catalogue, kept until the catalogue changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.model.table import Catalogue

__all__ = ["KeptByCatalogue"]

_MOST: Final = 16
"""Catalogues of one version that something is kept of: that of everybody, and those of users who were here last."""

T = TypeVar("T")


@dataclass
class _Entry(Generic[T]):
    catalogue: Catalogue
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it is made: who wants the same waits for it."""
    made: tuple[T, ...] = ()
    """Empty until it is made."""


class KeptByCatalogue(Generic[T]):
    """Makes something of a catalogue when it is first wanted, once for all who see the same.

    Callers who see the same tables have the same object as their catalogue, and a new one when anything is published,
    pinned, rolled back or removed. That object is what counts here, not its version: callers see different tables.

    Parameters
    ----------
    make
        Makes it. What fails is made anew for the next one who asks.
    """

    def __init__(self, make: Callable[[Catalogue], T]) -> None:
        self._make = make
        self._guard = threading.Lock()
        self._entries: OrderedDict[int, _Entry[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, catalogue: Catalogue) -> T:
        """Return what is made of a catalogue; whoever sees another one does not wait for it."""
        entry = self._entry(catalogue)
        with entry.lock:
            if not entry.made:
                entry.made = (self._make(catalogue),)
            return entry.made[0]

    def _entry(self, catalogue: Catalogue) -> _Entry[T]:
        key = id(catalogue)  # stays that of this catalogue for as long as the entry holds it
        with self._guard:
            if key not in self._entries:
                older = [one for one, entry in self._entries.items() if entry.catalogue.version < catalogue.version]
                for one in older:
                    del self._entries[one]
                while len(self._entries) >= _MOST:
                    self._entries.popitem(last=False)
                self._entries[key] = _Entry(catalogue)
            self._entries.move_to_end(key)
            return self._entries[key]
