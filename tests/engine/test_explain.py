"""What engines expect of queries, against what the queries give."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg
import pyarrow as pa
import pytest

from tests.engine.site import AnyEngine, DuckdbSite, PostgresSite
from tests.support.service import STARS, stars
from vo_server.adql.front import compile_query
from vo_server.errors import EngineError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.plan import Access, Action, Basis, Method, Plan
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table

N_ROWS = 300_000
"""More than DuckDB tries a query on."""

GIVEN = Table(
    "given",
    "few",
    (
        Column("id", DataType(Primitive.LONG)),
        Column("ra", DataType(Primitive.DOUBLE)),
        Column("dec", DataType(Primitive.DOUBLE)),
    ),
)
CONE = "1 = CONTAINS(POINT(ra, dec), CIRCLE(123, 20, {}))"


class Sky:
    """The stars in one engine."""

    def __init__(self, engine: AnyEngine) -> None:
        self.engine = engine
        with engine.loader(STARS, version="7") as loader:
            for batch in stars(N_ROWS).to_batches():
                loader.write(batch)
            report = loader.finish()
        table = replace(STARS, release="7", location=report.location, n_rows=report.n_rows)
        self.catalogue = Catalogue((Schema("web", (table,)), Schema("given", (GIVEN,))))
        rows = stars(N_ROWS).slice(0, 50)
        self.given = {"given.few": pa.table([rows["id"], rows["ra"], rows["dec"]], schema=arrow_schema(GIVEN.columns))}

    def explain(self, adql: str, *, limit: int | None = 1_001) -> Plan:
        query = compile_query(adql, self.catalogue)
        return self.engine.explain(query, limit=limit, timeout_s=30, inline=self._inline(adql))

    def answer(self, adql: str) -> pa.Table:
        query = compile_query(adql, self.catalogue)
        with closing(self.engine.run(query, limit=None, timeout_s=60, inline=self._inline(adql))) as rows:
            return pa.Table.from_batches(rows, schema=arrow_schema(query.columns))

    def _inline(self, adql: str) -> dict[str, pa.Table]:
        return self.given if "given.few" in adql else {}


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def sky(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    if request.param == "duckdb":
        with closing(DuckdbSite(tmp_path_factory.mktemp("data"))) as site:
            yield Sky(site.open())
        return
    dsn, schema = request.getfixturevalue("postgres_dsn"), f"data_{uuid.uuid4().hex[:12]}"
    with closing(PostgresSite(dsn, schema)) as place:
        yield Sky(place.open())
    with psycopg.connect(dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


QUERIES = [
    f"SELECT id, ra FROM web.stars WHERE {CONE.format(1)}",
    f"SELECT * FROM web.stars WHERE {CONE.format(8)} AND mag < 17",
    f"SELECT * FROM web.stars WHERE {CONE.format(60)}",
    "SELECT id FROM web.stars WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON(10, 10, 30, 10, 20, 40))",
    "SELECT * FROM web.stars WHERE mag > 20",
    "SELECT name FROM web.stars WHERE mag > 20 AND dec > 60 ORDER BY ra",
    "SELECT id FROM web.stars WHERE mag IS NULL",
    "SELECT id FROM web.stars WHERE id = 1152921504606846999",
    "SELECT TOP 12 id FROM web.stars WHERE mag < 18 ORDER BY mag",
    "SELECT id FROM web.stars OFFSET 299000",
    "SELECT COUNT(*) AS n FROM web.stars WHERE mag < 15",
    "SELECT DISTINCT name FROM web.stars",
    "SELECT id FROM web.stars UNION ALL SELECT id FROM web.stars WHERE mag > 30",
    "SELECT a.id, b.mag FROM web.stars AS a JOIN web.stars AS b ON a.id = b.id",
    "SELECT f.id, s.id AS other FROM given.few AS f JOIN web.stars AS s ON DISTANCE(f.ra, f.dec, s.ra, s.dec) < 0.001",
    "SELECT id FROM given.few",
]


@pytest.mark.parametrize("adql", QUERIES)
def test_the_rows_expected_are_of_the_order_of_those_that_come(adql: str, sky: Sky) -> None:
    plan, n_rows = sky.explain(adql), sky.answer(adql).num_rows
    assert plan.rows is not None
    assert n_rows / 5 <= plan.rows <= n_rows * 5, plan.words


@pytest.mark.parametrize("adql", QUERIES)
def test_the_size_expected_of_a_row_is_near_that_of_the_rows_that_come(adql: str, sky: Sky) -> None:
    plan, answer = sky.explain(adql), sky.answer(adql)
    mean = answer.nbytes / answer.num_rows
    assert mean / 3 <= plan.row_bytes <= mean * 3 + 16


@pytest.mark.parametrize(
    ("condition", "duckdb", "postgres"),
    [
        (CONE.format(1), Access.POSITION, Access.POSITION),
        ("DISTANCE(ra, dec, 12, 3) < 0.1", Access.POSITION, Access.POSITION),
        ("id = 1152921504606846999", Access.SCAN, Access.INDEX),
        ("id BETWEEN 1152921504606846999 AND 1152921504606847020", Access.SCAN, Access.INDEX),
        ("mag > 20", Access.SCAN, Access.SCAN),
        ("ra > 359", Access.SCAN, Access.SCAN),
    ],
)
def test_a_plan_tells_whether_the_index_is_used(condition: str, duckdb: Access, postgres: Access, sky: Sky) -> None:
    expected = duckdb if sky.engine.name == "duckdb" else postgres
    plan = sky.explain(f"SELECT id FROM web.stars WHERE {condition}")
    (read,) = plan.steps
    assert read.action is Action.READ
    assert read.access is expected
    assert plan.uses_index is (expected is not Access.SCAN)
    assert read.table is not None
    assert read.table.release == "7"


def test_an_index_by_values_is_told_with_its_columns(sky: Sky) -> None:
    (read,) = sky.explain("SELECT ra FROM web.stars WHERE id = 1152921504606846999").steps
    assert read.columns == (() if sky.engine.name == "duckdb" else ("id",))


def test_a_small_region_reads_few_rows_and_a_condition_all(sky: Sky) -> None:
    small = sky.explain(f"SELECT id FROM web.stars WHERE {CONE.format(1)}").rows_read
    whole = sky.explain("SELECT id FROM web.stars WHERE mag > 20").rows_read
    assert small is not None
    assert small < N_ROWS / 100
    assert whole == N_ROWS


def test_matches_with_what_comes_with_the_query_are_told(sky: Sky) -> None:
    plan = sky.explain(
        "SELECT f.id, s.id AS other FROM given.few AS f "
        "JOIN web.stars AS s ON DISTANCE(f.ra, f.dec, s.ra, s.dec) < 0.001"
    )
    (join,) = [step for step in plan.steps if step.action is Action.JOIN]
    assert join.method is (Method.CELLS if sky.engine.name == "duckdb" else Method.LOOKUP)
    assert {step.access for step in plan.steps if step.table is not None and step.table.schema == "given"} == {
        Access.GIVEN
    }
    assert plan.basis is Basis.GUESS


def test_aggregates_of_all_rows_are_exactly_one_row(sky: Sky) -> None:
    plan = sky.explain("SELECT AVG(mag) AS m FROM web.stars WHERE dec > 30")
    assert (plan.rows, plan.basis) == (1.0, Basis.EXACT)


def test_groups_by_expressions_are_called_a_guess_unless_they_were_tried(sky: Sky) -> None:
    plan = sky.explain("SELECT FLOOR(mag) AS bin, COUNT(*) AS n FROM web.stars GROUP BY FLOOR(mag)")
    assert plan.basis is (Basis.SAMPLE if sky.engine.name == "duckdb" else Basis.GUESS)


def test_a_query_that_cannot_match_is_expected_to_give_nothing(sky: Sky) -> None:
    plan = sky.explain("SELECT id FROM web.stars WHERE mag > 1 AND 1 = 2")
    assert plan.rows is not None
    assert plan.rows <= 1


def test_a_condition_that_fails_for_some_rows_has_a_plan(sky: Sky) -> None:
    plan = sky.explain("SELECT id FROM web.stars WHERE 1 / (id - 1152921504606846976) > 0")
    assert [step.action for step in plan.steps] == [Action.READ]


def test_common_tables_and_subqueries_have_steps(sky: Sky) -> None:
    plan = sky.explain(
        "WITH bright AS (SELECT id, mag FROM web.stars WHERE mag < 12) "
        "SELECT a.id FROM bright AS a JOIN bright AS b ON a.id = b.id "
        "WHERE a.mag > (SELECT AVG(c.mag) FROM web.stars AS c)"
    )
    actions = [step.action for step in plan.steps]
    assert actions.count(Action.JOIN) >= 1
    assert Action.GROUP in actions
    assert len(plan.words) == len(actions)


def test_what_is_not_there_any_more_is_told_as_when_the_query_runs(sky: Sky) -> None:
    table = replace(
        sky.catalogue.tables[0],
        location="tables/web/stars/gone.duckdb" if sky.engine.name == "duckdb" else "vo_data.gone_0a1b2c3d",
    )
    query = compile_query("SELECT id FROM web.stars", Catalogue((Schema("web", (table,)),)))
    with pytest.raises(EngineError, match="replaced"):
        sky.engine.explain(query, limit=10, timeout_s=10)


def test_a_plan_of_many_parts_is_told(sky: Sky) -> None:
    part = "SELECT id FROM web.stars WHERE mag > {}"
    plan = sky.explain(" UNION ALL ".join(part.format(number / 10) for number in range(150)))
    assert sum(step.action is Action.READ for step in plan.steps) == 150


@pytest.mark.postgres
def test_statistics_are_gathered_when_a_table_is_loaded(postgres_engine: AnyEngine, postgres_dsn: str) -> None:
    sky = Sky(postgres_engine)
    _, _, name = (sky.catalogue.tables[0].location or "").rpartition(".")
    with psycopg.connect(postgres_dsn) as connection:
        noted = {row[0] for row in connection.execute("SELECT attname FROM pg_stats WHERE tablename = %s", (name,))}
    assert {"id", "ra", "dec", "mag", "name", "_healpix_29"} <= noted
