"""Write one partition of a HATS catalogue: a Parquet file whose rows are sorted by their cells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from vo_server.formats.cells import check_fixed_length
from vo_server.formats.described import described_field, document_metadata
from vo_server.model.table import HEALPIX_COLUMN, Column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vo_server.model.provenance import Link

__all__ = ["PartitionFile", "partition_schema"]

_GROUP_BYTES: Final = 32 * 1024**2
"""Arrow bytes in a row group: what one partition holds in memory while it is written."""


def partition_schema(columns: Sequence[Column], links: Sequence[Link] = ()) -> pa.Schema:
    """Return the schema of all partitions: types of Arrow, and a VOTable that says what the columns are.

    Timestamps are timestamps, unlike in the results of queries, which astropy reads by their VOTable: what reads HATS
    compares them.
    """
    fields = [described_field(column, _stored_type(column)) for column in columns]
    return pa.schema(fields, metadata=document_metadata(columns, links=links))


class PartitionFile:
    """A partition that is being written.

    Parameters
    ----------
    path
        Where; its folder is made when it is not there.
    relative
        The same as ``_metadata`` names it.
    columns, schema
        Of the rows; see :func:`partition_schema`.
    """

    def __init__(self, path: Path, relative: str, columns: Sequence[Column], schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._columns = columns
        self._schema = schema
        self._relative = relative
        self._waiting: list[pa.RecordBatch] = []
        self._n_bytes = 0
        self._footers: list[pq.FileMetaData] = []
        self._file = path.open("wb")
        try:
            self._writer = pq.ParquetWriter(
                self._file,
                schema,
                compression="zstd",
                # Repeats are found by all columns but the one that has hardly any.
                use_dictionary=[name for name in schema.names if name != HEALPIX_COLUMN],
                metadata_collector=self._footers,
            )
        except BaseException:
            self._file.close()
            raise

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows, whose cells must not be before those that are there."""
        arrays = [_stored_cells(cells, column) for cells, column in zip(batch.columns, self._columns, strict=True)]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._n_bytes += batch.nbytes
        if self._n_bytes >= _GROUP_BYTES:
            self._flush()

    def finish(self) -> pq.FileMetaData:
        """Complete the file on disk; return its footer, which names the file as ``_metadata`` does."""
        self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        footer = self._footers[0]
        footer.set_file_path(self._relative)
        return footer

    def abandon(self) -> None:
        """Close an incomplete file."""
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.Table.from_batches(self._waiting)
            self._writer.write_table(rows, row_group_size=rows.num_rows)
            self._waiting, self._n_bytes = [], 0


def _stored_type(column: Column) -> pa.DataType:
    """Return the type in the file: lists of one length know it, so that readers make them square."""
    datatype = column.datatype
    if datatype.is_array and datatype.n_elements is not None:
        return pa.list_(datatype.facts.arrow, datatype.n_elements)
    return datatype.arrow


def _stored_cells(cells: pa.Array, column: Column) -> pa.Array:
    check_fixed_length(cells, column)
    stored = _stored_type(column)
    return cells if cells.type == stored else cells.cast(stored)
