"""HEALPix cells of order 29, NESTED: the one spatial index of the house (the HATS convention)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from vo_server.sky.angle import FloatArray, IntArray

__all__ = ["NO_CELL", "N_CELLS", "ORDER", "cells", "centres", "with_neighbours"]

ORDER: Final = 29
"""Deepest order whose cell numbers fit a signed 64-bit integer; a cell is 0.4 milliarcseconds wide."""

N_CELLS: Final = 12 * 4**ORDER
"""Cells on the sky."""

_FEW: Final = 10_000
"""Up to this many cells one thread is quicker than the start of several: 18 against 47 microseconds for one cell."""

NO_CELL: Final = -1
"""Stands for the cell of a row without a position; store it as NULL."""


def cells(ra_deg: ArrayLike, dec_deg: ArrayLike) -> IntArray:
    """Return the order-29 NESTED cell of each position.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS positions [deg], shape (n,); RA may be unwrapped. Masked arrays are understood.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cells in [0, 12 * 4**29); :data:`NO_CELL` where a coordinate is masked, not finite, or the declination is
        outside [-90, 90].
    """
    # A late import: it brings astropy's units and costs half a second.
    from cdshealpix import cdshealpix as native  # noqa: PLC0415 - see above

    ra = np.ma.filled(np.ma.asarray(ra_deg, np.float64), np.nan).reshape(-1)
    dec = np.ma.filled(np.ma.asarray(dec_deg, np.float64), np.nan).reshape(-1)
    ra, dec = np.broadcast_arrays(ra, dec)
    is_place = np.isfinite(ra) & (np.abs(dec) <= 90.0)  # noqa: PLR2004 - the poles
    lon = np.radians(np.mod(np.where(is_place, ra, 0.0), 360.0))
    lat = np.radians(np.where(is_place, dec, 0.0))
    found = np.empty(len(lon), np.uint64)
    offset_x, offset_y = np.empty(len(lon)), np.empty(len(lon))
    depth = np.full(len(lon), ORDER, np.uint8)
    native.lonlat_to_healpix(depth, lon, lat, found, offset_x, offset_y, _threads(len(lon)))
    return np.where(is_place, found.astype(np.int64), NO_CELL)


def centres(order: int, numbers: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the centres of NESTED cells.

    Parameters
    ----------
    order
        Order of the cells, 0 to 29.
    numbers
        Cell numbers, shape (n,).

    Returns
    -------
    ra_deg, dec_deg
        Positions [deg], each of shape (n,).
    """
    from cdshealpix import cdshealpix as native  # noqa: PLC0415 - as in cells()

    lon, lat = np.empty(len(numbers)), np.empty(len(numbers))
    depth = np.full(len(numbers), order, np.uint8)
    native.healpix_to_lonlat(depth, numbers.astype(np.uint64), 0.5, 0.5, lon, lat, _threads(len(numbers)))
    return np.degrees(lon), np.degrees(lat)


def with_neighbours(order: int, number: int) -> IntArray:
    """Return a NESTED cell and the seven or eight (six at some corners of order 0) cells that touch it."""
    from cdshealpix import cdshealpix as native  # noqa: PLC0415 - as in cells()

    around = np.zeros((1, 9), np.int64)
    native.neighbours(np.uint8(order), np.array([number], np.uint64), around, _threads(1))
    return np.unique(around[around >= 0])


def _threads(n_cells: int) -> np.uint16:
    """Return the threads for so many cells; 0 stands for all that there are."""
    return np.uint16(n_cells <= _FEW)
