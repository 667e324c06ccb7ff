"""The footprint of a table: the part of the sky in which it would have objects if there were any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.healpix import ORDER

if TYPE_CHECKING:
    from vo_server.sky.coverage import CellCounts

__all__ = ["MOST_RANGES", "ROWS_PER_CELL", "footprint"]

ROWS_PER_CELL: Final = 10
"""Mean number of rows in the cells of a footprint, at least: one in 20 000 cells is empty then by chance alone."""

MOST_RANGES: Final = 5_000
"""Ranges of cells, at most: conditions of a query are made of them."""


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
    ranges = _ranges(found)
    while len(ranges) > MOST_RANGES:
        found = found.coarser(found.order - 1)
        ranges = _ranges(found)
    return ranges


def _ranges(found: CellCounts) -> tuple[tuple[int, int], ...]:
    shift = 2 * (ORDER - found.order)
    breaks = np.flatnonzero(np.diff(found.cells) > 1) + 1
    runs = np.split(found.cells, breaks) if len(found.cells) else []
    return tuple((int(run[0]) << shift, ((int(run[-1]) + 1) << shift) - 1) for run in runs)
