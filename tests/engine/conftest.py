"""Both real engines, each with an empty place of its own that is gone after the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.engine.site import DuckdbSite, PostgresSite, Site
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.run import PostgresEngine


@pytest.fixture
def duckdb_site(tmp_path: Path) -> Iterator[DuckdbSite]:
    site = DuckdbSite(tmp_path / "data")
    yield site
    site.close()


@pytest.fixture
def postgres_site(postgres_dsn: str) -> Iterator[PostgresSite]:
    site = PostgresSite(postgres_dsn, f"data_{uuid.uuid4().hex[:12]}")
    yield site
    site.close()
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {site.data_schema} CASCADE")


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest) -> Site:
    """A place for releases, on each kind of engine in turn."""
    chosen: Site = request.getfixturevalue(f"{request.param}_site")
    return chosen


@pytest.fixture
def engine(site: Site) -> DuckdbEngine | PostgresEngine:
    """Each engine in turn."""
    return site.open()


@pytest.fixture
def duckdb_engine(duckdb_site: DuckdbSite) -> DuckdbEngine:
    return duckdb_site.open()


@pytest.fixture
def postgres_engine(postgres_site: PostgresSite) -> PostgresEngine:
    return postgres_site.open()
