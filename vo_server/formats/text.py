"""Cells as text, a column at a time: what TABLEDATA, CSV and TSV have in common (VOTable 1.4, section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.cells import check_fixed_length, flat_elements, timestamp_text
from vo_server.formats.utf8 import buffers_of
from vo_server.model.datatype import Primitive
from vo_server.vo.votable import NULL_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.datatype import DataType
    from vo_server.model.table import Column

__all__ = ["cell_text", "join_parts", "join_rows", "joined_elements", "null_text"]

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


def join_rows(cells: Sequence[pa.Array], *, before: str = "", between: str, after: str) -> bytes:
    """Return rows of text as one piece, nulls as nothing.

    Parameters
    ----------
    cells
        Text columns of the same length, at least one of each.
    before, between, after
        What comes before the first cell of each row, between two cells, and behind the last one.
    """
    # Large strings: a batch of long rows may pass the two gigabytes that 32-bit offsets reach.
    large = [one.cast(pa.large_string()) for one in cells]
    # Row ends become parts of the outer cells, so that the joined rows lie one behind the other as they go out.
    if before:
        large[0] = _join([before, large[0]], "")
    large[-1] = _join([large[-1], after], "")
    return buffers_of(_join(large, between))[1].tobytes()


def join_parts(parts: Sequence[pa.Array | str]) -> bytes:
    """Return rows made of text columns and of what is the same in each row, nulls as nothing."""
    large = [one if isinstance(one, str) else one.cast(pa.large_string()) for one in parts]
    return buffers_of(_join(large, ""))[1].tobytes()


def joined_elements(elements: pa.Array, lengths: pa.Array, separator: str) -> pa.Array:
    """Return the texts of array elements as one text for each array; null arrays stay null.

    Parameters
    ----------
    elements
        One text for each element of all arrays that are not null.
    lengths
        Number of elements of each array; null for a null one.
    separator
        What comes between two elements.
    """
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths.fill_null(0).to_numpy(zero_copy_only=False), out=offsets[1:])
    mask = lengths.is_null() if lengths.null_count else None
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), elements, mask=mask), separator)


def _join(parts: Sequence[pa.Array | str], separator: str) -> pa.Array:
    scalars = (pa.scalar(one, pa.large_string()) if isinstance(one, str) else one for one in (*parts, separator))
    return pc.binary_join_element_wise(*scalars, null_handling="replace", null_replacement="")


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
    return joined_elements(elements, pc.list_value_length(cells), " ")
