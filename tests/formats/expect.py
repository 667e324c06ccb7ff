"""What readers must see for the values of a column, in plain Python."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from vo_server.model.table import Column

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NULL_ELEMENTS = {Primitive.SHORT: str(-(2**15)), Primitive.INT: str(-(2**31)), Primitive.LONG: str(-(2**63))}
_FLOATS = {Primitive.FLOAT, Primitive.DOUBLE}


def same(left: Any, right: Any) -> bool:
    """Tell equality in which NaN is NaN and zeros have signs."""
    return repr(left) == repr(right)


def in_binary2(value: Any, column: Column) -> Any:
    """Return what the oracle reads from BINARY2."""
    if isinstance(value, datetime):
        return timestamp(value, column.datatype.n_elements)
    if isinstance(value, list) and column.datatype.primitive in _FLOATS:
        return [float("nan") if one is None else one for one in value]
    return value


def timestamp(value: datetime, n_elements: int | None) -> str:
    text = value.isoformat()
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if n_elements is None:
        return text
    return (text if "." in text else f"{text}.").ljust(n_elements, "0")


def from_tabledata(text: str | None, column: Column) -> Any:
    """Return the value that a literal means; None for an empty cell."""
    if text is None:
        return None
    datatype = column.datatype
    if datatype.is_string or datatype.is_timestamp:
        return text
    if not datatype.is_array:
        return _element(text, datatype.primitive)
    null = _NULL_ELEMENTS.get(datatype.primitive)
    return [None if one == null else _element(one, datatype.primitive) for one in text.split(" ")]


def in_tabledata(value: Any, column: Column) -> Any:
    """Return what must come out of :func:`from_tabledata`."""
    datatype = column.datatype
    fixed = datatype.n_elements if datatype.is_array else None
    if value is None and fixed is not None and datatype.primitive is not Primitive.UNSIGNED_BYTE:
        return [float("nan") if datatype.primitive in _FLOATS else None] * fixed
    value = in_binary2(value, column)
    if isinstance(value, str):
        return _ILLEGAL.sub("\ufffd", value) or None
    return None if value == [] else value


def _element(text: str, primitive: Primitive) -> Any:
    if primitive is Primitive.BOOLEAN:
        return {"T": True, "F": False, "?": None}[text]
    if primitive in _FLOATS:
        assert text not in {"nan", "inf", "-inf", "Infinity", "Inf"}
        return float(np.float32(text)) if primitive is Primitive.FLOAT else float(text)
    return int(text)
