"""One query through ADBC, which gives Arrow: whatever the types, and with tables that come with it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from adbc_driver_manager._reader import AdbcRecordBatchReader
from adbc_driver_postgresql import StatementOptions

from vo_server.engine.faults import Fault, error_of
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.ingest import column_definitions, copy_in, storable
from vo_server.engine.postgres.pool import ADBC, QueryPool, execute
from vo_server.model.query import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection, Cursor

    from vo_server.engine.shares import BatchShares
    from vo_server.model.table import Column

__all__ = ["ArrowStatement", "refuse_commands"]

logger = logging.getLogger(__name__)


class ArrowStatement:
    """One SELECT in a read-only transaction; a :class:`~vo_server.engine.stream.BatchSource`.

    Parameters
    ----------
    pool
        Where its connection comes from.
    sql
        The SELECT.
    inline
        Tables that come with it, by their names in ``pg_temp``.
    prelude
        Statements before it, in the same transaction.
    prefix
        What goes before the SELECT once it is known to be one.
    shares
        How large batches may be.
    """

    ahead_bytes = 0
    progress = None
    """PostgreSQL tells of its progress in maintenance commands only."""

    def __init__(
        self,
        pool: QueryPool,
        sql: str,
        *,
        inline: Mapping[str, tuple[Sequence[Column], pa.Table]],
        prelude: Sequence[str],
        prefix: str,
        shares: BatchShares,
    ) -> None:
        self._pool = pool
        self._sql = sql
        self._inline = inline
        self._prelude = prelude
        self._prefix = prefix
        self._shares = shares
        self._batch_bytes = shares.take()
        self._connection: Connection | None = None
        self._cursor: Cursor | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._interrupting = threading.Lock()

    def watch(self) -> None:
        """Nothing can be known."""

    def open(self) -> None:
        """Start the statement; may wait for the first row."""
        refuse_commands(self._sql)
        connection = self._pool.take(ADBC, begin="BEGIN READ WRITE" if self._inline else "BEGIN READ ONLY")
        with self._interrupting:
            self._connection = connection
        for name, (columns, rows) in self._inline.items():
            self._put(name, columns, rows)
        for statement in (*self._prelude, *(("SET TRANSACTION READ ONLY",) if self._inline else ())):
            execute(connection, statement)
        self._cursor = connection.cursor()
        options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(self._batch_bytes)}
        if self._prefix:
            options[StatementOptions.USE_COPY.value] = "false"  # which is for SELECT only
        self._cursor.adbc_statement.set_options(**options)
        self._cursor.execute(f"{self._prefix}{self._sql}")
        # The reader that the cursor would give tells errors without their SQLSTATE.
        stream = self._cursor.fetch_arrow()
        self._reader = AdbcRecordBatchReader._import_from_c(stream.address)  # noqa: SLF001 - the only way to make one

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end."""
        assert self._reader is not None
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def interrupt(self) -> None:
        """Stop what :meth:`open` or :meth:`read` is doing in another thread."""
        # The lock keeps the connection ours: a cancel that comes late would hit the next query on it.
        with self._interrupting:
            if self._connection is not None:
                self._connection.adbc_cancel()

    def close(self, *, is_exhausted: bool) -> None:
        """Stop what runs and give the connection back."""
        self._shares.give_back()
        with self._interrupting:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            is_usable = self._end(is_exhausted=is_exhausted)
        self._pool.give_back(ADBC, connection, is_usable=is_usable)

    def _put(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        """Make a table of this connection that goes with the transaction."""
        assert self._connection is not None
        execute(self._connection, f"CREATE TEMP TABLE {name} ({column_definitions(columns)}) ON COMMIT DROP")
        stored = storable(arrow_schema(columns))
        copy_in(self._connection, name, rows.rename_columns(stored.names).cast(stored), schema=None)
        execute(self._connection, f"ANALYZE pg_temp.{name}")

    def _end(self, *, is_exhausted: bool) -> bool:
        """Stop what runs and free what the driver holds; tell whether the connection may be used again."""
        try:
            if not is_exhausted and self._cursor is not None:
                # Closing without a cancel reads all rows that are left (measured: 7.6 s).
                self._cursor.adbc_cancel()
            if self._reader is not None:
                self._reader.close()
            if self._cursor is not None:
                self._cursor.close()
        except Exception as error:
            if postgres_fault(error) is None:
                raise
            logger.info("a query connection is given up: %s", str(error).strip())
            return False
        return True


def refuse_commands(sql: str) -> None:
    """Refuse what is not a SELECT: in a read-only transaction a superuser could still COPY to a file.

    ADBC prepares a statement first, which PostgreSQL refuses for more than one.
    """
    if not sql.lstrip("( \n").upper().startswith(("SELECT", "WITH")):
        raise error_of(Fault.READ_ONLY, "not a SELECT")
