"""Searches in loaded columns of circles and polygons: the rows of numpy's shapes, found by the index on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.ingest.conftest import Site
from tests.support.sky import oracle_separation_deg, points_around
from vo_server.engine.postgres.setup import prepare
from vo_server.sky.polygon import Polygon

FloatArray = NDArray[np.float64]
N_SHAPES = 400
SCHEMA = """
name: s
tables:
- name: t
  columns:
  - {name: id, datatype: int}
  - {name: field, datatype: %(kind)s, "votable:arraysize": '3', "votable:xtype": circle}
  - {name: outline, datatype: %(kind)s, "votable:arraysize": '*', "votable:xtype": polygon}
"""


def shapes(kind: str = "double") -> list[tuple[FloatArray, Polygon]]:
    """Return circles and polygons of all sizes, many of them over RA 0 and the poles."""
    random = np.random.default_rng(8)
    width = {"double": np.float64, "float": np.float32}[kind]
    found = []
    for number in range(N_SHAPES):
        ra, dec = random.uniform(0, 360), np.degrees(np.arcsin(random.uniform(-1, 1)))
        if number % 3 == 0:
            ra, dec = [(0.0, 0.0), (359.9, 60.0), (10.0, 90.0), (200.0, -89.8), (0.05, -30.0)][number // 3 % 5]
        size = 10 ** random.uniform(-3, 0.7) if number % 20 else 60.0
        bearings = np.sort(random.uniform(0, 360, random.integers(3, 8)))
        lon, lat = points_around(ra, dec, random.uniform(0.2, 1, len(bearings)) * size, bearings)
        corners = np.column_stack([lon, lat]).astype(width).astype(float)
        if number % 2:
            corners = corners[::-1]
        circle = np.array([ra, dec, size / 2], width).astype(float)
        found.append((circle, Polygon(tuple(map(tuple, corners.tolist())))))
    return found


def load_shapes(site: Site, folder: Path, kind: str = "double") -> list[tuple[FloatArray, Polygon]]:
    """Load the shapes and a row without any."""
    (folder / "s.yaml").write_text(SCHEMA % {"kind": kind})
    made = shapes(kind)
    rows = {
        "id": [*range(N_SHAPES), N_SHAPES],
        "field": [*(circle.tolist() for circle, _ in made), None],
        "outline": [*(list(polygon.numbers) for _, polygon in made), None],
    }
    pq.write_table(pa.table(rows), folder / "t.parquet")
    site.load(folder / "t.parquet", "--table", "s.t", "--schema-file", folder / "s.yaml")
    return made


PLACES = [(360.0, 0.01), (359.95, 60.0), (0.0, 90.0), (123.0, -89.9), (200.0, 45.0)]


@pytest.mark.parametrize("kind", ["double", "float"])
def test_shapes_are_found_as_numpy_finds_them(kind: str, site: Site, tmp_path: Path) -> None:
    made = load_shapes(site, tmp_path, kind)
    with site.asking() as ask:
        compare(made, lambda condition: {row[0] for row in ask(f"SELECT id FROM s.t WHERE {condition}")})


def compare(made: list[tuple[FloatArray, Polygon]], found: Callable[[str], set[int]]) -> None:
    """Ask for the shapes in all ways, and compare with what numpy says of each."""
    n_found = 0
    for ra, dec in PLACES:
        point = f"POINT({ra}, {dec})"
        distances = [float(oracle_separation_deg(circle[0], circle[1], ra, dec)) for circle, _ in made]
        expected = {n for n, (circle, _) in enumerate(made) if distances[n] <= circle[2]}
        assert found(f"1 = CONTAINS({point}, field)") == expected
        expected = {n for n, (_, polygon) in enumerate(made) if polygon.contains([ra], [dec])[0]}
        assert found(f"CONTAINS({point}, outline) = 1") == expected
        n_found += len(expected)
        for radius in (0.02, 29.0, 75.0):
            circle_text = f"CIRCLE({ra}, {dec}, {radius})"
            expected = {n for n, (circle, _) in enumerate(made) if distances[n] <= circle[2] + radius}
            assert found(f"1 = INTERSECTS(field, {circle_text})") == expected
            expected = {n for n, (_, polygon) in enumerate(made) if polygon.margin_deg(ra, dec) >= -radius}
            assert found(f"1 = INTERSECTS({circle_text}, outline)") == expected
            expected = {n for n, (_, polygon) in enumerate(made) if polygon.farthest_deg(ra, dec) <= radius}
            assert found(f"1 = CONTAINS(outline, {circle_text})") == expected
            n_found += len(expected)
    for asked in [made[number][1] for number in (0, 3, 6, 9, 40, 41)]:
        text = f"POLYGON({', '.join(map(repr, asked.numbers))})"
        expected = {n for n, (_, polygon) in enumerate(made) if polygon.meets(asked)}
        assert found(f"1 = INTERSECTS(outline, {text})") == expected
        expected = {n for n, (circle, _) in enumerate(made) if asked.margin_deg(*circle[:2]) >= -circle[2]}
        assert found(f"1 = INTERSECTS({text}, field)") == expected
        n_found += len(expected)
    assert n_found > N_SHAPES


def test_shapes_that_meet_each_other_are_found(site: Site, tmp_path: Path) -> None:
    made = load_shapes(site, tmp_path)
    found = site.ask(
        "SELECT a.id, b.id AS other FROM s.t AS a JOIN s.t AS b ON 1 = INTERSECTS(a.field, b.field) WHERE a.id < 60"
    )
    lon, lat, radius = np.array([circle for circle, _ in made]).T
    expected = {
        (n, int(other))
        for n in range(60)
        for other in np.flatnonzero(oracle_separation_deg(lon, lat, lon[n], lat[n]) <= radius + radius[n])
    }
    assert set(found) == expected


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["double", "float"])
def test_postgres_finds_shapes_by_their_index(kind: str, postgres_site: Site, tmp_path: Path) -> None:
    load_shapes(postgres_site, tmp_path, kind)
    for column in ("field", "outline"):
        for condition in (
            f"1 = CONTAINS(POINT(10, 20), t.{column})",
            f"CONTAINS(POINT(0, 0), t.{column}) = 1 AND t.id > 7",
            f"1 = INTERSECTS(t.{column}, CIRCLE(359.9, 20, 0.5))",
            f"1 = INTERSECTS(POLYGON(10, 20, 11, 20, 11, 21), t.{column})",
            f"1 = CONTAINS(t.{column}, BOX(0, 89, 1, 1))",
            f"1 = CONTAINS(CIRCLE(10, 20, 0.01), t.{column})",
        ):
            plan = postgres_site.plan(f"SELECT id FROM s.t AS t WHERE {condition}")
            assert "Seq Scan" not in plan, (condition, plan)
            assert any("vo_functions.bounds" in line for line in plan.splitlines() if "Index Cond" in line), plan
    join = "SELECT a.id FROM s.t AS a JOIN s.t AS b ON 1 = INTERSECTS(b.field, a.field) WHERE a.id = 3"
    plan = postgres_site.plan(join)
    assert any("vo_functions.bounds" in line for line in plan.splitlines() if "Index Cond" in line), plan


# ---------------------------------------------------------------------------------------------------------- boxes


def _box(connection: psycopg.Connection[tuple[str]], numbers: list[float]) -> tuple[float, float, float, float]:
    """Return the first and last longitude and the lowest and highest latitude of a box."""
    row = connection.execute("SELECT vo_functions.bounds(%s::float8[])::text", (list(map(float, numbers)),)).fetchone()
    assert row is not None
    last, high, first, low = (float(number) for number in row[0].replace("(", "").replace(")", "").split(","))
    return first, last, low, high


@pytest.mark.postgres
def test_boxes_hold_their_shapes_and_little_more(postgres_dsn: str) -> None:
    prepare(postgres_dsn, data_schema="vo_data")
    random = np.random.default_rng(3)
    with psycopg.connect(postgres_dsn) as connection:
        for circle, polygon in shapes():
            around = points_around(circle[0], circle[1], 180 * random.random(200) ** 6, random.uniform(0, 360, 200))
            for numbers, inside in (
                (circle.tolist(), oracle_separation_deg(*around, circle[0], circle[1]) <= circle[2]),
                (list(polygon.numbers), polygon.contains(*around)),
            ):
                first, last, low, high = _box(connection, numbers)
                assert 0 <= first < 360
                assert first <= last <= first + 360
                lon, lat = around[0][inside], around[1][inside]
                assert ((lat >= low) & (lat <= high)).all()
                assert ((lon - first) % 360 <= last - first).all()
            # The edges of a polygon are as long as twice the circle's radius, so that its box cannot be much larger.
            assert high - low <= 4 * circle[2] + 1e-4


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([10, 20, 1], (8.94, 11.06, 19, 21)),
        ([0.5, 0, 1], (359.5, 361.5, -1, 1)),
        ([10, 89.5, 1], (0, 360, 88.5, 90)),
        ([10, -90, 0], (0, 360, -90, -90)),
        ([10, 20, 180], (0, 360, -90, 90)),
        ([-10, 0, 1], (349, 351, -1, 1)),
        ([350, 0, 10, 0, 0, 10], (350, 370, 0, 10)),
        ([0, 80, 120, 80, 240, 80], (0, 360, 80, 90)),
        ([1, 60, 91, 60, 46, 61], (1, 91, 60, 67.8)),
        ([10, 95, 1], (0, 360, -90, 90)),
    ],
)
def test_boxes_of_known_shapes(
    numbers: list[float], expected: tuple[float, float, float, float], postgres_dsn: str
) -> None:
    prepare(postgres_dsn, data_schema="vo_data")
    with psycopg.connect(postgres_dsn) as connection:
        assert _box(connection, numbers) == pytest.approx(expected, abs=0.01)
