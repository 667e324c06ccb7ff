"""Both real engines with the same tables: ADQL in, Arrow out."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
import pyarrow as pa

from tests.differential.tables import rows_of, tables
from tests.engine.site import AnyEngine
from tests.support.testsky import FOOTPRINTS
from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.engine.postgres.setup import prepare
from vo_server.errors import AdqlError, VoError
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vo_server.adql.resolved import ResolvedQuery

__all__ = ["Answer", "Engine", "Pair"]

_TIMEOUT_S: Final = 300.0
_MOST_ROWS: Final = 1_000_000
"""Rows of an answer that are compared; 90 000 equal keys joined with each other are more than any memory holds."""

Answer: TypeAlias = Any
"""Rows (an Arrow table), or the text that the caller is told instead of them."""


class Engine:
    """One engine with every table published in it."""

    def __init__(self, engine: AnyEngine, seed: int) -> None:
        self.name = engine.name
        self._engine = engine
        published = []
        for table in tables():
            with engine.loader(table, version="1") as loader:
                for batch in rows_of(table.full_name, seed).to_batches():
                    loader.write(batch)
                report = loader.finish()
            published.append(replace(table, release="1", location=report.location, n_rows=report.n_rows))
        names = dict.fromkeys(table.schema for table in published)
        self.catalogue = Catalogue(
            tuple(Schema(name, tuple(table for table in published if table.schema == name)) for name in names),
            footprints=FOOTPRINTS,
        )

    def compile(self, adql: str) -> ResolvedQuery:
        return compile_query(adql, self.catalogue)

    def translate(self, adql: str) -> str:
        """Return the SQL of a query, or why there is none."""
        try:
            return self._engine.translate(self.compile(adql), limit=None)
        except AdqlError as error:
            return f"-- {error}"

    def answer(self, query: ResolvedQuery) -> Answer:
        try:
            with closing(self._engine.run(query, limit=None, timeout_s=_TIMEOUT_S)) as rows:
                return pa.Table.from_batches(_first(rows), arrow_schema(query.columns))
        except VoError as error:
            return f"{type(error).__name__}: {error.message}"
        except _TooManyError as error:
            return str(error)


class _TooManyError(Exception):
    """A query that joins everything with everything."""


def _first(batches: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return all batches, unless they are too many to be compared."""
    found, n_rows = [], 0
    for batch in batches:
        found.append(batch)
        n_rows += batch.num_rows
        if n_rows > _MOST_ROWS:
            raise _TooManyError(f"more than {_MOST_ROWS} rows")
    return found


class Pair:
    """DuckDB and PostgreSQL side by side.

    Parameters
    ----------
    dsn
        A database in which a schema may be made.
    directory
        Where DuckDB's files go.
    seed
        Which random rows the tables have.
    """

    def __init__(self, dsn: str, directory: Path, *, seed: int) -> None:
        self.seed = seed
        self._dsn = dsn
        self._schema = f"differ_{uuid.uuid4().hex[:12]}"
        prepare(dsn, data_schema=self._schema)
        self._engines: tuple[AnyEngine, ...] = (
            DuckdbEngine(directory, memory_bytes=512 * 1024**2, threads=2, max_attached=16),
            PostgresEngine(dsn, pool_size=2, data_schema=self._schema),
        )
        self.duckdb, self.postgres = (Engine(one, seed) for one in self._engines)

    @property
    def both(self) -> tuple[Engine, Engine]:
        return self.duckdb, self.postgres

    def close(self) -> None:
        for one in self._engines:
            one.close()
        with psycopg.connect(self._dsn) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
