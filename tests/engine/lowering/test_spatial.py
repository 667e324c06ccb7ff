"""Cones and matches of positions on both engines, against the oracle and against each other."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.support.sky import oracle_separation_deg
from tests.support.testengines import DuckdbAnswers, PostgresAnswers, SkyEngine
from tests.support.testsky import objects, rows_of, tables
from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.sql import generate
from vo_server.model.table import Catalogue, Schema

CENTRES = [
    (0.0, 0.0),
    (360.0, 0.1),
    (359.9, -0.2),
    (77.0, 90.0),
    (0.0, -90.0),
    (200.0, 89.9),
    (123.0, 20.0),
    (-57.0, -33.0),
    (45.0, 41.8103149),
]
RADII_DEG = [0.0, 1e-7, 1 / 3600, 0.3, 2.0, 30.0, 89.0, 91.0, 150.0, 179.99, 180.0]
FORMS = [
    "CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {r})) = 1",
    "1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra}, {dec}, {r}))",
    "CONTAINS(POINT(ra, dec), CIRCLE(POINT({ra}, {dec}), {r})) <> 0",
    "CONTAINS(POINT({ra}, {dec}), CIRCLE(ra, dec, {r})) = 1",
    "CONTAINS(pos, CIRCLE({ra}, {dec}, {r})) = 1",
    "DISTANCE(POINT(ra, dec), POINT({ra}, {dec})) <= {r}",
    "{r} >= DISTANCE({ra}, {dec}, ra, dec)",
    "DISTANCE(ra, dec, {ra}, {dec}) BETWEEN 0 AND {r}",
    "DISTANCE(pos, POINT({ra}, {dec})) <= {r}",
    "NOT DISTANCE(ra, dec, {ra}, {dec}) > {r}",
    "CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {r}))",
]


def _ids(engine: SkyEngine, condition: str) -> set[int]:
    rows = engine.answer(f"SELECT id FROM sky.objects WHERE {condition}")
    found = {row[0] for row in rows}
    assert len(found) == len(rows)
    return found


def _expected(centre: tuple[float, float], radius_deg: float) -> tuple[set[int], set[int]]:
    """Return the ids that are surely inside, and those that may be: edges are known to 1e-12 deg only."""
    sky = objects()
    distance = oracle_separation_deg(sky["ra"], sky["dec"], *centre)
    sure = distance <= radius_deg if radius_deg in {0, 180} else distance <= radius_deg - 1e-12
    return set(np.flatnonzero(sure).tolist()), set(np.flatnonzero(distance <= radius_deg + 1e-12).tolist())


@pytest.mark.parametrize("radius_deg", RADII_DEG)
@pytest.mark.parametrize("centre", CENTRES, ids=str)
def test_cones_hold_what_the_oracle_says(centre: tuple[float, float], radius_deg: float, sky: SkyEngine) -> None:
    sure, possible = _expected(centre, radius_deg)
    found = _ids(sky, FORMS[0].format(ra=centre[0], dec=centre[1], r=radius_deg))
    assert sure <= found <= possible


@pytest.mark.parametrize("form", FORMS)
def test_all_spellings_of_a_cone_hold_the_same_rows(form: str, sky: SkyEngine) -> None:
    for centre in [(0.0, 0.0), (77.0, 90.0), (123.0, 20.0)]:
        for radius_deg in (0.0, 0.3, 30.0, 150.0, 180.0):
            values = {"ra": centre[0], "dec": centre[1], "r": radius_deg}
            first, other = (_ids(sky, one.format(**values)) for one in (FORMS[0], form))
            assert first == other, (centre, radius_deg)


def test_the_edge_is_outside_for_less_than(sky: SkyEngine) -> None:
    assert _ids(sky, "DISTANCE(ra, dec, 0, 90) < 0") == set()
    at_pole = _ids(sky, "DISTANCE(ra, dec, 0, 90) <= 0")
    assert at_pole == set(range(140, 150))


def test_outside_of_a_cone_is_the_rest_of_the_places(sky: SkyEngine) -> None:
    inside = _ids(sky, FORMS[0].format(ra=123, dec=20, r=30))
    places = set(np.flatnonzero(np.isfinite(objects()["ra"] + objects()["dec"])).tolist())
    for outside in (
        "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 30)) = 0",
        "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 30)) <> 1",
        "NOT (CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 30)) = 1)",
        "DISTANCE(ra, dec, 123, 20) > 30",
        "NOT DISTANCE(ra, dec, 123, 20) <= 30",
        "NOT DISTANCE(ra, dec, 123, 20) BETWEEN 0 AND 30",
        "DISTANCE(ra, dec, 123, 20) NOT BETWEEN 0 AND 30",
    ):
        assert _ids(sky, outside) == places - inside, outside


def test_cones_are_joined_by_or_and_and(sky: SkyEngine) -> None:
    one, other = (f"CONTAINS(POINT(ra, dec), CIRCLE({centre}, 2)) = 1" for centre in ("0, 0", "1, 1"))
    assert _ids(sky, f"{one} OR {other}") == _ids(sky, one) | _ids(sky, other)
    assert _ids(sky, f"{one} AND {other}") == _ids(sky, one) & _ids(sky, other)
    assert _ids(sky, f"{one} AND NOT {other}") == _ids(sky, one) - _ids(sky, other)


def test_a_radius_in_a_column(sky: SkyEngine) -> None:
    found = _ids(sky, "CONTAINS(POINT(0, 0), area) = 1")
    sea = objects()
    distance = oracle_separation_deg(sea["ra"], sea["dec"], 0, 0)
    assert found == set(np.flatnonzero(distance <= 0.25 * (np.arange(len(distance)) % 4)).tolist())


def _pairs(engine: SkyEngine, sql: str) -> set[tuple[int, int]]:
    rows = engine.answer(f"SELECT m.match_id, o.id FROM {sql}")
    found = {(row[0], row[1]) for row in rows}
    assert len(found) == len(rows)
    return found


def _expected_pairs(radius_deg: float) -> set[tuple[int, int]]:
    matches = rows_of(tables()[1]).to_pydict()
    sky = objects()
    ra, dec = (np.array(matches[name])[:, np.newaxis] for name in ("RAJ2000", "DEJ2000"))
    rows, ids = np.nonzero(oracle_separation_deg(ra, dec, sky["ra"], sky["dec"]) <= radius_deg)
    return {(matches["match_id"][row], int(one)) for row, one in zip(rows.tolist(), ids.tolist(), strict=True)}


@pytest.mark.parametrize("radius_deg", [1e-5, 1 / 3600, 0.01, 1.0, 40.0])
def test_matches_are_those_of_the_oracle(radius_deg: float, sky: SkyEngine) -> None:
    expected = _expected_pairs(radius_deg)
    for source in (
        "sky.matches AS m JOIN sky.objects AS o ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) < {r}",
        "sky.matches AS m, sky.objects AS o WHERE DISTANCE(POINT(o.ra, o.dec), POINT(m.RAJ2000, m.DEJ2000)) <= {r}",
        "sky.objects AS o JOIN sky.matches AS m ON 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, {r}))",
        "sky.matches AS m JOIN sky.objects AS o ON CONTAINS(POINT(m.RAJ2000, m.DEJ2000), CIRCLE(o.pos, {r})) = 1",
    ):
        assert _pairs(sky, source.format(r=radius_deg)) == expected, source


def test_an_outer_join_keeps_what_has_no_match(sky: SkyEngine) -> None:
    rows = sky.answer(
        "SELECT m.match_id, o.id FROM sky.matches AS m LEFT JOIN sky.objects AS o "
        "ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) < 1e-5"
    )
    pairs = {(row[0], row[1]) for row in rows}
    assert {pair for pair in pairs if pair[1] is not None} == _expected_pairs(1e-5)
    assert {row[0] for row in rows} == set(range(300))


NEAR = "DISTANCE({0}.RAJ2000, {0}.DEJ2000, {1}.ra, {1}.dec) < 0.02"


def _matched(pairs: set[tuple[int, int]]) -> dict[int, set[int]]:
    return {match: {one for other, one in pairs if other == match} for match in range(300)}


def test_three_tables_near_each_other(sky: SkyEngine) -> None:
    rows = sky.answer(
        "SELECT m.match_id, o.id, p.id FROM sky.matches AS m "
        f"JOIN sky.objects AS o ON {NEAR.format('m', 'o')} JOIN sky.objects AS p ON {NEAR.format('m', 'p')}"
    )
    matched = _matched(_expected_pairs(0.02))
    expected = [[match, one, other] for match, found in matched.items() for one in found for other in found]
    assert sorted(rows) == sorted(expected)


def test_existence_of_neighbours(sky: SkyEngine) -> None:
    exists = f"EXISTS (SELECT o.id FROM sky.objects AS o WHERE {NEAR.format('m', 'o')})"
    matched = _matched(_expected_pairs(0.02))
    with_neighbours = sorted([match] for match, found in matched.items() if found)
    assert sorted(sky.answer(f"SELECT match_id FROM sky.matches AS m WHERE {exists}")) == with_neighbours
    rows = sky.answer(f"SELECT match_id FROM sky.matches AS m WHERE NOT {exists}")
    assert sorted(rows) == sorted([match] for match, found in matched.items() if not found)


def test_neighbours_or_something_else(sky: SkyEngine) -> None:
    condition = f"({NEAR.format('m', 'o')} OR o.id = m.match_id) AND m.match_id < 20"
    rows = sky.answer(f"SELECT m.match_id, o.id FROM sky.matches AS m, sky.objects AS o WHERE {condition}")
    pairs = _expected_pairs(0.02) | {(number, number) for number in range(20)}
    assert sorted(rows) == sorted([match, one] for match, one in pairs if match < 20)


def test_neighbours_in_one_table(sky: SkyEngine) -> None:
    rows = sky.answer(
        "SELECT a.id, b.id FROM sky.objects AS a JOIN sky.objects AS b "
        "ON DISTANCE(a.ra, a.dec, b.ra, b.dec) <= 0.05 AND a.id < b.id"
    )
    sea = objects()
    distance = oracle_separation_deg(sea["ra"][:, np.newaxis], sea["dec"][:, np.newaxis], sea["ra"], sea["dec"])
    expected = np.argwhere((distance <= 0.05) & np.triu(np.ones(distance.shape, bool), 1))
    assert sorted(rows) == sorted(expected.tolist())


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT", "FULL"])
def test_outer_joins_of_neighbours(kind: str, sky: SkyEngine) -> None:
    adql = f"SELECT m.match_id, o.id FROM sky.matches AS m {kind} JOIN sky.objects AS o ON {NEAR.format('m', 'o')}"
    rows = sky.answer(adql)
    pairs = _expected_pairs(0.02)
    alone: set[tuple[int | None, int | None]] = set()
    if kind in {"LEFT", "FULL"}:
        alone |= {(match, None) for match in range(300) if match not in {one for one, _ in pairs}}
    if kind in {"RIGHT", "FULL"}:
        alone |= {(None, one) for one in range(2000) if one not in {other for _, other in pairs}}
    assert len(rows) == len(pairs) + len(alone)
    assert {(row[0], row[1]) for row in rows} == pairs | alone


def test_duckdb_joins_neighbours_by_hashing(duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(
        f"SELECT m.match_id, o.id FROM sky.matches AS m LEFT JOIN sky.objects AS o ON {NEAR.format('m', 'o')}"
    )
    assert "hash" in plan.lower()


def test_a_cone_of_a_subquery(sky: SkyEngine) -> None:
    rows = sky.answer(
        "SELECT q.id FROM (SELECT id, ra AS lon, dec AS lat FROM sky.objects) AS q "
        "WHERE CONTAINS(POINT(q.lon, q.lat), CIRCLE(123, 20, 0.3)) = 1"
    )
    assert {row[0] for row in rows} == _ids(sky, FORMS[0].format(ra=123, dec=20, r=0.3))


def test_distances_agree_with_the_oracle(sky: SkyEngine) -> None:
    rows = sky.answer("SELECT id, DISTANCE(ra, dec, 123, 20), DISTANCE(123, 20, ra, dec) FROM sky.objects ORDER BY id")
    assert all(row[1] == row[2] for row in rows)
    expected = oracle_separation_deg(objects()["ra"], objects()["dec"], 123, 20)
    found = np.array([np.nan if row[1] is None else row[1] for row in rows])
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) < 1e-13


@pytest.mark.postgres
def test_both_engines_select_the_same_rows(duckdb_sky: DuckdbAnswers, postgres_sky: PostgresAnswers) -> None:
    for condition in (
        "mag > 20",
        "NOT mag > 20",
        "p[1] >= 0.5",
        "label LIKE 'STA%' OR mag < 13",
        "p[3] > 0",
        "ra > 359",
    ):
        assert _ids(duckdb_sky, condition) == _ids(postgres_sky, condition), condition


# ------------------------------------------------------------------------------------------------------- plans


@pytest.mark.postgres
@pytest.mark.parametrize("form", [FORMS[at] for at in (0, 1, 3, 5, 6, 7, 10)])
def test_postgres_serves_cones_from_the_cells(form: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(f"SELECT id FROM sky.objects WHERE {form.format(ra=123, dec=20, r=0.1)}")
    assert re.search(r"Index Scan (on|using) objects__healpix_29_idx", plan)


@pytest.mark.postgres
@pytest.mark.parametrize("join", ["JOIN", "LEFT JOIN"])
def test_postgres_serves_matches_from_the_q3c_index(join: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(
        f"SELECT m.match_id, o.id FROM sky.matches AS m {join} sky.objects AS o "
        "ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) < 1e-4"
    )
    assert "Index Scan on objects_q3c_ang2ipix_idx" in plan


@pytest.mark.parametrize("form", [FORMS[at] for at in (0, 1, 3, 5, 6, 7, 10)])
def test_duckdb_reads_ranges_of_cells(form: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(f"SELECT id FROM sky.objects WHERE {form.format(ra=123, dec=20, r=0.1)}")
    assert "_healpix_29 >=" in plan
    assert "dec >=" in plan


@pytest.mark.parametrize(("n_rows", "n_ranges"), [(2000, 1), (10**9, 4), (None, 4)])
def test_a_cone_across_base_cells_is_few_ranges(n_rows: int | None, n_ranges: int) -> None:
    sized = replace(tables()[0], n_rows=n_rows)
    adql = "SELECT id FROM sky.objects WHERE CONTAINS(POINT(ra, dec), CIRCLE(45, 0, 5)) = 1"
    query = compile_query(adql, Catalogue((Schema("sky", (sized,)),)))
    sql = generate(query, limit=None, relation=lambda table: table.name)
    assert sql.count('"_healpix_29" BETWEEN') == n_ranges
