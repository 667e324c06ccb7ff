"""Rows of a FITS table as bytes, and what their variable cells have in the heap, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_server.formats.cells import boolean_bytes, flat_elements, with_null_rows
from vo_server.formats.fits.text import cell_text
from vo_server.formats.utf8 import buffers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.formats.fits.form import Form
    from vo_server.model.table import Column

__all__ = ["RowPacker", "row_type"]

AnyArray: TypeAlias = NDArray[Any]


def row_type(forms: Sequence[Form]) -> np.dtype[np.void]:
    """Return one row as numpy has it; nothing lies between its cells."""
    return np.dtype([(f"f{index}", *form.field) for index, form in enumerate(forms)])


class RowPacker:
    """Makes bytes of batches; remembers how much of the heap is used.

    Parameters
    ----------
    columns
        Columns of the batches.
    forms
        How each is written.
    """

    def __init__(self, columns: Sequence[Column], forms: Sequence[Form]) -> None:
        self._columns = columns
        self._forms = forms
        self._row = row_type(forms)
        self._heap_used = 0

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return the rows of a batch; call it for one batch after the other."""
        rows = np.empty(batch.num_rows, self._row)
        for index, (cells, column, form) in enumerate(zip(batch.columns, self._columns, self._forms, strict=True)):
            if form.descriptor is not None:
                rows[f"f{index}"] = self._descriptors(cells, column, form)
            elif form.code == "A":
                rows[f"f{index}"] = _text_cells(cells, column, form)
            elif column.datatype.is_array:
                values = _elements(cells, column).reshape(-1, form.repeat)
                whole = with_null_rows(values, cells, column)
                rows[f"f{index}"] = whole if form.repeat > 1 else whole[:, 0]
            else:
                rows[f"f{index}"] = _scalars(cells, form)
        return rows.tobytes()

    def heap(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """Yield the part of the heap that belongs to a batch, in the order in which :meth:`rows` has counted on it."""
        for cells, column, form in zip(batch.columns, self._columns, self._forms, strict=True):
            if form.descriptor is None:
                continue
            if form.code == "A":
                yield buffers_of(cell_text(cells, column).fill_null(""))[1].tobytes()
            else:
                yield _elements(cells, column).astype(form.wire).tobytes()

    def _descriptors(self, cells: pa.Array, column: Column, form: Form) -> AnyArray:
        is_text = form.code == "A"
        lengths = pc.binary_length(cell_text(cells, column)) if is_text else pc.list_value_length(cells)
        counts = lengths.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        n_bytes = counts * np.dtype(form.wire).itemsize
        ends = self._heap_used + np.cumsum(n_bytes)
        self._heap_used = int(ends[-1])
        return np.stack([counts, ends - n_bytes], axis=1)


def _scalars(cells: pa.Array, form: Form) -> AnyArray:
    if pa.types.is_boolean(cells.type):
        return boolean_bytes(cells, null=0)
    if cells.null_count:
        if form.null is None:
            cells = cells.fill_null(float("nan"))
        else:
            # The form may be wider than the column, to have room for this value.
            wide = pa.from_numpy_dtype(np.dtype(form.wire).newbyteorder("="))
            cells = cells.cast(wide).fill_null(form.null)
    return cells.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped


def _elements(cells: pa.Array, column: Column) -> AnyArray:
    elements = flat_elements(cells, column)
    if pa.types.is_boolean(elements.type):
        return boolean_bytes(elements, null=0)
    return elements.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped


def _text_cells(cells: pa.Array, column: Column, form: Form) -> AnyArray:
    """Return texts filled up with NUL: a null is nothing but NUL, an empty text begins with a blank."""
    text = cell_text(cells, column)
    text = pc.if_else(pc.equal(text, ""), " ", text)
    if text.null_count:
        text = text.fill_null("")
    filled = pc.ascii_rpad(text, form.repeat, padding="\0")
    return buffers_of(filled)[1].view(form.field[0])
