"""Cut the sky into HEALPix pixels that have about equally many rows: small ones where rows are dense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.healpix import ORDER

if TYPE_CHECKING:
    from vo_server.sky.angle import IntArray

__all__ = ["DEEPEST", "Counts", "Pixel"]

DEEPEST: Final = 10
"""Order of the smallest partitions, 3.4 arcminutes wide; the counts of all of them take 100 MB, where all have rows."""


@dataclass(frozen=True)
class Pixel:
    """A partition: a NESTED pixel of an order from 0 to :data:`DEEPEST`, and how many rows are in it."""

    order: int
    number: int
    n_rows: int

    @property
    def end(self) -> int:
        """The first cell of order 29 after the pixel."""
        return (self.number + 1) << 2 * (ORDER - self.order)


class Counts:
    """How many rows are in each pixel of the deepest order."""

    def __init__(self) -> None:
        self._rows: IntArray = np.zeros(12 * 4**DEEPEST, np.int64)

    def add(self, cells: IntArray) -> None:
        """Count rows by their cells of order 29."""
        pixels, n_rows = np.unique(cells >> 2 * (ORDER - DEEPEST), return_counts=True)
        self._rows[pixels] += n_rows

    @property
    def n_rows(self) -> int:
        """Rows that were counted."""
        return int(self._rows.sum())

    def at(self, order: int) -> IntArray:
        """Return the rows of each pixel of an order, shape ``(12 * 4**order,)``."""
        return np.asarray(self._rows.reshape(-1, 4 ** (DEEPEST - order)).sum(axis=1))

    def partitions(self, most_rows: int) -> list[Pixel]:
        """Return the largest pixels that have at most so many rows, in the order of their cells; none is empty.

        Pixels of the deepest order are taken however many rows they have.

        References
        ----------
        HATS: *adaptive* partitioning; https://hats.readthedocs.io.
        """
        found: list[Pixel] = []
        open_pixels = np.arange(12)
        for order in range(DEEPEST + 1):
            n_rows = self.at(order)[open_pixels]
            is_done = (n_rows > 0) & ((n_rows <= most_rows) | (order == DEEPEST))
            found.extend(
                Pixel(order, int(number), int(count))
                for number, count in zip(open_pixels[is_done], n_rows[is_done], strict=True)
            )
            crowded = open_pixels[n_rows > most_rows]
            open_pixels = (4 * crowded[:, np.newaxis] + np.arange(4)).reshape(-1)
            if not len(open_pixels):
                break
        return sorted(found, key=lambda pixel: pixel.end)
