"""The test sky in both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.testengines import DuckdbAnswers, PostgresAnswers, SkyEngine


@pytest.fixture(scope="session")
def duckdb_sky() -> Iterator[DuckdbAnswers]:
    engine = DuckdbAnswers()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def postgres_sky(postgres_dsn: str) -> Iterator[PostgresAnswers]:
    engine = PostgresAnswers(postgres_dsn)
    yield engine
    engine.close()


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def sky(request: pytest.FixtureRequest) -> SkyEngine:
    """Each database in turn."""
    chosen: SkyEngine = request.getfixturevalue(f"{request.param}_sky")
    return chosen
