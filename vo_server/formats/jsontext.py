"""Cells as JSON values, a column at a time (RFC 8259)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.cells import check_fixed_length, timestamp_text
from vo_server.formats.text import joined_elements
from vo_server.formats.utf8 import buffers_of, contains_bytes

if TYPE_CHECKING:
    from vo_server.model.table import Column

__all__ = ["json_cells", "json_numbers"]

_CONTROLS: Final = bytes(range(0x20))
_SPECIAL: Final = _CONTROLS + b'"\\'
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def json_cells(cells: pa.Array, column: Column) -> pa.Array:
    """Return cells as JSON values, without nulls.

    Numbers of 64 bits are strings, because most readers make every number a double, and so are ``"NaN"``,
    ``"Infinity"`` and ``"-Infinity"``, which JSON does not have: ``null`` is NULL alone. Arrays are flat.

    Raises
    ------
    EngineError
        If a cell does not fit the declared type.
    """
    if column.datatype.is_array:
        check_fixed_length(cells, column)
        elements = _scalars(cells.flatten())
        elements = elements.fill_null("null") if elements.null_count else elements
        inside = joined_elements(elements, pc.list_value_length(cells), ",")
        text = pc.binary_join_element_wise("[", inside, "]", "")
    elif column.datatype.is_timestamp:
        text = _in_quotes(timestamp_text(cells, column))
    else:
        check_fixed_length(cells, column)
        text = _scalars(cells)
    return text.fill_null("null") if text.null_count else text


def json_numbers(cells: pa.Array) -> pa.Array:
    """Return floats as JSON numbers that keep the sign of zero; what is not finite keeps Arrow's words for it."""
    text = cells.cast(pa.string())
    # "-0" would be read as a whole number, which has no sign.
    return pc.if_else(pc.equal(text, "-0"), "-0.0", text)


def _scalars(cells: pa.Array) -> pa.Array:
    if pa.types.is_string(cells.type):
        return _in_quotes(_escaped(cells))
    if pa.types.is_boolean(cells.type):
        return pc.if_else(cells, "true", "false")
    if pa.types.is_floating(cells.type):
        return _floats(cells)
    text = cells.cast(pa.string())
    return _in_quotes(text) if pa.types.is_int64(cells.type) else text


def _floats(cells: pa.Array) -> pa.Array:
    text = json_numbers(cells)
    if pc.all(pc.is_finite(cells)).as_py() is not False:
        return text
    text = pc.if_else(pc.is_nan(cells), '"NaN"', text)
    infinite = pc.if_else(pc.greater(cells, 0), '"Infinity"', '"-Infinity"')
    return pc.if_else(pc.is_inf(cells), infinite, text)


def _in_quotes(text: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', text, '"', "")


def _escaped(text: pa.Array) -> pa.Array:
    if not contains_bytes(text, _SPECIAL):
        return text
    text = pc.replace_substring(text, "\\", "\\\\")
    text = pc.replace_substring(text, '"', '\\"')
    if contains_bytes(text, _CONTROLS):
        for code in sorted(set(buffers_of(text)[1].tobytes()) & set(_CONTROLS)):
            escape = _SHORT_ESCAPES.get(chr(code), f"\\u{code:04x}")
            text = pc.replace_substring(text, chr(code), escape)
    return text
