"""An empty place for releases on each engine, and the command line that loads into it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from ingest.cli import ingest
from vo_server.adql.front import compile_query
from vo_server.engine.base import Engine
from vo_server.engine.open import open_engine
from vo_server.engine.postgres.place import relation_of
from vo_server.engine.postgres.sql import generate
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Schema, Table
from vo_server.store.open import Store, open_store


@dataclass(frozen=True)
class Site:
    """A database with nothing in it, and how to reach it."""

    url: str
    name: str
    """Suffix of the database schemas on PostgreSQL."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "VO_DATABASE": self.url,
            "VO_POSTGRES__DATA_SCHEMA": f"data_{self.name}",
            "VO_POSTGRES__STORE_SCHEMA": f"store_{self.name}",
        }

    def run(self, *words: str | Path) -> Result:
        """Run ``vo-server ingest`` in this process; what it raises is in ``exception``."""
        return CliRunner().invoke(ingest, [str(word) for word in words], env=self.environment)

    def load(self, *words: str | Path) -> Result:
        """Load, and insist that it works."""
        result = self.run("load", *words)
        if result.exception is not None:
            raise result.exception
        return result

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start ``vo-server ingest`` as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "vo_server", "ingest", *map(str, words)],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def open_store(self) -> Store:
        return open_store(self.url, store_schema=f"store_{self.name}")

    def open_engine(self) -> Engine:
        return open_engine(self.url, data_schema=f"data_{self.name}")

    def table(self, full_name: str) -> Table:
        """Return the published description of a table."""
        store = self.open_store()
        found = store.catalogue.load().find(full_name)
        store.close()
        assert found is not None, full_name
        return found

    def rows(self, full_name: str) -> pa.Table:
        """Return all rows of a table with all columns, hidden ones included."""
        table = self.table(full_name)
        engine = self.open_engine()
        read = pa.Table.from_batches(engine.read(table), arrow_schema(table.columns))
        engine.close()
        return read

    @contextmanager
    def asking(self, table: str = "s.t") -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """Open the table, and give what returns the rows of a query of it."""
        catalogue = Catalogue((Schema(table.partition(".")[0], (self.table(table),)),))
        engine = self.open_engine()

        def ask(adql: str) -> list[tuple[Any, ...]]:
            with closing(engine.run(compile_query(adql, catalogue), limit=None, timeout_s=60)) as batches:
                return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

        try:
            yield ask
        finally:
            engine.close()

    def ask(self, adql: str, table: str = "s.t") -> list[tuple[Any, ...]]:
        """Return the rows of a query of one table."""
        with self.asking(table) as ask:
            return ask(adql)

    def plan(self, adql: str, table: str = "s.t") -> str:
        """Return PostgreSQL's plan of a query of one table."""
        found = self.table(table)
        query = compile_query(adql, Catalogue((Schema(found.schema, (found,)),)))
        sql = generate(query, limit=None, relation=lambda one: relation_of(one.location or ""))
        with psycopg.connect(self.url) as connection:
            connection.execute("SET jit = off")
            return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {sql}".encode()))


@pytest.fixture
def postgres_site(postgres_dsn: str) -> Iterator[Site]:
    """An empty place on PostgreSQL, for tests of its indexes."""
    made = Site(postgres_dsn, uuid.uuid4().hex[:12])
    yield made
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS data_{made.name} CASCADE")
        connection.execute(f"DROP SCHEMA IF EXISTS store_{made.name} CASCADE")


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An empty place on each engine in turn."""
    if request.param == "duckdb":
        yield Site(f"duckdb:///{tmp_path / 'vo'}", "unused")
        return
    made: Site = request.getfixturevalue("postgres_site")
    yield made


@pytest.fixture
def duckdb_site(tmp_path: Path) -> Site:
    """An empty place on the embedded engine, for tests that the engine does not matter to."""
    return Site(f"duckdb:///{tmp_path / 'vo'}", "unused")
