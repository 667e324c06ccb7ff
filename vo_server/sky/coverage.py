"""Counts by HEALPix cell: where the rows of a table are, as a map and as a MOC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.healpix import ORDER

if TYPE_CHECKING:
    from vo_server.sky.angle import BoolArray, IntArray

__all__ = ["CellCounter", "CellCounts"]

FINEST: Final = 12
"""Order in which few rows are counted: cells of 52 arcseconds."""

MOST_CELLS: Final = 1024**2
"""Coarser cells are taken when there are more of them: on the whole sky it comes to order 8, cells of 14 arcminutes."""

_COARSE: Final = max(order for order in range(FINEST + 1) if 12 * 4**order <= MOST_CELLS)
"""The finest order with no more cells on the whole sky than that: 8, with 786 432."""

_WAITING: Final = 256 * 1024
"""Rows that are counted at once."""

_SKY_DEG2: Final = 4 * np.pi * np.degrees(1.0) ** 2


@dataclass(frozen=True, eq=False)
class CellCounts:
    """How many rows each cell has; cells without rows are not in it."""

    order: int
    cells: IntArray
    """NESTED cells, shape (n,), ascending."""
    counts: IntArray
    """Rows in each, shape (n,), at least 1."""

    @property
    def area_deg2(self) -> float:
        """Area of the cells."""
        return float(len(self.cells) * _SKY_DEG2 / (12 * 4**self.order))

    def coarser(self, order: int) -> CellCounts:
        """Return the counts in cells of a lower order; the same for a higher one."""
        if order >= self.order:
            return self
        return _summed(order, self.cells >> 2 * (self.order - order), self.counts)

    def at_most(self, n_cells: int) -> CellCounts:
        """Return the counts in the finest cells of which there are not more than ``n_cells``, at least 12."""
        found = self
        while len(found.cells) > n_cells and found.order > 0:
            found = found.coarser(found.order - 1)
        return found


class CellCounter:
    """Counts cells as they come, in the finest cells of which there are not too many.

    Where there cannot be too many of a size on the whole sky, each has a count, with rows or without: that takes half
    the memory, and nothing is copied when others come.
    """

    def __init__(self) -> None:
        self._order = FINEST
        self._cells = self._counts = np.empty(0, np.int64)
        """Those with rows, and how many, until they are coarse; then counts of all."""
        self._waiting: list[IntArray] = []
        self._n_waiting = 0

    def see(self, cells: IntArray) -> None:
        """Count rows.

        Parameters
        ----------
        cells
            Order-29 NESTED cells, shape (n,).
        """
        self._waiting.append(cells >> 2 * (ORDER - self._order))
        self._n_waiting += len(cells)
        if self._n_waiting >= _WAITING:
            self._count_waiting()

    def merge(self, other: CellCounts) -> None:
        """Add what was counted elsewhere."""
        self._count_waiting()
        self._add(other)

    def counts(self) -> CellCounts:
        """Return what was counted."""
        self._count_waiting()
        if not self._is_coarse:
            return CellCounts(self._order, self._cells, self._counts)
        cells = np.flatnonzero(self._counts)
        return CellCounts(self._order, cells, self._counts[cells])

    @property
    def _is_coarse(self) -> bool:
        return self._order <= _COARSE

    def _count_waiting(self) -> None:
        if self._waiting:
            waiting, self._waiting, self._n_waiting = np.concatenate(self._waiting), [], 0
            cells, counts = np.unique(waiting, return_counts=True)
            self._add(CellCounts(self._order, cells, counts.astype(np.int64)))

    def _add(self, more: CellCounts) -> None:
        """Add counts in pieces: what is made of both meanwhile is several times as large."""
        for first in range(0, len(more.cells), _WAITING):
            piece = slice(first, first + _WAITING)
            self._add_few(CellCounts(more.order, more.cells[piece], more.counts[piece]))

    def _add_few(self, more: CellCounts) -> None:
        self._go_to(more.order)
        more = more.coarser(self._order)
        while not self._is_coarse:
            places, is_new = self._places(more)
            # Before they are united, which takes twice the memory.
            if len(self._cells) + np.count_nonzero(is_new) <= MOST_CELLS:
                self._unite(more, places, is_new)
                return
            self._go_to(self._order - 1)
            more = more.coarser(self._order)
        self._counts[more.cells] += more.counts

    def _unite(self, more: CellCounts, places: IntArray, is_new: BoolArray) -> None:
        """Add counts of the same order, of which it is known where they belong."""
        self._counts[places[~is_new]] += more.counts[~is_new]
        places_new = places[is_new]
        places_new += np.arange(len(places_new))
        is_old = np.ones(len(self._cells) + len(places_new), np.bool_)
        is_old[places_new] = False
        self._cells = _inserted(self._cells, is_old, more.cells[is_new])
        self._counts = _inserted(self._counts, is_old, more.counts[is_new])

    def _go_to(self, order: int) -> None:
        """Count in cells of a lower order; nothing happens for a higher one."""
        if order >= self._order:
            return
        if self._is_coarse:
            self._counts = self._counts.reshape(12 * 4**order, -1).sum(axis=1)
        else:
            found = CellCounts(self._order, self._cells, self._counts).coarser(order)
            self._cells, self._counts = found.cells, found.counts
            if order <= _COARSE:
                self._counts = np.zeros(12 * 4**order, np.int64)
                self._counts[found.cells] = found.counts
                self._cells = np.empty(0, np.int64)
        self._order = order

    def _places(self, more: CellCounts) -> tuple[IntArray, BoolArray]:
        """Return where other cells of the same order belong among those here, and which of them are new."""
        places = np.searchsorted(self._cells, more.cells)
        if not len(self._cells):
            return places, np.ones(len(places), np.bool_)
        return places, np.take(self._cells, places, mode="clip") != more.cells


def _inserted(old: IntArray, is_old: BoolArray, new: IntArray) -> IntArray:
    """Return old and new numbers, at the places that are told."""
    both = np.empty(len(is_old), np.int64)
    both[is_old] = old
    both[~is_old] = new
    return both


def _summed(order: int, cells: IntArray, counts: IntArray) -> CellCounts:
    """Add the counts of equal cells, which follow each other."""
    if not len(cells):
        return CellCounts(order, cells, counts)
    firsts = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
    return CellCounts(order, cells[firsts], np.add.reduceat(counts, firsts))
