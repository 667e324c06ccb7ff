"""Writes a release as one PostgreSQL table, in one transaction: a killed load leaves nothing behind."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Self

from vo_server.engine.arrow import conform, slices
from vo_server.engine.base import LoadReport
from vo_server.engine.faults import translated
from vo_server.engine.feed import BatchFeed
from vo_server.engine.postgres.bounds import has_bounds, index_expression
from vo_server.engine.postgres.faults import load_fault
from vo_server.engine.postgres.ingest import column_definitions, copy_in, storable
from vo_server.engine.postgres.names import stored_name
from vo_server.engine.postgres.place import location_of, quoted_identifier, relation_of, split
from vo_server.engine.postgres.pool import execute, open_adbc
from vo_server.engine.postgres.releases import LOCK_CLASS, mark
from vo_server.engine.postgres.setup import prepare
from vo_server.engine.tally import Tally
from vo_server.errors import IngestError
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection

    from vo_server.model.table import Table

__all__ = ["PostgresLoader"]

_PIECE_ROWS: Final = 65_536
_SETTINGS: Final = {
    "TimeZone": "UTC",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Reading files may be slower than any timeout, and a load is worth more than one query.
    "work_mem": "256MB",
    "maintenance_work_mem": "256MB",
    "synchronous_commit": "on",
    # A load that was killed while the server sorts is noticed soon.
    "client_connection_check_interval": "1s",
    "lock_timeout": "10s",
}

_LOCK_NOT_AVAILABLE: Final = "55P03"


class PostgresLoader:
    """Loads one release into one table; a :class:`~vo_server.engine.base.Loader`.

    The rows are copied into a staging table, sorted into the final one and indexed, all before the one commit, so that
    others see either nothing or a finished table that no catalogue names yet. The session holds an advisory lock until
    the loader is left, which keeps a sweep away.

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
    """

    def __init__(self, dsn: str, table: Table, *, version: str, data_schema: str) -> None:
        self._dsn = dsn
        self._table = table
        self._version = version
        self._data_schema = data_schema
        self._location = location_of(data_schema, table.schema, table.name, version)
        self._schema = arrow_schema(table.columns)
        self._stored = storable(self._schema)
        self._tally = Tally(self._schema)
        self._is_sorted = HEALPIX_COLUMN in table.by_name
        self._connection: Connection | None = None
        self._feed: BatchFeed | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch with exactly the schema ``arrow_schema(table.columns)``, hidden columns included."""
        assert self._feed is not None
        try:
            batch = conform(batch, self._schema)
        except ValueError as error:
            raise IngestError(f"rows of {self._table.full_name} do not fit its columns: {error}") from error
        self._tally.add(batch)
        stored = conform(batch, self._stored)
        with translated(load_fault, doing=f"load {self._location}"):
            for piece in slices(stored, _PIECE_ROWS):
                self._feed.put(piece)

    def finish(self) -> LoadReport:
        """Sort, index and commit; then it may be published."""
        assert self._feed is not None
        with translated(load_fault, doing=f"load {self._location}"):
            self._feed.finish()
            if self._is_sorted:
                self._sort()
            self._index()
            self._execute(f"COMMENT ON TABLE {self._target} IS {_literal(mark(self._table, self._version))}")
            self._execute("COMMIT")
            # Marks rows as visible to all for good, which else the first readers would do, and gathers statistics.
            self._execute(f"VACUUM (FREEZE, ANALYZE) {self._target}")
            size_bytes = self._answer(f"SELECT pg_total_relation_size({_literal(self._target)})")
        return LoadReport(self._location, self._tally.n_rows, size_bytes, self._tally.null_counts)

    @property
    def _target(self) -> str:
        return relation_of(self._location)

    @property
    def _staging(self) -> str:
        """Where rows go first: a table of this session, or the target itself when there is no order to keep."""
        return f'"{self._data_schema}".{quoted_identifier(self._staging_name)}'

    @property
    def _staging_name(self) -> str:
        name = split(self._location)[1]
        return f"{name[:54]}_staging" if self._is_sorted else name

    def _begin(self) -> None:
        prepare(self._dsn, data_schema=self._data_schema)
        self._connection = open_adbc(self._dsn, _SETTINGS)
        with translated(load_fault, doing=f"load {self._location}"):
            self._claim()
            self._execute("BEGIN")
            options = "UNLOGGED " if self._is_sorted else ""
            self._execute(f"CREATE {options}TABLE {self._staging} ({column_definitions(self._table.columns)})")
        self._feed = BatchFeed(self._stored, self._copy, name=f"load {self._table.full_name}")

    def _claim(self) -> None:
        """Take the lock of the release, unless it exists or is being loaded."""
        release = f"release {self._version} of {self._table.full_name}"
        try:
            # Waits a little: the server may not have noticed yet that an earlier load of the same release was killed.
            self._answer(f"SELECT pg_advisory_lock({LOCK_CLASS}, hashtext({_literal(self._location)}))")
        except Exception as error:
            if getattr(error, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise IngestError(f"{release} is being loaded by another process") from error
            raise
        if self._answer(f"SELECT to_regclass({_literal(self._target)}) IS NOT NULL"):
            raise IngestError(f"{release} exists already")

    def _copy(self, rows: pa.RecordBatchReader) -> None:
        assert self._connection is not None
        copy_in(self._connection, self._staging_name, rows, schema=self._data_schema)

    def _sort(self) -> None:
        # Unlike INSERT ... SELECT, this sorts with parallel workers.
        self._execute(f'CREATE TABLE {self._target} AS SELECT * FROM {self._staging} ORDER BY "{HEALPIX_COLUMN}"')
        self._execute(f"DROP TABLE {self._staging}")

    def _index(self) -> None:
        """Index positions with Q3C, shapes by boxes around them, and with B-trees the cells, the primary key and more.

        More are the columns that are named as indexed.
        """
        position = self._table.position
        if position is not None:
            names = [quoted_identifier(stored_name(name)) for name in position.columns]
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
                columns = ", ".join(quoted_identifier(stored_name(name)) for name in key)
                self._execute(f"CREATE INDEX ON {self._target} ({columns})")

    def _execute(self, statement: str) -> None:
        assert self._connection is not None
        execute(self._connection, statement)

    def _answer(self, query: str) -> Any:
        assert self._connection is not None
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        assert row is not None
        return row[0]

    def _abandon(self) -> None:
        """Close the session; what it has not committed never was."""
        if self._connection is None:
            return
        if self._feed is not None:
            self._feed.abort()
        # A broken connection cannot be closed in order; the server has undone its transaction already.
        with contextlib.suppress(Exception):
            self._connection.close()
        self._connection = None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
