"""A random sample of the rows of a load: always of the same size, and the same whatever the order of its parts."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.load.hashing import Hashes, mixed

__all__ = ["RowSample"]

SIZE: Final = 32_768
"""Rows of a sample: percentiles are good to 0.28 % of the rows at the median, 0.06 % at the first and last percent."""

MOST_BYTES: Final = 32 * 1024**2
"""Largest sample in memory [bytes]: wide tables have fewer rows in it."""

_FEWEST: Final = 256

_LONGEST_TEXT_BYTES: Final = 64
"""Longer texts are NULL in the sample: they are hardly frequent, which is all that texts are sampled for."""

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
"""Keeps the rows of one stream from those of another one (the golden ratio)."""


class RowSample:
    """Keeps the rows with the smallest random numbers.

    Each row draws its number from its place in its stream, so that the sample of a load does not depend on the sizes of
    its batches, or on how its files were shared out.

    Parameters
    ----------
    schema
        Of the rows.
    seed
        Number of the stream; streams that are merged have different ones.
    """

    def __init__(self, schema: pa.Schema, *, seed: int = 0) -> None:
        self.schema = schema
        self._seed = mixed(np.array([seed], np.uint64) + _STEP)[0]
        self._n_seen = 0
        self._size = SIZE
        self._bound = np.uint64(2**64 - 1)
        self._numbers: list[Hashes] = []
        self._rows: list[pa.RecordBatch] = []
        self._n_kept = 0
        self._n_bytes = 0

    def see(self, batch: pa.RecordBatch) -> None:
        """Take what is wanted of a batch with the schema of the sample."""
        places = np.arange(self._n_seen, self._n_seen + batch.num_rows, dtype=np.uint64)
        self._n_seen += batch.num_rows
        numbers = mixed(places * _STEP + self._seed)
        chosen = np.flatnonzero(numbers <= self._bound)
        if not len(chosen):
            return
        rows = batch if len(chosen) == batch.num_rows else batch.take(pa.array(chosen))
        short = [_without_long(values) for values in rows.columns]
        self._keep(numbers[chosen], pa.RecordBatch.from_arrays(short, schema=self.schema))

    @property
    def bound(self) -> np.uint64:
        """Rows with larger numbers are not in the sample, all others are."""
        self._shrink()
        return self._bound

    def leave_out_above(self, bound: np.uint64) -> None:
        """Begin with fewer rows: those with larger numbers are not wanted by whoever merges the sample."""
        self._bound = bound

    def merge(self, other: RowSample) -> None:
        """Add the sample of other streams."""
        self._n_seen += other._n_seen
        self._size = min(self._size, other._size)
        self._bound = min(self._bound, other._bound)
        for numbers, rows in zip(other._numbers, other._rows, strict=True):
            self._keep(numbers, rows)

    def rows(self) -> pa.Table:
        """Return the sampled rows."""
        self._shrink()
        return pa.Table.from_batches(self._rows, self.schema)

    def to_batch(self) -> tuple[pa.Table, Hashes, tuple[int, int, int]]:
        """Return all that :meth:`of` needs: rows, their numbers; the size, the number of rows seen and the bound."""
        rows = self.rows()
        numbers = self._numbers[0] if self._numbers else np.empty(0, np.uint64)
        return rows, numbers, (self._size, self._n_seen, int(self._bound))

    @classmethod
    def of(cls, rows: pa.Table, numbers: Hashes, size: int, n_seen: int, bound: int) -> RowSample:
        """Return the sample that :meth:`to_batch` has told; it can be merged, and sees no more rows."""
        made = cls(rows.schema)
        made._size, made._n_seen, made._bound = size, n_seen, np.uint64(bound)
        for batch in rows.combine_chunks().to_batches():
            made._keep(numbers, batch)
        return made

    def _keep(self, numbers: Hashes, rows: pa.RecordBatch) -> None:
        self._numbers.append(numbers)
        self._rows.append(rows)
        self._n_kept += len(numbers)
        self._n_bytes += rows.nbytes
        if self._n_kept > 2 * self._size or self._n_bytes > 2 * MOST_BYTES:
            self._shrink()

    def _shrink(self) -> None:
        """Throw away all rows but those with the smallest numbers, and fewer rows still if they are large."""
        if not self._rows:
            return
        numbers = np.concatenate(self._numbers)
        rows = pa.Table.from_batches(self._rows, self.schema)
        if len(numbers) and numbers.max() > self._bound:  # parts that began with fewer rows were merged
            chosen = np.flatnonzero(numbers <= self._bound)
            rows, numbers = rows.take(pa.array(chosen)), numbers[chosen]
        while True:
            if len(numbers) > self._size:
                chosen = np.sort(np.argpartition(numbers, self._size - 1)[: self._size])
                rows, numbers = rows.take(pa.array(chosen)), numbers[chosen]
                self._bound = numbers.max()
            if rows.nbytes <= MOST_BYTES or self._size <= _FEWEST:
                break
            self._size = max(_FEWEST, self._size // 2)
        batch = rows.combine_chunks().to_batches(max_chunksize=None)
        self._rows, self._numbers = batch, [numbers]
        self._n_kept, self._n_bytes = len(numbers), sum(one.nbytes for one in batch)


def _without_long(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values
    is_long = pc.greater(pc.binary_length(values), _LONGEST_TEXT_BYTES)
    return pc.if_else(is_long, None, values) if pc.any(is_long).as_py() else values
