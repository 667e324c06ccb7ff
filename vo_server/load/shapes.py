"""Columns of points, circles and polygons at load: how they are read from text, what is checked, where they lie.

Everything is a whole-array operation, but for regions in texts that are more than a word before their numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import UsageError
from vo_server.formats.read.cast import null_out
from vo_server.model.datatype import DataType, Primitive
from vo_server.sky.polygon import Polygon
from vo_server.sky.region import Cone
from vo_server.sky.shapes import region_of
from vo_server.sky.stcs import PLAIN_WORDS, read_region
from vo_server.sky.vectors import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vo_server.model.table import Column

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

__all__ = ["centres", "checked_shapes", "coordinates", "is_outline", "main_shape", "shape_type", "without_words"]

_COUNTS: Final = {"point": 2, "circle": 3, "polygon": 0}
"""Numbers of each shape; 0 for an even number of at least six (DALI 1.1, section 3.3)."""

_MIN_POLYGON: Final = 6
_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_WORDS: Final = {"point": "position", "circle": "circle", "polygon": "polygon"}
"""Names of the shapes in STC-S."""

_SHAPE_TEXT: Final = r"(?i)^\s*(position|circle|polygon|box)\b"
_NUMBERS: Final = r"^[\s0-9eE.+-]*$"
_ANTIPODAL: Final = 1e-12
"""As in :class:`vo_server.sky.polygon.Polygon`."""


@dataclass(frozen=True)
class ShapeFault:
    """Shapes that are none."""

    mask: BoolArray
    reason: str
    """To follow the value in a message."""


def shape_type(datatype: DataType) -> DataType | None:
    """Return the type of arrays that a column with the xtype of a shape is stored as.

    Texts become doubles, and whole numbers too; points and circles have a fixed count of numbers. The xtypes of TAP 1.0
    (``adql:POINT``) mean the same.

    Parameters
    ----------
    datatype
        With the xtype of a shape or without.

    Returns
    -------
    DataType or None
        None when the xtype is none of a shape, or the numbers of a cell cannot be one.
    """
    kind = (datatype.xtype or "").lower().removeprefix("adql:")
    if kind not in _COUNTS:
        return None
    count = _COUNTS[kind]
    if datatype.is_string:
        return DataType(Primitive.DOUBLE, str(count or "*"), kind)
    n_given = datatype.n_elements if datatype.is_array else 0
    is_other = n_given is not None and (n_given != count if count else n_given < _MIN_POLYGON or n_given % 2 == 1)
    if is_other or datatype.primitive is Primitive.BOOLEAN:
        return None
    primitive = datatype.primitive if datatype.primitive in _FLOATS else Primitive.DOUBLE
    return DataType(primitive, str(count) if count else datatype.arraysize, kind)


def is_outline(column: Column) -> bool:
    """Tell whether a column has circles or polygons."""
    return column.datatype.is_geometry and column.datatype.xtype != "point"


def main_shape(columns: Sequence[Column]) -> Column | None:
    """Return the only column of circles or polygons, or the only one whose UCD has ``meta.main``; None for others."""
    outlines = [column for column in columns if is_outline(column)]
    if len(outlines) > 1:
        outlines = [column for column in outlines if "meta.main" in (column.ucd or "").lower()]
    return outlines[0] if len(outlines) == 1 else None


def without_words(text: pa.Array, datatype: DataType) -> pa.Array:
    """Return texts of a column of shapes as numbers with blanks between them, where they are STC-S.

    A shape in another frame is turned to ICRS, and a box becomes a polygon. What is another shape, or cannot be read,
    stays as it is, so that it is found to be no array of numbers.

    Parameters
    ----------
    text
        Strings; numbers alone (DALI), or a shape with words before its numbers.
    datatype
        Of the shapes.
    """
    kind = str(datatype.xtype)
    has_word = pc.fill_null(pc.match_substring_regex(text, _SHAPE_TEXT), fill_value=False)
    if not pc.any(has_word).as_py():
        return text
    words = "|".join(sorted(map(re.escape, PLAIN_WORDS), key=len, reverse=True))
    head = rf"(?i)^\s*{_WORDS[kind]}\b(?:\s+(?:{words})\b)*"
    bare = pc.replace_substring_regex(text, pattern=head, replacement="")
    is_plain = pc.fill_null(pc.match_substring_regex(bare, _NUMBERS), fill_value=False)
    found = pc.if_else(pc.and_(has_word, is_plain), bare, text)
    rest = pc.and_(has_word, pc.invert(is_plain)).to_numpy(zero_copy_only=False)
    if not rest.any():
        return found
    read = {index: _numbers_of(text[index].as_py(), kind) for index in np.flatnonzero(rest).tolist()}
    return pa.array([read.get(index) or one for index, one in enumerate(found.to_pylist())], pa.string())


def _numbers_of(text: str, kind: str) -> str | None:
    """Return the numbers of a region that is written in STC-S, None when it is no shape of a kind."""
    try:
        shape = read_region(text)
        region = region_of(shape)
    except UsageError:
        return None
    numbers: tuple[float, ...] = ()
    if kind == "polygon" and isinstance(region, Polygon):
        numbers = region.numbers
    elif isinstance(region, Cone) and shape.kind == _WORDS[kind]:
        numbers = (region.ra_deg, region.dec_deg, *((region.radius_deg,) if kind == "circle" else ()))
    return " ".join(map(repr, numbers)) or None


def checked_shapes(values: pa.Array, datatype: DataType) -> tuple[pa.Array, list[ShapeFault]]:
    """Check the numbers of shapes.

    Parameters
    ----------
    values
        Lists of degrees. A list that is empty, or of NaN only, is NULL: formats without NULL have no other way.
    datatype
        Says which shape they are.

    Returns
    -------
    values, faults
        The values with NULL for shapes that are none, and what is wrong with those: the count of numbers, a number that
        is not finite, a latitude outside [-90, 90], a radius outside [0, 180], and corners in a row that are opposite
        each other. Longitudes may be unwrapped.
    """
    kind = str(datatype.xtype)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False), np.int64)
    numbers = _flat(values)
    row = np.repeat(np.arange(len(lengths)), lengths)
    at = np.arange(len(numbers)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    is_given = pc.is_valid(values).to_numpy(zero_copy_only=False)

    def rows_with(condition: BoolArray) -> BoolArray:
        return np.bincount(row[condition], minlength=len(lengths)) > 0

    is_empty = is_given & ~rows_with(~np.isnan(numbers))
    is_given &= ~is_empty
    count = _COUNTS[kind]
    is_other = is_given & (lengths != count if count else (lengths < _MIN_POLYGON) | (lengths % 2 == 1))
    is_given &= ~is_other
    is_infinite = is_given & rows_with(~np.isfinite(numbers))
    is_given &= ~is_infinite
    off_sky = is_given & rows_with((at % 2 == 1) & ~(np.abs(numbers) <= 90))  # noqa: PLR2004 - the poles
    is_given &= ~off_sky
    needs = f"{count} numbers" if count else "a longitude and a latitude for each of at least three corners"
    faults = [
        ShapeFault(is_other, f"is no {kind}: it needs {needs}"),
        ShapeFault(is_infinite, f"is no {kind}: a number of it is not finite"),
        ShapeFault(off_sky, f"is no {kind}: a latitude of it is outside -90 to 90 deg"),
    ]
    if kind == "circle":
        is_odd = is_given & rows_with((at == 2) & ~((numbers >= 0) & (numbers <= 180)))  # noqa: PLR2004 - half a turn
        faults.append(ShapeFault(is_odd, "is no circle: its radius is outside 0 to 180 deg"))
    if kind == "polygon":
        kept = numbers[is_given[row]]
        opposite = np.zeros(len(lengths), bool)
        opposite[is_given] = _has_opposite_corners(kept, lengths[is_given] // 2)
        faults.append(ShapeFault(opposite, "is no polygon: two corners in a row are opposite each other"))
    bad = np.logical_or.reduce([is_empty, *(fault.mask for fault in faults)])
    return null_out(values, bad), [fault for fault in faults if fault.mask.any()]


def _has_opposite_corners(numbers: FloatArray, n_corners: NDArray[np.int64]) -> BoolArray:
    """Tell which polygons have no shorter way from one corner to the next."""
    if len(n_corners) == 0:
        return np.zeros(0, bool)
    corners = unit_vectors(numbers[::2], numbers[1::2])
    ends = np.cumsum(n_corners)
    following = np.arange(len(corners)) + 1
    following[ends - 1] = ends - n_corners
    is_opposite = np.linalg.norm(corners + corners[following], axis=-1) < _ANTIPODAL
    return np.logical_or.reduceat(is_opposite, ends - n_corners)


def coordinates(values: pa.Array) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of checked points, or of the centres of circles [deg]; NaN for NULL."""
    lon, lat = (
        np.asarray(pc.fill_null(pc.cast(pc.list_element(values, at), pa.float64()), np.nan).to_numpy(), np.float64)
        for at in (0, 1)
    )
    return lon, lat


def centres(values: pa.Array, datatype: DataType) -> tuple[FloatArray, FloatArray]:
    """Return a place in the middle of each checked shape [deg]; NaN for NULL.

    Of a polygon it is the mean of the corners, which is enough to put neighbours beside each other.
    """
    if datatype.xtype != "polygon":
        return coordinates(values)
    found = np.full((2, len(values)), np.nan)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False), np.int64)
    is_given = lengths > 0
    if is_given.any():
        numbers, n_corners = _flat(values), lengths[is_given] // 2
        corners = unit_vectors(numbers[::2], numbers[1::2])
        x, y, z = np.add.reduceat(corners, np.cumsum(n_corners) - n_corners, axis=0).T
        found[:, is_given] = np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))
    return found[0], found[1]


def _flat(values: pa.Array) -> FloatArray:
    """Return the numbers of all lists in a row, NaN for NULL."""
    numbers = pc.fill_null(pc.cast(values.flatten(), pa.float64(), safe=False), np.nan)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
