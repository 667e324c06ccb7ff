"""Cells as text, a column at a time: what TABLEDATA, CSV and TSV have in common (VOTable 1.4, section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.cells import check_fixed_length, flat_elements, timestamp_text
from vo_server.model.datatype import Primitive
from vo_server.vo.votable import NULL_ELEMENTS

if TYPE_CHECKING:
    from vo_server.model.datatype import DataType
    from vo_server.model.table import Column

__all__ = ["cell_text", "join_rows", "null_text"]

_NULL_ELEMENT_TEXT: Final = {
    Primitive.BOOLEAN: "?",
    Primitive.FLOAT: "NaN",
    Primitive.DOUBLE: "NaN",
    **{primitive: str(value) for primitive, value in NULL_ELEMENTS.items()},
}
"""Nulls inside arrays."""


def cell_text(cells: pa.Array, column: Column) -> pa.Array:
    """Return cells as VOTable literals, not escaped; nulls stay null.

    Floats are in the shortest form that reads back to the same value, with ``NaN``, ``+Inf`` and ``-Inf``; booleans
    are ``T`` and ``F``; array elements are separated by one space.

    Raises
    ------
    EngineError
        If a cell does not fit the declared type.
    """
    datatype = column.datatype
    if datatype.is_array:
        check_fixed_length(cells, column)
        return _array_text(cells, column)
    if datatype.is_timestamp:
        cells = timestamp_text(cells, column)
    text = _scalar_text(cells)
    check_fixed_length(cells, column)
    return text


def null_text(datatype: DataType) -> str:
    """Return what TABLEDATA has in a null cell: nothing, except in arrays of fixed length.

    An empty cell is legal there too (VOTable 1.4, section 5.1), but validators count its elements; so it gets as many
    null elements as the type has. ``unsignedByte`` has no null element and stays empty.
    """
    if not datatype.is_array or datatype.n_elements is None or datatype.primitive not in _NULL_ELEMENT_TEXT:
        return ""
    return " ".join([_NULL_ELEMENT_TEXT[datatype.primitive]] * datatype.n_elements)


def join_rows(cells: list[pa.Array], *, between_cells: str, between_rows: str) -> bytes:
    """Return rows of text as one piece, nulls as nothing.

    Parameters
    ----------
    cells
        Text columns of the same length, at least one of each.
    between_cells, between_rows
        Separators; nothing comes before the first row and behind the last one.
    """
    # Large strings: a batch of long rows may pass the two gigabytes that 32-bit offsets reach.
    large = [one.cast(pa.large_string()) for one in cells]
    separator = pa.scalar(between_cells, pa.large_string())
    rows = pc.binary_join_element_wise(*large, separator, null_handling="replace", null_replacement="")
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(rows)], pa.int64()), rows)
    joined = pc.binary_join(whole, pa.scalar(between_rows, pa.large_string()))
    return bytes(joined[0].as_buffer())


def _scalar_text(cells: pa.Array) -> pa.Array:
    if pa.types.is_boolean(cells.type):
        return pc.if_else(cells, "T", "F")
    if pa.types.is_floating(cells.type):
        return _float_text(cells)
    return cells if pa.types.is_string(cells.type) else cells.cast(pa.string())


def _float_text(cells: pa.Array) -> pa.Array:
    text = cells.cast(pa.string())
    if pc.all(pc.is_finite(cells)).as_py() is not False:
        return text
    text = pc.if_else(pc.is_nan(cells), "NaN", text)
    infinite = pc.is_inf(cells)
    return pc.if_else(infinite, pc.if_else(pc.greater(cells, 0), "+Inf", "-Inf"), text)


def _array_text(cells: pa.Array, column: Column) -> pa.Array:
    elements = _scalar_text(flat_elements(cells, column))
    if elements.null_count:
        elements = elements.fill_null("?")
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    mask = cells.is_null() if cells.null_count else None
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), elements, mask=mask), " ")
