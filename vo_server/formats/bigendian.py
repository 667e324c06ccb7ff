"""Rows as VOTable BINARY2 writes them, a batch at a time (VOTable 1.4, section 5.4).

Neighbouring cells of fixed width (numbers, fixed arrays, the counts before variable cells, the null flags) are put
into one numpy structure of big-endian fields, which is a column of equally long byte strings to Arrow. These and the
variable cells between them are joined row by row inside Arrow. No Python code sees a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_server.formats.cells import boolean_bytes, check_fixed_length, flat_elements, timestamp_text, with_null_rows
from vo_server.formats.utf8 import binary_array, buffers_of, to_utf16, utf16_lengths
from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.datatype import DataType
    from vo_server.model.table import Column

__all__ = ["pack_rows"]

AnyArray: TypeAlias = NDArray[Any]

_UNKNOWN: Final = ord("?")
_COUNT: Final = ">i4"


def pack_rows(batch: pa.RecordBatch, columns: Sequence[Column]) -> memoryview:
    """Return the rows of a batch as BINARY2 bytes, not copied from where they were made.

    A null cell has its flag and a filler: NaN for floats, zero bytes for the rest, no elements where the length varies.
    ``char`` holds UTF-8 and is counted in bytes (as VOTable 1.6 has it; the same as before for ASCII), ``unicodeChar``
    holds UTF-16 and is counted in its units. Strings of fixed length are filled up with NUL.

    Raises
    ------
    EngineError
        If a cell does not fit the declared type.
    """
    parts = _Parts()
    parts.add_fixed(_null_flags(batch), "u1")
    for cells, column in zip(batch.columns, columns, strict=True):
        if column.datatype.is_array:
            _add_array(parts, cells, column)
        elif column.datatype.is_string or column.datatype.is_timestamp:
            _add_string(parts, cells, column)
        else:
            parts.add_fixed(_scalar_values(cells), _wire_type(column.datatype))
    return parts.to_bytes()


@dataclass
class _Parts:
    """The pieces of all rows, from left to right."""

    joined: list[pa.Array] = field(default_factory=list)
    """Large binary columns that are complete."""
    run: list[tuple[AnyArray, str]] = field(default_factory=list)
    """Fixed-width cells since the last variable one, with their types on the wire."""

    def add_fixed(self, values: AnyArray, wire: str) -> None:
        """Append a cell of fixed width; ``values`` has the shape (n,) or (n, elements)."""
        self.run.append((values, wire))

    def add_variable(self, cells: pa.Array, counts: AnyArray) -> None:
        """Append a count and that many elements, given as large binary without nulls."""
        self.run.append((counts, _COUNT))
        self._close_run()
        self.joined.append(cells)

    def to_bytes(self) -> memoryview:
        """Return all rows."""
        if not self.joined:
            return self._records().view(np.uint8).data
        self._close_run()
        rows = pc.binary_join_element_wise(*self.joined, pa.scalar(b"", pa.large_binary()))
        return buffers_of(rows)[1].data

    def _records(self) -> AnyArray:
        layout = [(f"f{index}", wire, values.shape[1:]) for index, (values, wire) in enumerate(self.run)]
        records = np.empty(len(self.run[0][0]), np.dtype(layout))
        for index, (values, _) in enumerate(self.run):
            records[f"f{index}"] = values
        return records

    def _close_run(self) -> None:
        if self.run:
            records = self._records()
            offsets = np.arange(len(records) + 1, dtype=np.int64) * records.itemsize
            self.joined.append(binary_array(offsets, records.view(np.uint8)))
            self.run = []


def _null_flags(batch: pa.RecordBatch) -> AnyArray:
    """Return one bit per cell, set for null, the first column in the highest bit of the first byte."""
    is_null = np.zeros((batch.num_rows, batch.num_columns), np.bool_)
    for index, cells in enumerate(batch.columns):
        if cells.null_count:
            is_null[:, index] = cells.is_null().to_numpy(zero_copy_only=False)
    return np.packbits(is_null, axis=1)


def _wire_type(datatype: DataType) -> str:
    return "u1" if datatype.primitive is Primitive.BOOLEAN else datatype.facts.numpy


def _scalar_values(cells: pa.Array) -> AnyArray:
    if pa.types.is_boolean(cells.type):
        return boolean_bytes(cells, null=0)
    if cells.null_count:
        cells = cells.fill_null(float("nan") if pa.types.is_floating(cells.type) else 0)
    return cells.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped


def _add_array(parts: _Parts, cells: pa.Array, column: Column) -> None:
    check_fixed_length(cells, column)
    elements = flat_elements(cells, column)
    is_boolean = column.datatype.primitive is Primitive.BOOLEAN
    values = boolean_bytes(elements, null=_UNKNOWN) if is_boolean else elements.to_numpy(zero_copy_only=False)
    wire = _wire_type(column.datatype)
    n_elements = column.datatype.n_elements
    if n_elements is not None:
        parts.add_fixed(with_null_rows(values.reshape(-1, n_elements), cells, column), wire)
        return
    counts = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    data = values.astype(wire)
    parts.add_variable(binary_array(_offsets(counts, data.itemsize), data.view(np.uint8)), counts)


def _add_string(parts: _Parts, cells: pa.Array, column: Column) -> None:
    text = timestamp_text(cells, column) if column.datatype.is_timestamp else cells
    if text.null_count:
        text = text.fill_null("")
    check_fixed_length(text, column)
    is_unicode = column.datatype.primitive is Primitive.UNICODE_CHAR
    encoded = to_utf16(text) if is_unicode else text.cast(pa.large_binary())
    n_elements = column.datatype.n_elements
    if n_elements is not None:
        parts.add_fixed(_padded(encoded, n_elements * column.datatype.facts.size_bytes), "u1")
        return
    counts = utf16_lengths(text) if is_unicode else pc.binary_length(encoded).to_numpy(zero_copy_only=False)
    parts.add_variable(encoded, counts)


def _padded(cells: pa.Array, n_bytes: int) -> AnyArray:
    """Return byte strings filled up with NUL, shape (n, n_bytes)."""
    offsets, data = buffers_of(cells)
    filled = np.zeros((len(cells), n_bytes), np.uint8)
    # A mask goes row by row, which is the order in which the bytes lie one behind the other.
    filled[np.arange(n_bytes) < np.diff(offsets)[:, np.newaxis]] = data
    return filled


def _offsets(counts: AnyArray, size_bytes: int) -> NDArray[np.int64]:
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets * size_bytes
