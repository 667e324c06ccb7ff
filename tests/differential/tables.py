"""Tables with random rows of every type, hard values among them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tests.support.gnomonic import beside
from tests.support.testsky import rows_of as sky_rows_of
from tests.support.testsky import tables as sky_tables
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Table
from vo_server.sky.healpix import NO_CELL, cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FIELDS", "NUMBERS", "N_FIELDS", "PLACES", "TEXTS", "WORDS", "rows_of", "tables"]

NAN: Final = float("nan")
INF: Final = float("inf")
N_NUMBERS: Final = 40
N_TEXTS: Final = 30
N_PLACES: Final = 120
N_FIELDS: Final = 12

_BYTE = DataType(Primitive.UNSIGNED_BYTE)
_SHORT = DataType(Primitive.SHORT)
_INT = DataType(Primitive.INT)
_LONG = DataType(Primitive.LONG)
_REAL = DataType(Primitive.FLOAT)
_DOUBLE = DataType(Primitive.DOUBLE)
_TEXT = DataType(Primitive.CHAR, "*")
_UNICODE = DataType(Primitive.UNICODE_CHAR, "*")
_TIME = DataType(Primitive.CHAR, "*", "timestamp")
_POINT = DataType(Primitive.DOUBLE, "2", "point")
_CIRCLE = DataType(Primitive.DOUBLE, "3", "circle")
_POLYGON = DataType(Primitive.DOUBLE, "*", "polygon")

NUMBERS: Final = Table(
    "odd",
    "numbers",
    (
        Column("id", _INT),
        Column("b", _BYTE),
        Column("s", _SHORT),
        Column("i", _INT),
        Column("wide", _INT),
        Column("small", _LONG),
        Column("big", _LONG),
        Column("r", _REAL),
        Column("x", _DOUBLE),
        Column("w", _DOUBLE),
        Column("flag", DataType(Primitive.BOOLEAN)),
        Column("length", _DOUBLE, unit="km"),
        Column("angle", _DOUBLE, unit="deg"),
        Column("p", DataType(Primitive.FLOAT, "3"), element_names=("star", "galaxy", "qso")),
        Column("longs", DataType(Primitive.LONG, "*")),
    ),
    primary_key=("id",),
)
TEXTS: Final = Table(
    "odd",
    "texts",
    (
        Column("id", _INT),
        Column("i", _INT),
        Column("word", _TEXT),
        Column("t", _TEXT),
        Column("u", _UNICODE),
        Column("hms", _TEXT),
        Column("digits", _TEXT),
        Column("seen", _TIME),
        Column("Odd name", _TEXT),
    ),
    primary_key=("id",),
)
PLACES: Final = Table(
    "odd",
    "places",
    (
        Column("id", _INT),
        Column("ra", _DOUBLE, unit="deg"),
        Column("dec", _DOUBLE, unit="deg"),
        Column("reach", _DOUBLE, unit="deg"),
        Column("mag", _REAL),
        Column("pos", _POINT),
        Column("cone", _CIRCLE),
        Column(HEALPIX_COLUMN, _LONG, is_hidden=True),
    ),
    primary_key=("id",),
    position=Position("ra", "dec"),
)
FIELDS: Final = Table(
    "odd",
    "fields",
    (
        Column("id", _INT),
        Column("lon", _DOUBLE, unit="deg"),
        Column("lat", _DOUBLE, unit="deg"),
        Column("reach", _DOUBLE, unit="deg"),
        Column("cone", _CIRCLE),
        Column("shape", _POLYGON),
    ),
    primary_key=("id",),
)

WORDS: Final = (
    "star", "STAR", "Galaxy", "qso", "", "a", "A", "a b", "it's", "50%", "a_b", "a\\b", "Ångström", "ÅNGSTRÖM",
    "naïve", "σίγμα", "ΣΊΓΜΑ", "名", "🌌", " star ", "star ", "NULL", "0", "-", "x;--", 'say "so"', "a#b#A", "é", "é",
)  # fmt: skip
_HMS: Final = ("3:34:45.4", "-00:15:00", "123456", "+12:30:15.25", "1h2m3s", "4d05m06.5s", "x", "", "25:61:00", "1:2:3")
_DIGITS: Final = ("0", "-1", "12", "+7", "2147483647", "-32768", "100", "99999", "007")
_TIMES: Final = (
    "2015-01-01T00:00:00", "2015-06-01T12:30:00.500000", "1999-12-31T23:59:59", "2020-02-29T00:00:00",
    "1969-12-31T23:59:59.999999", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2015-01-01T00:00:01",
)  # fmt: skip


def tables() -> tuple[Table, ...]:
    """Return all tables of the tests, the test sky among them; none is published yet."""
    return (NUMBERS, TEXTS, PLACES, FIELDS, *sky_tables())


def _column(rng: Random, n: int, draw: Callable[[Random], Any], hard: Sequence[Any] = (), nulls: int = 15) -> list[Any]:
    """Return values: all hard ones, random ones, and NULL in so many of a hundred rows."""
    values = [*hard, *(None if rng.randrange(100) < nulls else draw(rng) for _ in range(n))][:n]
    rng.shuffle(values)
    return values


def _numbers(rng: Random) -> dict[str, list[Any]]:
    n = N_NUMBERS

    def tame(one: Random) -> float:
        return one.choice([round(one.uniform(-1000, 1000), 2), one.uniform(-10, 10), one.randrange(-20, 20) / 2])

    return {
        "id": list(range(n)),
        "b": _column(rng, n, lambda one: one.randrange(256), [0, 255, 128]),
        "s": _column(rng, n, lambda one: one.randrange(-100, 100), [-32768, 32767, 0]),
        "i": _column(rng, n, lambda one: one.randrange(-12, 13), [0, 1, -1]),
        "wide": _column(rng, n, lambda one: one.randrange(-(10**6), 10**6), [-(2**31), 2**31 - 1, 0]),
        "small": _column(rng, n, lambda one: one.randrange(-(10**6), 10**6), [0, -1]),
        "big": _column(
            rng,
            n,
            lambda one: one.randrange(-(2**62), 2**62),
            [-(2**63), 2**63 - 1, 2**53 + 1, -(2**53) - 1, 0, 2**63 - 512],
        ),
        "r": _column(rng, n, lambda one: float(np.float32(tame(one))), [0.5, NAN, INF, -INF, float(np.float32(0.1))]),
        "x": _column(rng, n, tame, [0.0, NAN, INF, -INF, 0.5, 1.5, 2.5, -2.5, 0.1, 0.3, -0.5, 1e-3]),
        # Of few digits, and without 1e23: the shortest text of a double is not always PostgreSQL's.
        "w": _column(
            rng,
            n,
            lambda one: one.choice([-1, 1]) * float(f"{10 ** one.uniform(-300, 300):.11e}"),
            [
                NAN,
                INF,
                -INF,
                5e-324,
                -1.7976931348623157e308,
                0.1 + 0.2,
                1e15,
                1e16,
                1e-5,
                123456789.125,
                2.0**63,
                1e22,
            ],
        ),
        "flag": _column(rng, n, lambda one: one.random() < 0.5),
        "length": _column(rng, n, lambda one: one.uniform(0, 100), [0.0, NAN]),
        "angle": _column(rng, n, lambda one: one.uniform(-180, 180), [0.0, NAN, 90.0]),
        "p": _column(rng, n, lambda one: [float(np.float32(one.random())) for _ in range(3)], [[NAN, 0.5, 1.0]]),
        "longs": _column(rng, n, lambda one: [one.randrange(-9, 9) for _ in range(one.randrange(5))], [[2**63 - 1]]),
    }


def _texts(rng: Random) -> dict[str, list[Any]]:
    n = N_TEXTS
    times = [datetime.fromisoformat(one) for one in _TIMES]
    start = times[0]
    return {
        "id": [one * 2 for one in range(n)],
        "i": _column(rng, n, lambda one: one.randrange(-12, 13)),
        "word": _column(rng, n, lambda one: one.choice(["star", "STAR", "galaxy", "qso", "Qso", ""])),
        "t": _column(rng, n, lambda one: one.choice(WORDS), WORDS[:20], nulls=20),
        "u": _column(rng, n, lambda one: one.choice(WORDS), WORDS[8:], nulls=20),
        "hms": _column(rng, n, lambda one: one.choice(_HMS), _HMS),
        "digits": _column(rng, n, lambda one: one.choice(_DIGITS), _DIGITS),
        "seen": _column(rng, n, lambda one: start + timedelta(seconds=one.randrange(-(10**8), 10**8)), times),
        "Odd name": _column(rng, n, lambda one: one.choice(WORDS), nulls=50),
    }


def _positions(rng: np.random.Generator, n: int) -> tuple[list[float], list[float]]:
    """Return places [deg]: over the sky, and crowded at RA 0, at the poles and around (100, 30)."""
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    part = n // 6
    ra[:part], dec[:part] = rng.normal(0, 1, part) % 360, rng.normal(0, 1, part)
    dec[part : 2 * part] = 90 - rng.exponential(1.0, part)
    dec[2 * part : 3 * part] = -90 + rng.exponential(1.0, part)
    ra[3 * part : 4 * part], dec[3 * part : 4 * part] = 100 + rng.normal(0, 2, part), 30 + rng.normal(0, 2, part)
    ra[0], dec[0], ra[1], dec[1], ra[2], dec[2] = 0.0, 0.0, 360.0, 0.0, 0.0, 90.0
    ra[3], dec[3], ra[4], dec[4] = 77.0, 90.0, 180.0, -90.0
    return [float(one) for one in ra], [float(one) for one in dec]


def _places(rng: Random) -> dict[str, list[Any]]:
    n = N_PLACES
    ra, dec = _positions(np.random.default_rng(rng.randrange(2**32)), n)
    rows: list[tuple[Any, ...]] = []
    for at, (lon, lat) in enumerate(zip(ra, dec, strict=True)):
        reach = rng.choice([0.0, rng.uniform(0, 2), rng.uniform(0, 20), None, NAN])
        pos: list[float] | None = [lon, lat]
        cone: list[float] | None = None if reach is None else [lon, lat, reach]
        place: tuple[float | None, float | None] = (lon, lat)
        if at % 40 == 11:
            place, pos, cone = (None, None), None, None
        elif at % 40 == 17:
            place, pos, cone = (NAN, lat), [NAN, lat], [NAN, lat, 1.0]
        elif cone is not None and cone[2] != cone[2]:
            cone = None
        mag = rng.choice([rng.uniform(12, 24), None, NAN])
        rows.append((*place, reach, mag if mag is None else float(np.float32(mag)), pos, cone))
    names = ("ra", "dec", "reach", "mag", "pos", "cone")
    found: dict[str, list[Any]] = {"id": list(range(n))}
    found |= {name: [row[at] for row in rows] for at, name in enumerate(names)}
    finite = [np.array([NAN if one is None else one for one in found[name]]) for name in ("ra", "dec")]
    cell = cells(*finite)
    found[HEALPIX_COLUMN] = [None if one == NO_CELL else int(one) for one in cell]
    return found


def _fields(rng: Random) -> dict[str, list[Any]]:
    n = N_FIELDS
    lon, lat = _positions(np.random.default_rng(rng.randrange(2**32)), n)
    found: dict[str, list[Any]] = {
        "id": [10 * one for one in range(n)],
        "lon": lon,
        "lat": lat,
        "reach": [],
        "cone": [],
    }
    found["shape"] = []
    for at, (ra, dec) in enumerate(zip(lon, lat, strict=True)):
        reach = rng.choice([rng.uniform(0.1, 3), rng.uniform(3, 30), 0.0])
        found["reach"].append(None if at % 12 == 5 else reach)
        found["cone"].append(None if at % 12 == 6 else [ra, dec, reach])
        found["shape"].append(None if at % 12 == 7 else _regular(rng, ra, dec, max(reach, 0.5)))
    return found


def _regular(rng: Random, ra_deg: float, dec_deg: float, radius_deg: float) -> list[float]:
    """Return the corners of a convex polygon around a place, at one distance from it."""
    # A gap beyond half a turn would put the centre outside; that does not matter, the polygon stays convex.
    turns = sorted(rng.uniform(0, 360) for _ in range(3))
    return [number for turn in turns for number in beside(ra_deg, dec_deg, radius_deg, turn)]


_MAKERS: Final = {"numbers": _numbers, "texts": _texts, "places": _places, "fields": _fields}


@lru_cache(maxsize=32)
def rows_of(full_name: str, seed: int) -> pa.Table:
    """Return the rows of a table, hidden columns included; those of the test sky are the same for every seed."""
    (table,) = (one for one in tables() if one.full_name == full_name)
    if table.schema == "sky":
        return sky_rows_of(table)
    values = _MAKERS[table.name](Random(f"{seed} {full_name}"))
    schema = arrow_schema(table.columns)
    made = pa.Table.from_arrays(
        [pa.array(values[name], kind) for name, kind in zip(schema.names, schema.types, strict=True)], schema=schema
    )
    return made.sort_by(HEALPIX_COLUMN) if HEALPIX_COLUMN in schema.names else made
