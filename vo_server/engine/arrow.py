"""What a driver gives, cast to the Arrow schema that was promised; and what was promised, cut to a size.

Drivers differ from each other and from the type table in small ways (``numeric`` as text, ``smallint`` for an unsigned
byte, decimals for sums, names of list elements). Here they end: behind this module every batch has exactly the declared
schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["conform", "row_bytes", "rows_per_batch", "slices"]

_WIDTH_OF_VARIABLE: Final = 64
"""Assumed bytes of a cell whose length is not fixed; it sizes batches, so the order of magnitude is enough."""


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Cast the columns of a batch, by position, to a schema.

    Values stay what they are: a number that the declared type cannot hold is an error. The exceptions are those that
    the declared type means, an integer that becomes the nearest double and a double that becomes the nearest float.

    Parameters
    ----------
    batch
        As the driver gave it; names do not matter.
    schema
        Declared schema, see :func:`vo_server.model.query.arrow_schema`; names may repeat.

    Returns
    -------
    RecordBatch
        With exactly ``schema``; columns that need no cast are shared, not copied.

    Raises
    ------
    ValueError
        If the number of columns differs or a value cannot be held.
    """
    if batch.schema.equals(schema):
        return batch
    if batch.num_columns != len(schema):
        raise ValueError(f"{batch.num_columns} columns came where {len(schema)} were declared")
    return pa.RecordBatch.from_arrays(
        [_cast(array, field) for array, field in zip(batch.columns, schema, strict=True)], schema=schema
    )


def _cast(array: pa.Array, field: pa.Field) -> pa.Array:
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage  # ADBC wraps what Arrow has no type for, `numeric` first of all, as text.
    if array.type.equals(field.type):
        return array
    is_rounding = pa.types.is_integer(array.type) and pa.types.is_floating(field.type)
    try:
        return pc.cast(array, field.type, safe=not is_rounding)
    except pa.ArrowInvalid as error:
        raise ValueError(f"column {field.name}: {error}") from error
    except pa.ArrowNotImplementedError as error:
        raise ValueError(f"column {field.name}: {array.type} came where {field.type} was declared") from error


def rows_per_batch(schema: pa.Schema, *, target_bytes: int, multiple: int, most: int) -> int:
    """Return how many rows of a schema make a batch of a size.

    Parameters
    ----------
    schema
        Columns of the batch.
    target_bytes
        Wanted size of a batch [bytes].
    multiple
        The answer is a multiple of this, and at least this.
    most
        The answer is not larger, however narrow the rows are.
    """
    wanted = min(target_bytes // (row_bytes(schema) or 1), most)
    return max(wanted // multiple, 1) * multiple


def row_bytes(schema: pa.Schema) -> int:
    """Return the size of a row of a schema [bytes], taking cells without a fixed length for equally long."""
    return sum(_width_bytes(field.type) for field in schema)


def _width_bytes(kind: pa.DataType) -> int:
    try:
        return (int(kind.bit_width) + 7) // 8
    except ValueError:
        return _WIDTH_OF_VARIABLE


def slices(batch: pa.RecordBatch, most_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch in pieces of at most so many rows, without copying."""
    if batch.num_rows <= most_rows:
        yield batch
        return
    for start in range(0, batch.num_rows, most_rows):
        yield batch.slice(start, most_rows)
