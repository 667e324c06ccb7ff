"""Writes a release as one PostgreSQL table: the staged rows are sorted into it and indexed, in one transaction."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

from vo_server.engine.base import LoadReport
from vo_server.engine.faults import translated
from vo_server.engine.postgres.bounds import has_bounds, index_expression
from vo_server.engine.postgres.control import literal, rows_of
from vo_server.engine.postgres.faults import load_fault
from vo_server.engine.postgres.names import stored_name
from vo_server.engine.postgres.place import location_of, relation_of
from vo_server.engine.postgres.pool import open_adbc
from vo_server.engine.postgres.releases import LOCK_CLASS, mark
from vo_server.engine.postgres.setup import prepare
from vo_server.engine.postgres.staging import LOAD_SESSION, PostgresStaging
from vo_server.errors import IngestError
from vo_server.model.table import HEALPIX_COLUMN, delimited

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection

    from vo_server.engine.base import StagedPart
    from vo_server.engine.part import StreamedPart
    from vo_server.model.table import Table

__all__ = ["PostgresLoader"]

_LOCK_NOT_AVAILABLE: Final = "55P03"
_ONLY: Final = "only"
"""Key of the part of a load in one part."""


class PostgresLoader:
    """Loads one release into one table; a :class:`~vo_server.engine.base.Loader`.

    The rows are copied into a staging table, sorted into the final one and indexed, all of this before one commit, so
    that others see either nothing or a finished table that no catalogue names yet. The session holds an advisory lock
    until the loader is left, which keeps a sweep away.

    Parameters
    ----------
    dsn
        Of the database.
    table
        What is loaded.
    version
        Of the release.
    data_schema
        Database schema of the releases.
    key
        Of the staging place, for a load that can be resumed.
    known
        Gives the locations that the catalogue names.
    """

    def __init__(
        self,
        dsn: str,
        table: Table,
        *,
        version: str,
        data_schema: str,
        key: str | None = None,
        known: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        self._dsn = dsn
        self._table = table
        self._version = version
        self._data_schema = data_schema
        self._key = key
        self._known = known
        self._location = location_of(data_schema, table.schema, table.name, version)
        self._is_sorted = HEALPIX_COLUMN in table.by_name
        self._parts = ExitStack()
        self._whole: StreamedPart | None = None
        self._is_finished = False
        self._connection: Connection | None = None
        self._opened: PostgresStaging | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(is_over=kind is None and self._is_finished)

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged."""
        with translated(load_fault, doing=f"load {self._location}"):
            return self._staging.staged()

    def discard(self, part: StagedPart) -> None:
        """Remove the rows of a staged part."""
        with translated(load_fault, doing=f"load {self._location}"):
            self._staging.discard(part)

    def part(self) -> StreamedPart:
        """Begin a part."""
        return self._staging.part()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch to a part of its own."""
        if self._whole is None:
            self._whole = self._parts.enter_context(self.part())
        self._whole.write(batch)

    def finish(self) -> LoadReport:
        """Sort, index and commit; then it may be published."""
        if self._whole is not None:
            self._whole.commit(_ONLY, "")
        with translated(load_fault, doing=f"load {self._location}"):
            self._execute("BEGIN")
            order = f'"{HEALPIX_COLUMN}"' if self._is_sorted else None
            # Unlike INSERT ... SELECT, this sorts with parallel workers.
            n_rows = self._execute(f"CREATE TABLE {self._target} AS {self._staging.rows_sql(order=order)}")
            self._index()
            self._execute(f"COMMENT ON TABLE {self._target} IS {literal(mark(self._table, self._version))}")
            self._execute("COMMIT")
            self._is_finished = True
            # Marks rows as visible to all for good, which else the first readers would do, and gathers statistics.
            self._execute(f"VACUUM (FREEZE, ANALYZE) {self._target}")
            size_bytes = self._answer(f"SELECT pg_total_relation_size({literal(self._target)})")
        return LoadReport(self._location, n_rows, size_bytes)

    @property
    def _target(self) -> str:
        return relation_of(self._location)

    @property
    def _staging(self) -> PostgresStaging:
        assert self._opened is not None
        return self._opened

    def _begin(self) -> None:
        prepare(self._dsn, data_schema=self._data_schema)
        self._connection = open_adbc(self._dsn, LOAD_SESSION)
        with translated(load_fault, doing=f"load {self._location}"):
            self._claim()
            self._opened = PostgresStaging(self._dsn, self._table, key=self._key, data_schema=self._data_schema)
            self._opened.begin()

    def _claim(self) -> None:
        """Take the lock of the release, unless it exists or is being loaded."""
        release = f"release {self._version} of {self._table.full_name}"
        try:
            # Waits a little: the server may not have noticed yet that an earlier load of the same release was killed.
            self._answer(f"SELECT pg_advisory_lock({LOCK_CLASS}, hashtext({literal(self._location)})) IS NULL")
        except Exception as error:
            if getattr(error, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise IngestError(f"{release} is being loaded by another process") from error
            raise
        if not self._answer(f"SELECT to_regclass({literal(self._target)}) IS NOT NULL"):
            return
        if self._known is None or self._location in self._known():
            raise IngestError(f"{release} exists already")
        # We have its lock and the catalogue does not name it: its load was killed before it was published.
        self._execute(f"DROP TABLE {self._target}")

    def _index(self) -> None:
        """Index positions with Q3C, shapes by boxes around them, and with B-trees the cells, the primary key and more.

        More are the columns that are named as indexed.
        """
        position = self._table.position
        if position is not None:
            names = [delimited(stored_name(name)) for name in position.columns]
            places = [f"{names[0]}[1]", f"{names[0]}[2]"] if position.point else names
            self._execute(f"CREATE INDEX ON {self._target} (q3c_ang2ipix({', '.join(places)}))")
        for column in self._table.columns:
            if has_bounds(column):
                self._execute(f"CREATE INDEX ON {self._target} USING gist ({index_expression(column)})")
        wanted: list[tuple[str, ...]] = [(HEALPIX_COLUMN,)] if self._is_sorted else []
        if self._table.primary_key:
            wanted.append(self._table.primary_key)
        wanted += [(column.name,) for column in self._table.columns if column.is_indexed]
        for key in dict.fromkeys(wanted):
            if not any(self._table.by_name[name].datatype.is_array for name in key):
                columns = ", ".join(delimited(stored_name(name)) for name in key)
                self._execute(f"CREATE INDEX ON {self._target} ({columns})")

    def _execute(self, statement: str) -> int:
        """Execute a statement, and return how many rows it made (-1 if that is nothing it does)."""
        assert self._connection is not None
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)

    def _answer(self, query: str) -> Any:
        assert self._connection is not None
        ((answer,),) = rows_of(self._connection, query)
        return answer

    def _close(self, *, is_over: bool = False) -> None:
        """Close the sessions; what they have not committed never was."""
        self._parts.close()
        # A broken connection cannot be closed in order; the server has undone its transaction already.
        with contextlib.suppress(Exception):
            if self._connection is not None:
                self._connection.close()
        if self._opened is not None:
            self._opened.close(is_over=is_over)
            self._opened = None
