"""Searches by pgSphere's columns: the rows of a slow oracle, found by its indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.adopt import with_index
from ingest.foreign import described
from tests.support.foreign import Foreign, foreign_schema
from tests.support.sky import oracle_separation_deg
from tests.support.sphere import N_PLATES, N_STARS, corners, make_catalogue, plates, radius_deg, stars
from vo_server.adql.front import compile_query
from vo_server.engine.postgres.inspect import open_inspector
from vo_server.engine.postgres.setup import prepare
from vo_server.engine.postgres.sql import generate
from vo_server.model.table import Catalogue, PositionIndex, Schema, Table

pytestmark = [pytest.mark.postgres, pytest.mark.pgsphere]

BY_POS = "stars_pos_idx"
BY_FIELD = "plates_field_idx"
BY_OUTLINE = "plates_outline_idx"


def _described(survey: Foreign, dsn: str, name: str) -> Table:
    """Return a table as it would be published in place."""
    with open_inspector(dsn) as inspector:
        relation = survey.schema, name
        table = described(inspector.table(relation), ("s", name), role=inspector.role()).table
        return with_index(inspector, relation, table)


class Sphere:
    """The catalogue, and the shortest way to ask it."""

    def __init__(self, survey: Foreign, dsn: str) -> None:
        self.survey = survey
        tables = [_described(survey, dsn, name) for name in ("stars", "plates", "numbers", "bare")]
        self.tables = {table.name: table for table in tables}
        self.catalogue = Catalogue((Schema("s", tuple(tables)),))

    def sql(self, adql: str) -> str:
        query = compile_query(adql, self.catalogue)
        return generate(query, limit=None, relation=lambda table: f'"{self.survey.schema}"."{table.name}"')

    def answer(self, adql: str) -> list[tuple[Any, ...]]:
        return self.survey.ask(self.sql(adql))

    def ids(self, adql: str) -> set[Any]:
        """Return the rows; single columns without their tuples."""
        rows = self.answer(adql)
        found = {row[0] if len(row) == 1 else row for row in rows}
        assert len(found) == len(rows)
        return found

    def plan(self, adql: str) -> str:
        return "\n".join(row[0] for row in self.survey.ask(f"EXPLAIN {self.sql(adql)}"))


@pytest.fixture(scope="module")
def sphere(pgsphere_dsn: str) -> Iterator[Sphere]:
    prepare(pgsphere_dsn, data_schema="vo_data")
    with foreign_schema(pgsphere_dsn) as survey:
        make_catalogue(survey)
        survey.make(
            """
            CREATE TABLE numbers AS SELECT id, alpha AS ra, delta::numeric AS "dec" FROM stars;
            CREATE INDEX ON numbers USING gist (spoint(radians(ra), radians("dec")));
            CREATE TABLE bare AS SELECT id, pos, alpha AS ra, delta AS "dec" FROM stars;
            ANALYZE numbers; ANALYZE bare;
            """
        )
        yield Sphere(survey, pgsphere_dsn)


# --------------------------------------------------------------------------------------------------------- oracles


def distances(ra: float, dec: float) -> NDArray[np.longdouble]:
    return oracle_separation_deg(*stars(), ra, dec)


def vectors(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.float64]:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def inside(plate: int, ra: Any, dec: Any) -> NDArray[np.bool_]:
    """Tell which places lie in a plate: on the inner side of each side of the square."""
    square = corners(plate)
    turn = square[::-1] if plate % 2 else square
    edges = vectors(turn[:, 0], turn[:, 1])
    normals = np.cross(edges, np.roll(edges, -1, axis=0))
    return np.asarray((vectors(np.asarray(ra), np.asarray(dec)) @ normals.T >= 0).all(axis=-1))


def gap_deg(plate: int, ra: float, dec: float) -> float:
    """Return the distance of a place from a plate, 0 inside: by many points along its sides [deg]."""
    if inside(plate, ra, dec):
        return 0.0
    square = corners(plate)
    ends = vectors(square[:, 0], square[:, 1])
    steps = np.linspace(0, 1, 2001)[:, np.newaxis, np.newaxis]
    along = (1 - steps) * ends + steps * np.roll(ends, -1, axis=0)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    nearest = np.linalg.norm(along - vectors(np.asarray(ra), np.asarray(dec)), axis=-1).min()
    return float(np.degrees(2 * np.arcsin(nearest / 2)))


PLACES = [(10.0, 20.0), (0.0, 90.0), (0.0, -89.9), (359.99, 0.01), (200.0, -45.0)]


# ----------------------------------------------------------------------------------------------------------- rows


def test_what_serves_places_is_known(sphere: Sphere) -> None:
    found = {name: table.position for name, table in sphere.tables.items()}
    assert {name: position and position.index for name, position in found.items()} == {
        "stars": PositionIndex.SPOINT, "plates": None, "numbers": PositionIndex.SPOINT, "bare": PositionIndex.NONE,
    }  # fmt: skip
    assert found["stars"] is not None
    assert found["stars"].point == "pos"
    assert sphere.tables["plates"].by_name["outline"].is_indexed
    assert not sphere.tables["bare"].by_name["pos"].is_indexed


@pytest.mark.parametrize("place", ["pos", "POINT(ra, dec)"])
@pytest.mark.parametrize("table", ["stars", "numbers", "bare"])
@pytest.mark.parametrize("radius", [0.0, 0.5, 20.0, 89.9999999, 90.0, 130.0])
def test_cones_hold_what_the_oracle_says(radius: float, table: str, place: str, sphere: Sphere) -> None:
    if (table, place) in {("stars", "POINT(ra, dec)"), ("numbers", "pos")}:
        place = "POINT(alpha, delta)" if table == "stars" else "POINT(ra, dec)"
    for ra, dec in PLACES:
        found = sphere.ids(f"SELECT id FROM s.{table} WHERE 1 = CONTAINS({place}, CIRCLE({ra}, {dec}, {radius}))")
        distance = distances(ra, dec)
        sure, possible = (set(np.flatnonzero(distance <= radius + margin)) for margin in (-1e-12, 1e-12))
        assert sure <= found <= possible


def test_other_spellings_of_a_cone_find_the_same(sphere: Sphere) -> None:
    expected = set(np.flatnonzero(distances(10, 20) <= 8))
    for condition in (
        "DISTANCE(pos, POINT(10, 20)) <= 8",
        "8 > DISTANCE(POINT(10, 20), pos)",
        "INTERSECTS(CIRCLE(10, 20, 8), pos) = 1",
        "CONTAINS(POINT(10, 20), CIRCLE(pos, 8)) = 1",
        "DISTANCE(COORD1(pos), COORD2(pos), 10, 20) < 8",
        "NOT DISTANCE(pos, POINT(10, 20)) > 8",
    ):
        assert sphere.ids(f"SELECT id FROM s.stars WHERE {condition}") == expected, condition
    rest = set(range(N_STARS)) - expected
    assert sphere.ids("SELECT id FROM s.stars WHERE 0 = CONTAINS(pos, CIRCLE(10, 20, 8))") == rest
    inner = "SELECT q.id FROM (SELECT id, pos AS p FROM s.stars) AS q WHERE 1 = CONTAINS(q.p, CIRCLE(10, 20, 8))"
    assert sphere.ids(inner) == expected


@pytest.mark.parametrize("place", ["pos", "POINT(alpha, delta)"])
def test_polygons_and_boxes_hold_what_the_oracle_says(place: str, sphere: Sphere) -> None:
    for plate in (0, 1, 2, 3, 17, 400):
        polygon = ", ".join(repr(float(number)) for number in corners(plate).ravel())
        found = sphere.ids(f"SELECT id FROM s.stars WHERE 1 = CONTAINS({place}, POLYGON({polygon}))")
        assert found == set(np.flatnonzero(inside(plate, *stars())))
    box = sphere.ids(f"SELECT id FROM s.stars WHERE 1 = CONTAINS({place}, BOX(100, 0, 40, 30))")
    square = "POLYGON(80, -15, 120, -15, 120, 15, 80, 15)"
    alike = sphere.ids(f"SELECT id FROM s.stars WHERE 1 = CONTAINS({place}, {square})")
    assert len(box) > 50
    assert len(box ^ alike) < 10
    union = (
        f"SELECT id FROM s.stars WHERE 1 = CONTAINS({place}, REGION('UNION ICRS (CIRCLE 10 20 8 CIRCLE 200 -45 5)'))"
    )
    assert sphere.ids(union) == set(np.flatnonzero((distances(10, 20) <= 8) | (distances(200, -45) <= 5)))


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_plates_around_a_place(ra: float, dec: float, sphere: Sphere) -> None:
    distance = oracle_separation_deg(*plates(), ra, dec)
    radii = np.array([radius_deg(plate) for plate in range(N_PLATES)])
    found = sphere.ids(f"SELECT id FROM s.plates WHERE 1 = CONTAINS(POINT({ra}, {dec}), field)")
    assert found == set(np.flatnonzero(distance <= radii))
    found = sphere.ids(f"SELECT id FROM s.plates WHERE 1 = CONTAINS(POINT({ra}, {dec}), outline)")
    assert found == {plate for plate in range(N_PLATES) if inside(plate, ra, dec)}


@pytest.mark.parametrize("radius", [0.0, 0.7, 12.0, 50.0])
def test_plates_that_meet_a_circle(radius: float, sphere: Sphere) -> None:
    for ra, dec in PLACES:
        distance = oracle_separation_deg(*plates(), ra, dec)
        radii = np.array([radius_deg(plate) for plate in range(N_PLATES)])
        circle = f"CIRCLE({ra}, {dec}, {radius})"
        found = sphere.ids(f"SELECT id FROM s.plates WHERE 1 = INTERSECTS(field, {circle})")
        assert found == set(np.flatnonzero(distance <= radii + radius))
        found = sphere.ids(f"SELECT id FROM s.plates WHERE INTERSECTS({circle}, outline) = 1")
        near = np.flatnonzero(distance <= radius + 5)
        gaps = {int(plate): gap_deg(int(plate), ra, dec) for plate in near}
        sure = {plate for plate, gap in gaps.items() if gap <= radius}
        assert sure <= found <= {plate for plate, gap in gaps.items() if gap <= radius + 1e-4}


def test_plates_inside_a_circle_and_the_other_way_round(sphere: Sphere) -> None:
    distance = oracle_separation_deg(*plates(), 10, 20)
    radii = np.array([radius_deg(plate) for plate in range(N_PLATES)])
    found = sphere.ids("SELECT id FROM s.plates WHERE 1 = CONTAINS(field, CIRCLE(10, 20, 12))")
    assert found == set(np.flatnonzero(distance <= 12 - radii))
    found = sphere.ids("SELECT id FROM s.plates WHERE 1 = CONTAINS(CIRCLE(10, 20, 0.3), field)")
    assert found == set(np.flatnonzero(distance <= radii - 0.3))
    squares = [corners(plate) for plate in range(N_PLATES)]
    reach = {plate: oracle_separation_deg(one[:, 0], one[:, 1], 10, 20).max() for plate, one in enumerate(squares)}
    found = sphere.ids("SELECT id FROM s.plates WHERE 1 = CONTAINS(outline, CIRCLE(10, 20, 12))")
    assert found == {plate for plate, farthest in reach.items() if farthest <= 12}


def test_stars_on_plates(sphere: Sphere) -> None:
    ra, dec = stars()
    expected = {(plate, int(star)) for plate in range(N_PLATES) for star in np.flatnonzero(inside(plate, ra, dec))}
    for condition in ("CONTAINS(s.pos, p.outline) = 1", "1 = INTERSECTS(p.outline, s.pos)",
                      "CONTAINS(POINT(s.alpha, s.delta), p.outline) = 1"):  # fmt: skip
        found = sphere.ids(f"SELECT p.id, s.id FROM s.plates AS p JOIN s.stars AS s ON {condition}")
        assert found == expected, condition
    centres = plates()
    expected = {
        (plate, int(star))
        for plate in range(N_PLATES)
        for star in np.flatnonzero(
            oracle_separation_deg(ra, dec, centres[0][plate], centres[1][plate]) <= radius_deg(plate)
        )
    }
    found = sphere.ids("SELECT p.id, s.id FROM s.plates AS p, s.stars AS s WHERE 1 = CONTAINS(s.pos, p.field)")
    assert found == expected


@pytest.mark.parametrize("radius", [1e-5, 0.3, 3.0])
def test_neighbours_are_those_of_the_oracle(radius: float, sphere: Sphere) -> None:
    ra, dec = stars()
    rows, others = np.nonzero(oracle_separation_deg(ra[:500, np.newaxis], dec[:500, np.newaxis], ra, dec) <= radius)
    expected = set(zip(rows.tolist(), others.tolist(), strict=True))
    for table, near, far in (
        ("stars", "a.pos", "b.pos"),
        ("stars", "POINT(a.alpha, a.delta)", "b.pos"),
        ("numbers", "a.pos", "POINT(b.ra, b.dec)"),
    ):
        found = sphere.ids(
            f"SELECT a.id, b.id FROM s.stars AS a JOIN s.{table} AS b ON DISTANCE({near}, {far}) <= {radius} "
            "WHERE a.id < 500"
        )
        assert found == expected, (near, far)


def test_a_radius_that_is_a_column_reaches_beyond_half_of_the_sphere(sphere: Sphere) -> None:
    ra, dec = stars()
    for expression, radii in (("a.id / 1000. - 0.001", np.arange(5) / 1000 - 0.001), ("a.id * 40", np.arange(5) * 40)):
        found = sphere.ids(
            "SELECT a.id, b.id FROM s.stars AS a JOIN s.stars AS b "
            f"ON 1 = CONTAINS(b.pos, CIRCLE(a.pos, {expression})) WHERE a.id <= 4"
        )
        expected = set()
        for one in range(5):
            distance = oracle_separation_deg(ra, dec, ra[one], dec[one])
            expected |= {(one, int(other)) for other in np.flatnonzero(distance <= radii[one])}
        assert found == expected


def test_shapes_are_grouped_measured_and_sorted_out_as_others_are(sphere: Sphere) -> None:
    assert len(sphere.answer("SELECT outline, COUNT(*) AS n FROM s.plates GROUP BY outline")) == N_PLATES + 1
    assert len(sphere.answer("SELECT DISTINCT field FROM s.plates WHERE field IS NOT NULL")) == N_PLATES
    assert sphere.ids("SELECT id FROM s.plates WHERE outline IS NULL") == {N_PLATES}
    (row,) = sphere.answer(
        "SELECT AREA(field), AREA(outline), CENTROID(outline), COORDSYS(field) FROM s.plates WHERE id = 4"
    )
    side = 2 * np.degrees(np.arctan(np.tan(np.radians(1.5))))
    assert row[0] == pytest.approx(np.pi * radius_deg(4) ** 2, rel=1e-3)
    assert row[1] == pytest.approx(side**2, rel=1e-2)
    assert oracle_separation_deg(row[2][0], row[2][1], plates()[0][4], plates()[1][4]) < 1e-9
    assert row[3] == "ICRS"
    union = "SELECT pos FROM s.stars WHERE id < 3 UNION ALL SELECT CENTROID(field) FROM s.plates WHERE id < 3"
    assert len(sphere.answer(union)) == 6


# ---------------------------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize(
    ("adql", "index"),
    [
        ("SELECT id FROM s.stars WHERE 1 = CONTAINS(pos, CIRCLE(10, 20, 1))", BY_POS),
        ("SELECT id FROM s.stars WHERE DISTANCE(pos, POINT(10, 20)) < 1", BY_POS),
        ("SELECT id FROM s.stars WHERE 3600 * DISTANCE(POINT(10, 20), pos) < 5", BY_POS),
        ("SELECT id FROM s.stars WHERE 1 = CONTAINS(pos, POLYGON(10, 20, 11, 20, 11, 21))", BY_POS),
        ("SELECT id FROM s.stars WHERE 1 = CONTAINS(pos, BOX(10, 20, 1, 1))", BY_POS),
        ("SELECT id FROM s.stars WHERE DISTANCE(pos, POINT(1, 2)) < 1 OR DISTANCE(pos, POINT(9, 2)) < 1", BY_POS),
        ("SELECT id FROM s.numbers WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 1))", "numbers_spoint_idx"),
        ("SELECT id FROM s.numbers WHERE 1 = CONTAINS(POINT(ra, dec), BOX(10, 20, 1, 1))", "numbers_spoint_idx"),
        ("SELECT id FROM s.plates WHERE 1 = CONTAINS(POINT(10, 20), field)", BY_FIELD),
        ("SELECT id FROM s.plates WHERE 1 = CONTAINS(POINT(10, 20), outline)", BY_OUTLINE),
        ("SELECT id FROM s.plates WHERE 1 = INTERSECTS(field, CIRCLE(10, 20, 1))", BY_FIELD),
        ("SELECT id FROM s.plates WHERE 1 = INTERSECTS(CIRCLE(10, 20, 1), outline)", BY_OUTLINE),
        ("SELECT id FROM s.plates WHERE 1 = INTERSECTS(outline, POLYGON(10, 20, 11, 20, 11, 21))", BY_OUTLINE),
        ("SELECT id FROM s.plates WHERE 1 = CONTAINS(outline, BOX(10, 20, 1, 1))", BY_OUTLINE),
        ("SELECT a.id FROM s.plates AS a JOIN s.stars AS b ON DISTANCE(b.pos, POINT(a.id, 0)) < 0.1", BY_POS),
        ("SELECT a.id FROM s.stars AS a JOIN s.stars AS b ON DISTANCE(a.pos, b.pos) < 0.1", BY_POS),
        ("SELECT a.id FROM s.stars AS a LEFT JOIN s.numbers AS b ON DISTANCE(a.pos, POINT(b.ra, b.dec)) < 0.1",
         "numbers_spoint_idx"),
        ("SELECT p.id FROM s.plates AS p JOIN s.stars AS s ON 1 = CONTAINS(s.pos, p.outline)", BY_POS),
        ("SELECT p.id FROM s.plates AS p JOIN s.stars AS s ON 1 = CONTAINS(s.pos, p.field)", BY_POS),
        ("SELECT p.id FROM s.plates AS p JOIN s.stars AS s ON 1 = CONTAINS(POINT(s.id, 0), p.outline)", BY_OUTLINE),
        ("SELECT p.id FROM s.plates AS p JOIN s.stars AS s ON 1 = INTERSECTS(p.field, CIRCLE(s.id, 0, 0.1))", BY_FIELD),
        ("SELECT id FROM s.stars AS s WHERE EXISTS (SELECT id FROM s.plates WHERE 1 = CONTAINS(POINT(s.id, 0), field))",
         BY_FIELD),
    ],
)  # fmt: skip
def test_the_index_serves(adql: str, index: str, sphere: Sphere) -> None:
    plan = sphere.plan(adql)
    assert f"on {index}" in plan or f"using {index}" in plan, plan
