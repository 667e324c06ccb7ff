"""What all writers must know of a column's cells: whether they fit the declared type, and what stands for a null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_server.errors import EngineError
from vo_server.formats.utf8 import utf16_lengths
from vo_server.model.datatype import Primitive
from vo_server.vo.votable import NULL_ELEMENTS

if TYPE_CHECKING:
    from vo_server.model.table import Column

__all__ = ["boolean_bytes", "check_fixed_length", "flat_elements", "timestamp_text", "with_null_rows"]

AnyArray: TypeAlias = NDArray[Any]

_TRUE: Final = ord("T")
_FALSE: Final = ord("F")

_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_DATE_TIME_LENGTH: Final = len("2000-01-01T00:00:00")


def timestamp_text(cells: pa.Array, column: Column) -> pa.Array:
    """Return instants as DALI writes them: ``YYYY-MM-DDThh:mm:ss``, with a fraction only where there is one.

    A column of fixed length that has no room for the time of day gets the date alone where the time is midnight; one
    that has room for a fraction always gets one, because padding would make the value no timestamp.
    """
    text = pc.replace_substring(cells.cast(pa.string()), " ", "T")
    text = pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")
    n_elements = column.datatype.n_elements
    if n_elements is None:
        return text
    if n_elements < _DATE_TIME_LENGTH:
        return pc.replace_substring_regex(text, "T00:00:00$", "")
    if n_elements > _DATE_TIME_LENGTH + 1:
        with_point = pc.binary_join_element_wise(text, ".", "")
        text = pc.if_else(pc.match_substring(text, "."), text, with_point)
        return pc.utf8_rpad(text, n_elements, "0")
    return text


def check_fixed_length(cells: pa.Array, column: Column) -> None:
    """Make sure that cells of a type with a fixed length have it: readers cut or misread them otherwise.

    Strings may be shorter. The length of ``char`` counts bytes of UTF-8, that of ``unicodeChar`` units of UTF-16.

    Parameters
    ----------
    cells
        Lists, or strings (timestamps as text already).
    column
        The column they belong to.

    Raises
    ------
    EngineError
        If a cell has another length than its column declares.
    """
    n_elements = column.datatype.n_elements
    if n_elements is None:
        return
    if column.datatype.is_array:
        found = pc.min_max(pc.list_value_length(cells)).as_py()
        wrong = [length for length in found.values() if length not in {None, n_elements}]
        if wrong:
            raise _misfit(column, f"an array of {wrong[0]} elements")
    elif pa.types.is_string(cells.type):
        longest = pc.max(pc.binary_length(cells)).as_py() or 0
        if longest > n_elements and column.datatype.primitive is Primitive.UNICODE_CHAR:
            longest = int(utf16_lengths(cells).max())
        if longest > n_elements:
            raise _misfit(column, f"a text of length {longest}")


def flat_elements(cells: pa.Array, column: Column) -> pa.Array:
    """Return the elements of all lists that are not null, one after the other, with a stand-in for each null.

    Nulls inside arrays become NaN or the value that the FIELD declares in ``VALUES/@null``; boolean ones stay null.

    Raises
    ------
    EngineError
        If there is a null and the type has no value to spare for it.
    """
    elements = cells.flatten()
    primitive = column.datatype.primitive
    if not elements.null_count or primitive is Primitive.BOOLEAN:
        return elements
    if primitive in _FLOATS:
        return elements.fill_null(float("nan"))
    if primitive in NULL_ELEMENTS:
        return elements.fill_null(NULL_ELEMENTS[primitive])
    raise EngineError(
        f"column {column.name} has an array with a null inside, which a VOTable cannot say for {primitive}",
        hint="leave the column out",
    )


def boolean_bytes(cells: pa.Array, *, null: int) -> AnyArray:
    """Return truth values as the letters T and F, and ``null`` for those that are not known, shape (n,)."""
    values = np.where(cells.fill_null(False).to_numpy(zero_copy_only=False), _TRUE, _FALSE)  # noqa: FBT003 - Arrow's signature
    if cells.null_count:
        values[cells.is_null().to_numpy(zero_copy_only=False)] = null
    return values.astype(np.uint8)


def with_null_rows(values: AnyArray, cells: pa.Array, column: Column) -> AnyArray:
    """Put rows of filler between the arrays of fixed length that are not null, shape (n, elements)."""
    if not cells.null_count:
        return values
    primitive = column.datatype.primitive
    filler = float("nan") if values.dtype.kind == "f" else NULL_ELEMENTS.get(primitive, 0)
    whole = np.full((len(cells), values.shape[1]), filler, values.dtype)
    whole[cells.is_valid().to_numpy(zero_copy_only=False)] = values
    return whole


def _misfit(column: Column, what: str) -> EngineError:
    declared = f"{column.datatype.primitive}({column.datatype.arraysize or 1})"
    return EngineError(
        f"column {column.name} is described as {declared} but holds {what}",
        hint="leave the column out, and tell the publisher that its description is wrong",
    )
