"""Turn arrays of any Arrow type into the declared type, and tell which values could not be turned.

Everything is a whole-array operation. A cast is tried at once first, because nearly all arrays are clean; only when
it fails are the culprits looked for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Casted", "cast", "null_out", "with_elements"]

Casted = tuple[pa.Array, "NDArray[np.bool_] | None"]
"""The values, with NULL for those that could not be read, and a mask of those; None when there are none."""

_INTEGER: Final = r"^[+-]?[0-9]+$"
_HEX: Final = r"^0[xX][0-9a-fA-F]{1,16}$"
_FLOAT: Final = r"(?i)^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?inf(inity)?$|^nan$"
_TIMESTAMP: Final = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)[0-9]*)?Z?$"
_NAN: Final = frozenset({"nan", "NaN", "NAN"})
_TRUE: Final = pa.array(["t", "1", "true", "yes", "y"])
_FALSE: Final = pa.array(["f", "0", "false", "no", "n"])
_DECIMAL_DIGITS: Final = 38
"""Digits of Arrow's decimal128, through which too large integers are found without rounding."""
_EXACT_FLOAT: Final = 2**24
_EXACT_DOUBLE: Final = 2**53
"""Integers up to these are exact as float and as double; compared as integers, because a float would round them."""


def cast(
    array: pa.Array, datatype: DataType, null_texts: frozenset[str] = frozenset(), *, keeps_empty: bool = False
) -> Casted:
    """Turn an array into the Arrow type of a datatype.

    Nothing is rounded or cut silently: an integer that does not fit, a fraction for an integer column, an int64 that
    a double cannot hold, a finite number that overflows to infinity and a text that is not a value of the type are all
    reported. NaN becomes NULL in an integer column, because that is the only thing it can mean there. Fractions of
    microseconds are cut from timestamps; zones are converted to UTC.

    Parameters
    ----------
    array
        Values of any Arrow type.
    datatype
        What they must become.
    null_texts
        Texts that mean NULL when text is turned into something else than text. An empty text always does.
    keeps_empty
        Whether an empty text stays one in a column of text; otherwise it is NULL.
    """
    if keeps_empty and datatype.is_string and pa.types.is_string(array.type):
        return array, None
    values, bad = _cast(_plain(array), datatype, null_texts)
    return values, bad if bad is not None and bad.any() else None


def _cast(array: pa.Array, datatype: DataType, null_texts: frozenset[str]) -> Casted:
    if datatype.is_array:
        return _to_list(array, datatype, null_texts)
    if datatype.is_timestamp:
        return _to_timestamp(array, null_texts)
    if pa.types.is_string(array.type):
        return _from_text(array, datatype, null_texts)
    if datatype.is_string:
        return _attempt(array, pa.string())
    if datatype.primitive is Primitive.BOOLEAN:
        return _to_boolean(array)
    return _number(array, datatype.arrow)


def null_out(array: pa.Array, mask: NDArray[np.bool_]) -> pa.Array:
    """Return the array with NULL where the mask is true."""
    if not mask.any():
        return array
    return pc.if_else(pa.array(mask), pa.scalar(None, array.type), array)


def _plain(array: pa.Array) -> pa.Array:
    """Remove the encodings that do not change the meaning: chunks, dictionaries, large and view variants."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        return array.cast(pa.string())
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    return array


def _attempt(array: pa.Array, target: pa.DataType) -> Casted:
    """Cast what can be cast, halving the array around the culprits; for failures that are rare."""
    if array.type == target:
        return array, None
    try:
        return pc.cast(array, target), None
    except pa.ArrowInvalid:
        pass
    if len(array) == 1:
        return pa.nulls(1, target), np.ones(1, bool)
    middle = len(array) // 2
    parts = [_attempt(array[:middle], target), _attempt(array[middle:], target)]
    masks = [np.zeros(len(values), bool) if mask is None else mask for values, mask in parts]
    return pa.concat_arrays([values for values, _ in parts]), np.concatenate(masks)


def _blank_to_null(text: pa.Array, null_texts: frozenset[str]) -> pa.Array:
    if not null_texts:
        is_null = pc.equal(pc.binary_length(text), 0)
    else:
        is_null = pc.is_in(text, value_set=pa.array(["", *null_texts], pa.string()))
    return null_out(text, _mask(is_null))


def _from_text(text: pa.Array, datatype: DataType, null_texts: frozenset[str]) -> Casted:
    if datatype.is_string:
        return _blank_to_null(text, frozenset()), None
    if datatype.primitive is Primitive.BOOLEAN:
        return _text_to_boolean(_blank_to_null(text, null_texts))
    target = datatype.arrow
    is_float = pa.types.is_floating(target)
    values = None if _has_number(null_texts) else _read(text, target)
    # A text that means NULL cannot be read, or as NaN: looking for them in all texts takes half as long as the cast.
    if values is None or (is_float and pc.any(pc.is_nan(values)).as_py()):
        text = _blank_to_null(text, null_texts)
        values = _read(text, target)
    if values is None:
        text = _blank_to_null(pc.utf8_trim_whitespace(text), null_texts)
        return _text_to_float(text, target) if is_float else _text_to_integer(text, target)
    return _without_overflow(values, text, None) if is_float else (values, None)


def _read(text: pa.Array, target: pa.DataType) -> pa.Array | None:
    """Return texts as numbers; None when there is one that Arrow cannot read."""
    try:
        return pc.cast(text, target)
    except pa.ArrowInvalid:
        return None


@lru_cache(maxsize=256)
def _has_number(null_texts: frozenset[str]) -> bool:
    """Tell whether a number means NULL, such as -99."""
    return any(re.match(_FLOAT, one) or re.match(_HEX, one) for one in null_texts - _NAN)


def _text_to_boolean(text: pa.Array) -> Casted:
    folded = _blank_to_null(pc.utf8_lower(pc.utf8_trim_whitespace(text)), frozenset("?"))
    true, false = pc.is_in(folded, value_set=_TRUE), pc.is_in(folded, value_set=_FALSE)
    known = pc.or_(true, false)
    values = pc.if_else(known, true, pa.scalar(None, pa.bool_()))
    return values, _mask(pc.and_(pc.is_valid(folded), pc.invert(known)))


def _text_to_float(text: pa.Array, target: pa.DataType) -> Casted:
    readable = pc.match_substring_regex(text, _FLOAT)
    values = pc.cast(pc.if_else(readable, text, pa.scalar(None, pa.string())), target)
    return _without_overflow(values, text, _mask(pc.invert(readable)))


def _without_overflow(values: pa.Array, text: pa.Array, bad: NDArray[np.bool_] | None) -> Casted:
    """Report finite texts that became infinite."""
    infinite = _mask(pc.is_inf(values))
    if infinite.any():
        infinite &= ~_mask(pc.match_substring(text, "inf", ignore_case=True))
        values = null_out(values, infinite)
    return values, _union(len(values), bad, infinite)


def _text_to_integer(text: pa.Array, target: pa.DataType) -> Casted:
    """Read decimal and hexadecimal integers, and whole numbers that were written as floats, such as ``11.0``."""
    nothing = pa.scalar(None, pa.string())
    is_hex = pc.match_substring_regex(text, _HEX)
    hexadecimal, hex_bad = _attempt(pc.if_else(is_hex, text, nothing), pa.int64())
    is_decimal = pc.and_(pc.match_substring_regex(text, _INTEGER), pc.less_equal(pc.utf8_length(text), _DECIMAL_DIGITS))
    digits = pc.replace_substring_regex(pc.if_else(is_decimal, text, nothing), pattern=r"^\+", replacement="")
    wide = pc.cast(digits, pa.decimal128(_DECIMAL_DIGITS, 0))
    limit = pa.scalar(2**63, pa.decimal128(_DECIMAL_DIGITS, 0))
    fits = pc.and_(pc.less(wide, limit), pc.greater_equal(wide, pc.negate(limit)))
    decimal = pc.cast(pc.if_else(fits, wide, pa.scalar(None, wide.type)), pa.int64())
    others = pc.if_else(pc.or_(is_hex, is_decimal), nothing, text)
    floats, unreadable = _text_to_float(others, pa.float64())
    whole, fractional = _number(floats, pa.int64())
    values, outside = _number(pc.coalesce(decimal, hexadecimal, whole), target)
    bad = _mask(pc.and_(is_decimal, pc.invert(fits)))
    return values, _union(len(text), hex_bad, bad, unreadable, fractional, outside)


def _to_boolean(array: pa.Array) -> Casted:
    if pa.types.is_boolean(array.type):
        return array, None
    numbers = pc.cast(array, pa.float64(), safe=False)
    known = pc.is_in(numbers, value_set=pa.array([0.0, 1.0]))
    values = pc.if_else(known, pc.equal(numbers, 1.0), pa.scalar(None, pa.bool_()))
    return values, _mask(pc.and_(pc.is_valid(numbers), pc.invert(known)))


def _number(array: pa.Array, target: pa.DataType) -> Casted:
    """Cast numbers to another width, with a mask of those that do not fit."""
    if array.type == target:
        return array, None
    if pa.types.is_boolean(array.type):
        return _attempt(pc.cast(array, pa.uint8()), target)
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return _attempt(array, target)
    if pa.types.is_floating(array.type) and pa.types.is_integer(target):
        array = null_out(array, _mask(pc.is_nan(array)))
    if not pa.types.is_float32(target):
        try:
            return pc.cast(array, target), None
        except pa.ArrowInvalid:
            pass
    bad = _misfits(array, target)
    return pc.cast(null_out(array, bad), target, safe=False), bad if bad.any() else None


def _misfits(array: pa.Array, target: pa.DataType) -> NDArray[np.bool_]:
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    if pa.types.is_integer(target):
        limits = np.iinfo(target.to_pandas_dtype())
        if values.dtype.kind == "f":
            # A double has no int64 limit of its own: 2**63 is the first that is too large.
            fits = (values >= float(limits.min)) & (values < float(limits.max) + 1) & (values == np.trunc(values))
            return np.asarray(~fits)
        return np.asarray((values < limits.min) | (values > limits.max))
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(np.isfinite(values) & np.isinf(values.astype(np.float32)))
    bound = _EXACT_FLOAT if pa.types.is_float32(target) else _EXACT_DOUBLE
    return np.asarray((values > bound) | (values < -bound))


def _to_timestamp(array: pa.Array, null_texts: frozenset[str]) -> Casted:
    target = pa.timestamp("us")
    if pa.types.is_timestamp(array.type):
        # Arrow keeps zoned instants in UTC; dropping the zone keeps the UTC reading.
        in_us = pc.cast(array, pa.timestamp("us", array.type.tz), safe=False)
        return pc.cast(in_us, target), None
    if not pa.types.is_string(array.type):
        return _attempt(array, target)
    text = _blank_to_null(pc.utf8_trim_whitespace(array), null_texts)
    readable = pc.match_substring_regex(text, _TIMESTAMP)
    clean = pc.replace_substring_regex(
        pc.if_else(readable, text, pa.scalar(None, pa.string())), pattern=_TIMESTAMP, replacement=r"\1T\2"
    )
    # Without a time of day the pattern leaves a lone T.
    clean = pc.replace_substring_regex(clean, pattern="T$", replacement="T00:00")
    values, impossible = _attempt(clean, target)
    return values, _union(len(text), _mask(pc.invert(readable)), impossible)


def _to_list(array: pa.Array, datatype: DataType, null_texts: frozenset[str]) -> Casted:
    if pa.types.is_string(array.type):
        text = _blank_to_null(array, null_texts)
        bare = pc.replace_substring_regex(text, pattern=r"[\[\](){},;]", replacement=" ")
        array = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(bare))
        # Splitting an empty text gives one empty element.
        array = _blank_lists(array, bare)
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        return pa.nulls(len(array), datatype.arrow), _mask(pc.is_valid(array))
    if pa.types.is_large_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    array = _flat(array)
    element = DataType(datatype.primitive)
    flat = array.flatten()
    values, bad_elements = cast(flat, element, null_texts)
    result = with_elements(array, values)
    lengths = _lengths(array)
    valid = pc.is_valid(array).to_numpy(zero_copy_only=False)
    bad = np.zeros(len(array), bool)
    if bad_elements is not None:
        bad[np.repeat(np.arange(len(array)), lengths)[bad_elements]] = True
    if datatype.fixed_length is not None:
        bad |= valid & (lengths != datatype.fixed_length)
    return null_out(result, bad), bad if bad.any() else None


def with_elements(lists: pa.Array, elements: pa.Array) -> pa.Array:
    """Return lists of the same lengths with other elements.

    Parameters
    ----------
    lists
        Of any element type; NULL stays NULL.
    elements
        As many as ``lists.flatten()`` has.
    """
    offsets = np.concatenate(([0], np.cumsum(_lengths(lists)))).astype(np.int32)
    mask = pc.is_null(lists) if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), elements, mask=mask)


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False))


def _blank_lists(lists: pa.Array, text: pa.Array) -> pa.Array:
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), fill_value=False)
    if not pc.any(blank).as_py():
        return lists
    return pc.if_else(blank, pa.scalar([], lists.type), lists)


def _flat(array: pa.Array) -> pa.Array:
    """Merge nested lists into one level: the last axis of a row-major cell becomes the fastest one."""
    while pa.types.is_nested(array.type.value_type):
        inner = array.flatten()
        if pa.types.is_fixed_size_list(inner.type) or pa.types.is_large_list(inner.type):
            inner = inner.cast(pa.list_(inner.type.value_type))
        outer = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate(([0], np.cumsum(pc.fill_null(pc.list_value_length(inner), 0).to_numpy())))
        offsets = ends[np.concatenate(([0], np.cumsum(outer)))].astype(np.int32)
        mask = pc.is_null(array) if array.null_count else None
        array = pa.ListArray.from_arrays(pa.array(offsets), inner.flatten(), mask=mask)
    return array


def _mask(condition: pa.Array) -> NDArray[np.bool_]:
    """Return a condition as numpy booleans, NULL counting as false."""
    return np.asarray(pc.fill_null(condition, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


def _union(length: int, *masks: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    found = np.zeros(length, bool)
    for mask in masks:
        if mask is not None:
            found |= mask
    return found if found.any() else None
