"""However a cone, an area or a match is written, it selects the same rows, and the spatial index serves it."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pytest

from ingest.bench.spellings import AREAS, CONES, MATCHES, REGIONS, values
from tests.support.sky import oracle_separation_deg
from tests.support.testengines import DuckdbAnswers, PostgresAnswers, SkyEngine
from tests.support.testsky import objects, rows_of, tables
from vo_server.sky.polygon import Polygon, box_corners_deg

_HERE: Final = values(123.0, 20.0, 0.2)
_MATCH: Final = {
    **values(123.0, 20.0, 0.001),
    "m": "sky.matches AS m",
    "o": "sky.objects AS o",
    "matches": "sky.matches",
}


def _ids(engine: SkyEngine, condition: str) -> set[int]:
    rows = engine.answer(f"SELECT id FROM sky.objects WHERE {condition}")
    found = {row[0] for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("spelling", CONES)
def test_cones_in_all_spellings_hold_the_rows_of_the_oracle(spelling: str, sky: SkyEngine) -> None:
    distance = oracle_separation_deg(objects()["ra"], objects()["dec"], 123, 20)
    assert np.nanmin(np.abs(distance - 0.2)) > 1e-10
    assert _ids(sky, CONES[spelling].format(**_HERE)) == set(np.flatnonzero(distance <= 0.2).tolist())


@pytest.mark.parametrize("spelling", AREAS)
def test_areas_in_all_spellings_hold_the_same_rows(spelling: str, sky: SkyEngine) -> None:
    # In the frame of a small box, the sides are 0.2 deg from its centre; no object is near to one.
    ra, dec = np.radians(objects()["ra"] - 123), np.radians(objects()["dec"])
    north = np.sin(dec) * np.cos(np.radians(20)) - np.cos(dec) * np.cos(ra) * np.sin(np.radians(20))
    ahead = np.sin(dec) * np.sin(np.radians(20)) + np.cos(dec) * np.cos(ra) * np.cos(np.radians(20))
    east = np.cos(dec) * np.sin(ra)
    reach = np.tan(np.radians(0.2))
    inside = (ahead > 0) & (np.abs(east / ahead) <= reach) & (np.abs(north / ahead) <= reach)
    assert _ids(sky, AREAS[spelling].format(**_HERE)) == set(np.flatnonzero(inside).tolist())
    assert inside.sum() > 30


def _regions(spelling: str) -> tuple[str, str]:
    region, parts = REGIONS[spelling]
    return region.format(**_HERE), parts.format(**_HERE)


@pytest.mark.parametrize("spelling", REGIONS)
def test_regions_hold_the_rows_of_their_parts(spelling: str, sky: SkyEngine) -> None:
    region, parts = _regions(spelling)
    found = _ids(sky, region)
    assert found == _ids(sky, parts)
    assert found


@pytest.mark.parametrize("spelling", MATCHES)
def test_matches_in_all_spellings_are_those_of_the_oracle(spelling: str, sky: SkyEngine) -> None:
    rows = sky.answer(f"SELECT m.match_id, o.id FROM {MATCHES[spelling].format(**_MATCH)}")
    matches = rows_of(tables()[1]).to_pydict()
    ra, dec = (np.array(matches[name])[:, np.newaxis] for name in ("RAJ2000", "DEJ2000"))
    pairs = np.argwhere(oracle_separation_deg(ra, dec, objects()["ra"], objects()["dec"]) <= 0.001)
    assert sorted(rows) == sorted([matches["match_id"][row], one] for row, one in pairs.tolist())


# ------------------------------------------------------------------------------------------------------- plans


def _scans_all(plan: str) -> bool:
    """Tell whether a plan of PostgreSQL reads all rows of the objects."""
    return "Seq Scan on objects" in plan


@pytest.mark.postgres
@pytest.mark.parametrize("spelling", CONES)
def test_postgres_serves_every_cone_from_the_index(spelling: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(f"SELECT id FROM sky.objects WHERE {CONES[spelling].format(**_HERE)}")
    assert re.search(r"Index Scan (on|using) objects__healpix_29_idx", plan)
    assert not _scans_all(plan)


@pytest.mark.postgres
@pytest.mark.parametrize("spelling", AREAS)
def test_postgres_serves_every_area_from_the_cells(spelling: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(f"SELECT id FROM sky.objects WHERE {AREAS[spelling].format(**_HERE)}")
    assert re.search(r"Index Scan (on|using) objects__healpix_29_idx", plan)
    assert not _scans_all(plan)


@pytest.mark.postgres
@pytest.mark.parametrize("spelling", REGIONS)
def test_postgres_serves_regions_from_an_index(spelling: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(f"SELECT id FROM sky.objects WHERE {_regions(spelling)[0]}")
    assert re.search(r"Index Scan (on|using) objects_(_healpix_29|q3c_ang2ipix)_idx", plan)
    assert not _scans_all(plan)


@pytest.mark.postgres
@pytest.mark.parametrize("spelling", MATCHES)
def test_postgres_serves_every_match_from_the_index(spelling: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(f"SELECT m.match_id, o.id FROM {MATCHES[spelling].format(**_MATCH)}")
    assert "Index Scan on objects_q3c_ang2ipix_idx" in plan
    assert not _scans_all(plan)


@pytest.mark.parametrize("spelling", CONES)
def test_duckdb_reads_ranges_of_cells_for_every_cone(spelling: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(f"SELECT id FROM sky.objects WHERE {CONES[spelling].format(**_HERE)}")
    assert re.search(r"_healpix_29 ?(>=|<=|BETWEEN)", plan)


@pytest.mark.parametrize("spelling", AREAS)
def test_duckdb_reads_ranges_of_cells_for_every_area(spelling: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(f"SELECT id FROM sky.objects WHERE {AREAS[spelling].format(**_HERE)}")
    assert re.search(r"_healpix_29 ?(>=|<=|BETWEEN)", plan)


@pytest.mark.parametrize("spelling", REGIONS)
def test_duckdb_reads_ranges_of_cells_for_regions(spelling: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(f"SELECT id FROM sky.objects WHERE {_regions(spelling)[0]}")
    assert re.search(r"_healpix_29 ?(>=|<=|BETWEEN)", plan)


_THROUGH: Final = (
    "SELECT s.id FROM (SELECT id, ra AS lon, dec AS lat FROM sky.objects) AS s "
    "WHERE DISTANCE(s.lon, s.lat, 123, 20) <= 0.2"
)


def test_a_cone_through_a_subquery_holds_the_same_rows(sky: SkyEngine) -> None:
    assert {row[0] for row in sky.answer(_THROUGH)} == _ids(sky, "DISTANCE(ra, dec, 123, 20) <= 0.2")


@pytest.mark.postgres
def test_postgres_serves_a_cone_through_a_subquery(postgres_sky: PostgresAnswers) -> None:
    assert "Bitmap Index Scan on objects_q3c_ang2ipix_idx" in postgres_sky.plan(_THROUGH)


def test_duckdb_bounds_coordinates_where_a_subquery_hides_the_cells(duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(_THROUGH)
    assert "dec >=" in plan
    assert "ra >=" in plan


@pytest.mark.parametrize("spelling", MATCHES)
def test_duckdb_joins_every_match_by_hashing(spelling: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(f"SELECT m.match_id, o.id FROM {MATCHES[spelling].format(**_MATCH)}")
    assert "Hash Join" in plan
    assert "Nested Loop" not in plan


_EXISTS: Final = (
    "SELECT m.match_id FROM sky.matches AS m WHERE {} (SELECT o.id FROM sky.objects AS o "
    "WHERE 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, 0.001)))"
)


@pytest.mark.postgres
@pytest.mark.parametrize("word", ["EXISTS", "NOT EXISTS"])
def test_postgres_serves_existence_from_the_index(word: str, postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(_EXISTS.format(word))
    assert "Index Scan on objects_q3c_ang2ipix_idx" in plan
    assert not _scans_all(plan)


@pytest.mark.parametrize("word", ["EXISTS", "NOT EXISTS"])
def test_duckdb_answers_existence_by_hashing(word: str, duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(_EXISTS.format(word))
    assert "Hash Join" in plan
    assert "Nested Loop" not in plan


_FOOTPRINTS: Final = (
    "SELECT m.match_id, o.id FROM sky.matches AS m JOIN sky.objects AS o "
    "ON 1 = CONTAINS(POINT(o.ra, o.dec), BOX(m.RAJ2000, m.DEJ2000, 0.1, 0.1)) WHERE m.match_id < 40"
)


def test_polygons_of_rows_match_as_polygons_one_by_one(sky: SkyEngine) -> None:
    rows = sky.answer(_FOOTPRINTS)
    matches = rows_of(tables()[1]).to_pydict()
    expected = []
    for match, ra, dec in zip(matches["match_id"], matches["RAJ2000"], matches["DEJ2000"], strict=True):
        if match < 40:
            inside = Polygon(box_corners_deg(ra, dec, 0.1, 0.1)).contains(objects()["ra"], objects()["dec"])
            expected += [[match, one] for one in np.flatnonzero(inside).tolist()]
    assert sorted(rows) == sorted(expected)
    assert len(expected) > 50


@pytest.mark.postgres
def test_postgres_serves_polygons_of_rows_from_the_index(postgres_sky: PostgresAnswers) -> None:
    plan = postgres_sky.plan(_FOOTPRINTS)
    assert "Index Scan on objects_q3c_ang2ipix_idx" in plan
    assert not _scans_all(plan)


@pytest.mark.postgres
def test_matches_with_radii_of_rows_are_planned_as_those_of_q3c(postgres_sky: PostgresAnswers) -> None:
    """With a large table, plans with several processes would scan it for each row of the other."""
    found = postgres_sky.connection.execute(
        "SELECT DISTINCT provolatile, proparallel FROM pg_proc "
        "WHERE proname = 'q3c_join' OR oid = 'vo_functions.near'::regproc"
    ).fetchall()
    assert len(found) == 1


def test_duckdb_joins_polygons_of_rows_by_hashing(duckdb_sky: DuckdbAnswers) -> None:
    plan = duckdb_sky.plan(_FOOTPRINTS)
    assert "Hash Join" in plan
    assert "Nested Loop" not in plan
