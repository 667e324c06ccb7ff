"""The footprint of a table: the part of the sky in which it would have objects if there were any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.healpix import ORDER

if TYPE_CHECKING:
    from vo_server.sky.coverage import CellCounts

__all__ = ["MOST_CELLS", "ROWS_PER_CELL", "footprint"]

ROWS_PER_CELL: Final = 10
"""Mean number of rows in the cells of a footprint, at least: one in 20 000 cells is empty then by chance alone."""

MOST_CELLS: Final = 10_000
"""Cells, at most, when four that fill a larger one count as that: a condition of a query names each of them."""

_PARTS: Final = 4


def footprint(found: CellCounts) -> tuple[tuple[int, int], ...]:
    """Return the footprint of rows that were counted by cell.

    The finest cells are taken in which the rows stand so dense that an empty cell means something: a hole in a survey
    and not the space between two stars. Cells at the edge belong to it as a whole.

    Parameters
    ----------
    found
        Rows by cell.

    Returns
    -------
    tuple
        Order-29 NESTED cells: first and last of each range, both inclusive, ascending, disjoint.
    """
    while found.order > 0 and len(found.cells) and found.counts.sum() < ROWS_PER_CELL * len(found.cells):
        found = found.coarser(found.order - 1)
    while _n_cells(found) > MOST_CELLS:
        found = found.coarser(found.order - 1)
    return _ranges(found)


def _n_cells(found: CellCounts) -> int:
    """Return how many cells there are when four that fill a larger one are that one."""
    n_cells, cells = 0, found.cells
    for _ in range(found.order):
        larger, n_parts = np.unique(cells >> 2, return_counts=True)
        full = larger[n_parts == _PARTS]
        n_cells += len(cells) - _PARTS * len(full)
        cells = full
    return n_cells + len(cells)


def _ranges(found: CellCounts) -> tuple[tuple[int, int], ...]:
    shift = 2 * (ORDER - found.order)
    breaks = np.flatnonzero(np.diff(found.cells) > 1) + 1
    runs = np.split(found.cells, breaks) if len(found.cells) else []
    return tuple((int(run[0]) << shift, ((int(run[-1]) + 1) << shift) - 1) for run in runs)
