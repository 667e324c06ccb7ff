"""A small sky with everything that goes wrong in a real one, and a tiny table for answers worked out by hand."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.footprints import Footprints
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Catalogue, Column, Position, Schema, Table
from vo_server.sky.compound import CoverageMap
from vo_server.sky.healpix import NO_CELL, cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["N_OBJECTS", "catalogue", "objects", "rows_of", "tables"]

N_OBJECTS = 2000

_INT = DataType(Primitive.INT)
_SHORT = DataType(Primitive.SHORT)
_LONG = DataType(Primitive.LONG)
_REAL = DataType(Primitive.FLOAT)
_DOUBLE = DataType(Primitive.DOUBLE)
_TEXT = DataType(Primitive.CHAR, "*")
_FIVE = DataType(Primitive.CHAR, "5")
_TRUTH = DataType(Primitive.BOOLEAN)
_BYTE = DataType(Primitive.UNSIGNED_BYTE)
_TIME = DataType(Primitive.CHAR, "*", "timestamp")
_POINT = DataType(Primitive.DOUBLE, "2", "point")
_CIRCLE = DataType(Primitive.DOUBLE, "3", "circle")
_THREE = DataType(Primitive.FLOAT, "3")
_CELL = Column(HEALPIX_COLUMN, _LONG, is_hidden=True)


def _at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - instants in tables have no zone


def _columns(**types: DataType) -> tuple[Column, ...]:
    return tuple(Column(name, datatype) for name, datatype in types.items())


_OBJECTS = Table(
    "sky",
    "objects",
    (
        *_columns(id=_LONG, ra=_DOUBLE, dec=_DOUBLE, mag=_REAL, label=_TEXT, pos=_POINT, area=_CIRCLE),
        Column("p", _THREE, element_names=("star", "galaxy", "qso")),
        _CELL,
    ),
    position=Position("ra", "dec"),
    n_rows=N_OBJECTS,
    location="objects",
)
_MATCHES = Table(
    "sky",
    "matches",
    (*_columns(match_id=_INT, RAJ2000=_DOUBLE, DEJ2000=_DOUBLE, id=_LONG), _CELL),
    position=Position("RAJ2000", "DEJ2000"),
    n_rows=300,
    location="matches",
)
_TINY = Table(
    "sky",
    "tiny",
    _columns(id=_INT, n=_SHORT, x=_DOUBLE, r=_REAL, s=_TEXT, b=_TRUTH, t=_TIME, big=_LONG, u=_BYTE),
    location="tiny",
)
_PAIRS = Table("sky", "pairs", _columns(id=_INT, k=_INT, s=_TEXT), location="pairs")
_EDGES = Table(
    "sky",
    "edges",
    _columns(id=_INT, h=_SHORT, n=_INT, big=_LONG, f=_REAL, x=_DOUBLE, s=_TEXT, c=_FIVE, t=_TIME),
    location="edges",
)

_OBSERVED = Table("ls_psc", "main", _columns(ra=_DOUBLE, dec=_DOUBLE))
FOOTPRINT = CoverageMap.of_text("3/63 74 282 425 4/1084-1085").ranges
"""Cells around some of the places where objects crowd; not all of them."""
FOOTPRINTS = Footprints(lambda table: FOOTPRINT if table.full_name in {"ls_psc.main", "sky.objects"} else None)

_TINY_ROWS: list[tuple[Any, ...]] = [
    (1, 7, 0.5, 0.1, "alpha", True, _at(2015, 1, 1), 9223372036854775807, 200),
    (2, -7, 1.5, 0.3, "Beta", False, _at(2015, 6, 1, 12, 30, 0, 500_000), -5, 0),
    (3, 2, float("nan"), float("nan"), "a\\b", None, None, 0, 7),
    (4, None, None, None, None, True, _at(1999, 12, 31, 23, 59, 59), None, None),
    (5, 0, -2.5, 2.5, "", False, _at(2015, 1, 1), 1, 255),
    (6, 3, 1.5, -1.0, "ünï%", None, _at(2020, 2, 29), 6_000_000_000, 1),
]
_PAIR_ROWS: list[tuple[Any, ...]] = [(1, 10, "p"), (1, 11, "q"), (3, 30, None), (9, 90, "z"), (None, 0, "n")]

_NAN, _INF = float("nan"), float("inf")
_EDGE_ROWS: list[tuple[Any, ...]] = [
    (1, 32767, 2**31 - 1, 2**63 - 1, 3.4028234663852886e38, 1.7976931348623157e308, "ab", "ab", _at(1, 1, 1)),
    (2, -32768, -(2**31), -(2**63), -3.4028234663852886e38, -1.7976931348623157e308, "ab  ", "ab   ",
     _at(9999, 12, 31, 23, 59, 59, 999_999)),
    (3, 0, 0, 0, 0.0, 0.0, "", "", _at(1969, 12, 31, 23, 59, 59, 500_000)),
    (4, 0, 0, 0, -0.0, -0.0, " ", "     ", _at(1970, 1, 1)),
    (5, 1, 1, 2**53 + 1, 1.401298464324817e-45, 5e-324, "a%b", "a%b", _at(2000, 2, 29, 12)),
    (6, -1, -1, -1, _NAN, _NAN, "a_b", "a_b", _at(2015, 6, 30, 23, 59, 59, 120_000)),
    (7, 2, 2, 2**53, _INF, _INF, "two\nlines", "a\nb", _at(2015, 6, 30, 23, 59, 59, 1)),
    (8, -2, -2, -(2**63) + 1, -_INF, -_INF, "Straße", "ß", _at(2015, 6, 30)),
    (9, 7, 7, 7, 0.1, 0.1, "İI ΣΑΣ", "ΣΑΣ", _at(2015, 6, 30, 1, 2, 3)),
    (10, None, None, None, None, None, None, None, None),
]  # fmt: skip


def catalogue() -> Catalogue:
    """Return the description of the test sky: its objects and matches of them, and tiny tables."""
    return Catalogue(
        (Schema("sky", (_OBJECTS, _MATCHES, _TINY, _PAIRS, _EDGES)), Schema("ls_psc", (_OBSERVED,))),
        footprints=FOOTPRINTS,
    )


def _positions(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scatter over the sky, and crowd where positions are awkward."""
    n = N_OBJECTS
    ra = rng.uniform(0, 360, n)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:100], dec[:100] = (
        np.where(rng.uniform(size=100) < 0.5, rng.uniform(0, 0.5, 100), 359.8),
        rng.normal(0, 0.5, 100),
    )
    ra[100:120] = 360.0
    ra[120:140], dec[120:140] = 0.0, dec[100:120]
    dec[140:150], dec[150:160] = 90.0, -90.0
    dec[160:200] = 90 - rng.exponential(0.2, 40)
    dec[200:240] = -90 + rng.exponential(0.2, 40)
    ra[240:300], dec[240:300] = ra[300:360], dec[300:360]
    ra[360:420] = (ra[420:480] + 180) % 360
    dec[360:420] = -dec[420:480]
    ra[480:700], dec[480:700] = 123.0 + rng.normal(0, 0.3, 220), 20.0 + rng.normal(0, 0.3, 220)
    return ra, dec


@lru_cache(maxsize=1)
def objects() -> dict[str, NDArray[Any]]:
    """Return the positions of ``sky.objects`` in the order of ids 0, 1, ...; NaN where there is none."""
    rng = np.random.default_rng(20151125)
    ra, dec = _positions(rng)
    ra[700:705] = np.nan
    dec[705:710] = np.nan
    ra[710:720] = dec[710:720] = np.nan
    mag = rng.uniform(12, 24, N_OBJECTS).astype(np.float32)
    mag[::50] = np.nan
    return {"ra": ra, "dec": dec, "mag": mag}


def _objects_table() -> pa.Table:
    sky = objects()
    ra, dec, mag = sky["ra"], sky["dec"], sky["mag"]
    n = len(ra)
    labels = np.array(["STAR", "GALAXY", "QSO", None, "star"], object)[np.arange(n) % 5]
    # Rows 710 to 719 have NULL, the five before them NaN.
    is_missing = (np.arange(n) >= 710) & (np.arange(n) < 720)
    cell = cells(ra, dec)
    lists = [None if missing else [a, d] for a, d, missing in zip(ra.tolist(), dec.tolist(), is_missing, strict=True)]
    areas = [None if one is None else [*one, 0.25 * (row % 4)] for row, one in enumerate(lists)]
    columns = [
        pa.array(np.arange(n)),
        pa.array(ra, mask=is_missing),
        pa.array(dec, mask=is_missing),
        pa.array(mag, mask=np.arange(n) % 70 == 1),
        pa.array(labels, pa.string()),
        pa.array(lists, pa.list_(pa.float64())),
        pa.array(areas, pa.list_(pa.float64())),
        pa.array([[0.1 * (row % 10), 0.2, float("nan")] for row in range(n)], pa.list_(pa.float32())),
        pa.array(cell, mask=cell == NO_CELL),
    ]
    return _sorted(pa.Table.from_arrays(columns, schema=arrow_schema(_OBJECTS.columns)))


def _matches_table() -> pa.Table:
    """Objects seen again, some arcseconds away."""
    sky = objects()
    rng = np.random.default_rng(7)
    chosen = np.concatenate([np.arange(90, 260), rng.choice(np.arange(730, N_OBJECTS), 130, replace=False)])
    offset = rng.normal(0, 1 / 3600, (2, len(chosen))) * (np.arange(len(chosen)) % 3 > 0)
    dec = np.clip(sky["dec"][chosen] + offset[1], -90, 90)
    ra = (sky["ra"][chosen] + offset[0] / np.maximum(np.cos(np.radians(dec)), 1e-3)) % 360
    cell = cells(ra, dec)
    columns = [
        pa.array(np.arange(len(chosen)), pa.int32()),
        pa.array(ra),
        pa.array(dec),
        pa.array(chosen),
        pa.array(cell),
    ]
    return _sorted(pa.Table.from_arrays(columns, schema=arrow_schema(_MATCHES.columns)))


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by(HEALPIX_COLUMN)


def rows_of(table: Table) -> pa.Table:
    """Return the rows of one of the tables, with its hidden columns."""
    if table.name == "objects":
        return _objects_table()
    if table.name == "matches":
        return _matches_table()
    rows = {"tiny": _TINY_ROWS, "pairs": _PAIR_ROWS, "edges": _EDGE_ROWS}[table.name]
    schema = arrow_schema(table.columns)
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


def tables() -> tuple[Table, ...]:
    """Return the tables of the test sky."""
    return catalogue().schemas[0].tables
