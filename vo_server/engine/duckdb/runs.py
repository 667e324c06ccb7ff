"""Sorts the rows of a load in two steps: each batch when it is staged, all together when they are read again.

The second step goes through the sky by ranges of cells. The rows of one range are next to each other in every batch, so
a range is a slice of each batch, and no more than one range is in memory: 1 000 000 rows of 28 columns take 0.5 s of
processor time (DuckDB's own sort 1.0 s and 220 MB). Of too many batches the slices would be too many:
:mod:`vo_server.engine.duckdb.distribution` sorts them.
"""

from __future__ import annotations

import mmap
import threading
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from vo_server.engine.duckdb.split import even_shares, mapped
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vo_server.sky.angle import IntArray

__all__ = ["MOST_FILES", "MOST_WINDOWS", "cells_of", "is_ascending", "joined", "merged", "sorted_run"]

MOST_WINDOWS: Final = 1024
"""Of so many buffers a range is read at once. Around each place that is read the system keeps 64 kB of a mapped file in
memory, however short the slice is: 10 000 000 rows of 50 columns took 1.4 GB."""

_BEHIND_ALL: Final = 2**63 - 1
"""Larger than any cell."""

MOST_FILES: Final = 32
"""A file that is mapped is an open file to Python."""

_RANGE_BYTES: Final = 8 * 1024**2
_MOST_ROWS: Final = 32_768
_STEP: Final = 32
"""Of so many rows one is looked at to find ranges with as many rows each."""
_MOST_UNEVEN: Final = 4
"""How many times larger than wanted a range may be: rows of one cell are never parted."""


def cells_of(batch: pa.RecordBatch) -> IntArray:
    """Return the cells of the rows; that of a row which has none is behind all others."""
    found: IntArray = batch.column(HEALPIX_COLUMN).fill_null(_BEHIND_ALL).to_numpy()
    return found


def is_ascending(cells: IntArray) -> bool:
    """Tell whether cells are in order already."""
    return bool((cells[1:] >= cells[:-1]).all())


def sorted_run(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch in the order of its cells, rows without a cell last."""
    # numpy's sort is five times as fast as Arrow's.
    return batch.take(pa.array(np.argsort(cells_of(batch))))


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the rows of batches, at least one, as one; the list is empty then, so that nothing is held twice."""
    found = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
    batches.clear()
    return found


def merged(files: Sequence[Path], n_shares: int) -> list[Iterator[pa.RecordBatch]] | None:
    """Return the rows of streams of sorted batches, all in the order of their cells.

    Parameters
    ----------
    files
        As Arrow writes streams, not compressed; at least one.
    n_shares
        How many shares are wanted, from 1.

    Returns
    -------
    list of iterators of RecordBatch, or None
        The shares, see :mod:`vo_server.engine.duckdb.split`. None when it cannot be done in little memory: there are
        more than :data:`MOST_FILES` files, their batches have more than :data:`MOST_WINDOWS` buffers together, one of
        them is not sorted, or too many rows have the same cell.
    """
    if len(files) > MOST_FILES:
        return None
    runs = _Runs(files)
    return runs.shares(n_shares) if runs.can_be_merged() else None


class _Runs:
    """Sorted batches in files that are mapped into memory.

    Parameters
    ----------
    files
        Where they are.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._maps = [mapped(file) for file in files]
        self._batches: list[pa.RecordBatch] = []
        self._edges: list[IntArray] = []
        """Where the ranges begin and end in each batch."""
        self._reading = threading.Lock()

    def can_be_merged(self) -> bool:
        """Find the batches and the ranges; False when there are none that do."""
        try:
            return self._are_few() and self._are_even()
        finally:
            self._forget_pages()

    def _are_few(self) -> bool:
        """Open the batches, no more of them than can be merged."""
        n_found = 0
        for one in self._maps:
            for batch in pa.ipc.open_stream(pa.py_buffer(one)):
                n_found += _n_buffers(batch)
                if n_found > MOST_WINDOWS:
                    return False
                self._batches.append(batch)
        return n_found > 0

    def _are_even(self) -> bool:
        """Find ranges of about as many rows each; False when a batch is not sorted, or a range has too many rows."""
        cells = []
        for batch in self._batches:
            found = _sorted_cells(batch)
            if found is None:
                return False
            cells.append(found)
        n_rows = sum(map(len, cells))
        row_bytes = sum(len(one) for one in self._maps) // max(n_rows, 1)
        wanted = max(min(_RANGE_BYTES // max(row_bytes, 1), _MOST_ROWS), 1)
        sample = np.sort(np.concatenate([found[::_STEP] for found in cells]))
        bounds = np.unique(sample[:: max(wanted // _STEP, 1)][1:])
        self._edges = [np.concatenate([[0], np.searchsorted(found, bounds), [len(found)]]) for found in cells]
        return int(self._range_rows().max()) <= _MOST_UNEVEN * max(wanted, _STEP * len(self._batches))

    def shares(self, n_shares: int) -> list[Iterator[pa.RecordBatch]]:
        """Return the rows, range by range, then those without a cell, batch by batch."""
        n_ranges = len(self._edges[0]) - 1
        rest = [batch.num_rows - edges[-1] for batch, edges in zip(self._batches, self._edges, strict=True)]
        return [
            chain(
                self._merged(share[: max(0, n_ranges - share.start)]),
                self._without_cell(range(max(0, share.start - n_ranges), max(0, share.stop - n_ranges))),
            )
            for share in even_shares([*self._range_rows().tolist(), *rest], n_shares)
        ]

    def _range_rows(self) -> IntArray:
        """Return how many rows each range has."""
        found: IntArray = np.sum([np.diff(edges) for edges in self._edges], axis=0)
        return found

    def _merged(self, ranges: range) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ranges."""
        for number in ranges:
            slices = [
                batch.slice(edges[number], edges[number + 1] - edges[number])
                for batch, edges in zip(self._batches, self._edges, strict=True)
            ]
            # What is read counts as memory of this process until it is forgotten.
            with self._reading:
                found = pa.concat_batches(slices)
                self._forget_pages()
            if found.num_rows:
                yield sorted_run(found)

    def _without_cell(self, numbers: range) -> Iterator[pa.RecordBatch]:
        """Yield the rows of batches that have none."""
        for number in numbers:
            batch, edges = self._batches[number], self._edges[number]
            if batch.num_rows > edges[-1]:
                yield batch.slice(edges[-1])
                self._forget_pages()

    def _forget_pages(self) -> None:
        """Give back the memory of what was read, which counts as that of this process."""
        for one in self._maps:
            one.madvise(mmap.MADV_DONTNEED)


def _n_buffers(batch: pa.RecordBatch) -> int:
    """Count the places of a file that a slice of a batch is read from."""
    return sum(buffer is not None for column in batch.columns for buffer in column.buffers())


def _sorted_cells(batch: pa.RecordBatch) -> IntArray | None:
    """Return the cells of the rows that have one; None when they are not sorted, or do not come before the others."""
    found = cells_of(batch)
    return found[: len(found) - batch.column(HEALPIX_COLUMN).null_count] if is_ascending(found) else None
