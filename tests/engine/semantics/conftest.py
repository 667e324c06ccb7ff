"""The test sky as releases of both real engines, loaded once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from tests.engine.samples import publish
from tests.engine.site import AnyEngine, DuckdbSite, PostgresSite
from tests.support.testsky import catalogue, rows_of, tables
from vo_server.model.table import Catalogue, Schema

Sky = tuple[AnyEngine, Catalogue]


def _loaded(engine: AnyEngine) -> Sky:
    published = [publish(engine, table, rows_of(table).to_batches()) for table in tables()]
    known = catalogue()
    others = (schema for schema in known.schemas if schema.name != "sky")
    return engine, replace(known, schemas=(Schema("sky", tuple(published)), *others))


@pytest.fixture(scope="session")
def duckdb_semantics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    site = DuckdbSite(tmp_path_factory.mktemp("semantics"))
    yield _loaded(site.open())
    site.close()


@pytest.fixture(scope="session")
def postgres_semantics(postgres_dsn: str) -> Iterator[Sky]:
    site = PostgresSite(postgres_dsn, f"semantics_{uuid.uuid4().hex[:12]}")
    yield _loaded(site.open())
    site.close()
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {site.data_schema} CASCADE")


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def semantics(request: pytest.FixtureRequest) -> Sky:
    """Each engine in turn, and the catalogue of what is loaded into it."""
    chosen: Sky = request.getfixturevalue(f"{request.param}_semantics")
    return chosen
