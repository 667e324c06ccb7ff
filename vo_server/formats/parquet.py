"""Parquet writer, with a VOTable inside that says what the columns are (VOParquet 1.0).

What a result turns out to be is in the footer, where it can be complete: the status, what cut it, and the length of
the longest text of each column, which astropy needs to make columns of them.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vo_server.formats.cells import check_fixed_length, timestamp_text
from vo_server.formats.described import described_field, table_metadata
from vo_server.formats.drain import Drain
from vo_server.formats.names import uniquely_named
from vo_server.formats.outcome import Outcome, plain_error
from vo_server.formats.slices import grouped, slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.errors import VoError
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["ParquetWriter"]

_SCHEMA_KEY: Final = "ARROW:schema"
"""Where Arrow keeps its schema in base64, which is all that it reads of the metadata.

pyarrow writes it before the first row; here it waits for what is known at the end.
"""

_LOOK_ROWS: Final = 8192
"""Rows at the beginning that tell whether the texts of a column repeat."""

_REPEATING: Final = 4
"""A text column is kept as a dictionary when its distinct values are this many times fewer than its rows."""


class ParquetWriter:
    """Rows in groups of columns: exact, quick, read by everything that works with data frames.

    Not compressed: for the floats of a catalogue that costs more time than it saves (zstd halves the speed of the
    writer for a fifth of the bytes). Timestamps are text, as in VOTable: ``parquet.votable`` of astropy
    refuses a table in which a column has another kind of type than its FIELD.
    """

    mime: ClassVar[str] = "application/vnd.apache.parquet"
    extension: ClassVar[str] = "parquet"
    is_text: ClassVar[bool] = False

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the signature when the first rows are there, then row groups, then the footer.

        An error in the middle leaves the file without its footer: nobody can read it by mistake.
        """
        columns = uniquely_named(result.columns)
        schema = pa.schema([described_field(column, _stored_type(column)) for column in columns])
        lengths = _Lengths(columns)
        sink = Drain()
        batches = (_stored(batch, columns, schema) for batch in slices(result.batches))
        first = next(batches, None)
        writer = _open(sink, schema, first)
        yield sink.take()
        for rows in grouped([] if first is None else chain([first], batches)):
            lengths.see(rows)
            writer.write_table(rows, row_group_size=rows.num_rows)
            yield sink.take()
        outcome = Outcome.of(result)
        visible = schema.with_metadata({**outcome.facts, **lengths.metadata()})
        writer.add_key_value_metadata(
            {
                **table_metadata(lengths.declared(), result, outcome),
                **lengths.metadata(),
                _SCHEMA_KEY: b64encode(visible.serialize()).decode(),
            }
        )
        writer.close()
        yield sink.take()

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


def _open(sink: Drain, schema: pa.Schema, first: pa.RecordBatch | None) -> pq.ParquetWriter:
    cells = [] if first is None else zip(schema.names, first.columns, strict=True)
    repeating = [name for name, one in cells if pa.types.is_string(one.type) and _repeats(one)]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="none",
        use_dictionary=repeating or False,
        store_schema=False,
        write_statistics=False,  # They help who looks for few rows; here, these have been found.
    )


def _repeats(cells: pa.Array) -> bool:
    first = cells.slice(0, _LOOK_ROWS)
    return bool(_REPEATING * pc.count_distinct(first).as_py() <= len(first))


def _stored_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column in the file: lists of one length know it, so that readers make them square."""
    datatype = column.datatype
    if datatype.is_timestamp:
        return pa.string()
    if datatype.is_array and datatype.n_elements is not None:
        return pa.list_(datatype.facts.arrow, datatype.n_elements)
    return datatype.arrow


def _stored(batch: pa.RecordBatch, columns: Sequence[Column], schema: pa.Schema) -> pa.RecordBatch:
    cells = [_stored_cells(one, column) for one, column in zip(batch.columns, columns, strict=True)]
    return pa.RecordBatch.from_arrays(cells, schema=schema)


def _stored_cells(cells: pa.Array, column: Column) -> pa.Array:
    if column.datatype.is_timestamp:
        return timestamp_text(cells, column)
    check_fixed_length(cells, column)
    stored = _stored_type(column)
    return cells if cells.type == stored else cells.cast(stored)


class _Lengths:
    """The longest text of each column."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        names = [column.name for column in columns if pa.types.is_string(_stored_type(column))]
        self._n_characters = dict.fromkeys(names, 0)
        self._n_bytes = dict.fromkeys(names, 0)

    def see(self, rows: pa.Table) -> None:
        """Take more rows into account."""
        for name, longest in self._n_characters.items():
            cells = rows[name]
            self._n_characters[name] = max(longest, pc.max(pc.utf8_length(cells)).as_py() or 0)
            self._n_bytes[name] = max(self._n_bytes[name], pc.max(pc.binary_length(cells)).as_py() or 0)

    def declared(self) -> list[Column]:
        """Return the columns with the bounds that their texts turned out to have.

        astropy makes a column of objects, and then fails, when a FIELD has no bound.
        """
        return [self._bounded(column) for column in self._columns]

    def metadata(self) -> dict[str, str]:
        """Return the lengths as astropy writes and reads them [characters]."""
        return {f"table::len::{name}": str(longest) for name, longest in self._n_characters.items()}

    def _bounded(self, column: Column) -> Column:
        if column.datatype.arraysize != "*" or column.name not in self._n_bytes:
            return column
        bound = max(1, self._n_bytes[column.name])  # UTF-16 never has more units.
        return replace(column, datatype=replace(column.datatype, arraysize=f"{bound}*"))
