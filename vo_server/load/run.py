"""The stream of one file: batches → described columns → checks → a part of the engine's loader."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.engine.memory import give_back_memory
from vo_server.load.bad import LISTED, BadRow, BadRows, OnError
from vo_server.load.checks import Findings, any_fault, position_faults, without
from vo_server.load.convert import Converter, with_cells
from vo_server.model.query import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from vo_server.formats.read.base import TableReader
    from vo_server.load.convert import Converted, Fault
    from vo_server.load.description import Description
    from vo_server.load.statistics import Statistics

__all__ = ["FileRun"]

_GIVE_BACK_BYTES: Final = 6 * 1024**2
"""Rows after which the allocators give back what they keep. Each thread of a load has a heap of its own, and of those
many the allocator keeps more than the rows take: 3 000 000 rows in eight files, two at once, had 690 MB, so 600 MB."""


class FileRun:
    """Streams the rows of one file.

    The statistics are made by a thread of their own, while the next batch is read: they take as long as all else.

    Parameters
    ----------
    description
        What the table is to be.
    reader
        The file.
    on_error
        What happens to bad rows.
    see
        Is told the rows and the volume [bytes] of each batch, before it is written; what it raises ends the load.
    statistics
        Sees the rows that are written; None when nobody wants them.
    """

    def __init__(
        self,
        description: Description,
        reader: TableReader,
        *,
        on_error: OnError,
        see: Callable[[int, int], None],
        statistics: Statistics | None = None,
    ) -> None:
        self.description = description
        self.reader = reader
        self.on_error = on_error
        self.see = see
        self.statistics = statistics
        self.schema: pa.Schema = arrow_schema(description.table.columns)
        self.findings = Findings(description.table)
        self.bad = BadRows()
        self._counting: Future[None] | None = None
        self._n_bytes = 0
        """Of the rows since memory was given back."""

    @property
    def is_refused(self) -> bool:
        """True when there are bad rows that make the load fail: then only the check goes on."""
        return self.bad.n_rows > 0 and self.on_error is OnError.REFUSE

    def load(self, write: Callable[[pa.RecordBatch], None], advance: Callable[[int], None]) -> None:
        """Stream the file.

        Parameters
        ----------
        write
            Takes the batches of the described table.
        advance
            Is told how many rows of the file were read.

        Raises
        ------
        IngestError
            If the file cannot be read, or its columns are not those that are described.
        """
        converter = Converter(self.description, self.reader)
        n_read = 0
        with ThreadPoolExecutor(1, thread_name_prefix="statistics") as beside:
            for batch in self.reader.batches():
                self._load_batch(converter.convert(batch), n_read, write, beside)
                n_read += batch.num_rows
                advance(batch.num_rows)
            self._wait()
        # What is known of the file is written down next, which takes 60 MB for a moment.
        give_back_memory()
        for number, message in self.reader.malformed.first:
            self.bad.remember(BadRow(self.reader.file, number, None, message))
        self.bad.count(self.reader.malformed.n_rows)

    def _load_batch(
        self, converted: Converted, n_before: int, write: Callable[[pa.RecordBatch], None], beside: ThreadPoolExecutor
    ) -> None:
        outside = position_faults(converted.columns, self.description)
        columns = without(converted.columns, outside)
        faults = converted.faults + outside
        if faults:
            bad = any_fault(converted.n_rows, faults)
            self._remember(faults, bad, n_before)
            columns = self._kept(columns, faults, bad)
        columns = with_cells(columns, self.description)
        arrays = [columns[column.name] for column in self.description.table.columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        if batch.num_rows == 0:
            return
        self.see(batch.num_rows, batch.nbytes)
        self.findings.see(batch)
        self._n_bytes += batch.nbytes
        is_due = self._n_bytes > _GIVE_BACK_BYTES
        # One batch at a time: what waits takes memory.
        self._wait()
        if not self.is_refused:
            if self.statistics is not None:
                self._counting = beside.submit(_count, self.statistics, batch, is_due=is_due)
            write(batch)
        if is_due:
            self._n_bytes = 0
            give_back_memory()

    def _wait(self) -> None:
        """Wait until the last batch was counted."""
        if self._counting is not None:
            self._counting.result()
            self._counting = None

    def _kept(
        self, columns: dict[str, pa.Array], faults: tuple[Fault, ...], bad: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> dict[str, pa.Array]:
        """Leave out the rows that cannot be kept."""
        if self.on_error is OnError.KEEP:
            bad = any_fault(len(bad), tuple(fault for fault in faults if not self._can_be_kept(fault)))
        if not bad.any():
            return columns
        good = pa.array(~bad)
        return {name: pc.filter(values, good) for name, values in columns.items()}

    def _can_be_kept(self, fault: Fault) -> bool:
        return fault.can_be_null and self.description.table.by_name[fault.column].is_nullable

    def _remember(
        self, faults: tuple[Fault, ...], bad: np.ndarray[tuple[int], np.dtype[np.bool_]], n_before: int
    ) -> None:
        self.bad.count(int(bad.sum()))
        if len(self.bad.first) >= LISTED:
            return
        for index in np.flatnonzero(bad)[:LISTED].tolist():
            fault = next(fault for fault in faults if fault.mask[index])
            number = self.reader.row_number(n_before + index)
            self.bad.remember(BadRow(self.reader.file, number, fault.column, fault.message(index)))


def _count(statistics: Statistics, batch: pa.RecordBatch, *, is_due: bool) -> None:
    statistics.see(batch)
    if is_due:
        # A thread gives back what it keeps itself.
        give_back_memory()
