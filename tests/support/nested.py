"""The slow, simple oracle of HEALPix cells: the formulas of the paper, in extended precision.

References
----------
Gorski et al. 2005, ApJ 622, 759, section 5 and appendix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.gnomonic import NEAR_DEG, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["cells_of", "in_cells"]

_PI: Final = np.longdouble("3.14159265358979323846264338327950288")
_RADIAN: Final = _PI / 180
_DEEPEST: Final = 29


def cells_of(order: int, lon_deg: ArrayLike, lat_deg: ArrayLike) -> NDArray[np.int64]:
    """Return the NESTED cells of places [deg]."""
    side = 2**_DEEPEST
    quarter = np.mod(np.asarray(lon_deg, np.longdouble), 360) / 90
    lat = np.asarray(lat_deg, np.longdouble)
    z = np.sin(lat * _RADIAN)
    # In the belt, lines of cells go up and down at one slope.
    ascending = np.floor(side * (0.5 + quarter - z * 0.75)).astype(np.int64)
    descending = np.floor(side * (0.5 + quarter + z * 0.75)).astype(np.int64)
    up, down = ascending // side, descending // side
    face = np.where(up == down, up % 4 + 4, np.where(up < down, up % 4, down % 4 + 8))
    x, y = descending % side, side - ascending % side - 1
    # Around a pole there are four quarters; 1 - |z| is twice the square of the sine of half the codistance.
    part = np.minimum(np.floor(quarter), 3).astype(np.int64)
    reach = side * np.sqrt(6 * np.sin((90 - np.abs(lat)) / 2 * _RADIAN) ** 2)
    east = np.minimum(np.floor((quarter - part) * reach).astype(np.int64), side - 1)
    west = np.minimum(np.floor((1 - (quarter - part)) * reach).astype(np.int64), side - 1)
    is_polar, is_north = np.abs(z) > np.longdouble(2) / 3, lat > 0
    face = np.where(is_polar, np.where(is_north, part, part + 8), face)
    x = np.where(is_polar, np.where(is_north, side - west - 1, east), x)
    y = np.where(is_polar, np.where(is_north, side - east - 1, west), y)
    number = np.zeros_like(x)
    for bit in range(_DEEPEST):
        number |= (x >> bit & 1) << 2 * bit | (y >> bit & 1) << (2 * bit + 1)
    found: NDArray[np.int64] = (face << 2 * _DEEPEST | number) >> 2 * (_DEEPEST - order)
    return found


def in_cells(by_order: Mapping[int, Sequence[int]], lon_deg: ArrayLike, lat_deg: ArrayLike) -> Answer:
    """Tell which places lie in some cells; those that a small step takes in or out are near to their edge."""
    lon, lat = np.asarray(lon_deg, np.longdouble), np.asarray(lat_deg, np.longdouble)

    def found(lon_: NDArray[np.longdouble], lat_: NDArray[np.longdouble]) -> NDArray[np.bool_]:
        tests = [np.isin(cells_of(order, lon_, lat_), list(numbers)) for order, numbers in by_order.items()]
        is_found: NDArray[np.bool_] = np.any(np.array(tests), axis=0)
        return is_found

    is_in = found(lon, lat)
    across = NEAR_DEG / np.maximum(np.cos(lat * _RADIAN), np.longdouble(NEAR_DEG) / 90)
    steps = [
        found(lon + one * across, np.clip(lat + other * np.longdouble(NEAR_DEG), -90, 90))
        for one in (-1, 0, 1)
        for other in (-1, 0, 1)
    ]
    return Answer(is_in, np.any(np.array(steps) != is_in, axis=0))
