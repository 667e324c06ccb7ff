"""Random columns and rows for the round trips."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.formats.samples import P, column
from vo_server.model.table import Column

_TYPES = (
    (P.BOOLEAN, None, None),
    (P.UNSIGNED_BYTE, None, None),
    (P.SHORT, None, None),
    (P.INT, None, None),
    (P.LONG, None, None),
    (P.FLOAT, None, None),
    (P.DOUBLE, None, None),
    (P.CHAR, "*", None),
    (P.CHAR, "7", None),
    (P.UNICODE_CHAR, "*", None),
    (P.UNICODE_CHAR, "4", None),
    (P.CHAR, "*", "timestamp"),
    (P.DOUBLE, "2", None),
    (P.DOUBLE, "*", None),
    (P.FLOAT, "2x3", None),
    (P.SHORT, "*", None),
    (P.LONG, "3", None),
    (P.UNSIGNED_BYTE, "*", None),
    (P.BOOLEAN, "2", None),
    (P.BOOLEAN, "*", None),
)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    P.BOOLEAN: st.booleans(),
    P.UNSIGNED_BYTE: st.integers(0, 255),
    P.SHORT: st.integers(-(2**15), 2**15 - 1),
    P.INT: st.integers(-(2**31), 2**31 - 1),
    P.LONG: st.integers(-(2**63), 2**63 - 1),
    P.FLOAT: st.floats(width=32),
    P.DOUBLE: st.floats(),
}
_LEAST = {P.SHORT: -(2**15), P.INT: -(2**31), P.LONG: -(2**63)}


def _cells(one: Column) -> st.SearchStrategy[Any]:
    datatype = one.datatype
    if datatype.is_timestamp:
        return st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - without a zone, as the model
    if datatype.is_string:
        return _texts(one)
    elements = _SCALARS[datatype.primitive]
    if not datatype.is_array:
        return elements
    if datatype.primitive in _LEAST:
        elements = elements.filter(lambda value: value != _LEAST[datatype.primitive])
    if datatype.primitive is not P.UNSIGNED_BYTE:
        elements = st.none() | elements
    n_elements = datatype.n_elements
    least, most = (0, 5) if n_elements is None else (n_elements, n_elements)
    return st.lists(elements, min_size=least, max_size=most)


def _texts(one: Column) -> st.SearchStrategy[str]:
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    n_elements = one.datatype.n_elements
    if n_elements is None:
        # The oracle cuts at the end what a reader may cut.
        return texts.filter(lambda text: not text.endswith("\0"))
    encoding, size = ("utf-8", 1) if one.datatype.primitive is P.CHAR else ("utf-16-be", 2)
    return texts.filter(lambda text: not text.endswith("\0") and len(text.encode(encoding)) <= n_elements * size)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Column, ...], list[list[Any]]]:
    """Return columns and the values of each, all of the same number of rows."""
    n_rows = draw(st.integers(0, 6))
    types = draw(st.lists(st.sampled_from(_TYPES), min_size=1, max_size=18))
    columns = tuple(column(f"c{index}", *one) for index, one in enumerate(types))
    rows = [draw(st.lists(st.none() | _cells(one), min_size=n_rows, max_size=n_rows)) for one in columns]
    return columns, rows
