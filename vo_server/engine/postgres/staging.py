"""Where the rows of a load are kept until its release is made: two unlogged tables, which a crash empties.

One has the rows, the other the parts: each part is one transaction in both, and its number tells which rows belong to
it (``xmin``). So the rows have no column that the release has not: to leave one out takes every row apart when they are
sorted (0.3 of 1.7 s for a million rows, measured). A process that is killed leaves the parts that it has committed, and
the next load with the same key goes on with them. A session holds an advisory lock.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from vo_server.engine.base import StagedPart
from vo_server.engine.faults import translated
from vo_server.engine.part import StreamedPart
from vo_server.engine.postgres.control import literal, rows_of
from vo_server.engine.postgres.faults import load_fault, postgres_fault
from vo_server.engine.postgres.ingest import column_definitions, storable
from vo_server.engine.postgres.names import stored_name
from vo_server.engine.postgres.part_session import open_session
from vo_server.engine.postgres.pool import execute, open_adbc
from vo_server.engine.postgres.releases import AdvisoryLock
from vo_server.errors import IngestError
from vo_server.model.query import arrow_schema
from vo_server.model.table import delimited

if TYPE_CHECKING:
    import pyarrow as pa

    from vo_server.engine.postgres.part_session import PartSession
    from vo_server.model.table import Table

__all__ = ["LOAD_SESSION", "PostgresStaging", "sweep_staging"]

logger = logging.getLogger(__name__)

LOAD_SESSION: Final = {
    # What texts are sent in, whatever the environment or the database would choose.
    "client_encoding": "UTF8",
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
    # Each row is read once: what is compiled for the sort of a million rows of 28 columns costs more than it saves.
    "jit": "off",
}

_LOCK_CLASS: Final = 0x766F7374
"""First key of the advisory lock of a staging place; the second is ``hashtext(name)`` ("vost")."""
_LOCK_NOT_AVAILABLE: Final = "55P03"
_MARK: Final = "vo_server_staging"
_PIECE_ROWS: Final = 65_536
_PLACE: Final = "staged_"
"""What names of places begin with."""
_NEW: Final = f"{_PLACE}new_"
"""What names begin with of places that nobody goes on with."""


class PostgresStaging:
    """The staged rows of one load.

    Parameters
    ----------
    dsn
        Of the database.
    table
        What is loaded.
    key
        Of a load that can be resumed; None for one that cannot.
    data_schema
        Database schema of the releases.
    """

    def __init__(self, dsn: str, table: Table, *, key: str | None, data_schema: str) -> None:
        self._dsn = dsn
        self._table = table
        self._is_resumable = key is not None
        self._name = f"{_NEW}{secrets.token_hex(12)}" if key is None else f"{_PLACE}{key}"
        self._data_schema = data_schema
        self._stored = storable(arrow_schema(table.columns))
        self._guard = threading.Lock()
        self._last = 0
        self._idle: list[PartSession] = []
        self._session = open_adbc(dsn, LOAD_SESSION)

    def begin(self) -> None:
        """Take the lock, and find what an earlier load has staged, or else make the tables.

        Raises
        ------
        IngestError
            If another process works under this key.
        """
        self._claim()
        told = {"of": self._table.full_name, "begun": datetime.now(UTC).isoformat()}
        execute(self._session, "BEGIN")
        execute(
            self._session,
            f"CREATE UNLOGGED TABLE IF NOT EXISTS {self._relation('rows')} "
            f"({column_definitions(self._table.columns)}) WITH (autovacuum_enabled = off)",
        )
        execute(
            self._session,
            f"CREATE UNLOGGED TABLE IF NOT EXISTS {self._relation('parts')} "
            "(number int4, key text, note text, n_rows int8, transaction xid, place oid)",
        )
        # Notes are compressed already; the server would take as long as for 100 000 rows to try again.
        execute(self._session, f"ALTER TABLE {self._relation('parts')} ALTER note SET STORAGE EXTERNAL")
        execute(self._session, f"COMMENT ON TABLE {self._relation('rows')} IS {literal(json.dumps({_MARK: told}))}")
        if self._is_restored():
            logger.warning("what is staged of %s comes from a dump; it is loaded again", self._table.full_name)
            execute(self._session, f"TRUNCATE {self._relation('rows')}, {self._relation('parts')}")
        execute(self._session, "COMMIT")
        self._last = max((part.number for part in self.staged()), default=0)

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged, in their order."""
        found = rows_of(self._session, f"SELECT number, key, note FROM {self._relation('parts')} ORDER BY number")
        return tuple(StagedPart(*row) for row in found)

    def discard(self, part: StagedPart) -> None:
        """Remove a part."""
        execute(self._session, "BEGIN")
        parts = self._relation("parts")
        of_part = f"SELECT transaction FROM {parts} WHERE number = {part.number}"
        execute(self._session, f"DELETE FROM {self._relation('rows')} WHERE xmin = ({of_part})")
        execute(self._session, f"DELETE FROM {parts} WHERE number = {part.number}")
        execute(self._session, "COMMIT")

    def part(self) -> StreamedPart:
        """Begin a part."""
        with self._guard:
            self._last += 1
            transaction = _Transaction(self, self._last)
        return StreamedPart(self._table, transaction, stored=self._stored, most_rows=_PIECE_ROWS, fault=load_fault)

    def rows_sql(self, *, order: str | None) -> str:
        """Return the SELECT of all staged rows; in the order of the parts when no other is given."""
        names = ", ".join(f"r.{delimited(stored_name(column.name))}" for column in self._table.columns)
        selected = f"SELECT {names} FROM {self._relation('rows')} AS r"
        if order is not None:
            return f"{selected} ORDER BY {order}"
        return f"{selected} JOIN {self._relation('parts')} AS p ON p.transaction = r.xmin ORDER BY p.number, r.ctid"

    def close(self, *, is_over: bool) -> None:
        """Close the sessions; what is staged under a key stays unless the load is over."""
        # A broken connection can do nothing in order: what is left is found by a sweep.
        with contextlib.suppress(Exception):
            if is_over or not self._is_resumable or not self.staged():
                for kind in ("rows", "parts"):
                    execute(self._session, f"DROP TABLE IF EXISTS {self._relation(kind)}")
        for session in self._idle:
            with contextlib.suppress(Exception):
                session.close()
        with contextlib.suppress(Exception):
            self._session.close()

    def lend(self) -> PartSession:
        """Return a session for one part."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return open_session(self._dsn, self._stored, LOAD_SESSION)

    def take_back(self, session: PartSession) -> None:
        """Keep a session, whose transaction is over, for the next part."""
        with self._guard:
            self._idle.append(session)

    def insert(self, session: PartSession, rows: pa.RecordBatchReader) -> None:
        """Append a stream of batches to the staged rows, as part of a transaction."""
        session.copy((self._data_schema, f"{self._name}_rows"), rows)

    def record(self, session: PartSession, part: StagedPart, n_rows: int) -> None:
        """Note that a part is complete, in the transaction of its rows."""
        values = (part.number, part.key, part.note, n_rows)
        told = f"$1, $2, $3, $4, pg_current_xact_id()::xid, {self._rows_oid}"
        session.execute(f"INSERT INTO {self._relation('parts')} VALUES ({told})", values)

    def _relation(self, kind: str) -> str:
        return f'"{self._data_schema}"."{self._name}_{kind}"'

    def _is_restored(self) -> bool:
        """Tell whether the rows are in another table than that which the parts noted, with other transactions."""
        ((is_restored,),) = rows_of(
            self._session,
            f"SELECT EXISTS (SELECT FROM {self._relation('parts')} WHERE place <> {self._rows_oid})",
        )
        return bool(is_restored)

    @property
    def _rows_oid(self) -> str:
        return f"{literal(self._relation('rows'))}::regclass::oid"

    def _claim(self) -> None:
        try:
            # Waits a little: the server may not have noticed yet that an earlier load was killed.
            rows_of(self._session, f"SELECT pg_advisory_lock({_LOCK_CLASS}, hashtext({literal(self._name)}))")
        except Exception as error:
            if getattr(error, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise IngestError(
                    "another process is loading the same table in the same way", hint="wait for its end, or end it"
                ) from error
            raise


class _Transaction:
    """A part on a session of its own; a :class:`~vo_server.engine.part.PartTransaction`."""

    def __init__(self, staging: PostgresStaging, number: int) -> None:
        self._staging = staging
        self._number = number
        self._opened: PartSession | None = None

    def begin(self) -> None:
        self._opened = self._staging.lend()
        self._opened.execute("BEGIN")

    def insert(self, rows: pa.RecordBatchReader) -> None:
        self._staging.insert(self._session, rows)

    def commit(self, key: str, note: str, n_rows: int) -> None:
        self._staging.record(self._session, StagedPart(self._number, key, note), n_rows)
        self._session.execute("COMMIT")

    def rollback(self) -> None:
        # The server undoes what a session that ends has not committed; a broken one cannot be closed in order.
        with contextlib.suppress(Exception):
            self._session.close()
        self._opened = None

    def close(self) -> None:
        self._staging.take_back(self._session)
        self._opened = None

    @property
    def _session(self) -> PartSession:
        assert self._opened is not None
        return self._opened


def sweep_staging(connection: psycopg.Connection[Any], *, data_schema: str, kept_s: float) -> list[str]:
    """Drop staged rows that no load works on: of those that can be resumed the ones that are old enough.

    Parameters
    ----------
    connection
        Commits each statement.
    data_schema
        Database schema of the releases.
    kept_s
        How long staged rows are kept since a load last worked on them [s].
    """
    gone: list[str] = []
    with translated(postgres_fault, doing="sweep"):
        found = connection.execute(
            """
            SELECT c.relname, obj_description(c.oid, 'pg_class')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = %s AND c.relkind = 'r' AND obj_description(c.oid, 'pg_class') LIKE %s
            ORDER BY c.relname
            """,
            (data_schema, f'{{"{_MARK}":%'),
        ).fetchall()
        for rows, comment in found:
            name = rows.removesuffix("_rows")
            begun = datetime.fromisoformat(json.loads(comment)[_MARK]["begun"])
            is_young = (datetime.now(UTC) - begun).total_seconds() < kept_s
            if is_young and not name.startswith(_NEW):
                continue
            with AdvisoryLock(connection, _LOCK_CLASS, name) as is_free:
                if is_free:
                    for table in (f"{name}_parts", rows):
                        place = sql.Identifier(data_schema, table)
                        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(place))
                    gone.append(f"{data_schema}.{name}")
    return gone
