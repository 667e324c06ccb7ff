"""Formulas that columns can be computed with when rows are loaded: a name, what goes in, the arithmetic, its source.

All work on whole arrays. NULL in any of the inputs gives NULL, and so does what has no value, such as the magnitude of
a negative flux.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.model.datatype import DataType, Primitive
from vo_server.sky.ellipse import ELLIPSE_CORNERS, ellipse_corners_deg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FORMULAS", "Formula", "element_of"]

_LONG: Final = DataType(Primitive.LONG)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_BITS: Final = 20
"""Width of the brick number, and of the object number, in an identifier of the Legacy Surveys."""
_MASK: Final = (1 << _BITS) - 1
_FILL_INS: Final = (9010, 9012)
"""Releases of rows that fill in bricks of DR10 from DR9."""
_ZERO_POINT_MAG: Final = 22.5
"""AB magnitude of a flux of one nanomaggy."""


@dataclass(frozen=True)
class Formula:
    """How a column is computed from others."""

    inputs: tuple[DataType, ...]
    """What each input is turned into first."""
    compute: Callable[..., pa.Array]
    text: str
    """The formula in words, with its source."""


def element_of(lists: pa.Array, number: int) -> pa.Array:
    """Return one element of each array, counted from 1; NULL where an array is shorter."""
    if len(lists) == 0:
        return pa.nulls(0, lists.type.value_type)
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    if (pc.min(lengths).as_py() or 0) >= number:
        return pc.list_element(lists, number - 1)
    padded = pc.list_slice(lists, number - 1, number, return_fixed_size_list=True)
    return pc.list_element(padded, 0)


def _packed(release: pa.Array, brickid: pa.Array, objid: pa.Array) -> pa.Array:
    """Pack three numbers into one; NULL where one has not the bits that are there for it."""
    parts = [_within(release, 63 - 2 * _BITS), _within(brickid, _BITS), _within(objid, _BITS)]
    upper = pc.bit_wise_or(pc.shift_left(parts[0], 2 * _BITS), pc.shift_left(parts[1], _BITS))
    return pc.bit_wise_or(upper, parts[2])


def _within(values: pa.Array, n_bits: int) -> pa.Array:
    is_in = pc.and_(pc.greater_equal(values, 0), pc.less(values, 1 << n_bits))
    return pc.if_else(is_in, values, pa.scalar(None, values.type))


def _release(ls_id: pa.Array) -> pa.Array:
    return pc.shift_right(ls_id, 2 * _BITS)


def _brickid(ls_id: pa.Array) -> pa.Array:
    return pc.bit_wise_and(pc.shift_right(ls_id, _BITS), _MASK)


def _objid(ls_id: pa.Array) -> pa.Array:
    return pc.bit_wise_and(ls_id, _MASK)


def _is_fill_in(ls_id: pa.Array) -> pa.Array:
    found = pc.is_in(_release(ls_id), value_set=pa.array(_FILL_INS, pa.int64()))
    return pc.if_else(pc.is_valid(ls_id), found, pa.scalar(None, pa.bool_()))


def _is_raised(score: pa.Array) -> pa.Array:
    return pc.greater(score, 1.0)


def _without_bonus(score: pa.Array) -> pa.Array:
    return pc.if_else(pc.greater(score, 1.0), pc.subtract(score, 1.0), score)


def _positive(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.greater(values, 0.0), values, pa.scalar(None, values.type))


def _magnitude(flux: pa.Array) -> pa.Array:
    return pc.subtract(_ZERO_POINT_MAG, pc.multiply(2.5, pc.log10(_positive(flux))))


def _dereddened(flux: pa.Array, transmission: pa.Array) -> pa.Array:
    return _magnitude(pc.divide(flux, _positive(transmission)))


def _signal_to_noise(flux: pa.Array, ivar: pa.Array) -> pa.Array:
    return pc.multiply(flux, pc.sqrt(pc.if_else(pc.greater_equal(ivar, 0.0), ivar, pa.scalar(None, ivar.type))))


def _per_beam(brightness: pa.Array, beam_pixels: pa.Array) -> pa.Array:
    return pc.divide(brightness, _positive(beam_pixels))


def _ellipse(ra: pa.Array, dec: pa.Array, major: pa.Array, minor: pa.Array, angle: pa.Array) -> pa.Array:
    """Return ellipses as polygons, counted from the end of the major axis."""
    ra_deg, dec_deg, major_arcsec, minor_arcsec, angle_deg = (_floats(one) for one in (ra, dec, major, minor, angle))
    corners = ellipse_corners_deg(ra_deg, dec_deg, major_arcsec / 7200.0, minor_arcsec / 7200.0, angle_deg)
    flat = corners.reshape(len(corners), 2 * ELLIPSE_CORNERS)
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * (2 * ELLIPSE_CORNERS)
    bad = ~np.isfinite(flat).all(axis=1)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.ravel()), mask=pa.array(bad))


def _floats(values: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False), np.float64)


def _of(inputs: Sequence[DataType], compute: Callable[..., pa.Array], text: str) -> Formula:
    return Formula(tuple(inputs), compute, text)


FORMULAS: Final[dict[str, Formula]] = {
    "ls_id": _of((_LONG, _LONG, _LONG), _packed, "release * 2^40 + brickid * 2^20 + objid (Legacy Surveys)"),
    "ls_release": _of((_LONG,), _release, "bits 40 and above of ls_id (Legacy Surveys)"),
    "ls_brickid": _of((_LONG,), _brickid, "bits 20 to 39 of ls_id (Legacy Surveys)"),
    "ls_objid": _of((_LONG,), _objid, "bits 0 to 19 of ls_id (Legacy Surveys)"),
    "ls_fills_in": _of((_LONG,), _is_fill_in, "release 9010 or 9012, from ls_id (LS-PSC, bailout bricks)"),
    "ls_psc_is_gaia": _of((_DOUBLE,), _is_raised, "score > 1 (LS-PSC, Gaia bonus)"),
    "ls_psc_model_score": _of((_DOUBLE,), _without_bonus, "score - 1 where score > 1, else score (LS-PSC, Gaia bonus)"),
    "magnitude": _of((_DOUBLE,), _magnitude, "22.5 - 2.5 log10(flux) of nanomaggies (Legacy Surveys)"),
    "dereddened_magnitude": _of(
        (_DOUBLE, _DOUBLE), _dereddened, "22.5 - 2.5 log10(flux / transmission) of nanomaggies (Legacy Surveys)"
    ),
    "signal_to_noise": _of((_DOUBLE, _DOUBLE), _signal_to_noise, "flux * sqrt(inverse variance) (Legacy Surveys)"),
    "per_beam": _of((_DOUBLE, _DOUBLE), _per_beam, "S[Jy] = S[Jy/beam] / pixels of the beam (CAESAR)"),
    "ellipse": _of(
        (_DOUBLE,) * 5,
        _ellipse,
        f"{ELLIPSE_CORNERS} corners of the ellipse with full axes [arcsec] and position angle [deg] (CAESAR)",
    ),
}
"""By the names that schema files use."""
