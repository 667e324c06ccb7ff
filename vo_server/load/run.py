"""The stream of a load: files → batches → described columns → checks → the engine's loader."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError
from vo_server.load.checks import Findings, any_fault, position_faults, without
from vo_server.load.convert import Converter, with_cells
from vo_server.model.query import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.engine.base import Loader
    from vo_server.formats.read.base import TableReader
    from vo_server.load.convert import Converted, Fault
    from vo_server.load.description import Description
    from vo_server.load.progress import Progress

__all__ = ["BadRow", "BadRows", "OnError", "Run"]

LISTED: Final = 10
"""How many bad rows are told one by one."""


class OnError(StrEnum):
    """What happens to rows that cannot be taken over as they are."""

    REFUSE = "refuse"
    """The load fails after all rows were checked."""
    SKIP = "skip"
    """The rows are left out."""
    KEEP = "keep"
    """The values are replaced by NULL; rows that cannot be cut into values, or must not be NULL, are left out."""


@dataclass(frozen=True)
class BadRow:
    """A row with something wrong in it."""

    file: str
    row: int
    column: str | None
    message: str

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}, row {self.row}{column}: {self.message}"


@dataclass
class BadRows:
    """The bad rows of a load: all counted, the first ones remembered."""

    n_rows: int = 0
    n_by_file: dict[str, int] = field(default_factory=dict)
    first: list[BadRow] = field(default_factory=list)

    def count(self, file: str, n_rows: int) -> None:
        """Count bad rows of a file."""
        self.n_rows += n_rows
        self.n_by_file[file] = self.n_by_file.get(file, 0) + n_rows

    def remember(self, row: BadRow) -> None:
        """Keep a row for the report, if there is room."""
        if len(self.first) < LISTED:
            self.first.append(row)

    def raise_if_any(self, n_good: int) -> None:
        """Raise IngestError when there is a bad row."""
        if self.n_rows == 0:
            return
        listed = "".join(f"\n  {row}" for row in self.first)
        more = f"; the first {len(self.first)}" if self.n_rows > len(self.first) else ""
        raise IngestError(
            f"{self.n_rows} of {self.n_rows + n_good} rows cannot be loaded{more}:{listed}",
            hint="--on-error skip leaves such rows out, --on-error keep puts NULL in place of their bad values",
        )


class Run:
    """Streams files into a loader.

    Parameters
    ----------
    description
        What the table is to be.
    loader
        Takes the batches.
    on_error
        What happens to bad rows.
    progress
        Is told how far the load is.
    watch
        Is told what was seen of the rows after each batch, before it is written.
    """

    def __init__(
        self,
        description: Description,
        loader: Loader,
        *,
        on_error: OnError,
        progress: Progress,
        watch: Callable[[Findings], None] | None = None,
    ) -> None:
        self.description = description
        self.loader = loader
        self.on_error = on_error
        self.progress = progress
        self.watch = watch
        self.schema: pa.Schema = arrow_schema(description.table.columns)
        self.findings = Findings(description.table)
        self.bad = BadRows()
        self.n_by_file: dict[str, int] = {}

    def load(self, readers: Sequence[TableReader]) -> None:
        """Stream all files.

        Raises
        ------
        IngestError
            If a file cannot be read, or there are bad rows and they are to be refused.
        """
        for reader in readers:
            self._load_file(reader)
        if self.on_error is OnError.REFUSE:
            self.bad.raise_if_any(self.findings.n_rows)

    def _load_file(self, reader: TableReader) -> None:
        converter = Converter(self.description, reader)
        n_read, n_loaded_before = 0, self.findings.n_rows
        for batch in reader.batches():
            self._load_batch(converter.convert(batch), reader, n_read)
            n_read += batch.num_rows
            self.progress.advance(batch.num_rows)
        for number, message in reader.malformed.first:
            self.bad.remember(BadRow(reader.file, number, None, message))
        self.bad.count(reader.file, reader.malformed.n_rows)
        self.n_by_file[reader.file] = self.findings.n_rows - n_loaded_before

    def _load_batch(self, converted: Converted, reader: TableReader, n_before: int) -> None:
        outside = position_faults(converted.columns, self.description)
        columns = without(converted.columns, outside)
        faults = converted.faults + outside
        if faults:
            bad = any_fault(converted.n_rows, faults)
            self._remember(faults, bad, reader, n_before)
            columns = self._kept(columns, faults, bad)
        columns = with_cells(columns, self.description)
        arrays = [columns[column.name] for column in self.description.table.columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        if batch.num_rows == 0:
            return
        self.findings.see(batch)
        if self.watch is not None:
            self.watch(self.findings)
        # Nothing will come of a load with bad rows that are refused: only the check goes on.
        if self.bad.n_rows == 0 or self.on_error is not OnError.REFUSE:
            self.loader.write(batch)

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
        self,
        faults: tuple[Fault, ...],
        bad: np.ndarray[tuple[int], np.dtype[np.bool_]],
        reader: TableReader,
        n_before: int,
    ) -> None:
        self.bad.count(reader.file, int(bad.sum()))
        if len(self.bad.first) >= LISTED:
            return
        for index in np.flatnonzero(bad)[:LISTED].tolist():
            fault = next(fault for fault in faults if fault.mask[index])
            number = reader.row_number(n_before + index)
            self.bad.remember(BadRow(reader.file, number, fault.column, fault.message(index)))
