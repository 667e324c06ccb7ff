"""PostgreSQL without the loader: a binary COPY of the same rows, the same sort, the same indexes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Identifier

from vo_server.engine.postgres.ingest import column_definitions
from vo_server.engine.postgres.place import relation_of
from vo_server.engine.postgres.staging import LOAD_SESSION
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.model.table import Table

__all__ = ["BareCopy"]

_CHUNK_BYTES: Final = 1024 * 1024


class BareCopy:
    """The rows of a release as a file of binary COPY, and the time that PostgreSQL takes for it.

    Parameters
    ----------
    dsn
        Of the database.
    table
        As published.
    schema
        Database schema to work in.
    file
        Where the rows are written.
    """

    def __init__(self, dsn: str, table: Table, *, schema: str, file: Path) -> None:
        assert table.location is not None
        assert table.position is not None
        self._dsn = dsn
        self._table = table
        self._schema = schema
        self._file = file
        rows_sql = f"SELECT * FROM {relation_of(table.location)} ORDER BY random()"
        with (
            psycopg.connect(dsn) as connection,
            connection.cursor().copy(f"COPY ({rows_sql}) TO STDOUT (FORMAT binary)".encode()) as rows,
            file.open("wb") as stream,
        ):
            for data in rows:
                stream.write(data)

    def seconds(self) -> float:
        """Copy, sort and index [s], with the settings and the statements of the loader."""
        position = self._table.position
        assert position is not None
        staged, target = (Identifier(self._schema, name) for name in ("bare_staging", "bare"))
        definitions = column_definitions(self._table.columns)
        cell = Identifier(HEALPIX_COLUMN)
        with self._session() as connection:
            begin = time.perf_counter()
            with connection.transaction():
                connection.execute(SQL(f"CREATE UNLOGGED TABLE {{}} ({definitions})").format(staged))
            with (
                connection.transaction(),
                connection.cursor().copy(SQL("COPY {} FROM STDIN (FORMAT binary)").format(staged)) as copy,
                self._file.open("rb") as stream,
            ):
                while data := stream.read(_CHUNK_BYTES):
                    copy.write(data)
            with connection.transaction():
                connection.execute(SQL("CREATE TABLE {} AS SELECT * FROM {} ORDER BY {}").format(target, staged, cell))
                places = [Identifier(name) for name in position.columns]
                connection.execute(SQL("CREATE INDEX ON {} (q3c_ang2ipix({}, {}))").format(target, *places))
                connection.execute(SQL("CREATE INDEX ON {} ({})").format(target, cell))
            connection.execute(SQL("VACUUM (FREEZE, ANALYZE) {}").format(target))
            taken = time.perf_counter() - begin
            connection.execute(SQL("DROP TABLE {}, {}").format(staged, target))
        return taken

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        options = " ".join(f"-c {name}={value}" for name, value in LOAD_SESSION.items())
        with psycopg.connect(self._dsn, autocommit=True, options=options) as connection:
            yield connection
