"""Empty stores on both kinds of database, each gone after its test: fixtures for the tests of several rooms."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from vo_server.store.open import Store, open_store
from vo_server.store.results import ResultStore

__all__ = ["Place", "content", "place", "store"]


@dataclass(frozen=True)
class Place:
    """Where a store is: what another process needs to open it as well."""

    url: str
    schema: str

    def open(self) -> Store:
        return open_store(self.url, store_schema=self.schema)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place with no store in it yet, on each kind of database."""
    if request.param == "sqlite":
        yield Place(f"duckdb:///{tmp_path / 'data'}", "unused")
        return
    dsn = request.getfixturevalue("postgres_dsn")
    schema = f"store_{uuid.uuid4().hex[:12]}"
    yield Place(dsn, schema)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = place.open()
    yield opened
    opened.close()


def content(results: ResultStore, path: str) -> bytes:
    """Return all bytes of a result."""
    with results.open(path) as file:
        return file.read()
