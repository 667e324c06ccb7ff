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
    """Counts cells as they come, in the finest cells of which there are not too many."""

    def __init__(self) -> None:
        nothing = np.empty(0, np.int64)
        self._found = CellCounts(FINEST, nothing, nothing)
        self._waiting: list[IntArray] = []
        self._n_waiting = 0

    def see(self, cells: IntArray) -> None:
        """Count rows.

        Parameters
        ----------
        cells
            Order-29 NESTED cells, shape (n,).
        """
        self._waiting.append(cells >> 2 * (ORDER - self._found.order))
        self._n_waiting += len(cells)
        if self._n_waiting >= _WAITING:
            self.counts()

    def merge(self, other: CellCounts) -> None:
        """Add what was counted elsewhere."""
        self._add(other)

    def counts(self) -> CellCounts:
        """Return what was counted."""
        if self._waiting:
            waiting, self._waiting, self._n_waiting = np.concatenate(self._waiting), [], 0
            cells, counts = np.unique(waiting, return_counts=True)
            self._add(CellCounts(self._found.order, cells, counts.astype(np.int64)))
        return self._found

    def _add(self, more: CellCounts) -> None:
        """Add counts in pieces: what is made of both meanwhile is several times as large."""
        for first in range(0, len(more.cells), _WAITING):
            piece = slice(first, first + _WAITING)
            self._add_few(CellCounts(more.order, more.cells[piece], more.counts[piece]))

    def _add_few(self, more: CellCounts) -> None:
        if self._waiting and more.order < self._found.order:
            self.counts()
        order = min(self._found.order, more.order)
        self._found = self._found.coarser(order)
        more = more.coarser(order)
        # Before they are united, which takes twice the memory.
        while self._found.order > 0 and _n_united(self._found, more) > MOST_CELLS:
            self._found = self._found.coarser(self._found.order - 1)
            more = more.coarser(self._found.order)
        self._found = _united(self._found, more)
        steps = order - self._found.order
        self._waiting = [cells >> 2 * steps for cells in self._waiting] if steps else self._waiting


def _places(one: CellCounts, other: CellCounts) -> tuple[IntArray, BoolArray]:
    """Return where the cells of another belong among those of one, and which of them are new to it."""
    places = np.searchsorted(one.cells, other.cells)
    if not len(one.cells):
        return places, np.ones(len(places), np.bool_)
    return places, np.take(one.cells, places, mode="clip") != other.cells


def _n_united(one: CellCounts, other: CellCounts) -> int:
    return len(one.cells) + int(np.count_nonzero(_places(one, other)[1]))


def _united(one: CellCounts, other: CellCounts) -> CellCounts:
    """Add counts of the same order."""
    places, is_new = _places(one, other)
    cells = np.insert(one.cells, places[is_new], other.cells[is_new])
    counts = np.insert(one.counts, places[is_new], other.counts[is_new])
    counts[np.searchsorted(cells, other.cells[~is_new])] += other.counts[~is_new]
    return CellCounts(one.order, cells, counts)


def _summed(order: int, cells: IntArray, counts: IntArray) -> CellCounts:
    """Add the counts of equal cells, which follow each other."""
    if not len(cells):
        return CellCounts(order, cells, counts)
    firsts = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
    return CellCounts(order, cells[firsts], np.add.reduceat(counts, firsts))
