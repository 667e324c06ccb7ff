"""Where the mock surveys looked: fields of bricks, and the identifiers that surveys make from them.

Objects are dealt out to bricks in turn, to dense bricks more often, so that an object's identifiers follow from its
running number alone, in a sky of any size.

===== ========================================= =============================================
field place                                     seen by
===== ========================================= =============================================
NORTH RA 147.0 to 156.6, Dec 29.5 to 34.5       LS-PSC and Legacy Surveys up to RA 154.2;
                                                J-PLUS from RA 149.4
SOUTH RA 49.5 to 56.7, Dec -30.6 to -25.6       LS-PSC, Legacy Surveys, VEXAS, radio;
                                                DP1 within a degree of (53.16, -28.1)
DEEP  a square around (53.16, -28.1), r > 23.5  DP1 within a degree of its middle
EAST  RA 148.8 to 151.5, Dec 1.0 to 3.5         LS-PSC and Legacy Surveys
LOW   RA 106.0 to 110.8, Dec 39.0 to 42.0       J-PLUS; 20 degrees from the Galactic plane
PLANE l 8 to 12, b -1 to 1                      ViaLactea
===== ========================================= =============================================

The NORTH field lies across declination 32.375, where the Legacy Surveys change from south to north.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from vo_server.load.convert import galactic_to_icrs

__all__ = [
    "BRIGHT_MAG", "FIELDS", "Field", "FieldName", "brick_of", "column_row", "field_of", "galactic_of", "in_jplus",
    "in_ls_psc", "jplus_ids", "positions", "tile_of",
]  # fmt: skip

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BRIGHT_MAG: Final = 14.0
"""Brightest objects of all fields but DEEP, in r."""


class FieldName(IntEnum):
    """Fields, in the order of their bricks."""

    NORTH = 0
    SOUTH = 1
    DEEP = 2
    EAST = 3
    LOW = 4
    PLANE = 5


@dataclass(frozen=True)
class Field:
    """A rectangle of bricks."""

    lon_min_deg: float
    lat_min_deg: float
    n_columns: int
    n_rows: int
    bright_mag: float
    """Limits of the objects in it, in r."""
    faint_mag: float
    brick_lon_deg: float = 0.3
    brick_lat_deg: float = 0.25
    is_galactic: bool = False
    """Whether longitude and latitude are Galactic; ICRS otherwise."""

    @property
    def n_bricks(self) -> int:
        """Number of bricks."""
        return self.n_columns * self.n_rows

    @property
    def centre_deg(self) -> tuple[float, float]:
        """Longitude and latitude of the middle [deg]."""
        lon = self.lon_min_deg + 0.5 * self.n_columns * self.brick_lon_deg
        return lon, self.lat_min_deg + 0.5 * self.n_rows * self.brick_lat_deg

    @property
    def area_deg2(self) -> float:
        """Area on the sphere [deg**2]."""
        low, high = np.sin(np.radians([self.lat_min_deg, self.lat_min_deg + self.n_rows * self.brick_lat_deg]))
        return float(np.degrees(high - low) * self.n_columns * self.brick_lon_deg)


FIELDS: Final = (
    Field(147.0, 29.5, 32, 20, BRIGHT_MAG, 23.5),
    Field(49.5, -30.6, 24, 20, BRIGHT_MAG, 23.5),
    Field(51.96, -29.1, 8, 8, 23.5, 26.0),
    Field(148.8, 1.0, 9, 10, BRIGHT_MAG, 23.5),
    Field(106.0, 39.0, 16, 12, BRIGHT_MAG, 23.5),
    Field(8.0, -1.0, 16, 8, np.nan, np.nan, brick_lon_deg=0.25, is_galactic=True),
)
"""Fields in the order of :class:`FieldName`."""

_LS_COLUMNS: Final = (0, 24)
"""Half-open range of brick columns of the NORTH that LS-PSC covers."""
_JPLUS_COLUMNS: Final = (8, 32)
_TILE_BRICKS: Final = 4
"""Bricks along the side of a J-PLUS tile."""
_FIRST_TILE: Final = {FieldName.NORTH: 95093, FieldName.LOW: 103919}
"""Numbers of the first tile of each field: chosen so that a few are tiles that BANNJOS warns about."""

_FIRST_BRICK: Final = np.concatenate([[0], np.cumsum([field.n_bricks for field in FIELDS])])
_FIELD_OF_BRICK: Final = np.repeat(np.arange(len(FIELDS)), [field.n_bricks for field in FIELDS])


def field_of(brick: IntArray) -> IntArray:
    """Return the field of each brick as values of :class:`FieldName`, shape (n,)."""
    return _FIELD_OF_BRICK[brick]


def brick_of(field: FieldName) -> IntArray:
    """Return the numbers of the bricks of a field, from 0 over all fields."""
    return np.arange(_FIRST_BRICK[field], _FIRST_BRICK[field + 1])


def column_row(brick: IntArray) -> tuple[IntArray, IntArray]:
    """Return the place of bricks inside their fields, from 0, both of shape (n,)."""
    field = _FIELD_OF_BRICK[brick]
    n_columns = np.array([one.n_columns for one in FIELDS])[field]
    row, column = np.divmod(brick - _FIRST_BRICK[field], n_columns)
    return column, row


def positions(brick: IntArray, across: FloatArray, up: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ICRS positions [deg] from fractions of a brick's area in [0, 1), all of shape (n,)."""
    field = _FIELD_OF_BRICK[brick]
    column, row = column_row(brick)

    def of(name: str) -> FloatArray:
        return np.array([getattr(one, name) for one in FIELDS], dtype=np.float64)[field]

    lon_deg = of("lon_min_deg") + (column + across) * of("brick_lon_deg")
    lat_min, step = of("lat_min_deg"), of("brick_lat_deg")
    low = np.sin(np.radians(lat_min + row * step))
    high = np.sin(np.radians(lat_min + (row + 1) * step))
    lat_deg = np.degrees(np.arcsin(low + (high - low) * up))
    in_galactic = field == FieldName.PLANE
    if in_galactic.any():
        lon_deg[in_galactic], lat_deg[in_galactic] = galactic_to_icrs(lon_deg[in_galactic], lat_deg[in_galactic])
    return lon_deg, lat_deg


def galactic_of(field: FieldName) -> tuple[float, float]:
    """Return Galactic longitude and latitude of the middle of a field [deg]."""
    one = FIELDS[field]
    if one.is_galactic:
        return one.centre_deg
    turned = SkyCoord(*one.centre_deg, unit="deg", frame="icrs").galactic
    return float(turned.l.deg), float(turned.b.deg)


def in_ls_psc(brick: IntArray) -> BoolArray:
    """Tell which bricks LS-PSC and the Legacy Surveys cover."""
    field, column = _FIELD_OF_BRICK[brick], column_row(brick)[0]
    in_north = (field == FieldName.NORTH) & (column >= _LS_COLUMNS[0]) & (column < _LS_COLUMNS[1])
    covered: BoolArray = in_north | (field == FieldName.SOUTH) | (field == FieldName.EAST)
    return covered


def in_jplus(brick: IntArray) -> BoolArray:
    """Tell which bricks J-PLUS covers."""
    field, column = _FIELD_OF_BRICK[brick], column_row(brick)[0]
    in_north = (field == FieldName.NORTH) & (column >= _JPLUS_COLUMNS[0]) & (column < _JPLUS_COLUMNS[1])
    covered: BoolArray = in_north | (field == FieldName.LOW)
    return covered


def tile_of(brick: IntArray) -> IntArray:
    """Return the J-PLUS tile of bricks in the NORTH and the LOW field; of others the number means nothing."""
    column, row = column_row(brick)
    is_low = _FIELD_OF_BRICK[brick] == FieldName.LOW
    tiles_across = np.where(is_low, FIELDS[FieldName.LOW].n_columns, FIELDS[FieldName.NORTH].n_columns) // _TILE_BRICKS
    first = np.where(is_low, _FIRST_TILE[FieldName.LOW], _FIRST_TILE[FieldName.NORTH])
    tile: IntArray = first + (row // _TILE_BRICKS) * tiles_across + column // _TILE_BRICKS
    return tile


def jplus_ids(brick: IntArray, number: IntArray) -> tuple[IntArray, IntArray]:
    """Return TILE_ID and NUMBER of objects from their brick and their number in it, all of shape (n,)."""
    column, row = column_row(brick)
    inside = (row % _TILE_BRICKS) * _TILE_BRICKS + column % _TILE_BRICKS
    return tile_of(brick), number * _TILE_BRICKS**2 + inside + 1
