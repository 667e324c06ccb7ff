"""The databases without the service: what the machine can do at best, through bare drivers."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import duckdb
import psycopg
from psycopg.sql import SQL

from vo_server.engine.duckdb.attach import relation_of as duckdb_relation
from vo_server.engine.duckdb.distance import create_distance
from vo_server.engine.duckdb.folders import path_of
from vo_server.engine.postgres.place import relation_of as postgres_relation
from vo_server.errors import ConfigurationError

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["RawDatabase", "RawDuckdb", "RawPostgres"]

_THREADS: Final = 2
"""Threads of a query, as many as the server has by default."""

_BATCH_ROWS: Final = 20_480


class RawDatabase(Protocol):
    """One database and the table in it."""

    bulk_name: ClassVar[str]
    """How all rows come out as fast as possible, in words."""
    version: str
    """Name and version of the database."""

    def bulk_s(self) -> float:
        """Let all visible columns of all rows out and return how long it took [s]."""
        ...

    def ask_s(self, sql: str) -> float:
        """Run a query through the driver, take its rows, and return how long it took [s]."""
        ...

    def cone_s(self, ra_deg: float, dec_deg: float, radius_deg: float) -> float | None:
        """Search a cone with the index alone [s]; None where the database has no such search."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class RawDuckdb:
    """DuckDB on the release file.

    Parameters
    ----------
    directory
        The data directory.
    table
        As published.
    """

    bulk_name: ClassVar[str] = "Arrow out of DuckDB"

    def __init__(self, directory: Path, table: Table) -> None:
        assert table.location is not None
        self.version = f"DuckDB {duckdb.__version__}"
        self._relation = duckdb_relation(table.location)
        self._columns = _columns(table)
        self._connection = duckdb.connect(config={"threads": _THREADS})
        path, alias = str(path_of(directory, table.location)).replace("'", "''"), self._relation.partition(".main.")[0]
        create_distance(self._connection)
        self._connection.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")

    def bulk_s(self) -> float:
        """Read the stream of Arrow batches."""
        begin = time.perf_counter()
        for _ in self._connection.sql(f"SELECT {self._columns} FROM {self._relation}").to_arrow_reader(_BATCH_ROWS):
            pass
        return time.perf_counter() - begin

    def ask_s(self, sql: str) -> float:
        """Run a query on a cursor of its own."""
        begin = time.perf_counter()
        cursor = self._connection.cursor()
        cursor.sql(sql).to_arrow_reader(_BATCH_ROWS).read_all()
        cursor.close()
        return time.perf_counter() - begin

    def cone_s(self, ra_deg: float, dec_deg: float, radius_deg: float) -> float | None:
        """Return None: DuckDB has no search of a cone of its own."""
        del ra_deg, dec_deg, radius_deg
        return None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class RawPostgres:
    """PostgreSQL: ``psql`` for all rows, psycopg for small queries.

    Parameters
    ----------
    dsn
        ``postgresql://...``.
    table
        As published.
    """

    bulk_name: ClassVar[str] = "psql COPY binary"

    def __init__(self, dsn: str, table: Table) -> None:
        assert table.location is not None
        assert table.position is not None
        self._dsn = dsn
        self._relation = postgres_relation(table.location)
        self._columns = _columns(table)
        self._position = f'"{table.position.ra}", "{table.position.dec}"'
        # Compiling costs more than it saves on the branches of a Q3C condition; the server has it off as well.
        self._connection = psycopg.connect(dsn, autocommit=True, options="-c jit=off")
        self.version = f"PostgreSQL {self._connection.info.parameter_status('server_version')}"

    def bulk_s(self) -> float:
        """Let ``psql`` copy the rows to nowhere."""
        sql = f"COPY (SELECT {self._columns} FROM {self._relation}) TO STDOUT (FORMAT binary)"
        begin = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - a constant command
                ["psql", self._dsn, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql],  # noqa: S607 - from the path
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
        except FileNotFoundError as error:
            raise ConfigurationError(
                "there is no psql to compare with", hint="install the client of PostgreSQL (postgresql-client)"
            ) from error
        if done.returncode:
            raise ConfigurationError(f"psql cannot copy the table: {done.stderr.decode(errors='replace').strip()}")
        return time.perf_counter() - begin

    def ask_s(self, sql: str) -> float:
        """Run a query, rows in binary."""
        begin = time.perf_counter()
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(SQL(sql)).fetchall()
        return time.perf_counter() - begin

    def cone_s(self, ra_deg: float, dec_deg: float, radius_deg: float) -> float | None:
        """Search with ``q3c_radial_query``."""
        numbers = ", ".join(f"{value!r}::float8" for value in (ra_deg, dec_deg, radius_deg))
        return self.ask_s(
            f"SELECT {self._columns} FROM {self._relation} WHERE q3c_radial_query({self._position}, {numbers})"
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.visible_columns)
