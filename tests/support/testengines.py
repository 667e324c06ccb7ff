"""The test sky in real databases, and the shortest way to ask them: SQL in, rows out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import psycopg

from tests.support.testsky import catalogue, rows_of, tables
from vo_server.adql.front import compile_query
from vo_server.engine.duckdb import sql as duckdb_sql
from vo_server.engine.duckdb.functions import create_functions
from vo_server.engine.postgres import sql as postgres_sql
from vo_server.engine.postgres.setup import prepare

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["DuckdbAnswers", "PostgresAnswers", "SkyEngine"]

Row = list[Any]


class SkyEngine(Protocol):
    """A database with the test sky."""

    name: str

    def translate(self, adql: str, *, limit: int | None = None) -> str: ...

    def ask(self, sql: str) -> list[Row]: ...

    def answer(self, adql: str, *, limit: int | None = None) -> list[Row]: ...

    def plan(self, adql: str) -> str: ...


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


class DuckdbAnswers:
    """DuckDB in memory."""

    name = "duckdb"

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 2})
        create_functions(self.connection)
        for table in tables():
            rows = rows_of(table)
            self.connection.register("rows_to_load", rows)
            # Declared types: Arrow's lists and bytes are DuckDB's already.
            self.connection.execute(f'CREATE TABLE "{table.name}" AS SELECT * FROM rows_to_load')
            self.connection.unregister("rows_to_load")

    def translate(self, adql: str, *, limit: int | None = None) -> str:
        """Compile a query and write it in SQL."""
        return duckdb_sql.generate(compile_query(adql, catalogue()), limit=limit, relation=self._relation)

    def ask(self, sql: str) -> list[Row]:
        """Return the rows of a query in SQL."""
        return [[_plain(value) for value in row] for row in self.connection.execute(sql).fetchall()]

    def answer(self, adql: str, *, limit: int | None = None) -> list[Row]:
        """Return the rows of a query in ADQL."""
        return self.ask(self.translate(adql, limit=limit))

    def plan(self, adql: str) -> str:
        """Return the plan of a query in ADQL."""
        return "\n".join(str(row[1]) for row in self.ask(f"EXPLAIN {self.translate(adql)}"))

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    @staticmethod
    def _relation(table: Table) -> str:
        return f'"main"."{table.name}"'


class PostgresAnswers:
    """PostgreSQL with Q3C, in a schema of its own."""

    name = "postgres"

    def __init__(self, dsn: str) -> None:
        self.schema = f"lowering_{uuid.uuid4().hex[:12]}"
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("SET jit = off")  # as the connections of the service have it
        prepare(dsn, data_schema=self.schema)  # makes the schema
        for table in tables():
            self._load(table)

    def _load(self, table: Table) -> None:
        name = self._relation(table)
        columns = ", ".join(
            f'"{one.name}" {one.datatype.postgres}' + (' COLLATE "C"' if one.datatype.is_string else "")
            for one in table.columns
        )
        self.connection.execute(f"CREATE TABLE {name} ({columns})")
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for row in rows_of(table).to_pylist():
                copy.write_row(tuple(row.values()))
        if table.position is not None:
            ra, dec = table.position.ra, table.position.dec
            self.connection.execute(f'CREATE INDEX ON {name} (q3c_ang2ipix("{ra}", "{dec}"))')
            self.connection.execute(f'CREATE INDEX ON {name} ("_healpix_29")')
        self.connection.execute(f"ANALYZE {name}")

    def translate(self, adql: str, *, limit: int | None = None) -> str:
        """Compile a query and write it in SQL."""
        return postgres_sql.generate(compile_query(adql, catalogue()), limit=limit, relation=self._relation)

    def ask(self, sql: str) -> list[Row]:
        """Return the rows of a query in SQL."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql.encode())
            return [[_plain(value) for value in row] for row in cursor.fetchall()]

    def answer(self, adql: str, *, limit: int | None = None) -> list[Row]:
        """Return the rows of a query in ADQL."""
        return self.ask(self.translate(adql, limit=limit))

    def plan(self, adql: str) -> str:
        """Return the plan of a query in ADQL."""
        return "\n".join(str(row[0]) for row in self.ask(f"EXPLAIN {self.translate(adql)}"))

    def close(self) -> None:
        """Remove the schema and close the connection."""
        self.connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        self.connection.close()

    def _relation(self, table: Table) -> str:
        return f'"{self.schema}"."{table.name}"'
