"""The functions in both databases, against slow and exact ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

import duckdb
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import FK5, ICRS, BarycentricMeanEcliptic, Galactic, Latitude, Longitude, Supergalactic
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix, neighbours
from numpy.typing import NDArray

from tests.engine.samples import SKY, publish, sky_rows
from tests.engine.site import AnyEngine, PostgresSite
from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.functions import create_functions
from vo_server.engine.postgres.setup import connect, has_functions, prepare
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Schema
from vo_server.sky.frames import FRAMES, rotation

Values: TypeAlias = NDArray[Any]
Computer = Callable[[str, dict[str, Values]], list[Any]]

ORDERS = [0, 1, 2, 5, 8, 13, 17, 24, 28, 29]


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def compute(request: pytest.FixtureRequest) -> Iterator[Computer]:
    """Compute an expression for every element of arrays, which are columns by their names."""
    if request.param == "duckdb":
        with duckdb.connect() as database:
            create_functions(database)
            yield lambda sql, columns: _rows(database, sql, columns, "?")
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        prepare(dsn, data_schema="public")
        with psycopg.connect(dsn, autocommit=True) as connection:
            yield lambda sql, columns: _rows(connection, sql, columns, "%s::float8[]")


def _rows(database: Any, sql: str, columns: dict[str, Values], hole: str) -> list[Any]:
    items = ", ".join(f"unnest({hole}) AS {name}" for name in columns)
    values = [[float(value) for value in column] for column in columns.values()]
    return [row[0] for row in database.execute(f"SELECT {sql} FROM (SELECT {items}) AS t", values).fetchall()]


def _sky(n: int) -> tuple[Values, Values]:
    """Return random positions [deg], many of them near the poles and at the borders of base cells."""
    random = np.random.default_rng(20160)
    ra = np.concatenate([random.uniform(0, 360, 3 * n), np.repeat(np.arange(0, 360, 45), n // 8) + 1e-7])
    high = 90 - 10 ** random.uniform(-9, 1, n)
    dec = np.concatenate([
        np.degrees(np.arcsin(random.uniform(-1, 1, n))), high, -high, random.uniform(-90, 90, n // 8 * 8),
    ])  # fmt: skip
    return ra, dec


def _cells(ra: Values, dec: Values, order: int) -> Values:
    return np.asarray(lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), order), dtype=np.int64)


@pytest.mark.parametrize("order", ORDERS)
def test_cells_are_those_of_another_implementation(compute: Computer, order: int) -> None:
    ra, dec = _sky(800)
    cells = np.array(compute(f"vo_functions.healpix_index({order}, ra, de)", {"ra": ra, "de": dec}))
    np.testing.assert_array_equal(cells, _cells(ra, dec, order))


@pytest.mark.parametrize("order", [0, 1, 3, 11, 29])
def test_places_on_a_border_are_in_a_cell_beside_it(compute: Computer, order: int) -> None:
    ra, dec = (grid.ravel() for grid in np.meshgrid(np.arange(0, 361, 22.5), [-90, -41.8103148957786, 0, 30, 90]))
    cells = np.array(compute(f"vo_functions.healpix_index({order}, ra, de)", {"ra": ra, "de": dec}))
    expected = _cells(ra, dec, order)
    near = neighbours(expected, order)
    is_pole = np.abs(dec) == 90  # all four caps meet there
    assert np.all((cells[:, None] == near).any(axis=1) | (cells == expected) | is_pole)
    centres = np.array(compute(f"vo_functions.healpix_center({order}, vo_functions.healpix_index({order}, ra, de))",
                               {"ra": ra, "de": dec}))  # fmt: skip
    assert np.all(np.abs(centres[is_pole, 1] - dec[is_pole]) < 60 / 2**order)


@pytest.mark.parametrize("order", ORDERS)
def test_centres_are_those_of_another_implementation(compute: Computer, order: int) -> None:
    ra, dec = _sky(300)
    cells = _cells(ra, dec, order)
    found = compute(f"vo_functions.healpix_center({order}, vo_functions.healpix_index({order}, ra, de))",
                    {"ra": ra, "de": dec})  # fmt: skip
    lon, lat = healpix_to_lonlat(cells.astype(np.uint64), order)
    lon_deg, lat_deg = np.array(found).T
    off_deg = np.abs((lon_deg - lon.to_value("deg") + 180) % 360 - 180) * np.cos(lat.to_value("rad"))
    assert off_deg.max() < 1e-12
    assert np.abs(lat_deg - lat.to_value("deg")).max() < 1e-12
    assert lon_deg.min() >= 0
    assert lon_deg.max() < 360


def _moved(ra: Values, dec: Values, parallax: Values, pm: tuple[Values, Values], rv: Values, years: float) -> Values:
    """Move stars on straight lines, in parsecs, with 80 bits."""
    ra, dec = np.radians(ra.astype(np.longdouble)), np.radians(dec.astype(np.longdouble))
    away = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0 * ra])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    distance_pc = 1000 / parallax.astype(np.longdouble)
    mas = np.pi / np.longdouble(648_000_000)
    pc_per_year = rv.astype(np.longdouble) * np.longdouble(31557600) / np.longdouble(3.0856775814913673e13)
    place = away * distance_pc + (away * pc_per_year + (east * pm[0] + north * pm[1]) * mas * distance_pc) * years
    return np.array([np.degrees(np.arctan2(place[1], place[0])) % 360,
                     np.degrees(np.arctan2(place[2], np.hypot(place[0], place[1])))])  # fmt: skip


def test_stars_move_on_straight_lines(compute: Computer) -> None:
    random = np.random.default_rng(7)
    n = 2000
    ra, dec = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    dec[:10] = 89.9999
    plx, rv = 10 ** random.uniform(-2, 2.8, n), random.uniform(-500, 500, n)
    pmra, pmdec = random.normal(0, 2000, n), random.normal(0, 2000, n)
    columns = {"ra": ra, "de": dec, "plx": plx, "pmra": pmra, "pmde": pmdec, "rv": rv}
    found = np.array(compute("vo_functions.epoch_position(ra, de, plx, pmra, pmde, rv, 2016.0, 1950.0)", columns)).T
    expected = _moved(ra, dec, plx, (pmra, pmdec), rv, -66)
    off_deg = np.abs((found[0] - expected[0] + 180) % 360 - 180) * np.cos(np.radians(found[1]))
    assert off_deg.max() < 1e-12
    assert np.abs(found[1] - expected[1]).max() < 1e-12


_ASTROPY = {
    "ICRS": ICRS(),
    "FK5": FK5(equinox="J2000"),
    "GALACTIC": Galactic(),
    "SUPER_GALACTIC": Supergalactic(),
    "ECLIPTIC": BarycentricMeanEcliptic(equinox="J2000"),
}


@pytest.mark.parametrize("end", FRAMES)
@pytest.mark.parametrize("start", FRAMES)
def test_frames_are_those_of_astropy(compute: Computer, start: str, end: str) -> None:
    ra, dec = _sky(80)
    matrix = ", ".join(repr(number) for row in rotation(start, end) for number in row)
    kind = "CAST(ARRAY[{}] AS DOUBLE PRECISION[])"
    sql = f"vo_functions.rotated({kind.format('ra, de')}, {kind.format(matrix)})"
    found = np.array(compute(sql, {"ra": ra, "de": dec})).T
    placed = _ASTROPY[start].realize_frame(ICRS(ra * u.deg, dec * u.deg).data)
    expected = placed.transform_to(_ASTROPY[end]).spherical
    off_deg = np.abs((found[0] - expected.lon.deg + 180) % 360 - 180) * np.cos(expected.lat.rad)
    assert off_deg.max() < 2e-12
    assert np.abs(found[1] - expected.lat.deg).max() < 2e-12


@pytest.mark.postgres
def test_quantiles_have_the_same_digits_on_both_engines(postgres_dsn: str) -> None:
    x = np.random.default_rng(3).normal(1e3, 1e2, 1001)
    fractions = [0.01, 0.1, 0.25, 0.3, 0.5, 0.77, 0.999]
    with duckdb.connect() as database, psycopg.connect(postgres_dsn) as connection:
        for fraction in fractions:
            one = _rows(database, f"quantile_cont(x, {fraction})", {"x": x}, "?")
            other = _rows(
                connection, f"percentile_cont({fraction}) WITHIN GROUP (ORDER BY x)", {"x": x}, "%s::float8[]"
            )
            assert one == pytest.approx(other, rel=4e-16, abs=0)


@pytest.mark.postgres
def test_functions_that_are_missing_or_old_are_made(postgres_site: PostgresSite) -> None:
    prepare(postgres_site.dsn, data_schema=postgres_site.data_schema)
    with connect(postgres_site.dsn) as connection:
        connection.execute("COMMENT ON SCHEMA vo_functions IS 'of another version'")
        assert not has_functions(connection)
        postgres_site.open().check()
        assert has_functions(connection)


@pytest.fixture
def catalogue(engine: AnyEngine) -> Catalogue:
    return Catalogue((Schema("demo", (publish(engine, SKY, [sky_rows(5_000)]),)),))


def _ask(engine: AnyEngine, catalogue: Catalogue, adql: str) -> pa.Table:
    query = compile_query(adql, catalogue)
    with closing(engine.run(query, limit=10_000, timeout_s=60.0)) as rows:
        return pa.Table.from_batches(list(rows), arrow_schema(query.columns))


def test_a_map_of_counts_per_cell_is_one_query(engine: AnyEngine, catalogue: Catalogue) -> None:
    adql = """
        SELECT ivo_healpix_index(1, ra, dec) AS cell, COUNT(*) AS n, median(ra) AS middle
        FROM demo.sky WHERE ra IS NOT NULL AND dec IS NOT NULL
        GROUP BY ivo_healpix_index(1, ra, dec) HAVING COUNT(*) > 5 ORDER BY cell
    """
    found = _ask(engine, catalogue, adql)
    rows = [(ra, dec) for ra, dec in zip(*sky_rows(5_000).select(["ra", "dec"]).to_pydict().values(), strict=True)
            if ra is not None and dec is not None and not np.isnan(ra + dec)]  # fmt: skip
    ra, dec = np.array(rows).T
    cells, counts = np.unique(_cells(ra, dec, 1), return_counts=True)
    kept = [(cell, n) for cell, n in zip(cells, counts, strict=True) if n > 5]
    known = [(row["cell"], row["n"]) for row in found.to_pylist() if row["cell"] is not None]
    assert known == kept
    medians = dict(zip(found["cell"].to_pylist(), found["middle"].to_pylist(), strict=True))
    for cell, _ in kept:
        assert medians[cell] == pytest.approx(np.median(ra[_cells(ra, dec, 1) == cell]), rel=1e-15)


def test_points_circles_and_histograms_arrive_as_lists(engine: AnyEngine, catalogue: Catalogue) -> None:
    adql = """
        SELECT ivo_histogram(ra, 0, 360, 3) AS h, ivo_geom_transform('ICRS', 'FK5', CIRCLE(1, 2, 3)) AS c,
               ivo_healpix_center(0, 6) AS p, ivo_string_agg('a', '-') AS s
        FROM demo.sky WHERE id IN (1, 2, 3)
    """
    (row,) = _ask(engine, catalogue, adql).to_pylist()
    assert sum(row["h"]) == 3
    assert row["c"] == pytest.approx([1, 2, 3], abs=1e-5)
    assert row["p"] == [180, 0]
    assert row["s"] == "a-a-a"
