"""Where the mock surveys looked: bricks and tiles of a field of eight by five degrees.

Bricks are dealt out to objects in turn, so that an object's identifiers follow from its running number alone. The
field lies across declination 32.375, where the Legacy Surveys change from their southern to their northern half.

::

    RA  147.0      149.4                    154.2      156.6
    34.5  +---------+------------------------+----------+
          | LS-PSC  | LS-PSC and J-PLUS      | J-PLUS   |
    29.5  +---------+------------------------+----------+
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_OBJECTS", "N_BRICKS", "brick_of", "in_jplus", "in_ls_psc", "jplus_ids", "positions", "running_number"]

_RA_MIN_DEG: Final = 147.0
_DEC_MIN_DEG: Final = 29.5
_BRICK_RA_DEG: Final = 0.3
_BRICK_DEC_DEG: Final = 0.25
_N_ROWS: Final = 20
_N_COLUMNS: Final = 32
_LS_COLUMNS: Final = (0, 24)
"""Half-open range of brick columns that LS-PSC covers."""
_JPLUS_COLUMNS: Final = (8, 32)
_TILE_BRICKS: Final = 4
"""Bricks along the side of a J-PLUS tile."""
_STEP: Final = 251
"""Without a factor in common with the number of bricks: a small sky is spread over the whole field too."""

N_BRICKS: Final = _N_ROWS * _N_COLUMNS
MAX_OBJECTS: Final = N_BRICKS << 20
"""Legacy Surveys identifiers have 20 bits for the number inside a brick."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def brick_of(index: IntArray) -> IntArray:
    """Return the brick of each object, from 0, shape (n,)."""
    return (index * _STEP) % N_BRICKS


def running_number(index: IntArray) -> IntArray:
    """Return the number of each object inside its brick, from 0, shape (n,)."""
    return index // N_BRICKS


def positions(brick: IntArray, across: FloatArray, up: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ICRS positions [deg] from fractions of a brick's area in [0, 1), all of shape (n,)."""
    row, column = np.divmod(brick, _N_COLUMNS)
    ra_deg = _RA_MIN_DEG + (column + across) * _BRICK_RA_DEG
    low = np.sin(np.radians(_DEC_MIN_DEG + row * _BRICK_DEC_DEG))
    high = np.sin(np.radians(_DEC_MIN_DEG + (row + 1) * _BRICK_DEC_DEG))
    return ra_deg, np.degrees(np.arcsin(low + (high - low) * up))


def in_ls_psc(brick: IntArray) -> BoolArray:
    """Tell which bricks LS-PSC covers."""
    return _in_columns(brick, _LS_COLUMNS)


def in_jplus(brick: IntArray) -> BoolArray:
    """Tell which bricks J-PLUS covers."""
    return _in_columns(brick, _JPLUS_COLUMNS)


def jplus_ids(brick: IntArray, number: IntArray) -> tuple[IntArray, IntArray]:
    """Return TILE_ID and NUMBER of objects from their brick and their number in it, all of shape (n,)."""
    row, column = np.divmod(brick, _N_COLUMNS)
    tile = (row // _TILE_BRICKS) * (_N_COLUMNS // _TILE_BRICKS) + column // _TILE_BRICKS
    inside = (row % _TILE_BRICKS) * _TILE_BRICKS + column % _TILE_BRICKS
    return tile + 1, number * _TILE_BRICKS**2 + inside + 1


def _in_columns(brick: IntArray, columns: tuple[int, int]) -> BoolArray:
    column = brick % _N_COLUMNS
    return (column >= columns[0]) & (column < columns[1])
