"""Statistics of a load in one pass: seen batch by batch, merged file by file, in memory that does not grow.

Everything is the same on each engine, because it is made of the rows before an engine has them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from vo_server.errors import CatalogueError
from vo_server.load.sampling import RowSample
from vo_server.load.tally import ColumnTally
from vo_server.model.statistics import TableStatistics
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.coverage import CellCounter, CellCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vo_server.model.table import Table
    from vo_server.sky.angle import IntArray

__all__ = ["Statistics"]

_FORMAT: Final = 2


class Statistics:
    """What is counted of the rows of a load.

    Parameters
    ----------
    table
        Description of the rows; hidden columns are left out, positions are counted by their cells.
    seed
        Number of the part of the load, 0 for the first: parts that are merged have different ones.
    """

    def __init__(self, table: Table, *, seed: int = 0) -> None:
        self.n_rows = 0
        self._table = table
        self._columns = table.visible_columns
        self._tallies = {one.name: ColumnTally(one.name, one.datatype.arrow) for one in self._columns}
        self._is_placed = table.position is not None and HEALPIX_COLUMN in table.by_name
        self._sky = CellCounter()
        # Booleans are all counted.
        self._sampled = [name for name, tally in self._tallies.items() if not pa.types.is_boolean(tally.kind)]
        kinds = [(name, table.by_name[name].datatype.arrow) for name in self._sampled]
        self._sample = RowSample(pa.schema(kinds), seed=seed)

    def part(self, *, seed: int) -> Statistics:
        """Return statistics for another part of the same load, to be merged with these.

        They leave out what would not count beside what is here already: the more is known, the less a part keeps.
        """
        made = Statistics(self._table, seed=seed)
        made._sample.leave_out_above(self._sample.bound)
        for name, tally in made._tallies.items():
            known = self._tallies[name].distinct
            if tally.distinct is not None and known is not None and known.counts is None:
                known.hashes()
                tally.distinct.leave_out_above(known.bound)
        return made

    def see(self, batch: pa.RecordBatch) -> None:
        """Look at a batch that is about to be written, with all columns of the table."""
        self.n_rows += batch.num_rows
        for name, tally in self._tallies.items():
            tally.see(batch.column(name))
        if self._is_placed:
            self._sky.see(batch.column(HEALPIX_COLUMN).drop_null().to_numpy())
        self._sample.see(batch.select(self._sampled))

    def merge(self, other: Statistics) -> None:
        """Add what was seen of another part of the same load."""
        self.n_rows += other.n_rows
        for name, tally in self._tallies.items():
            tally.merge(other._tallies[name])
        self._sky.merge(other._sky.counts())
        self._sample.merge(other._sample)

    def result(self) -> TableStatistics:
        """Return the statistics of all that was seen."""
        rows = self._sample.rows()
        is_whole = rows.num_rows == self.n_rows
        columns = []
        for column in self._columns:
            is_sampled = column.name in self._sampled
            cells = rows.column(column.name).combine_chunks() if is_sampled else pa.array([], column.datatype.arrow)
            columns.append(self._tallies[column.name].result(cells, self.n_rows, is_whole=is_whole))
        counts = self.sky()
        return TableStatistics(
            self.n_rows,
            rows.num_rows,
            tuple(columns),
            coverage_order=None if counts is None else counts.order,
            n_cells=0 if counts is None else len(counts.cells),
            area_deg2=None if counts is None else counts.area_deg2,
        )

    def sky(self) -> CellCounts | None:
        """Return how many rows each cell of the sky has; None for a table without positions."""
        return self._sky.counts() if self._is_placed else None

    def encode(self) -> bytes:
        """Return everything as bytes, for :meth:`decode`: a few megabytes, most of them the sample."""
        rows, numbers, sample = self._sample.to_batch()
        hashes = {
            name: tally.distinct.hashes()  # before the facts: they tell the bound
            for name, tally in self._tallies.items()
            if tally.distinct is not None and tally.distinct.counts is None
        }
        sky = self._sky.counts()
        gaps, counts = _narrow(np.diff(sky.cells, prepend=0)), _narrow(sky.counts)
        facts = {
            "format": _FORMAT,
            "n_rows": self.n_rows,
            "sample": sample,
            "sky": [sky.order, str(gaps.dtype), str(counts.dtype)],
            "columns": {name: _facts(tally) for name, tally in self._tallies.items()},
        }
        parts: dict[str, bytes] = {
            "facts": json.dumps(facts).encode(),
            "rows": _ipc(rows),
            "numbers": numbers.tobytes(),
            "cells": gaps.tobytes(),
            "counts": counts.tobytes(),
        }
        parts |= {f"hashes {name}": kept.tobytes() for name, kept in hashes.items()}
        return _ipc(pa.table({"name": list(parts), "data": pa.array(list(parts.values()), pa.large_binary())}))

    @classmethod
    def decode(cls, data: bytes, table: Table) -> Statistics:
        """Return the statistics that :meth:`encode` has told; they can be merged, and see no more rows.

        Parameters
        ----------
        data
            The bytes.
        table
            The description that the statistics were made with.

        Raises
        ------
        CatalogueError
            If the bytes are damaged, or of another version or table.
        """
        try:
            told = _of_ipc(data)
            parts = dict(zip(told["name"].to_pylist(), told["data"].to_pylist(), strict=True))
            facts = json.loads(parts["facts"])
            if facts["format"] != _FORMAT:
                raise ValueError(f"format {facts['format']}, expected {_FORMAT}")  # noqa: TRY301 - told with the others
            made = cls(table)
            made._restore(parts, facts)
        except (KeyError, OSError, TypeError, ValueError, pa.ArrowException) as error:
            raise CatalogueError(
                f"the statistics of a part of {table.full_name} are damaged or of another version: {error}",
                hint="load the part again",
            ) from error
        return made

    def _restore(self, parts: dict[str, bytes], facts: dict[str, Any]) -> None:
        self.n_rows = facts["n_rows"]
        if set(facts["columns"]) != set(self._tallies):
            raise ValueError("the columns differ")
        for name, tally in self._tallies.items():
            _restore(tally, facts["columns"][name], parts.get(f"hashes {name}"))
        order, *kinds = facts["sky"]
        gaps, counts = (np.frombuffer(parts[name], kind) for name, kind in zip(("cells", "counts"), kinds, strict=True))
        self._sky.merge(CellCounts(order, np.cumsum(gaps, dtype=np.int64), counts.astype(np.int64)))
        numbers = np.frombuffer(parts["numbers"], np.uint64)
        self._sample = RowSample.of(_of_ipc(parts["rows"]), numbers, *facts["sample"])


def _narrow(numbers: IntArray) -> NDArray[Any]:
    """Return numbers from 0 in the narrowest type that has them all."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def _facts(tally: ColumnTally) -> dict[str, Any]:
    counts = None if tally.distinct is None else tally.distinct.counts
    return {
        "n": [tally.n_null, tally.n_values, tally.n_not_finite],
        "ends": [tally.minimum, tally.maximum],
        "moments": [tally.mean, tally.squares],
        "counts": None if counts is None else [list(counts), list(counts.values())],
        "bound": None if tally.distinct is None or counts is not None else int(tally.distinct.bound),
    }


def _restore(tally: ColumnTally, facts: dict[str, Any], hashes: bytes | None) -> None:
    tally.n_null, tally.n_values, tally.n_not_finite = facts["n"]
    tally.minimum, tally.maximum = facts["ends"]
    tally.mean, tally.squares = facts["moments"]
    if tally.distinct is None:
        return
    if hashes is not None:
        tally.distinct.restore(np.frombuffer(hashes, np.uint64), facts["bound"])
    else:
        tally.distinct.counts = dict(zip(*facts["counts"], strict=True))


def _ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _of_ipc(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
