"""The published queries that the project answers to, through both engines.

First against empty tables made from the descriptions that come with the project, then, where the mock sky has the
tables, against its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from ingest.mock.publish import _complete, _made, describe_mock
from ingest.mock.sky import MockSky
from ingest.mock.tables import MOCK_TABLES
from tests.adql.published import catalogue as described
from tests.adql.published import queries
from tests.engine.samples import bits, publish
from tests.engine.semantics.cases import answer
from tests.engine.semantics.conftest import Sky
from tests.engine.site import AnyEngine, DuckdbSite, PostgresSite
from tests.support.mock_rows import batches
from vo_server.adql.front import compile_query
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Schema, Table

QUERIES = queries()
N_OBJECTS = 20_000

pytestmark = pytest.mark.skipif(not QUERIES, reason="no published queries beside the project")


def _catalogue(tables: list[Table]) -> Catalogue:
    names = list(dict.fromkeys(table.schema for table in tables))
    return Catalogue(tuple(Schema(name, tuple(one for one in tables if one.schema == name)) for name in names))


def _empty(engine: AnyEngine) -> Sky:
    wanted = {name for _, text in QUERIES.values() for name in _tables_of(text)}
    return engine, _catalogue([publish(engine, table, []) for table in described().tables if table.full_name in wanted])


def _mock(engine: AnyEngine) -> Sky:
    sky = MockSky(N_OBJECTS)
    tables = []
    for name in MOCK_TABLES:
        description = describe_mock(name)
        made = batches(sky, name, arrow_schema(_made(description.table)))
        tables.append(publish(engine, description.table, (_complete(batch, description) for batch in made)))
    return engine, _catalogue(tables)


@pytest.fixture(scope="module")
def duckdb_skies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sky, Sky]]:
    sites = [DuckdbSite(tmp_path_factory.mktemp(name)) for name in ("empty", "mock")]
    yield _empty(sites[0].open()), _mock(sites[1].open())
    for site in sites:
        site.close()


@pytest.fixture(scope="module")
def postgres_skies(postgres_dsn: str) -> Iterator[tuple[Sky, Sky]]:
    sites = [PostgresSite(postgres_dsn, f"published_{name}") for name in ("empty", "mock")]
    yield _empty(sites[0].open()), _mock(sites[1].open())
    for site in sites:
        site.close()
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {site.data_schema} CASCADE")


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def skies(request: pytest.FixtureRequest) -> tuple[Sky, Sky]:
    """Each engine in turn, with empty tables and with those of the mock sky."""
    chosen: tuple[Sky, Sky] = request.getfixturevalue(f"{request.param}_skies")
    return chosen


def _answerable(query: str) -> bool:
    """Tell whether the mock sky has all tables of a query."""
    return all(name in MOCK_TABLES for name in _tables_of(query))


def _tables_of(query: str) -> set[str]:
    return {table.full_name for table in compile_query(query, described()).tables}


ANSWERABLE = [name for name, (_, text) in QUERIES.items() if _answerable(text)]


@pytest.mark.parametrize("name", QUERIES)
def test_a_published_query_runs_on_empty_tables(name: str, skies: tuple[Sky, Sky]) -> None:
    query, table = answer(*skies[0], QUERIES[name][1])
    assert table.schema == arrow_schema(query.columns)
    if [column.name for column in query.columns] == ["n"]:
        assert table.column("n").to_pylist() == [0]
    else:
        assert table.num_rows == 0


def test_all_39_queries_are_there_and_the_mock_sky_has_the_tables_of_all() -> None:
    assert len(QUERIES) == 39
    assert len(ANSWERABLE) == 39


@pytest.mark.parametrize("name", ANSWERABLE)
def test_a_published_query_has_rows_in_the_mock_sky(name: str, skies: tuple[Sky, Sky]) -> None:
    _, table = answer(*skies[1], QUERIES[name][1])
    if name == "ls_psc.nearest3":  # three arcseconds around a place where nobody knows what is
        assert table.num_rows <= 3
    else:
        assert table.num_rows > 0
        assert table.column_names != ["n"] or table.column("n").to_pylist()[0] > 0


@pytest.mark.postgres
@pytest.mark.parametrize("name", ANSWERABLE)
def test_both_engines_give_the_same_rows_of_the_mock_sky(
    name: str, duckdb_skies: tuple[Sky, Sky], postgres_skies: tuple[Sky, Sky]
) -> None:
    one, other = (answer(*skies[1], QUERIES[name][1])[1] for skies in (duckdb_skies, postgres_skies))
    assert one.schema == other.schema
    assert _rows(one) == _rows(other)


def _rows(table: pa.Table) -> list[str]:
    return sorted(repr(list(bits(row.values()))) for row in table.to_pylist())
